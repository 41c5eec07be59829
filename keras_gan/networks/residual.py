"""Residual networks without normalization, in the shape of Huang et al. 2024.

Two things differ, because these networks are smaller. The authors' 3x3 convolution
works on groups of 16 channels, which TensorFlow computes slowly on a processor. Here it
works on half the channels, all together. Their generator multiplies a learned map by a
vector. Here the start is a linear function of the latent vector, as in DCGAN.
"""

import math
from typing import Any

import keras

from keras_gan import seeding
from keras_gan.networks.conditioning import label_input, with_label
from keras_gan.networks.convolutional import dcgan_stages
from keras_gan.networks.layers import (
    PixelShuffle,
    SelectLabel,
    SmoothHalving,
    SpectralNormalization,
)

_LAST = "channels_last"  # whatever keras.json says
_SLOPE = 0.2


def residual_filters(maps: int, base_filters: int, most_filters: int) -> list[int]:
    """Returns the channels of a generator's feature maps, from the start on.

    Args:
        maps: how many sizes of maps there are.
        base_filters: channels of the largest map; each map of half its size has twice
            as many.
        most_filters: no map has more.
    """
    doubled = (base_filters * 2**i for i in reversed(range(maps)))
    return [min(filters, most_filters) for filters in doubled]


def residual_generator(
    image_shape: tuple[int, int, int],
    latent_dim: int = 64,
    base_filters: int = 32,
    most_filters: int = 256,
    num_classes: int | None = None,
    blocks: int = 1,
    full_size_blocks: bool = True,
    seed: int | None = None,
) -> keras.Model:
    """Returns a generator of residual blocks; images are in [-1, 1].

    Each map goes through its blocks and is doubled in size by the filter [1, 3, 3, 1] /
    4 along height and width, which is bilinear interpolation.

    Args:
        image_shape: (height, width, channels); see `dcgan_stages` for the sizes.
        latent_dim: size of the latent vector, whose numbers are from N(0, 1).
        base_filters: channels of the largest maps; each map of half their size has
            twice as many.
        most_filters: no map has more channels.
        num_classes: with it, the model takes `[latent, label]` and the one-hot label
            is appended to the latent vector.
        blocks: residual blocks of each size.
        full_size_blocks: let the largest maps be of the image's size, as the authors
            do. Without them the largest maps have half its size, and a convolution
            makes four pixels of each of theirs.
        seed: makes the initial weights the same each time.

    Raises:
        InputError: for a size that strides of two cannot reach.

    Source: Huang et al. 2024, arXiv 2501.05441, section 3, and their code for the
    initial weights.
    """
    channels = image_shape[2]
    start, maps = _sizes(image_shape, base_filters, most_filters, full_size_blocks)
    make = _Layers(blocks * len(maps), seed)

    latent = keras.Input((latent_dim,), dtype="float32", name="latent")
    label = label_input(num_classes)
    x = with_label(latent, label, num_classes)
    x = make.dense(math.prod(start) * maps[0], x)
    x = keras.layers.Reshape((*start, maps[0]))(x)
    for i, filters in enumerate(maps):
        if i:
            x = make.transition(filters, x)
            x = keras.layers.UpSampling2D(
                2, data_format=_LAST, interpolation="bilinear"
            )(x)
        for _ in range(blocks):
            x = make.block(x)
    if full_size_blocks:
        x = make.convolve(channels, 1, x)
    else:
        x = PixelShuffle()(make.convolve(4 * channels, 3, x))
    # Half precision would leave too few grey levels.
    x = keras.layers.Activation("tanh", dtype="float32", name="image")(x)
    inputs = latent if label is None else [latent, label]
    return keras.Model(inputs, x, name="generator")


