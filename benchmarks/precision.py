"""What half precision gives and costs: python -m benchmarks.precision [quality]

Without an argument the speed of steps in bfloat16, against float32. With it how good
the images of the same number of steps are in each precision.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import time

import keras
import numpy as np

from benchmarks import timing
from keras_gan import datasets, evaluate, features, recipes

CASES = {
    "28x28x1, 64 filters, batch 64": ("dcgan-mnist", (28, 28, 1), 64, 10),
    "32x32x3, 64 filters, batch 128": ("dcgan-cifar10", (32, 32, 3), 128, 4),
    "64x64x3, 64 filters, batch 128": ("dcgan-64", (64, 64, 3), 128, 2),
}


def compare_speed():
    for title, (name, shape, batch_size, steps) in CASES.items():
        images = np.random.default_rng(0).uniform(-1, 1, (batch_size, *shape))
        images = images.astype("float32")
        steppers = {}
        for precision in (None, "bfloat16"):
            recipe = recipes.get(name).override({"mixed_precision": precision})
            gan = recipe.build(shape, None)
            steppers[precision or "float32"] = timing.stepper(gan, images, steps)
        seconds = timing.take_turns(steppers)
        timing.report(f"DCGAN {title}", seconds, steps, base="float32")


def compare_quality(data_dir, steps, seeds):
    images = datasets.read("tfds:mnist", data_dir=data_dir)
    classifier = features.get("classifier", images)
    real = evaluate.RealImages(images, classifier, count=5000)
    print(f"Fréchet distance of dcgan-mnist with 16 filters after {steps} steps, by")
    print(classifier.name)
    for seed in range(seeds):
        for precision in (None, "bfloat16", "float16"):
            recipe = recipes.get("dcgan-mnist").override(
                {
                    "mixed_precision": precision,
                    "base_filters": 16,
                    "generator_average": 0.99,
                    "seed": seed,
                }
            )
            keras.utils.set_random_seed(seed)
            gan = recipe.build(images.shape, None)
            data = images.batches(recipe.batch_size, seed=seed, first_step=0)
            begin = time.monotonic()
            gan.fit(data, steps_per_epoch=steps, epochs=1, verbose=0)
            (distance,) = real.measure(gan, ["frechet_distance"]).values()
            print(
                f"  seed {seed} {precision or 'float32':<9} {distance:8.2f} "
                f"({time.monotonic() - begin:.0f} s)",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["speed", "quality"])
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(timing.describe_machine())
    if options.what == "quality":
        compare_quality(options.data_dir, options.steps, options.seeds)
    else:
        compare_speed()


if __name__ == "__main__":
    main()
