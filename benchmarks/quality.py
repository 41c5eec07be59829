"""How good images are after minutes of training: python -m benchmarks.quality

Trains each contestant from several seeds and measures its images during training.
Minutes are processor time divided by the number of cores. Other work of the machine,
compiling and measuring do not count.
"""

import argparse
import ast
import collections
import csv
import dataclasses
import json
import math
import os
import pathlib
import re
import time
from collections.abc import Callable

import keras
import numpy as np

from keras_gan import GAN, datasets, evaluators, features, pictures, recipes
from keras_gan.evaluators import FeatureComparison
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
        build: function `(images, seed)` that returns a compiled `GAN`.
        flip: whether half of the training images are mirrored.
    """

    batch_size: int
    build: Callable[[datasets.Images, int], GAN]
    flip: bool = False


def of_recipe(recipe):
    def build(images, seed):
        facts = {"image_shape": images.shape, "images": len(images)}
        return recipe.override({"seed": seed}).build(facts)

    return Contestant(recipe.examples_per_step, build, recipe.flip)


PLAIN = DCGANRecipe(
    "plain small DCGAN",
    base_filters=64,
    batch_size=64,
    epochs=1,
    generator_learning_rate=5e-4,
    discriminator_learning_rate=5e-4,
)


def contestant(words):
    """Returns a contestant: `tutorial`, `plain`, or a recipe and changed settings."""
    name, *changes = words.split()
    if name == "tutorial":
        return Contestant(256, lambda images, seed: tutorial(images.shape, seed))
    recipe = PLAIN if name == "plain" else recipes.get(name)
    return of_recipe(recipe.override(dict(map(setting, changes))))


def setting(word):
    name, _, text = word.partition("=")
    try:
        return name, ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return name, text


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


def run(contestant, images, seed, minutes, measure):
    """Returns the measured numbers of each mark, by its minutes."""
    keras.utils.set_random_seed(seed)
    gan = contestant.build(images, seed)
    marks = Marks(minutes, measure)
    gan.fit(
        images.batches(
            contestant.batch_size, gan.value_range, seed=seed, flip=contestant.flip
        ),
        steps_per_epoch=images.steps_per_epoch(contestant.batch_size),
        epochs=1_000_000,
        verbose=0,
        callbacks=[marks],
    )
    return marks.rows


def judges_of(options, real, read):
    """Returns the feature networks by name."""
    labelled = read(options.labels) if options.labels else real
    return {
        name: evaluators.DistributionEvaluator(
            real,
            features.get(name, labelled if name == "classifier" else real),
            options.samples,
        )
        for name in options.judges
    }


def main():
    options = parse()
    contestants = {
        words: contestant(words)
        for words in options.contestants
        if not words.startswith("file:")
    }
    files = [words for words in options.contestants if words.startswith("file:")]

    def read(source):
        return datasets.read(
            source, options.image_size, options.channels, options.data_dir
        )

    images = read(options.data)
    judges = judges_of(options, read(options.real or options.data), read)
    for name, judge in judges.items():
        baseline = judge.baseline.measure(MEASURES)
        print(f"{name}: {judge.extractor.name}; {judge.count} samples; {baseline}")

    def report(row):
        print(json.dumps(row), flush=True)
        if options.csv:
            append(options.csv, {"data": options.data, **row})

    for words in files:
        report({"contestant": words, **judged(read(words[5:]).array, judges)})
    results = collections.defaultdict(list)
    for seed in options.seeds:
        for words, one in contestants.items():

            def measure(gan, words=words, seed=seed):
                if options.pictures:
                    picture = pictures.grid(gan.generate(64, seed=0))
                    name = re.sub(r"[^a-z0-9.]+", "-", f"{words} {seed}".lower())
                    options.pictures.mkdir(parents=True, exist_ok=True)
                    picture.save(options.pictures / f"{name}.png")
                return by_each(judges, lambda judge: judge.measure(gan, MEASURES))

            for minutes, row in run(
                one, images, seed, options.minutes, measure
            ).items():
                results[minutes, words].append(row)
                about = {"contestant": words, "seed": seed, "minutes": minutes}
                report({**about, **row})
    for (minutes, words), rows in sorted(results.items()):
        medians = {key: float(np.median([r[key] for r in rows])) for key in rows[0]}
        print(f"median of {len(rows)}, {words}, {minutes:g} minutes: {medians}")


def judged(samples, judges):
    """Returns the measures of images that somebody else made."""

    def measure(judge):
        fake = judge.extractor(samples[: judge.count])
        return FeatureComparison(judge.extracted, fake).measure(MEASURES)

    return by_each(judges, measure)


def by_each(judges, measure):
    """Returns a row of what a function from a judge to numbers by name gives."""
    return {
        f"{name} {key}": round(value, 4)
        for name, judge in judges.items()
        for key, value in measure(judge).items()
    }


def append(file, row):
    """Adds a row to a table, which may have other columns."""
    rows = []
    if file.exists():
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
    rows.append(row)
    with file.open("w", newline="") as lines:
        table = csv.DictWriter(lines, dict.fromkeys(key for row in rows for key in row))
        table.writeheader()
        table.writerows(rows)


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "contestants",
        nargs="*",
        default=["plain", "dcgan-mnist"],
        help="plain, tutorial, a recipe with changed settings, such as "
        '"dcgan-cifar10 translation=0 augment=color,cutout", or file:SOURCE, images '
        "that somebody else's model made",
    )
    parser.add_argument("--data", default="tfds:mnist", help="source of the images")
    parser.add_argument("--image-size", help="SIDE or HEIGHTxWIDTH (default: as it is)")
    parser.add_argument("--channels", type=int)
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    parser.add_argument(
        "--real", help="source of the images to compare with (default: those of --data)"
    )
    parser.add_argument(
        "--judges",
        nargs="+",
        default=["random"],
        help="feature networks: random, classifier[:FILE], inception, pixels",
    )
    parser.add_argument(
        "--labels", help="source that the classifier learns from (default: --real)"
    )
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samples", type=int, help="(default: half the real images)")
    parser.add_argument("--csv", type=pathlib.Path, help="table to add the rows to")
    parser.add_argument("--pictures", type=pathlib.Path, help="folder for 64 samples")
    return parser.parse_args()


if __name__ == "__main__":
    main()
