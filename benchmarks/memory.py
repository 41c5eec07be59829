"""Peak memory of each recipe: python -m benchmarks.memory [RECIPE ...]

Resident memory of `train.py` over a few steps, including the measures at the end.
"""

import argparse
import os
import subprocess
import sys
import tempfile

from keras_gan import recipes

STEPS = 3
FOLDER_RECIPES = "tfds:utkface64"  # replaces the user's folder of images


def peak(recipe, data_dir) -> float:
    """Returns the peak resident memory of a short run of a recipe, in GiB."""
    options = ["--steps", str(STEPS), "--no-export"]
    if recipes.get(recipe).data.startswith("folder:"):
        options += ["--data", FOLDER_RECIPES]
    if data_dir:
        options += ["--data-dir", data_dir]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "train.py", recipe, *options, "--run-dir", f"{folder}/r"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"train.py {recipe} failed")
    return usage.ru_maxrss / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(recipes.RECIPES))
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    options = parser.parse_args()
    for recipe in options.recipes:
        print(f"{recipe:<18} {peak(recipe, options.data_dir):5.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
