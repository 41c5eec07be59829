"""Quality after the same number of steps: python -m benchmarks.short_runs [VARIANT ...]

Trains a small DCGAN on MNIST for a few hundred steps, in each precision and with
penalties at intervals. Measures the Fréchet distance on a classifier's features.
"""

import argparse
import time

import keras

from benchmarks import timing
from keras_gan import datasets, evaluators, features, recipes

SMALL = {
    "base_filters": 16,
    "hidden_units": 0,
    "generator_learning_rate": 5e-4,
    "discriminator_learning_rate": 5e-4,
    "beta_1": 0.5,
    "halving_steps": None,
    "generator_average": 0.99,
}
VARIANTS = {
    "float32": {},
    "bfloat16": {"mixed_precision": "bfloat16"},
    # Without XLA a step takes 34 times as long on a CPU.
    "float16": {"mixed_precision": "float16", "jit": "on"},
    **{
        f"r1-every-{n}": {"penalty": "r1", "penalty_interval": n, "penalty_weight": 0.1}
        for n in (1, 4, 16)
    },
}
IMAGES = 5000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variants", nargs="*", default=list(VARIANTS))
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print(timing.describe_machine())
    images = datasets.read("tfds:mnist", data_dir=options.data_dir)
    classifier = features.get("classifier", images)
    real = evaluators.DistributionEvaluator(images, classifier, count=IMAGES)
    print(f"DCGAN with 16 filters after {options.steps} steps, {classifier.name}")
    for seed in range(options.seeds):
        for name in options.variants:
            begin = time.monotonic()
            settings = {**SMALL, **VARIANTS[name], "seed": seed}
            recipe = recipes.get("dcgan-mnist").override(settings)
            keras.utils.set_random_seed(seed)
            gan = recipe.build({"image_shape": images.shape})
            data = images.batches(recipe.batch_size, seed=seed, first_step=0)
            gan.fit(data, steps_per_epoch=options.steps, epochs=1, verbose=0)
            (distance,) = real.measure(gan, ["frechet_distance"]).values()
            seconds = time.monotonic() - begin
            line = f"  seed {seed} {name:<12} {distance:8.2f} ({seconds:.0f} s)"
            print(line, flush=True)


if __name__ == "__main__":
    main()
