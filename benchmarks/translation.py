"""Pix2pix and CycleGAN against the authors' networks in PyTorch.

    python -m benchmarks.translation speed

Speed: steps of one batch in memory, by turns, with one thread each. The times are
processor time. PyTorch runs in a process of its own with `--torch-python`.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import numpy as np
import tensorflow as tf

from benchmarks import timing
from keras_gan import recipes

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
STEPS = {("pix2pix", 1): 10, ("pix2pix", 8): 4, ("cyclegan", 1): 3, ("cyclegan", 8): 1}


class PyTorch:
    """A process that trains the same networks with PyTorch.

    Args:
        python: with torch.
        kind: "pix2pix" or "cyclegan".
        batch: images in a batch.
    """

    def __init__(self, python, kind, batch):
        self._process = subprocess.Popen(
            [python, WORKER, kind, f"--batch={batch}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.parameters = [*map(int, self._process.stdout.readline().split())]

    def ask(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

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
            seconds = {"keras_gan": [], "pytorch": []}
            for i in range(-2, options.rounds):
                for name in sorted(seconds, reverse=i % 2):
                    if name == "pytorch":
                        spent = pytorch.ask(f"steps {steps}")
                    else:
                        begin = time.process_time()
                        run()
                        spent = time.process_time() - begin
                    if i >= 0:
                        seconds[name].append(spent)
            pytorch.close()
            title = f"{kind}, {KINDS[kind][0]}, {FILTERS} filters, {SIZE} px"
            seconds = {name: np.array(values) for name, values in seconds.items()}
            timing.report(f"{title}, batch {batch}", seconds, steps, base="pytorch")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed",))
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--kinds", nargs="*", default=[*KINDS], choices=KINDS)
    parser.add_argument("--batches", type=int, nargs="*", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--jit", default="auto", choices=("auto", "on", "off"))
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"{timing.describe_machine()}; one thread, processor time")
    compare_speed(options)


if __name__ == "__main__":
    main()