def residual_discriminator(
    image_shape: tuple[int, int, int],
    base_filters: int = 32,
    most_filters: int = 256,
    num_classes: int | None = None,
    blocks: int = 1,
    full_size_blocks: bool = True,
    spectral_normalization: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """Returns the mirror of `residual_generator`, ending in one logit.

    Args:
        image_shape: (height, width, channels); see `dcgan_stages` for the sizes.
        base_filters: channels of the largest maps; each map of half their size has
            twice as many.
        most_filters: no map has more channels.
        num_classes: with it, the model takes `[image, label]` and gives the logit of
            the label, one of as many.
        blocks: residual blocks of each size.
        full_size_blocks: let the largest maps be of the image's size, as the authors
            do. Without them a convolution with strides of two makes the first map.
        spectral_normalization: divide each layer's kernel by its largest singular
            value (Miyato et al. 2018, arXiv 1802.05957).
        seed: makes the initial weights the same each time.

    Raises:
        InputError: for a size that strides of two cannot reach.

    Source: Huang et al. 2024, arXiv 2501.05441, section 3, and their code for the
    initial weights.
    """
    start, maps = _sizes(image_shape, base_filters, most_filters, full_size_blocks)
    make = _Layers(blocks * len(maps), seed, spectral_normalization)

    image = keras.Input(image_shape, dtype="float32", name="image")
    label = label_input(num_classes)
    if full_size_blocks:
        x = make.convolve(maps[-1], 1, image)
    else:
        x = make.convolve(maps[-1], 4, image, strides=2)
    for i, filters in enumerate(reversed(maps)):
        if i:
            x = make.transition(filters, SmoothHalving()(x))
        for _ in range(blocks):
            x = make.block(x)
    x = keras.layers.Flatten(_LAST)(make.collect(start, x))
    logit = make.dense(num_classes or 1, x, dtype="float32")
    if label is None:
        return keras.Model(image, logit, name="discriminator")
    logit = SelectLabel(dtype="float32")([logit, label])
    return keras.Model([image, label], logit, name="discriminator")


def _sizes(image_shape, base_filters, most_filters, full_size_blocks):
    """Returns the size of the smallest maps and the channels of all maps from there."""
    height, width, _ = image_shape
    stages = dcgan_stages(height, width)
    maps = stages + 1 if full_size_blocks else stages
    start = (height // 2**stages, width // 2**stages)
    return start, residual_filters(maps, base_filters, most_filters)


class _Layers:
    """Adds layers with the authors' initial weights.

    Args:
        blocks: of the whole network. The more there are, the smaller their weights.
        seed: makes the initial weights the same each time.
        spectral_normalization: of all layers with a kernel.
    """

    def __init__(self, blocks, seed, spectral_normalization=False):
        self._rng = seeding.generator(seed)
        self._gain = math.sqrt(2 / (1 + _SLOPE**2)) * blocks**-0.25
        self._spectral_normalization = spectral_normalization

    def normal(self, stddev: float) -> keras.initializers.Initializer:
        """Returns the initializer of weights from N(0, stddev**2)."""
        return keras.initializers.RandomNormal(0.0, stddev, seeding.draw(self._rng))

    def _add(self, layer, x):
        if self._spectral_normalization:
            layer = SpectralNormalization(layer)
        return layer(x)

    def dense(
        self, units: int, x: keras.KerasTensor, **options: Any
    ) -> keras.KerasTensor:
        initial = self.normal(x.shape[-1] ** -0.5)
        layer = keras.layers.Dense(
            units, use_bias=False, kernel_initializer=initial, **options
        )
        return self._add(layer, x)

    def convolve(
        self,
        filters: int,
        size: int,
        x: keras.KerasTensor,
        strides: int = 1,
        use_bias: bool = False,
        gain: float = 1.0,
    ) -> keras.KerasTensor:
        layer = keras.layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same",
            data_format=_LAST,
            use_bias=use_bias,
            kernel_initializer=self.normal(gain / math.sqrt(size**2 * x.shape[-1])),
        )
        return self._add(layer, x)

    def transition(self, filters: int, x: keras.KerasTensor) -> keras.KerasTensor:
        """Changes the number of channels, if need be."""
        return x if filters == x.shape[-1] else self.convolve(filters, 1, x)

    def block(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Adds what three convolutions make; it is 0 at first."""
        filters, y = x.shape[-1], x
        for size in (1, 3):
            y = self.convolve(
                max(filters // 2, 1), size, y, use_bias=True, gain=self._gain
            )
            y = keras.layers.LeakyReLU(_SLOPE)(y)
        return keras.layers.Add()([x, self.convolve(filters, 1, y, gain=0.0)])

    def collect(self, size: tuple[int, int], x: keras.KerasTensor) -> keras.KerasTensor:
        """Makes one number of each whole channel."""
        layer = keras.layers.DepthwiseConv2D(
            size,
            data_format=_LAST,
            use_bias=False,
            depthwise_initializer=self.normal(math.prod(size) ** -0.5),
        )
        return self._add(layer, x)
