"""What --start-from saves: python -m benchmarks.start_from

Trains a recipe on the images of --source, then on those of --data from new weights and
from the trained ones, in turns. It prints after how many minutes the second way has the
distance that the first one ends with. Minutes are those of `benchmarks.quality`.

`--data letters` draws letters with the fonts of this machine.
"""

import argparse
import glob
import json
import os

import matplotlib.font_manager
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks import quality
from keras_gan import datasets, evaluators, features, recipes

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FROZEN = "frozen-"
MARKS = (0.5, 1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 45, 60)


def letters(size, count=20_000, seed=0):
    """Returns white letters on black, of many fonts, turned and moved a little."""
    rng = np.random.default_rng(seed)
    fonts = []
    for path in sorted(matplotlib.font_manager.findSystemFonts()) + sorted(
        glob.glob(matplotlib.get_data_path() + "/fonts/ttf/*.ttf")
    ):
        font = ImageFont.truetype(path, 80)
        masks = {bytes(font.getmask(letter)) for letter in LETTERS}
        if len(masks) == len(LETTERS):  # others have symbols, or no small letters
            fonts.append(font)
    array = np.empty((count, size, size, 1), "uint8")
    for row in array:
        font, letter = fonts[rng.integers(len(fonts))], rng.choice([*LETTERS])
        picture = Image.new("L", (128, 128))
        middle = tuple(64 + rng.uniform(-6, 6, 2))
        ImageDraw.Draw(picture).text(middle, letter, 255, font, anchor="mm")
        picture = picture.rotate(rng.uniform(-15, 15), Image.Resampling.BILINEAR)
        row[..., 0] = picture.resize((size, size), Image.Resampling.LANCZOS)
    print(f"{count} letters of {len(fonts)} fonts")
    return datasets.Images(array)


def started(recipe, source):
    """Returns the contestant that begins with the weights of a model."""
    fresh = quality.of_recipe(recipe)

    def build(images, seed):
        gan = fresh.build(images, seed)
        print(gan.start_from(source))
        return gan

    return quality.Contestant(fresh.batch_size, build, fresh.flip)


def main():
    options = parse()
    recipe = recipes.get(options.recipe)
    height, _ = recipe.image_shape_asked_for()

    def read(source):
        if source == "letters":
            return letters(height)
        size = recipe.image_shape_asked_for()
        return datasets.read(source, size, options.channels, options.data_dir)

    images, others = read(options.data), read(options.source)
    judge = evaluators.DistributionEvaluator(
        images, features.get(options.features, images), options.samples
    )
    print(f"on {judge.extractor.name}; real {judge.baseline.measure(quality.MEASURES)}")
    source = trained(recipe, others, options)
    contestants = {"new": quality.of_recipe(recipe), "started": started(recipe, source)}
    for count in options.freeze:
        # The recipe wants a run for frozen layers; here there is a model.
        frozen = recipe.override(
            {"start_from": "model", "freeze_discriminator_layers": count}
        )
        contestants[f"{FROZEN}{count}"] = started(frozen, source)
    marks = [mark for mark in MARKS if mark < options.minutes] + [options.minutes]
    shares = {name: [] for name in contestants if name != "new"}
    for seed in options.seeds:
        distances = {}
        for name, contestant in contestants.items():
            rows = quality.run(contestant, images, seed, marks, measure_by(judge))
            for minutes, row in rows.items():
                print(f"{name}, seed {seed}, {minutes:g} minutes: {json.dumps(row)}")
            distances[name] = {
                mark: row["frechet_distance"] for mark, row in rows.items()
            }
        aim = distances.pop("new")[options.minutes]
        for name, values in distances.items():
            there = [mark for mark, value in values.items() if value <= aim]
            share = there[0] / options.minutes if there else float("inf")
            shares[name].append(share)
            print(
                f"{name}, seed {seed}: the distance {aim:.4g} of {options.minutes:g} "
                f"minutes from new weights after {share * options.minutes:g} minutes"
            )
    for name, values in shares.items():
        low, middle, high = np.quantile(values, [0, 0.5, 1], method="nearest")
        print(f"{name}: {middle:.3f} ({low:.3f} to {high:.3f}) of the minutes")


def measure_by(judge):
    def measure(gan):
        measures = judge.measure(gan, quality.MEASURES)
        return {name: round(value, 4) for name, value in measures.items()}

    return measure


def trained(recipe, images, options):
    """Returns the model of --source."""
    judge = evaluators.DistributionEvaluator(
        images, features.get(options.features, images), options.samples
    )
    found = []

    def build(images, seed):
        found.append(quality.of_recipe(recipe).build(images, seed))
        return found[-1]

    contestant = quality.Contestant(recipe.examples_per_step, build, recipe.flip)
    marks = [options.source_minutes]
    rows = quality.run(contestant, images, 0, marks, measure_by(judge))
    print(f"{options.source}: {json.dumps(rows[options.source_minutes])}")
    return found[0]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", default="dcgan-mnist")
    parser.add_argument("--source", default="tfds:mnist", help="images to begin with")
    parser.add_argument("--data", default="letters", help="images to go on with")
    parser.add_argument("--channels", type=int, help="of both")
    parser.add_argument(
        "--data-dir",
        default=os.environ.get("TFDS_DATA_DIR"),
        help="where TensorFlow Datasets keeps its files",
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--source-minutes", type=float, default=30)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--samples", type=int, help="default as a run measures")
    parser.add_argument("--features", default="random")
    parser.add_argument(
        "--freeze",
        type=int,
        nargs="*",
        default=[],
        help="contestants whose discriminators keep so many first layers",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
