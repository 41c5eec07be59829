"""Keras's global settings, which must not decide what a network of a run is."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def keras_defaults(policy: str = "float32") -> Iterator[None]:
    """Makes layers as Keras does where nobody has changed its settings.

    A program or keras.json may have set another policy, float type or image format. A
    run was trained without them, and its weights fit no other network.

    Args:
        policy: dtype policy of the layers.
    """
    config = keras.config
    before = config.floatx(), config.image_data_format(), config.dtype_policy()
    _set("float32", "channels_last", policy)
    try:
        yield
    finally:
        _set(*before)


def _set(floatx, image_data_format, policy):
    keras.config.set_floatx(floatx)
    keras.config.set_image_data_format(image_data_format)
    keras.config.set_dtype_policy(policy)
