"""Labelled images around a run: some teach a classifier, others score it."""

import argparse
from typing import NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split

from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.experiments.trained_run import TrainedRun

_HELD_OUT = 0.2  # of the training images, where there is no split to score


class Labelled(NamedTuple):
    """Images with labels, in two sets without a common image.

    Args:
        teaching: `Images` that the run was trained on.
        scored: `Images` to classify.
        origin: what is scored, for a protocol.

    Example:

    ```python
    from keras_gan.experiments import TrainedRun, labelled

    sets = labelled.read(TrainedRun.load("runs/digits"), validation=False, seed=0)
    print(len(sets.teaching), len(sets.scored), sets.names)
    print(sets.origin)
    ```
    """

    teaching: Images
    scored: Images
    origin: str

    @property
    def names(self) -> list[str]:
        """Names of all classes."""
        classes = max(self.teaching.num_classes or 0, self.scored.num_classes or 0)
        return list(self.teaching.class_names or map(str, range(classes)))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the choice of what is scored."""
    parser.add_argument(
        "--validation",
        action="store_true",
        help="score what a run on tfds:NAME:train[:NUMBER] left out of train, not the "
        "split test: choose settings by this, and the test images have no part in it",
    )


def read(trained: TrainedRun, validation: bool, seed: int) -> Labelled:
    """Returns the labelled images of a run.

    The split `test` is scored where the run's source has one, else a fifth of the
    training images, which then teach no classifier.

    Args:
        trained: `TrainedRun`.
        validation: score the training images that the run left out instead.
        seed: decides that fifth.

    Raises:
        InputError: where the images cannot be read or have no labels, or where the run
            left none out to validate with.
    """
    teaching, data = trained.training_set, trained.run.recipe.data_words
    if teaching.labels is None:
        raise InputError(
            f"the images of {data} have no labels, which this experiment needs. Train "
            "a run on a labelled source, such as folder:PATH with a sub-folder for "
            "each class."
        )
    if validation:
        scored = trained.rest_set()
        if scored is None:
            raise InputError(
                f"--validation was given, and the run's data is {data}, which leaves "
                "no images out. Leave --validation out, or train a run on "
                "tfds:NAME:train[:NUMBER]."
            )
        origin = f"scored on the {len(scored)} images that the run left out of train"
        return Labelled(teaching, scored, origin)
    scored = trained.test_set()
    if scored is not None and scored.labels is not None:
        origin = f"scored on the {len(scored)} images of the test split"
        return Labelled(teaching, scored, origin)
    if len(teaching) < 2:
        raise InputError(
            f"{data} holds 1 image, and this experiment needs at least 2, one of them "
            "to score. Train a run on more images."
        )
    kept, held_out = train_test_split(
        np.arange(len(teaching)), test_size=_HELD_OUT, random_state=seed
    )
    origin = (
        f"scored on {len(held_out)} of the {len(teaching)} training images, kept from "
        "the classifiers but seen by the GAN"
    )
    return Labelled(_rows(teaching, kept), _rows(teaching, held_out), origin)


def scores(labels: np.ndarray, predicted: np.ndarray, names: list[str]) -> dict:
    """Returns how well classes were told, in percent.

    Args:
        labels: int [N], the true classes.
        predicted: int [N].
        names: of all classes.

    Returns:
        `accuracy`, `error` and its binomial `standard_error`; `error_by_class`, None
        for a class without an image; `confusion`, counts of images with true classes
        in rows and predicted ones in columns.
    """
    confusion = confusion_matrix(labels, predicted, labels=range(len(names)))
    right, count = confusion.diagonal(), confusion.sum(axis=1)
    error = 1 - right.sum() / count.sum()
    return {
        "accuracy": 100 * (1 - error),
        "error": 100 * error,
        "standard_error": 100 * np.sqrt(error * (1 - error) / count.sum()),
        "error_by_class": {
            name: 100 * (1 - r / n) if n else None
            for name, r, n in zip(names, right, count, strict=True)
        },
        "confusion": confusion.tolist(),
    }


def _rows(images, rows):
    rows = np.sort(rows)  # a memory-mapped file is read in order
    return Images(images.array[rows], images.labels[rows], images.class_names)
