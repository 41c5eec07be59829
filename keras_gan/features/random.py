"""Features of a convolutional network with random weights."""

import math

import keras
import numpy as np

from keras_gan import seeding
from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.features.extractor import Extracted, Extractor
from keras_gan.settings import keras_defaults

_SEED = 0
_SCALED_BY = 2000  # images
_WIDTHS = (16, 32, 64)  # of the stages, the last one over and over
_LARGE = 64  # pixels; wider images are halved while the first stages read them


class RandomNetwork(Extractor):
    """Mean and spread of each channel of a random network, at several scales.

    It needs neither labels, nor training, nor a download. Each feature is scaled to
    mean 0 and variance 1 over the user's images. `benchmarks/README.md` has its
    figures beside those of trained networks.

    Args:
        images: `datasets.Images` of uint8 [N, H, W, C].

    Raises:
        InputError: if the data are points.

    Source: Naeem et al. 2020, arXiv 2002.09797, for random embeddings.
    """

    name = "features of a random network, scaled by these images"

    def __init__(self, images: Images):
        if images.array.ndim != 4:
            raise InputError(
                f"A random network needs images, and these are points "
                f"{list(images.shape)}. Use the features pixels."
            )
        self._model = _network(images.shape)
        self._mean, self._scale = 0.0, 1.0
        chosen = np.random.default_rng(_SEED).permutation(len(images))[:_SCALED_BY]
        found = self(images.array[np.sort(chosen)]).features
        self._mean, deviation = found.mean(axis=0), found.std(axis=0)
        # A channel that hardly varies would else become noise of the same size.
        scale = np.maximum(deviation, 1e-3 * found.std())
        self._scale = scale if deviation.max() > 1e-4 else 1.0  # else all are alike

    @classmethod
    def make(cls, argument: str, images: Images) -> "Extractor":
        """Returns the extractor for `images`; there is no argument."""
        return cls(images)

    def extract(self, images: np.ndarray) -> Extracted:
        found = keras.ops.convert_to_numpy(self._model(images, training=False))
        return Extracted((found - self._mean) / self._scale, None)

    def check(self, images: np.ndarray) -> None:
        super().check(images)
        shape = self._model.input_shape[1:]
        if images.shape[1:] != shape:
            raise InputError(
                f"The random network was made for images {list(shape)}, not "
                f"{list(images.shape[1:])}."
            )


@keras_defaults()
def _network(shape):
    """Returns the network, uint8 [B, H, W, C] to float32 [B, D]."""
    rng = np.random.default_rng(_SEED)

    def convolution(filters, strides=1):
        weights = keras.initializers.Orthogonal(seed=seeding.draw(rng))
        return keras.layers.Conv2D(
            filters, 3, strides, "same", kernel_initializer=weights
        )

    images = keras.Input(shape, dtype="uint8")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
    side, found = min(shape[:2]), []
    scales = max(1, round(math.log2(side / 4))) + 1
    for i in range(scales):
        large = side > _LARGE
        x = convolution(16 if large else _WIDTHS[min(i, 2)], 2 if large else 1)(x)
        x = keras.layers.LeakyReLU(0.2)(x)
        found += [keras.ops.mean(x, axis=(1, 2)), keras.ops.std(x, axis=(1, 2))]
        if not large:
            x = 1.4 * keras.layers.AveragePooling2D(2, padding="same")(x)
        side /= 2
    return keras.Model(images, keras.ops.concatenate(found, axis=-1))
