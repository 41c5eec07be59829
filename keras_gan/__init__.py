"""Generative adversarial networks on Keras 3 that train with `model.fit`."""

from keras_gan import process

with process.prepared():
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(process.OTHER_BACKEND.format(keras.backend.backend()))

    # All that Keras must know to load a saved model is registered by these imports.
    from keras_gan import augmentation, datasets, losses, metrics, networks, optimizers
    from keras_gan.errors import Diverged, InputError, KerasGANError
    from keras_gan.loading import load
    from keras_gan.models import DCGAN, GAN, VAE, Autoencoder, CycleGAN, Pix2Pix
    from keras_gan.version import __version__

__all__ = [
    "DCGAN",
    "GAN",
    "VAE",
    "Autoencoder",
    "CycleGAN",
    "Diverged",
    "InputError",
    "KerasGANError",
    "Pix2Pix",
    "__version__",
    "augmentation",
    "datasets",
    "load",
    "losses",
    "metrics",
    "networks",
    "optimizers",
]
