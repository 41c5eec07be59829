"""Near-duplicates in a set of images, by the code of an autoencoder (2015, 4.1.1).

A denoising autoencoder, 3072-128-3072, learns the set as 32x32 colour pictures. Which
of its 128 rectified units are above 0 is the code of a picture. Pictures whose codes
differ in few bits and whose pixels agree are near-duplicates: re-encoded, rescaled or
slightly brighter, not shifted or mirrored. The paper looked at codes alone, which
overlook a small thing before an even sky. The first of them is kept. The sheet of pairs
begins with those that differ most: look at it before leaving any out. The report of a
folder names the files.

Source: Radford et al. 2015, arXiv 1511.06434, section 4.1.1; Krizhevsky and Hinton 2011
for the code as a hash.
"""

import argparse
import collections
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from keras_gan import datasets, pictures, seeding
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome

PAPER = {
    "data": "LSUN bedrooms, about 3 million images",
    "near_duplicates": 275_000,
    "false_positive_rate": "estimated below 0.01 by visual inspection",
}
SIDE = 32
CODE_BITS = 128
_DROPOUT = 0.2
_LEAST_AGREEMENT = 0.95
_BATCH = 128
_BLOCK = 4096  # images encoded at a time, which bounds the memory
_PAIRS_SHOWN = 60
_PAIRS_IN_ROW = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    parser.add_argument(
        "source", metavar="SOURCE", help="images, such as folder:photos or tfds:cifar10"
    )
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    parser.add_argument(
        "--radius",
        type=arguments.at_least(0),
        default=6,
        help="most bits that the codes of near-duplicates differ in (6)",
    )
    parser.add_argument(
        "--steps",
        type=arguments.at_least(1),
        default=1000,
        help=f"of training the autoencoder, {_BATCH} images each (1000)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns the near-duplicates of a data source.

    Raises:
        InputError: where the source cannot be read.
    """
    images = datasets.read(options.source, SIDE, 3, options.data_dir)
    codes = semantic_codes(images, options.steps, options.seed)
    kept = nearest_kept(
        codes,
        options.radius,
        lambda one, other: agreement(*images.array[[one, other]]) >= _LEAST_AGREEMENT,
    )
    left_out = np.flatnonzero(kept != np.arange(len(kept)))
    distances = (codes[left_out] != codes[kept[left_out]]).sum(axis=1)
    copies = collections.defaultdict(list)
    for row in left_out.tolist():
        copies[int(kept[row])].append(row)
    groups = [[first, *others] for first, others in copies.items()]
    measured = {
        "images": len(images),
        "near_duplicates": len(left_out),
        "groups": groups,
        "leave_out": left_out.tolist(),
    }
    if images.files is not None:
        names = images.files
        measured["group_files"] = [[names[row] for row in group] for group in groups]
        measured["leave_out_files"] = [names[row] for row in left_out]
    return Outcome(
        "deduplicate",
        f"{len(left_out)} near-duplicates of {len(groups)} images, among {len(images)}",
        _sheet(images.array, left_out, kept[left_out], distances),
        {
            "data": options.source,
            "measured": measured,
            "paper": PAPER,
            "protocol": f"{SIDE}x{SIDE} colour, centre crops; rows count from 0 in the "
            "order of the source, among what could be read; denoising autoencoder "
            f"3072-{CODE_BITS}-3072, {options.steps} steps of "
            f"{min(_BATCH, len(images))} images, dropout {_DROPOUT} of "
            f"pixels and code; near-duplicates differ in at most {options.radius} of "
            f"{CODE_BITS} bits from an earlier image that is kept "
            f"and agree in their pixels to {_LEAST_AGREEMENT}; seed {options.seed}",
        },
    )


def semantic_codes(images: datasets.Images, steps: int, seed: int) -> np.ndarray:
    """Trains the autoencoder and returns which units of its code are active.

    Args:
        images: pictures, uint8 [N, 32, 32, 3].
        steps: of training.
        seed: of weights, dropout and the order of the images.

    Returns:
        bool [N, 128]; similar pictures have similar rows.
    """
    seeding.make_deterministic()
    rng = seeding.generator(seed)
    # Without it most units would be active for every picture, or for none.
    mean = (images.array.mean(axis=0) / 255).astype("float32").ravel()

    def centred(pictures):
        return tf.reshape(pictures, (-1, mean.size)) - mean

    def dropout():
        return keras.layers.Dropout(_DROPOUT, seed=seeding.draw(rng))

    def dense(units, activation=None):
        weights = keras.initializers.GlorotUniform(seeding.draw(rng))
        return keras.layers.Dense(units, activation, kernel_initializer=weights)

    encoder = keras.Sequential([dense(CODE_BITS, "relu")])
    autoencoder = keras.Sequential(
        [keras.Input((mean.size,)), dropout(), encoder, dropout(), dense(mean.size)]
    )
    autoencoder.compile("adam", "mse")
    batches = images.batches(min(_BATCH, len(images)), (0, 1), seed=seed, first_step=0)
    batches = batches.map(centred)
    with tqdm(total=steps, desc="autoencoder", disable=None) as bar:
        autoencoder.fit(
            batches.map(lambda rows: (rows, rows)),
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_train_batch_end=lambda batch, logs: bar.update()
                )
            ],
        )
    blocks = (
        images.array[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)
    )
    return np.concatenate(
        [encoder(centred(tf.cast(block, "float32") / 255)) > 0 for block in blocks]
    )


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Returns Lin's concordance of the pixels of two pictures, of any brightness.

    Args:
        one, other: uint8 [H, W, C]; the mean of each channel is taken away.

    Returns:
        At most 1, which stands for equal; about 0 for unlike pictures.

    Source: Lin 1989, A Concordance Correlation Coefficient.
    """
    a, b = (picture - picture.mean(axis=(0, 1)) for picture in (one, other))
    total = (a * a).sum() + (b * b).sum()
    return float(2 * (a * b).sum() / total) if total else 1.0


def nearest_kept(
    codes: np.ndarray, radius: int, alike: Callable[[int, int], bool] | None = None
) -> np.ndarray:
    """Returns which row each row is a near-duplicate of.

    A row is left out if its code differs in at most `radius` bits from that of an
    earlier row that is kept and alike; so no chain of small differences joins unlike
    rows.

    Args:
        codes: bool [N, B].
        radius: at least 0 and below B.
        alike: function of two rows' numbers that looks closer, or None.

    Returns:
        int [N]: the nearest kept row, the earliest of several; a kept row's own number.
    """
    # Codes that differ in at most r bits agree in one of any r + 1 bands. Rows that
    # agree in a band are found through a table, in linear time, and compared in full.
    bands = [
        [row.tobytes() for row in np.packbits(codes[:, columns], axis=1)]
        for columns in np.array_split(np.arange(codes.shape[1]), radius + 1)
    ]
    whole = [int.from_bytes(row.tobytes()) for row in np.packbits(codes, axis=1)]
    tables: list[dict[bytes, list[int]]] = [
        collections.defaultdict(list) for _ in bands
    ]
    nearest = np.arange(len(codes))
    for row, keys in enumerate(zip(*bands, strict=True)):
        met = {
            other
            for table, key in zip(tables, keys, strict=True)
            for other in table.get(key, ())
        }
        near = sorted(
            (distance, other)
            for other in met
            if (distance := (whole[row] ^ whole[other]).bit_count()) <= radius
        )
        found = (other for _, other in near if alike is None or alike(row, other))
        nearest[row] = next(found, row)
        if nearest[row] != row:
            continue
        for table, key in zip(tables, keys, strict=True):
            table[key].append(row)
    return nearest


def _sheet(images, left_out, kept, distances):
    """Pairs of a kept image and its near-duplicate, those that differ most first."""
    shown = np.argsort(-distances, kind="stable")[:_PAIRS_SHOWN]
    title = f"{len(shown)} of {len(left_out)} pairs: kept, left out (bits that differ)"
    if not len(shown):
        return pictures.hstack((title, Image.new("RGB", (1, 1), "white")))
    space = np.full((len(shown), SIDE, 2, 3), 255, "uint8")
    pairs = [images[kept[shown]], space, images[left_out[shown]]]
    captions = [f"{kept[i]}, {left_out[i]} ({distances[i]})" for i in shown]
    sheet = pictures.sheet(np.concatenate(pairs, axis=2), _PAIRS_IN_ROW, captions)
    return pictures.hstack((title, sheet))
