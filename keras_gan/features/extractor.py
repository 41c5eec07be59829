"""What all extractors share: uint8 images in, one row of features per image out."""

import abc
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from keras_gan.datasets import Images
from keras_gan.errors import InputError


class Extracted(NamedTuple):
    """What one pass over the images gives.

    Args:
        features: float32 [N, D].
        probabilities: float32 [N, num_classes], rows that sum to 1; None where the
            extractor knows no classes.
    """

    features: np.ndarray
    probabilities: np.ndarray | None


class Extractor(abc.ABC):
    """Turns images into features, to be called with all images of a measure at once.

    Attributes:
        name: a phrase for reports; distances on features of different names do not
            compare.
        class_names: one name per column of the probabilities, or None.
        accuracy: share of real images that it did not learn from whose label it says,
            in [0, 1]; None if its classes are not the labels of the images.
        sees_blur: whether blurred images lie apart from real ones. If not, precision,
            recall and coverage would prefer them and are not measured.
        batch_size: images that are in work at a time, which bounds the memory.
    """

    name: str
    class_names: tuple[str, ...] | None = None
    accuracy: float | None = None
    sees_blur = True
    batch_size = 256

    def __call__(self, images: np.ndarray) -> Extracted:
        """Returns features, and class probabilities where there are any.

        Args:
            images: uint8 [N, H, W, C], N at least 1, in memory or memory-mapped.

        Raises:
            InputError: where the images are not of that form.
        """
        self.check(images)
        features, probabilities = [], []
        for batch in map(self.extract, self.batches(images)):
            features.append(batch.features)
            if batch.probabilities is not None:
                probabilities.append(batch.probabilities)
        return Extracted(
            np.concatenate(features),
            np.concatenate(probabilities) if probabilities else None,
        )

    def batches(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """Yields images a batch at a time, under a progress bar if that takes long.

        Args:
            images: uint8 [N, H, W, C], in memory or memory-mapped.
        """
        starts = range(0, len(images), self.batch_size)
        for start in tqdm(starts, self.name, unit=" batches", delay=3, disable=None):
            yield np.asarray(images[start : start + self.batch_size])

    def form(self, images: Images) -> Extracted:
        """Returns what one image gives, whose values are of no importance.

        It tells the number of features, and whether there are class probabilities.

        Args:
            images: `datasets.Images`, at least 1.

        Raises:
            InputError: if the extractor does not take such images.
        """
        return self(images.array[:1])

    @abc.abstractmethod
    def extract(self, images: np.ndarray) -> Extracted:
        """Returns the features of one batch."""

    def check(self, images: np.ndarray) -> None:
        """Raises InputError where the images are not uint8 [N, H, W, C]."""
        if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
            raise InputError(
                f"features are of images, uint8 [N, H, W, C], not of {images.dtype} "
                f"{list(images.shape)}."
            )
