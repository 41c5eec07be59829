"""The generator of pix2pix: a U-Net, from images to images of the same size."""

import keras

from keras_gan import checks
from keras_gan.errors import InputError
from keras_gan.networks.convolutional import Initializers
from keras_gan.networks.layers import Dropout, StatelessBatchNormalization

_LAST = "channels_last"  # whatever keras.json says
_DROPPED = 3  # the first blocks of the decoder have dropout


def unet(
    source_shape: tuple[int | None, int | None, int],
    target_shape: tuple[int | None, int | None, int],
    base_filters: int = 64,
    depth: int | None = None,
    skips: bool = True,
    dropout: float = 0.5,
    output_activation: str | None = "tanh",
    seed: int | None = None,
) -> keras.Model:
    """Returns pix2pix's generator, which halves the image `depth` times and goes back.

    At 256x256 with 64 base filters and 3 channels on both sides it is the authors'
    network, with the 54,413,955 parameters of their PyTorch code: convolutions that a
    normalization follows have no biases. The normalization takes the statistics of the
    batch in training, and of each image alone at inference.

    Dropout is in the first three normalized blocks of the decoder, as in the paper and
    the authors' Lua code; in their PyTorch code it is in the second to the fourth of
    the network for 256x256. It acts in training only.

    Args:
        source_shape, target_shape: (height, width, channels) of the images that go in
            and come out. The sizes must agree. Sides of None are free: any multiple of
            2**depth.
        base_filters: channels of the first feature map; each map after it has twice as
            many, up to eight times.
        depth: how often the size is halved; None takes as many times as bring the
            smaller side, a power of two, to one pixel.
        skips: give each block of the decoder the encoder's features of its size. False
            makes the encoder-decoder of the paper's section 4.2.
        dropout: fraction of the features that training drops, 0 to 1.
        output_activation: "tanh" gives values in [-1, 1], "sigmoid" values in [0, 1],
            None unbounded values.
        seed: makes the initial weights and dropout the same each time.

    Returns:
        A model from `source`, float32 [batch, height, width, channels], to `image`.

    Raises:
        InputError: for a size that cannot be halved so often.

    Source: Isola et al. 2016, arXiv 1611.07004, sections 3.2.1 and 6.1.1.
    """
    depth = unet_depth(tuple(source_shape), tuple(target_shape), depth)
    widths = [base_filters * 2 ** min(i, 3) for i in range(depth)]
    initial = Initializers(seed)

    def strided(kind, filters, use_bias=False):
        return kind(
            filters,
            4,
            strides=2,
            padding="same",
            data_format=_LAST,
            **initial.kernel(use_bias),
        )

    def normalized(x):
        return StatelessBatchNormalization(gamma_initializer=initial.gain())(x)

    source = keras.Input(source_shape, dtype="float32", name="source")
    x = source
    features = []
    for i, filters in enumerate(widths):
        if i:
            x = keras.layers.LeakyReLU(0.2)(x)
        x = strided(keras.layers.Conv2D, filters)(x)
        # At the bottleneck of one pixel, normalization would leave only zeros.
        if 0 < i < depth - 1:
            x = normalized(x)
        features.append(x)
    for i, filters in enumerate(reversed(widths[:-1])):
        x = keras.layers.ReLU()(x)
        x = normalized(strided(keras.layers.Conv2DTranspose, filters)(x))
        if i < _DROPPED and dropout:
            x = Dropout(dropout, seed=initial.seed())(x)
        if skips:
            x = keras.layers.Concatenate()([x, features[-2 - i]])
    x = keras.layers.ReLU()(x)
    x = strided(keras.layers.Conv2DTranspose, target_shape[2], use_bias=True)(x)
    # Half precision would leave too few grey levels.
    x = keras.layers.Activation(output_activation, dtype="float32", name="image")(x)
    return keras.Model(source, x, name="generator")


def unet_depth(
    source_shape: tuple[int | None, ...],
    target_shape: tuple[int | None, ...],
    depth: int | None = None,
) -> int:
    """Returns how often a U-Net halves images.

    Args:
        source_shape, target_shape, depth: as of `unet`.

    Raises:
        InputError: for a size that cannot be halved so often.
    """
    if source_shape[:2] != target_shape[:2]:
        raise InputError(
            f"source_shape is {source_shape} and target_shape {target_shape}. Their "
            "heights and widths must be equal."
        )
    sides = [side for side in source_shape[:2] if side is not None]
    if depth is None:
        if len(sides) < 2:
            raise InputError(
                f"source_shape is {source_shape} and depth is None. Give the depth of "
                "a network for images of any size."
            )
        depth = max(min(sides).bit_length() - 1, 1)
    depth = checks.whole_number("depth", depth, 1)
    if any(side % 2**depth for side in sides):
        size = "x".join(map(str, sides))
        possible = min(side & -side for side in sides).bit_length() - 1
        raise InputError(
            f"{size} pixels cannot be halved {depth} times. Sides must be multiples of "
            f"{2**depth}" + (f", or depth at most {possible}." if possible else ".")
        )
    return depth
