"""The discriminator of pix2pix and CycleGAN: it judges overlapping patches."""

import functools

import keras

from keras_gan import checks
from keras_gan.errors import InputError
from keras_gan.networks.convolutional import Initializers
from keras_gan.networks.layers import (
    InstanceNormalization,
    StatelessBatchNormalization,
)

_LAST = "channels_last"  # whatever keras.json says
MOST_LAYERS = 5


def patch_discriminator(
    image_shape: tuple[int | None, int | None, int],
    condition_shape: tuple[int | None, int | None, int] | None = None,
    layers: int = 3,
    base_filters: int = 64,
    normalization: str | None = "batch",
    seed: int | None = None,
) -> keras.Model:
    """Returns a discriminator that gives a logit for each patch of an image.

    With 64 base filters it has the parameters of the authors' PyTorch code: pix2pix's
    for 3 + 3 channels and 3 layers has 2,768,705, CycleGAN's for 3 channels and
    "instance" has 2,764,737.

    Args:
        image_shape: (height, width, channels); sides of None are free.
        condition_shape: of the image that the generator started from, in the same
            size. With it, the model takes `[condition, image]`.
        layers: convolutions that halve the size, 0 to 5. A patch has 1, 16, 34, 70,
            142 or 286 pixels a side; 0 layers judge each pixel alone.
        base_filters: channels of the first feature map; each map after it has twice as
            many, up to eight times.
        normalization: "batch" (pix2pix), "instance" (CycleGAN) or None, of all feature
            maps but the first. Without batch normalization all convolutions have
            biases.
        seed: makes the initial weights the same each time.

    Returns:
        A model to logits, float32 [batch, rows, columns, 1]: 30x30 for 256x256 pixels
        and 3 layers, 14x14 for 128x128, 6x6 for 64x64.

    Raises:
        InputError: for images that are smaller than the network needs, or for an
            argument that is not accepted.

    Source: Isola et al. 2016, arXiv 1611.07004, sections 3.2.2 and 6.1.2; Zhu et al.
    2017, arXiv 1703.10593, section 7.2.
    """
    layers = checks.whole_number("layers", layers, 0, MOST_LAYERS)
    initial = Initializers(seed)
    kinds = {
        "batch": lambda: StatelessBatchNormalization(gamma_initializer=initial.gain()),
        "instance": InstanceNormalization,
        None: None,
    }
    if normalization not in kinds:
        raise InputError(
            f"normalization is {normalization!r}. Use one of: batch, instance, None."
        )
    _check_sizes(image_shape, condition_shape, layers)
    normalizer = kinds[normalization]
    use_bias = normalization != "batch"

    image = keras.Input(image_shape, dtype="float32", name="image")
    inputs = x = image
    if condition_shape is not None:
        condition = keras.Input(condition_shape, dtype="float32", name="condition")
        inputs = [condition, image]
        x = keras.layers.Concatenate()(inputs)
    size, strides = (1, 1) if layers == 0 else (4, 2)
    convolve = functools.partial(_convolve, initial, size)
    x = keras.layers.LeakyReLU(0.2)(convolve(x, base_filters, strides, True))
    for i in range(1, max(layers, 1) + 1):
        x = convolve(
            x, base_filters * 2 ** min(i, 3), strides if i < layers else 1, use_bias
        )
        if normalizer is not None:
            x = normalizer()(x)
        x = keras.layers.LeakyReLU(0.2)(x)
    logits = convolve(x, 1, 1, True, name="logits", dtype="float32")
    return keras.Model(inputs, logits, name="discriminator")


def _convolve(initial, size, x, filters, strides, use_bias, **kwargs):
    """Returns a convolution of images that have a border of one zero, as in PyTorch."""
    sides = x.shape[1:3]
    even = all(side is not None and side % 2 == 0 for side in sides)
    # "same" is this border only here, and faster than a layer of its own.
    same = size == 1 or (strides == 2 and even)
    if not same:
        x = keras.layers.ZeroPadding2D(1, data_format=_LAST)(x)
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same" if same else "valid",
        data_format=_LAST,
        **initial.kernel(use_bias),
        **kwargs,
    )(x)


def _check_sizes(image, condition, layers):
    if condition is not None and tuple(condition[:2]) != tuple(image[:2]):
        raise InputError(
            f"image_shape is {tuple(image)} and condition_shape {tuple(condition)}. "
            "Their heights and widths must be equal."
        )
    smallest = 3 * 2**layers if layers else 1
    if any(side is not None and side < smallest for side in image[:2]):
        height, width = image[:2]
        raise InputError(
            f"images of {height}x{width} pixels are too small for {layers} layers of "
            f"patches. Use sides of at least {smallest} pixels, or fewer layers."
        )
