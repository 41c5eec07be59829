"""Generative adversarial networks on Keras 3 that train with `model.fit`."""

import importlib

__version__ = "0.1.0"
__all__ = ["DCGAN", "GAN", "InputError"]

_HOMES = {
    "DCGAN": "keras_gan.models",
    "GAN": "keras_gan.models",
    "InputError": "keras_gan.errors",
}


def __getattr__(name):
    # Importing TensorFlow takes seconds; `train.py --help` must not wait for it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
