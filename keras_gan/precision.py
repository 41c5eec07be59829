"""Whether a processor trains faster in bfloat16, measured in about a second."""

import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

FASTER = 1.2  # a smaller gain hardly shows in the time of a whole step
_FLAGS = {"avx512_bf16", "amx_bf16"}
_LEAST_SIDE = 32  # smaller images train so fast that precision does not matter
_LEAST_SECONDS = 120  # a shorter run is not worth a second of measuring
_BATCH = 8
_REPEATS = 5


def has_bfloat16(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Returns whether the processor has bfloat16 instructions; False if unknown."""
    try:
        text = pathlib.Path(cpuinfo).read_text()
    except OSError:
        return False
    return any(
        _FLAGS & set(line.split())
        for line in text.splitlines()
        if line.startswith("flags")
    )


def worth_measuring(recipe: Any, image_shape: tuple[int | None, ...]) -> bool:
    """Returns whether bfloat16 could save more time than the measurement takes.

    Args:
        recipe: settings of the run.
        image_shape: height, width and channels, in pixels; other shapes are not worth
            it. None is a side of any length.
    """
    return (
        recipe.mixed_precision is None
        and recipe.strategy == "one-device"
        and len(image_shape) == 3
        and min(side or _LEAST_SIDE for side in image_shape[:2]) >= _LEAST_SIDE
        and (recipe.minutes is None or 60 * recipe.minutes > _LEAST_SECONDS)
        and not tf.config.list_physical_devices("GPU")
        and has_bfloat16()
    )


def advice(model: keras.Model, measure: Callable | None = None) -> str | None:
    """Returns a line about bfloat16 if it is faster, else None.

    Args:
        model: a `GenerativeModel`, whose averages of weights are left out.
        measure: function like `bfloat16_gain`; None uses that function.
    """
    networks = model.networks().items()
    trained = [one for name, one in networks if not name.startswith("averaged_")]
    gain = (measure or bfloat16_gain)(*trained)
    if gain is None or gain < FASTER:
        return None
    return (
        "this processor computes the convolutions of this model about "
        f"{gain:.1f} times as fast with --mixed-precision bfloat16"
    )


def bfloat16_gain(*networks: keras.Model, repeats: int = _REPEATS) -> float | None:
    """Returns the speed of the networks' convolutions in bfloat16 relative to float32.

    It computes each convolution forward and backward on constants, so it changes
    neither weights nor random states.

    Args:
        networks: networks of built layers.
        repeats: measurements of each precision; the median counts.

    Returns:
        Seconds in float32 divided by seconds in bfloat16; None if there is no
        convolution.
    """
    layers = [
        layer
        for network in networks
        for layer in network._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)
        and layer.data_format == "channels_last"
        and None not in layer.input.shape[1:]  # images of any size
    ]
    if not layers:
        return None
    steps = {
        dtype: _step([_convolution(layer, dtype) for layer in layers])
        for dtype in (tf.float32, tf.bfloat16)
    }
    seconds: dict[tf.DType, list[float]] = {dtype: [] for dtype in steps}
    for step in steps.values():
        step()  # traces
    for _ in range(repeats):
        for dtype, step in steps.items():
            begin = time.perf_counter()
            step().numpy()
            seconds[dtype].append(time.perf_counter() - begin)
    float32, bfloat16 = map(statistics.median, seconds.values())
    return float32 / bfloat16


def _convolution(layer, dtype):
    """Returns a convolution like the layer's, its input and its filters.

    For a transposed convolution it is the plain one, whose gradient is the transposed
    one: forward and backward together compute the same.
    """
    image, result = layer.input.shape[1:], layer.output.shape[1:]
    if isinstance(layer, keras.layers.Conv2DTranspose):
        image, result = result, image
    strides, padding = layer.strides, layer.padding.upper()

    def convolve(images, filters):
        return tf.nn.conv2d(images, filters, strides, padding)

    # Not zeros, which a processor may compute faster.
    images = tf.cast(tf.fill((_BATCH, *image), 0.5), dtype)
    filters = tf.cast(tf.fill(layer.kernel.shape, 0.01), dtype)
    return convolve, images, filters


def _step(convolutions):
    @tf.function(jit_compile=False)
    def step(inputs):
        sums = []
        for (convolve, _, _), (images, filters) in zip(
            convolutions, inputs, strict=True
        ):
            with tf.GradientTape() as tape:
                tape.watch((images, filters))
                result = convolve(images, filters)
            # Use the result as its own gradient, so that TensorFlow must compute both.
            gradients = tape.gradient(result, (images, filters), result)
            sums.extend(tf.reduce_max(tf.cast(g, tf.float32)) for g in gradients)
        return tf.add_n(sums)

    inputs = [(images, filters) for _, images, filters in convolutions]
    return lambda: step(inputs)
