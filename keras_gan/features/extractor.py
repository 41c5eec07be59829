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
        probabilities: float32 [N, num_classes], rows that sum to 1; None if the
            extractor has no classes.

    Example:

    ```python
    from keras_gan import features

    extractor = features.get("pixels", images)
    extracted = extractor(images.array)
    assert extracted.features.shape == (len(images), 64)
    assert extracted.probabilities is None
    ```
    """

    features: np.ndarray
    probabilities: np.ndarray | None


class Extractor(abc.ABC):
    """Turns images into features; call it with all images of a measure at once.

    Attributes:
        name: a phrase for reports. Compare distances only between features of the same
            name.
        class_names: one name per column of the probabilities, or None.
        accuracy: share of held-out real images that it classifies correctly, in
            [0, 1]; None if its classes are not the labels of the images.
        sees_blur: whether the features of blurred images differ from those of real
            images. If not, precision, recall and coverage would prefer blurred images
            and are not measured.
        batch_size: images that are processed at a time, which bounds the memory.

    Example:

    ```python
    from keras_gan import features


    class Brightness(features.Extractor):
        name = "mean brightness of each channel"

        def extract(self, images):
            means = images.mean(axis=(1, 2)) / 255
            return features.Extracted(means.astype("float32"), None)


    assert Brightness()(images.array).features.shape == (len(images), 1)
    ```
    """

    name: str
    class_names: tuple[str, ...] | None = None
    accuracy: float | None = None
    sees_blur = True
    batch_size = 256

    def __call__(self, images: np.ndarray) -> Extracted:
        """Returns features, and class probabilities if the extractor has classes.

        Args:
            images: uint8 [N, H, W, C], N at least 1, in memory or memory-mapped.

        Raises:
            InputError: if the images are not as described above.
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
        """Yields images in batches, with a progress bar if it takes long.

        Args:
            images: uint8 [N, H, W, C], in memory or memory-mapped.
        """
        starts = range(0, len(images), self.batch_size)
        for start in tqdm(starts, self.name, unit=" batches", delay=3, disable=None):
            yield np.asarray(images[start : start + self.batch_size])

    def form(self, images: Images) -> Extracted:
        """Returns the result for one image, whose values do not matter.

        It shows the number of features, and whether there are class probabilities.

        Args:
            images: `datasets.Images`, at least 1.

        Raises:
            InputError: if the extractor does not accept such images.
        """
        return self(images.array[:1])

    @abc.abstractmethod
    def extract(self, images: np.ndarray) -> Extracted:
        """Returns the features of one batch."""

    def check(self, images: np.ndarray) -> None:
        """Raises InputError if the images are not uint8 [N, H, W, C]."""
        if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
            raise InputError(
                f"the images are {images.dtype} {list(images.shape)}. Use uint8 "
                "[N, H, W, C]."
            )
