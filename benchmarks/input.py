"""Whether input keeps up with training: python -m benchmarks.input [--folder FOLDER]

Measures the speed of each kind of source as a multiple of the training speed of the
smallest recipes, the time to decode a folder of JPEG files, and the memory.
"""

import argparse
import os
import subprocess
import sys
import time

import numpy as np

from benchmarks import timing
from keras_gan import datasets, recipes

STEPS = 50
SIDE = 64
FILE = "0MB"  # a memory budget that puts all images into a temporary file


def feeder(images, recipe, value_range, steps):
    """Returns a function that reads batches of the data, as training does."""
    batches = iter(
        images.batches(recipe.examples_per_step, value_range, first_step=0, seed=1)
    )

    def run():
        for _ in range(steps):
            next(batches)

    return run


def compare(name, sources, data_dir):
    """Prints the speed of sources as multiples of the recipe's training speed."""
    recipe = recipes.get(name).override({"data_dir": data_dir})
    images = {
        title: datasets.read(
            source,
            recipe.image_shape_asked_for() or size,
            data_dir=data_dir,
            channels=channels,
            memory_budget=budget,
        )
        for title, (source, size, channels, budget) in sources.items()
    }
    first = next(iter(images.values()))
    gan = recipe.build({"image_shape": first.shape})
    gan.steps_per_execution = max(
        n for n in range(1, recipe.steps_per_execution + 1) if STEPS % n == 0
    )
    batch = next(iter(first.batches(recipe.examples_per_step, gan.value_range)))
    training = f"{name} trains"
    contestants = {training: timing.stepper(gan, batch, STEPS)}
    for title, source in images.items():
        contestants[title] = feeder(source, recipe, gan.value_range, STEPS)
    seconds = timing.take_turns(contestants, rounds=9, warm_up=1)
    title = f"{name}, batch {recipe.examples_per_step}"
    timing.report(title, seconds, STEPS, training)


def decode(folder):
    """Prints the time to decode a folder, on one core and on all cores."""
    cores = os.sched_getaffinity(0)

    def reader(allowed):
        def run():
            os.sched_setaffinity(0, allowed)  # its threads inherit it
            try:
                datasets.read(f"folder:{folder}", SIDE)
            finally:
                os.sched_setaffinity(0, cores)

        return run

    seconds = timing.take_turns(
        {"1 core": reader({min(cores)}), f"{len(cores)} cores": reader(cores)},
        rounds=7,
        warm_up=1,
    )
    images = datasets.read(f"folder:{folder}", SIDE)
    timing.report(f"decode to {SIDE}x{SIDE}", seconds, len(images), "1 core")
    batches = images.batches(128)
    epochs = []
    for _ in range(7):
        begin = time.perf_counter()
        for _ in batches:
            pass
        epochs.append(time.perf_counter() - begin)
    first = np.median(seconds[f"{len(cores)} cores"]) + epochs[0]
    print(
        f"{len(images)} images: first epoch {first:.2f} s with decoding, later ones "
        f"{np.median(epochs[1:]):.3f} s"
    )


def memory(folder, budget):
    """Prints the peak memory of a process that reads a folder and one epoch of it."""
    code = (
        "import resource, sys\n"
        "from keras_gan import datasets\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10\n"
        "imported = peak()\n"
        "images = datasets.read(sys.argv[1], int(sys.argv[2]), "
        "memory_budget=sys.argv[3])\n"
        "for _ in images.batches(128): pass\n"
        "print(images.array.nbytes / 2**20, imported, peak())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, f"folder:{folder}", str(SIDE), budget],
        check=True,
        capture_output=True,
        text=True,
    )
    size, imported, peak = map(float, result.stdout.split())
    print(
        f"images of {size:.0f} MiB, budget {budget}: peak {peak:.0f} MiB, "
        f"{imported:.0f} of imports alone"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="JPEG files, some thousands")
    parser.add_argument("--data-dir", help="where TensorFlow Datasets has mnist")
    options = parser.parse_args()
    print(timing.describe_machine())
    compare("ring", {"points in memory": ("ring", None, None, "4GiB")}, None)
    pictures = np.random.default_rng(0).integers(0, 256, (20000, 28, 28, 1), "uint8")
    sources = {
        "arrays in memory": (pictures, 28, 1, "4GiB"),
        "a temporary file": (pictures, 28, 1, FILE),
    }
    if options.data_dir:
        sources["TensorFlow Datasets"] = ("tfds:mnist", 28, 1, "4GiB")
    if options.folder:
        sources["folder"] = (f"folder:{options.folder}", 28, 1, "4GiB")
        sources["folder, temporary file"] = (f"folder:{options.folder}", 28, 1, FILE)
    compare("gan-mnist", sources, options.data_dir)
    if options.folder:
        decode(options.folder)
        for budget in ("4GiB", FILE):
            memory(options.folder, budget)


if __name__ == "__main__":
    main()
