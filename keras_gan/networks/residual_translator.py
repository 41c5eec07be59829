"""The generator of CycleGAN: residual blocks between two halvings and doublings."""

import keras

from keras_gan import checks
from keras_gan.errors import InputError
from keras_gan.networks.convolutional import Initializers
from keras_gan.networks.layers import (
    HalfTurn,
    InstanceNormalization,
    ReflectionPadding,
)

_LAST = "channels_last"  # whatever keras.json says
_MULTIPLE = 4
_SMALLEST = 8  # a quarter of it is 2 pixels: enough for a reflected border of one


def residual_translator(
    source_shape: tuple[int | None, int | None, int],
    target_shape: tuple[int | None, int | None, int] | None = None,
    base_filters: int = 64,
    blocks: int = 9,
    output_activation: str | None = "tanh",
    seed: int | None = None,
) -> keras.Model:
    """Returns CycleGAN's generator, from images to images of the same size.

    With 64 base filters and 3 channels it has the parameters of the authors' PyTorch
    code: 11,378,179 with 9 blocks (for 256x256), 7,837,699 with 6 blocks (for
    128x128). The instance normalization has neither gain nor shift.

    Args:
        source_shape: (height, width, channels) of the images that go in. Sides are
            multiples of 4, at least 8 pixels; None leaves them free.
        target_shape: of the images that come out, in the same size; None is
            `source_shape`.
        base_filters: channels of the first feature map. The residual blocks have four
            times as many.
        blocks: number of residual blocks.
        output_activation: "tanh" gives values in [-1, 1], "sigmoid" values in [0, 1],
            None unbounded values.
        seed: makes the initial weights the same each time.

    Returns:
        A model from `source`, float32 [batch, height, width, channels], to `image`.

    Raises:
        InputError: for a size that is not accepted.

    Source: Zhu et al. 2017, arXiv 1703.10593, section 7.2; Johnson et al. 2016, arXiv
    1603.08155.
    """
    target_shape = source_shape if target_shape is None else target_shape
    blocks = checks.whole_number("blocks", blocks, 0)
    _check_sizes(tuple(source_shape), tuple(target_shape))
    initial = Initializers(seed)

    def convolve(filters, size, x, kind=keras.layers.Conv2D, strides=1):
        return kind(
            filters,
            size,
            strides=strides,
            padding="valid" if strides == 1 else "same",
            data_format=_LAST,
            **initial.kernel(use_bias=True),
        )(x)

    def activated(x):
        return keras.layers.ReLU()(InstanceNormalization()(x))

    def block(x):
        y = ReflectionPadding(1)(x)
        y = activated(convolve(x.shape[-1], 3, y))
        y = ReflectionPadding(1)(y)
        y = InstanceNormalization()(convolve(x.shape[-1], 3, y))
        return keras.layers.Add()([x, y])

    source = keras.Input(source_shape, dtype="float32", name="source")
    # PyTorch pads the strided convolutions of the authors at the top left, TensorFlow
    # at the bottom right. Upside down the two are the same, and nothing else changes.
    x = HalfTurn()(source)
    x = activated(convolve(base_filters, 7, ReflectionPadding(3)(x)))
    for factor in (2, 4):
        x = activated(convolve(factor * base_filters, 3, x, strides=2))
    for _ in range(blocks):
        x = block(x)
    for factor in (2, 1):
        kind = keras.layers.Conv2DTranspose
        x = activated(convolve(factor * base_filters, 3, x, kind, strides=2))
    x = HalfTurn()(convolve(target_shape[2], 7, ReflectionPadding(3)(x)))
    # Half precision would leave too few grey levels.
    x = keras.layers.Activation(output_activation, dtype="float32", name="image")(x)
    return keras.Model(source, x, name="generator")


def _check_sizes(source, target):
    if source[:2] != target[:2]:
        raise InputError(
            f"source_shape is {source} and target_shape {target}. Their heights and "
            "widths must be equal."
        )
    sides = [side for side in source[:2] if side is not None]
    if any(side % _MULTIPLE or side < _SMALLEST for side in sides):
        raise InputError(
            f"source_shape is {source}. Heights and widths must be multiples of "
            f"{_MULTIPLE}, at least {_SMALLEST} pixels."
        )
