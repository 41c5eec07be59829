"""From latent vectors to images: the same for every model that has a prior."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, seeding
from keras_gan.errors import Diverged, InputError
from keras_gan.latents import Prior
from keras_gan.models.elements import LabelElement, Labels
from keras_gan.pixels import PixelRange

_ROWS = 256  # images that a network makes at a time


class Renderer:
    """Draws latent vectors, and makes their images with a network.

    Args:
        prior: of the latent vectors.
        pixels: range of the network's values, or None for values without bounds.
        labels: classes of a conditional model, or None.
        rng: gives the seeds of draws without one.

    Example:

    ```python
    import keras
    import numpy as np
    from keras_gan.latents import Prior
    from keras_gan.models.rendering import Renderer
    from keras_gan.pixels import PixelRange

    renderer = Renderer(Prior(2), PixelRange(-1, 1), None, np.random.default_rng(1))
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh")])
    images = renderer.render(network, renderer.draw(4, seed=1))
    assert images.shape == (4, 3)
    assert images.dtype == "uint8"
    ```
    """

    def __init__(
        self,
        prior: Prior,
        pixels: PixelRange | None,
        labels: LabelElement | None,
        rng: np.random.Generator,
    ):
        self.prior = prior
        self.pixels = pixels
        self.labels = labels
        self._rng = rng
        # Layer by layer, a few small images would take three times as long.
        self._compiled = tf.function(images_of, autograph=False, reduce_retracing=True)

    def draw(self, count: int, seed: int | None = None) -> tf.Tensor:
        """Returns latent vectors; see `GAN.sample_latent`."""
        count = checks.whole_number("count", count, 1, 2**31 - 1)
        if seed is None:
            seed = seeding.draw(self._rng)
        seed = checks.whole_number("seed", seed, -(2**63))
        # Training counts its draws from 0 up, so -1 is never one of them.
        return self.prior.draw(count, tf.constant([seed, -1], "int64"))

    def render(
        self,
        network: keras.Model,
        latent: tf.Tensor | np.ndarray | Sequence,
        labels: Labels = None,
    ) -> np.ndarray:
        """Returns the images of latent vectors that a network makes; see `GAN.render`.

        Args:
            network: from `latent`, or `[latent, label]`, to images.
            latent: finite numbers [count, dim].
            labels: as of `LabelElement.checked`.
        """
        # A tensor, as Keras takes no array beside that of the labels.
        latent = tf.constant(self.prior.checked(latent))
        if self.labels is not None:
            labels = self.labels.checked(labels, len(latent))
        elif labels is not None:
            raise InputError(
                "labels were given to a model without classes; build it with "
                "num_classes to use them."
            )
        parts = []
        for start in range(0, len(latent), _ROWS):
            rows = slice(start, start + _ROWS)
            label = None if labels is None else tf.constant(labels[rows])
            values = self._compiled(network, latent[rows], label, training=False)
            values = values.numpy()
            if not np.isfinite(values).all():
                raise Diverged("the network makes NaN or infinite values.")
            # Now, as floats of all images would take four times the room.
            parts.append(
                values if self.pixels is None else self.pixels.to_uint8(values)
            )
        return np.concatenate(parts)

    def require_latent(self, x: Any) -> None:
        """Raises InputError if `predict` gets anything but latent vectors."""
        parts = list(x) if isinstance(x, list | tuple) else [x]
        shape = getattr(parts[0], "shape", None)
        if shape is not None and tuple(shape[1:]) != (self.prior.dim,):
            raise InputError(
                f"predict was given the shape {tuple(shape)}; it takes latent vectors "
                f"(count, {self.prior.dim}). generate(count) makes images, and "
                "render(latent) those of given vectors."
            )


def images_of(
    network: keras.Model, latent: tf.Tensor, label: tf.Tensor | None, training: bool
) -> tf.Tensor:
    """Returns what a network makes of latent vectors, float32 in any precision."""
    return tf.cast(network(inputs_of(latent, label), training=training), "float32")


def inputs_of(
    tensor: tf.Tensor, label: tf.Tensor | None
) -> tf.Tensor | list[tf.Tensor]:
    """Returns what a network takes: the tensor alone, or with the label."""
    return tensor if label is None else [tensor, label]
