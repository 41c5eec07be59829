"""Pix2pix and CycleGAN against the authors' networks in PyTorch.

    python -m benchmarks.translation speed
    python -m benchmarks.translation quality --data pairs:train --test pairs:test

Speed: steps of one batch in memory, by turns, with one thread each. Quality: both train
on the same pairs, windows of 64 pixels out of 72, ours for `--steps`, PyTorch for as
much processor time as that took; then both translate the test pairs at 64 pixels.
CycleGAN sees the two sides in separate orders. The times are processor time. PyTorch
runs in a process of its own with `--torch-python`.
"""

import argparse
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks import timing
from keras_gan import datasets, recipes
from keras_gan.evaluators import PairedEvaluator, Palette

WORKER = pathlib.Path(__file__).with_name("translation_torch.py")
SIZE, FILTERS = 64, 32
SHAPE = (SIZE, SIZE, 3)
FACTS = {f"{name}_shape": SHAPE for name in ("source", "target", "a", "b")}
SETTINGS = {"base_filters": FILTERS, "patch_layers": 2, "image_size": str(SIZE)}
# The papers' networks and settings, but smaller; the data is not read.
KINDS = {
    "pix2pix": ("U-Net of 6 downs", {}),
    "cyclegan": ("ResNet-6", {"blocks": 6}),
}
# Land, road, highway, park and water of the maps of Isola et al.
PALETTE = "232,227,218; 255,255,255; 251,159,45; 202,223,170; 163,204,255"
STEPS = {("pix2pix", 1): 10, ("pix2pix", 8): 4, ("cyclegan", 1): 3, ("cyclegan", 8): 1}


class PyTorch:
    """A process that trains the same networks with PyTorch.

    Args:
        python: with torch.
        kind: "pix2pix" or "cyclegan".
        batch: images in a batch.
        *arguments: others of the process.
    """

    sampling_note = "without dropout, statistics of each image"

    def __init__(self, python, kind, batch, *arguments):
        self._process = subprocess.Popen(
            [python, WORKER, kind, f"--batch={batch}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.parameters = [*map(int, self._process.stdout.readline().split())]

    def ask(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def translate(self, images, to=None):
        with tempfile.TemporaryDirectory() as folder:
            given, made = (f"{folder}/{name}.npy" for name in ("given", "made"))
            np.save(given, images)
            self.ask(f"translate {given} {made}")
            return np.load(made)

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def compiled(kind, batch, jit):
    """Returns a model of the settings of a comparison."""
    settings = {**SETTINGS, **KINDS[kind][1], "batch_size": batch, "jit": jit}
    return recipes.get(kind).override(settings).build(FACTS)


def compare_speed(options):
    """Prints the processor time of a step of both."""
    rng = np.random.default_rng(0)
    for kind in options.kinds:
        for batch in options.batches:
            model = compiled(kind, batch, options.jit)
            pytorch = PyTorch(options.torch_python, kind, batch)
            ours = [network.count_params() for network in model.networks().values()]
            assert pytorch.parameters == ours, (pytorch.parameters, ours)
            shape = (batch, *SHAPE)
            images = tuple(rng.uniform(-1, 1, shape).astype("float32") for _ in "ab")
            steps = STEPS.get((kind, batch), 1)
            run = timing.stepper(model, images, steps)
            ask = functools.partial(pytorch.ask, f"steps {steps}")
            seconds = timing.beside_pytorch(run, ask, options.rounds, warm_up=2)
            pytorch.close()
            title = f"{kind}, {KINDS[kind][0]}, {FILTERS} filters, {SIZE} px"
            timing.report(f"{title}, batch {batch}", seconds, steps, base="pytorch")


def compare_quality(options):
    """Prints the measures of both after the same processor time."""
    common = {"image_size": SIZE, "load_size": 72, "direction": options.direction}
    read = {**common, "fit": "stretch"}
    pairs = datasets.read_pairs(options.data, **read)
    test = datasets.read_pairs(options.test, **read)
    evaluator = PairedEvaluator(
        *test.values(), held_out=True, palette=Palette.parse(PALETTE)
    )
    for kind in options.kinds:
        data = pairs
        if kind == "cyclegan":
            a, b = pairs.stored.values()
            data = datasets.unpaired(a, b, SIZE)
        for seed in options.seeds:
            settings = {**SETTINGS, **KINDS[kind][1], **options.settings}
            settings |= {"steps": options.steps, "decay_share": 0.5, "seed": seed}
            recipe = recipes.get(kind).override(settings)
            model = recipe.build(recipe.facts(data))
            batches = recipe.batches(data, model, 0, None)
            begin = time.process_time()
            model.fit(batches, steps_per_epoch=options.steps, verbose=2)
            seconds = time.process_time() - begin
            _print_quality(f"{kind}, seed {seed}, keras_gan", options.steps, seconds)
            print(evaluator.measure(model), flush=True)
            if options.without_torch:
                continue
            with tempfile.NamedTemporaryFile(suffix=".npz") as file:
                parts = {n: one.array for n, one in pairs.stored.items()}
                np.savez(file, **parts)
                file.flush()
                pytorch = PyTorch(
                    *(options.torch_python, kind, 1),
                    *(f"--data={file.name}", f"--seed={seed}"),
                )
                steps = pytorch.ask(f"train {seconds}")
                _print_quality(f"{kind}, seed {seed}, pytorch", steps, seconds)
                print(evaluator.measure(pytorch), flush=True)
                pytorch.close()


def _print_quality(title, steps, seconds):
    print(f"{title}: {steps:.0f} steps in {seconds:.0f} s of processor")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "quality"))
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--kinds", nargs="*", default=[*KINDS], choices=KINDS)
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--jit", default="auto", choices=("auto", "on", "off"))
    parser.add_argument("--data", default="pairs:maps/train")
    parser.add_argument("--test", default="pairs:maps/test")
    parser.add_argument("--direction", default="a-to-b")
    parser.add_argument("--steps", type=int, default=24_000)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument(
        "--settings", type=json.loads, default={}, help="of our recipe, as JSON"
    )
    parser.add_argument("--without-torch", action="store_true")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"{timing.describe_machine()}; one thread, processor time")
    {"speed": compare_speed, "quality": compare_quality}[options.what](options)


if __name__ == "__main__":
    main()
