"""How good images are after minutes of training: python -m benchmarks.quality

Trains each contestant from several seeds and measures its images during training.
Minutes are processor time divided by the number of cores. Other work of the machine,
compiling and measuring do not count.
"""

import argparse
import collections
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable

import keras
import numpy as np

from keras_gan import GAN, datasets, evaluators, features, recipes
from keras_gan.recipes.dcgan import DCGANRecipe

MEASURES = ("frechet_distance", "precision", "recall")
COMPILING_STEPS = 3


def tutorial(shape, seed):
    """Returns networks and settings like those of a well-known DCGAN tutorial."""
    height, width, channels = shape
    small = height // 4, width // 4, 256
    layers = keras.layers

    def activated(layer):
        return [layer, layers.BatchNormalization(), layers.LeakyReLU(0.3)]

    def upsample(filters, strides):
        return layers.Conv2DTranspose(
            filters, 5, strides, padding="same", use_bias=False
        )

    def downsample(filters):
        return [
            layers.Conv2D(filters, 5, 2, padding="same"),
            layers.LeakyReLU(0.3),
            layers.Dropout(0.3),
        ]

    generator = keras.Sequential(
        [
            keras.Input([100]),
            *activated(layers.Dense(math.prod(small), use_bias=False)),
            layers.Reshape(small),
            *activated(upsample(128, 1)),
            *activated(upsample(64, 2)),
            upsample(channels, 2),
            layers.Activation("tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input(shape),
            *downsample(64),
            *downsample(128),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    gan = GAN(generator, discriminator, latent_dim=100, seed=seed)
    gan.compile(keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4))
    return gan


@dataclasses.dataclass(frozen=True)
class Contestant:
    """One way to train.

    Args:
        batch_size: real images in a step.
        build: function `(image_shape, seed)` that returns a compiled `GAN`.
    """

    batch_size: int
    build: Callable[[tuple[int, ...], int], GAN]


def of_recipe(recipe, **settings):
    recipe = recipe.override(settings)
    return Contestant(
        recipe.examples_per_step,
        lambda shape, seed: recipe.override({"seed": seed}).build(
            {"image_shape": shape}
        ),
    )


PLAIN = DCGANRecipe(
    "plain small DCGAN",
    base_filters=64,
    batch_size=64,
    epochs=1,
    generator_learning_rate=5e-4,
    discriminator_learning_rate=5e-4,
)


class Marks(keras.callbacks.Callback):
    """Measures the images of a model at marks of processor time.

    Args:
        minutes: rising marks.
        measure: function of a `GAN` that returns a row of numbers.
    """

    def __init__(self, minutes, measure):
        super().__init__()
        self.minutes = minutes
        self.measure = measure
        self.rows = {}

    def on_train_begin(self, logs=None):
        self._steps = 0
        self._measuring = 0.0

    def on_train_batch_end(self, batch, logs=None):
        self._steps += 1
        now = time.process_time()
        if self._steps == COMPILING_STEPS:
            self._begin = now
        if self._steps <= COMPILING_STEPS:
            return
        spent = (now - self._begin - self._measuring) / len(os.sched_getaffinity(0))
        mark = self.minutes[len(self.rows)]
        if spent >= 60 * mark:
            self.rows[mark] = {"steps": self._steps, **self.measure(self.model)}
            self._measuring += time.process_time() - now
            self.model.stop_training = len(self.rows) == len(self.minutes)


def run(contestant, images, seed, minutes, judges):
    """Returns the measured numbers of each mark, by its minutes."""
    keras.utils.set_random_seed(seed)
    gan = contestant.build(images.shape, seed)

    def measure(gan):
        return {
            f"{name} {key}": round(value, 4)
            for name, real in judges.items()
            for key, value in real.measure(gan, MEASURES).items()
        }

    marks = Marks(minutes, measure)
    gan.fit(
        images.batches(contestant.batch_size, gan.value_range, seed=seed),
        steps_per_epoch=images.steps_per_epoch(contestant.batch_size),
        epochs=1_000_000,
        verbose=0,
        callbacks=[marks],
    )
    return marks.rows


def main():
    options = parse()
    recipe = recipes.get(options.recipe)
    if options.data:
        recipe = recipe.override({"data": options.data})
    contestants = {
        "plain": of_recipe(PLAIN),
        "recipe": of_recipe(recipe),
        "tutorial": Contestant(256, tutorial),
    }

    def read(source):
        size = recipe.image_shape_asked_for()
        return datasets.read(source, size, recipe.channels, options.data_dir)

    images = read(recipe.data)
    extractors = {"train": features.get(None, images)}
    if options.other:
        extractors["other"] = features.get("classifier", read(options.other))
    judges = {
        name: evaluators.DistributionEvaluator(images, extractor, options.samples)
        for name, extractor in extractors.items()
    }
    for name, real in judges.items():
        print(f"{name}: {real.extractor.name}; real {real.baseline.measure(MEASURES)}")
    results = collections.defaultdict(list)
    for seed in options.seeds:
        for name in options.contestants:
            rows = run(contestants[name], images, seed, options.minutes, judges)
            for minutes, row in rows.items():
                results[minutes, name].append(row)
                print(f"{name}, seed {seed}, {minutes:g} minutes: {json.dumps(row)}")
    for (minutes, name), rows in sorted(results.items()):
        medians = {key: float(np.median([r[key] for r in rows])) for key in rows[0]}
        print(f"median of {len(rows)}, {name}, {minutes:g} minutes: {medians}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", default="dcgan-mnist")
    parser.add_argument("--contestants", nargs="+", default=["plain", "recipe"])
    parser.add_argument("--data", help="source of the images (default the recipe's)")
    parser.add_argument(
        "--other", help="labelled images for a second network, which judges too"
    )
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samples", type=int, default=10_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
