"""A VAE of MNIST against the same one in PyTorch: python -m benchmarks.likelihood

Speed: steps of one batch in memory, by turns, with one thread each. Quality with
`--epochs N`: the bound of the test images after as many epochs of random binarization.
PyTorch runs in a process of its own with `--torch-python`.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf

from benchmarks import timing
from keras_gan import datasets, recipes

WORKER = pathlib.Path(__file__).with_name("likelihood_torch.py")
BATCH = 100
STEPS = {1: 50, 50: 2}  # in a round, by the number of importance samples


class PyTorch:
    """A process that trains the same networks with PyTorch."""

    def __init__(self, python, samples, files):
        self._process = subprocess.Popen(
            [python, WORKER, str(BATCH), str(samples), *files],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.parameters = int(self._process.stdout.readline())

    def ask(self, line):
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--samples", type=int, nargs="*", default=[*STEPS])
    parser.add_argument("--jit", default="auto", choices=("auto", "on", "off"))
    parser.add_argument("--epochs", type=int, default=0)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    print(f"{timing.describe_machine()}; one thread")
    train, test = (datasets.read(f"tfds:mnist:{name}") for name in ("train", "test"))
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{name}.npy" for name in ("train", "test")]
        for file, images in zip(files, (train, test), strict=True):
            np.save(file, images.array)
        for samples in options.samples:
            recipe = recipes.get("vae-mnist-iwae").override(
                {"importance_samples": samples, "jit": options.jit, "epochs": 1000}
            )
            vae = recipe.build(recipe.facts(train))
            vae.steps_per_execution = 1
            recipe.initialize(vae, train)
            pytorch = PyTorch(options.torch_python, samples, files)
            ours = vae.encoder.count_params() + vae.decoder.count_params()
            assert pytorch.parameters == ours, (pytorch.parameters, ours)
            if options.epochs:
                compare_bounds(vae, pytorch, train, test, options.epochs)
            else:
                compare_speed(vae, pytorch, train, samples, options.rounds)
            pytorch.close()


def compare_speed(vae, pytorch, train, samples, rounds):
    """Prints the time of a step of both."""
    steps = STEPS.get(samples, 10)
    images = vae.pixels.to_float(train.array[:BATCH])
    contestants = {
        "keras_gan": timing.stepper(vae, images, steps),
        "pytorch": lambda: pytorch.ask(f"steps {steps}"),
    }
    seconds = timing.take_turns(contestants, rounds)
    title = f"784-200-200-50, batch {BATCH}, {samples} importance samples"
    timing.report(title, seconds, steps, base="pytorch")


def compare_bounds(vae, pytorch, train, test, epochs):
    """Prints the bound of the test images after some epochs of both."""
    vae.fit(train.batches(BATCH, vae.value_range), epochs=epochs, verbose=0)
    held_out = test.in_order(BATCH, vae.value_range)
    ours = vae.evaluate(held_out, return_dict=True, verbose=0)["bound"]
    for _ in range(epochs):
        pytorch.ask("epoch")
    theirs = pytorch.ask("bound")
    print(f"test bound after {epochs} epochs: keras_gan {ours:.2f} nats, ", end="")
    print(f"pytorch {theirs:.2f}, difference {ours - theirs:+.2f}")


if __name__ == "__main__":
    main()
