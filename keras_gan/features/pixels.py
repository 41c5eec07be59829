"""Features that need no network: the values themselves."""

import numpy as np

from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.features.extractor import Extracted, Extractor


class Pixels(Extractor):
    """Raw pixels in [0, 1], flattened; for points, their coordinates.

    They show where a thing is and how bright, not what it is.

    Args:
        points: whether the data are vectors, float32 [N, D].

    Example:

    ```python
    from keras_gan import features

    pixels = features.Pixels()
    assert pixels(images.array).features.shape == (len(images), 64)
    ```
    """

    batch_size = 4096

    def __init__(self, points: bool = False):
        self.points = points
        self.sees_blur = points
        self.name = "coordinates" if points else "raw pixels"

    def extract(self, images: np.ndarray) -> Extracted:
        features = images.reshape(len(images), -1).astype("float32")
        return Extracted(features if self.points else features / 255, None)

    def check(self, images: np.ndarray) -> None:
        if not self.points:
            super().check(images)
        elif images.ndim != 2 or 0 in images.shape:
            raise InputError(f"points have the shape {list(images.shape)}. Use [N, D].")

    @classmethod
    def make(cls, argument: str, images: Images) -> "Extractor":
        """Returns the extractor for `images`; `argument` is not used."""
        return cls(points=images.array.ndim == 2)
