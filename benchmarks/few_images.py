"""What augmentation is worth by the number of images: python -m benchmarks.few_images

Trains the settings that the recipe `photos` chooses on parts of a source, once for each
way to augment, and measures the images of each run against some that none was trained
on. The kernel distance, whose expectation does not depend on the number of images, is
also taken to the training images: where that is much lower, they were learned by heart.
Minutes are those of `benchmarks.quality`. Each mark is a line of CSV.
"""

import argparse
import csv
import sys

import keras
import numpy as np

from benchmarks.quality import Marks
from keras_gan import datasets, evaluators, features
from keras_gan.recipes import photos

MEASURES = {
    "held_out": ("kernel_distance", "frechet_distance", "precision", "recall"),
    "trained_on": ("kernel_distance",),
}
# The settings of each way.
WAYS = {
    "none": {"augment": None, "augment_target": None},
    "translation": {"augment": "translation", "augment_target": None},
    "all": {"augment": "color,translation,cutout", "augment_target": None},
    "adaptive": {"augment": "color,translation,cutout", "augment_target": 0.6},
}


def main():
    options = parse()
    images = datasets.read(options.data, options.image_size, data_dir=options.data_dir)
    rest, judged = images.split(options.judged / len(images), seed=0)
    order = np.random.default_rng(0).permutation(len(rest))
    writer = None
    for seed in options.seeds:
        for count in options.counts:
            if count > len(rest):
                sys.exit(
                    f"--counts has {count}, and {len(rest)} images are left to train "
                    f"on. {options.judged} of {len(images)} judge them (--judged)."
                )
            # The first of one order, so that a larger part holds the smaller ones.
            part = rest.rows(np.sort(order[:count]))
            for way in options.ways:
                for row in run(part, judged, way, seed, options):
                    if writer is None:
                        writer = csv.DictWriter(sys.stdout, row)
                        writer.writeheader()
                    writer.writerow(row)
                    sys.stdout.flush()


def run(part, judged, way, seed, options):
    """Returns the rows of one run, one for each mark."""
    keras.utils.set_random_seed(seed)
    height, width, channels = part.shape
    seen = photos.Seen(len(part), height, width, width / height, channels)
    given = {**WAYS[way], "conditional": False, "seed": seed}
    settings = photos.choose(seen, given)
    recipe = photos.network_of(seen)("measured", **settings)
    model = recipe.build({"image_shape": part.shape, "num_classes": None})
    extractor = features.get(options.features, judged)
    judges = {
        name: evaluators.DistributionEvaluator(each, extractor, len(each) // 2)
        for name, each in {"held_out": judged, "trained_on": part}.items()
    }

    def measure(model):
        return {
            f"{name}_{key}": round(value, 4)
            for name, judge in judges.items()
            for key, value in judge.measure(model, MEASURES[name]).items()
        }

    marks = Marks(options.minutes, measure)
    model.fit(
        recipe.batches(part, model, 0, None),
        steps_per_epoch=recipe.steps_per_epoch(part),
        epochs=1_000_000,
        verbose=0,
        callbacks=[marks],
    )
    about = {"data": options.data, "images": len(part), "way": way, "seed": seed}
    shown = ("image_size", "batch_size", "penalty_weight", "flip")
    about |= {name: settings[name] for name in shown}
    strength = getattr(model, "augmentation_p", None)
    about["p_at_the_end"] = round(float(strength or 0), 3)
    return [{**about, "minutes": m, **row} for m, row in marks.rows.items()]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="tfds:cifar10")
    parser.add_argument("--data-dir")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 300, 1000, 5000])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[10.0])
    parser.add_argument(
        "--judged", type=int, default=2000, help="images that no run is trained on"
    )
    parser.add_argument("--features", default="random")
    return parser.parse_args()


if __name__ == "__main__":
    main()
