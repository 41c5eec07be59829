"""Features of InceptionV3 as trained on ImageNet."""

import contextlib
import pathlib
import socket
import warnings

import keras
import numpy as np
import tensorflow as tf

from keras_gan.datasets import Images
from keras_gan.errors import InputError, first_line_of
from keras_gan.features.extractor import Extracted, Extractor
from keras_gan.settings import keras_defaults
from keras_gan.transparency import images_over_white

_SIDE = 299
_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
_TIMEOUT = 20  # seconds without an answer


class Inception(Extractor):
    """Pool features (2,048) and ImageNet probabilities (1,000) of InceptionV3.

    The network and weights are those of `keras.applications`. Published Fréchet
    inception distances use weights of 2015, so their figures are near to these but not
    equal. Images are resized to 299x299 (bilinear, antialiased); grey images get three
    equal channels, transparent images are laid over white.

    Args:
        weights: `.h5` or `.weights.h5` file of the whole network with its top; None
            takes Keras's own, which are downloaded once.

    Raises:
        InputError: if the weights cannot be downloaded or read.

    Example:

    ```python
    from keras_gan import features

    inception = features.Inception("inception.weights.h5")
    extracted = inception(images.array[:4])
    assert extracted.features.shape == (4, 2048)
    ```
    """

    batch_size = 32

    @keras_defaults()
    def __init__(self, weights: str | None = None):
        model = _own_weights(weights) if weights else _imagenet()
        pool = model.get_layer("avg_pool").output
        self._model = keras.Model(model.input, [pool, model.output])
        file = pathlib.Path(weights).name if weights else "keras.applications"
        self.name = f"InceptionV3 pool features (weights of {file})"

    @classmethod
    def make(cls, argument: str, images: Images) -> "Extractor":
        """Returns the extractor; `argument` is a weights file, or "" for Keras's."""
        return cls(argument or None)

    def extract(self, images: np.ndarray) -> Extracted:
        images = images_over_white(images)
        if images.shape[-1] == 1:
            images = np.repeat(images, 3, -1)
        resized = tf.image.resize(images, (_SIDE, _SIDE), antialias=True)
        outputs = self._model(resized / 127.5 - 1.0, training=False)
        return Extracted(*map(keras.ops.convert_to_numpy, outputs))


def _own_weights(path):
    if not pathlib.Path(path).is_file():
        raise InputError(
            f"there is no weights file {path!r}. Name an existing file, or leave it "
            "out to download the weights."
        )
    model = keras.applications.InceptionV3(weights=None)
    try:
        with warnings.catch_warnings():
            # Keras warns of every missing layer before it raises one error for them.
            warnings.simplefilter("ignore")
            model.load_weights(path)
        return model
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{path!r} is not a weights file of keras.applications.InceptionV3 with "
            f"its top: {first_line_of(error)}"
        ) from error


def _imagenet():
    try:
        with _quickly():
            return keras.applications.InceptionV3(weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception for a failed download
        raise InputError(
            f"the weights of InceptionV3 cannot be downloaded "
            f"({first_line_of(error)}). Give {_FILE} as inception:PATH, or put it into "
            "the folder models of Keras's home (KERAS_HOME or ~/.keras)."
        ) from error


@contextlib.contextmanager
def _quickly():
    """Shortens the socket timeout: an unreachable server would hang for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
