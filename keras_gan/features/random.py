"""Features of a convolutional network with random weights."""

import functools
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
_WIDTHS = (16, 32, 64)  # of the stages; all later stages have the last width
_LARGE = 64  # pixels; the first stages have stride 2 while the image is wider


class RandomNetwork(Extractor):
    """Mean and spread of each channel of a random network, at several scales.

    It needs neither labels, nor training, nor a download. Each feature is scaled to
    mean 0 and variance 1 over the user's images. `benchmarks/README.md` has its
    figures beside those of trained networks.

    Args:
        images: `datasets.Images` of uint8 [N, H, W, C].

    Raises:
        InputError: if the data are points.

    Example:

    ```python
    from keras_gan import features

    extractor = features.RandomNetwork(images)
    fake = extractor(gan.generate(16)).features
    print(fake.shape)
    ```

    Source: Naeem et al. 2020, arXiv 2002.09797, for random embeddings.
    """

    name = "features of a random network, scaled by these images"

    def __init__(self, images: Images):
        if images.array.ndim != 4:
            raise InputError(
                f"A random network needs images, but these are points "
                f"{list(images.shape)}. Use the features pixels."
            )
        self._images = images

    @classmethod
    def make(cls, argument: str, images: Images) -> "Extractor":
        """Returns the extractor for `images`; `argument` is not used."""
        return cls(images)

    def form(self, images: Images) -> Extracted:
        self.check(images.array[:1])
        width = 2 * sum(filters for filters, _ in _stages(self._images.shape))
        return Extracted(np.zeros((1, width), "float32"), None)

    def extract(self, images: np.ndarray) -> Extracted:
        mean, scale = self._scaling
        return Extracted((self._unscaled(images) - mean) / scale, None)

    # Made when the first measure needs it, so that training does not wait for it.

    @functools.cached_property
    def _model(self):
        return _network(self._images.shape)

    @functools.cached_property
    def _scaling(self):
        """Mean and scale of each feature over the user's images."""
        order = np.random.default_rng(_SEED).permutation(len(self._images))
        chosen = self._images.array[np.sort(order[:_SCALED_BY])]
        found = np.concatenate([self._unscaled(x) for x in self.batches(chosen)])
        deviation = found.std(axis=0)
        if deviation.max() <= 1e-4:
            return found.mean(axis=0), 1.0  # all images are alike
        # Without this floor, a channel that hardly varies would be scaled up to noise.
        return found.mean(axis=0), np.maximum(deviation, 1e-3 * found.std())

    def _unscaled(self, images):
        return keras.ops.convert_to_numpy(self._model(images, training=False))

    def check(self, images: np.ndarray) -> None:
        super().check(images)
        shape = self._images.shape
        if images.shape[1:] != shape:
            raise InputError(
                f"The images have the shape {list(images.shape[1:])}, but the random "
                f"network was made for {list(shape)}. Use that shape."
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
    found = []
    for filters, strides in _stages(shape):
        x = convolution(filters, strides)(x)
        x = keras.layers.LeakyReLU(0.2)(x)
        found += [keras.ops.mean(x, axis=(1, 2)), keras.ops.std(x, axis=(1, 2))]
        if strides == 1:
            x = 1.4 * keras.layers.AveragePooling2D(2, padding="same")(x)
    return keras.Model(images, keras.ops.concatenate(found, axis=-1))


def _stages(shape):
    """Returns (filters, strides) of each convolution; each halves the scale."""
    side = min(shape[:2])
    sides = [side / 2**i for i in range(max(1, round(math.log2(side / 4))) + 1)]
    return [
        (16, 2) if side > _LARGE else (_WIDTHS[min(i, 2)], 1)
        for i, side in enumerate(sides)
    ]
