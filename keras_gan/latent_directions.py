"""Directions in latent space that change images most, found without labels."""

import keras
import numpy as np

from keras_gan.errors import InputError
from keras_gan.models import starting


def of_first_layer(
    network: keras.Model, latent_dim: int, num_classes: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the directions along which the first layer's features change most.

    They are the singular vectors of the kernel that takes the latent vector. A batch
    normalization that follows is part of it: it scales each feature. The share of the
    kernel that takes a label has no part in it.

    Args:
        network: makes images from latent vectors, or from `[latent, label]`.
        latent_dim: size of a latent vector.
        num_classes: of a network that takes labels.

    Returns:
        Vectors of length 1, float32 [D, latent_dim], in falling order of their
        effect, and the singular values, float32 [D]. The largest component of each
        vector is positive.

    Raises:
        InputError: if the first layer with weights does not take the latent vector, or
            has no kernel.

    Source: Shen and Zhou 2021, arXiv 2007.06600, section 3.2.
    """
    layers = list(_in_order(network))
    sizes, found = (latent_dim, latent_dim + (num_classes or 0)), "it has none"
    for number, layer in enumerate(layers):
        if not layer.weights:
            continue
        first = starting.inner(layer)
        axes = starting.kernel_axes(first)
        if axes is not None and first.kernel.shape[axes[0]] in sizes:
            kernel = keras.ops.convert_to_numpy(first.kernel).astype("float32")
            rows = np.moveaxis(kernel, axes[0], 0)[:latent_dim]
            scale = _scale(layers[number + 1 : number + 2], kernel.shape[axes[1]])
            # The features of a kernel with places are its last axis by now.
            return _leading((rows * scale).reshape(latent_dim, -1))
        found = f"it is {first.name}, a {type(first).__name__}"
        break
    raise InputError(
        f"the first layer with weights of {network.name} takes no {latent_dim} latents "
        f"with a kernel ({found}). Use a network that begins with Dense or a "
        "convolution."
    )


def of_samples(latent: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns the directions along which samples change most.

    They are the left singular vectors of the linear map from latent vectors to values
    that fits the samples best.

    Args:
        latent: float [N, latent_dim].
        values: of the sample of each latent vector, float [N, D].

    Returns:
        Vectors of length 1, float [D, latent_dim], in falling order of their effect.
    """
    latent, values = latent - latent.mean(axis=0), values - values.mean(axis=0)
    effect, *_ = np.linalg.lstsq(latent, values, rcond=None)
    return _leading(effect)[0]


def _in_order(network):
    """Yields the layers of a network, those of networks in it in their place."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _in_order(layer)
        else:
            yield layer


def _scale(following, features):
    """Returns what a batch normalization multiplies each feature by, 1 without one."""
    for layer in following:
        if isinstance(layer, keras.layers.BatchNormalization):
            variance = keras.ops.convert_to_numpy(layer.moving_variance)
            gamma = 1.0 if layer.gamma is None else layer.gamma
            scale = keras.ops.convert_to_numpy(gamma) / np.sqrt(
                variance + layer.epsilon
            )
            if scale.shape == (features,):
                return scale.astype("float32")
    return np.float32(1)


def _leading(effect):
    """Returns the left singular vectors of a map in rows, and its singular values."""
    vectors, strengths, _ = np.linalg.svd(effect, full_matrices=False)
    largest = np.abs(vectors).argmax(axis=0)
    # Their sign is arbitrary: fix it, so that all machines give the same.
    signs = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    return (vectors * signs).T, strengths
