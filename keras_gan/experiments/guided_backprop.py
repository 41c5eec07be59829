"""What a discriminator's last features see, beside random filters (2015, figure 5).

For the first features of the last convolutional layer: the patches of real images that
they answer to most, each cropped to the receptive field of the answering unit, and
under it the guided gradient of that activation. Beside them the same for the weights
that the run began with. In both, batch norm has the statistics of one batch of images.

Guided backpropagation lets a gradient pass a rectifier only where the gradient and the
unit's activation are both positive. A leaky rectifier is treated alike: it stays leaky
forward and cuts backward.

Source: Radford et al. 2015, arXiv 1511.06434, section 6.2; Springenberg et al. 2014,
arXiv 1412.6806, section 3.4.
"""

import argparse
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy import stats
from tqdm import tqdm

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun, scaled
from keras_gan.transparency import images_over_white

NEEDS = ("discriminator",)  # of the model
_BATCH = 256
_STATISTICS_BATCH = 512
_GREY = 128
_RECTIFIERS = (keras.layers.ReLU, keras.layers.LeakyReLU)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    count = arguments.at_least(1)
    parser.add_argument(
        "--samples",
        type=arguments.at_least(2),
        default=2000,
        help="training images to choose from (2000)",
    )
    parser.add_argument("--features", type=count, default=6, help="to show (6)")
    parser.add_argument(
        "--patches", type=count, default=8, help="to show of each feature (8)"
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns how selective trained and random features are, and what they see.

    Raises:
        InputError: where the run's discriminator has no convolutional layer, or its
            images cannot be read or are no longer the same.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
    networks = {
        "trained": guided(trained.model.discriminator),
        "random": guided(trained.run.build().discriminator),
    }
    images = trained.training_set
    rows = np.random.default_rng(options.seed).permutation(len(images))
    rows = rows[: options.samples]
    real = np.asarray(images.array[rows])
    labels = None if images.labels is None else images.labels[rows]

    def inputs(chosen):
        values = scaled(real[chosen], trained.model.value_range)
        return (
            [values] if trained.model.num_classes is None else [values, labels[chosen]]
        )

    # A conditional discriminator is told the class: its features need not find it.
    compared = labels if trained.model.num_classes is None else None
    measured, columns = {}, []
    for name, network in networks.items():
        set_statistics(network, inputs(slice(_STATISTICS_BATCH)))
        peaks, places = strongest(network, inputs, len(rows), name)
        measured[name] = {
            "kurtosis": kurtosis(peaks),
            "between_classes": (
                None if compared is None else share_between_classes(peaks, compared)
            ),
        }
        fields = receptive_fields(network)
        blocks = []
        for feature in range(min(options.features, peaks.shape[1])):
            top = peaks[:, feature].argsort(kind="stable")[::-1][: options.patches]
            units = np.column_stack([places[top, feature], np.full(len(top), feature)])
            gradients = _visible(guided_gradients(network, inputs(top), units))
            seen = images_over_white(real[top]), gradients[..., :3]
            both = [crop(x, fields, units) for x in seen]
            sheet = pictures.sheet(np.concatenate(both), len(top))
            blocks.append(pictures.hstack((f"feature {feature}", sheet)))
        title = "trained" if name == "trained" else "random filters"
        columns.append((title, pictures.vstack(*blocks)))
    return Outcome(
        "guided-backprop",
        _summary(measured),
        pictures.hstack(*columns),
        trained.discriminator_report(
            measured,
            None,
            options.seed,
            *_protocol(trained.model, network, len(rows)),
        ),
    )


def guided(network: keras.Model) -> keras.Model:
    """Returns a copy of a network up to its last rectified feature maps.

    Gradients of the copy are guided. After one call with `training=True` its batch norm
    has the statistics of that batch (`set_statistics`).

    Args:
        network: functional model with `ReLU` or `LeakyReLU` layers after convolutions.

    Returns:
        Model from a list of the same inputs to float [batch, height, width, features].

    Raises:
        InputError: where it has no rectified feature maps.
    """

    def copied(layer):
        if isinstance(layer, _RECTIFIERS):
            return _GuidedRectifier(layer)
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            config["momentum"] = 0.0
        return type(layer).from_config(config)

    copy = keras.models.clone_model(network, clone_function=copied)
    copy.set_weights(network.get_weights())
    maps = [
        layer.output
        for layer in copy.layers
        if isinstance(layer, _GuidedRectifier) and len(layer.output.shape) == 4
    ]
    if not maps:
        raise InputError(
            "the run's discriminator has no convolutional layer, which this experiment "
            "needs. Name a run of a DCGAN recipe, such as digits."
        )
    return keras.Model(copy.inputs, maps[-1])


class _GuidedRectifier(keras.layers.Layer):
    """A rectifier whose gradient passes where it and the activation are positive."""

    def __init__(self, rectifier):
        super().__init__(dtype=rectifier.dtype_policy)
        self.rectifier = rectifier

    def call(self, inputs):
        @tf.custom_gradient
        def rectify(x):
            def guide(gradient):
                passes = (x > 0) & (gradient > 0)
                return tf.where(passes, gradient, tf.zeros_like(gradient))

            return self.rectifier(x), guide

        return rectify(inputs)


def set_statistics(network: keras.Model, inputs: list[np.ndarray]) -> None:
    """Gives batch norm in a model of `guided` the statistics of these inputs."""
    network(_tensors(inputs), training=True)


def strongest(
    network: keras.Model,
    inputs: Callable[[slice], list[np.ndarray]],
    count: int,
    name: str = "",
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the strongest activation of each feature in each image, and its place.

    Args:
        network: made by `guided`.
        inputs: function from rows to arrays, the network's inputs for these images.
        count: number of images.
        name: for the progress bar.

    Returns:
        float32 [count, features] and int [count, features, 2], row and column.
    """
    peaks, places = [], []
    for start in tqdm(range(0, count, _BATCH), f"{name} features", disable=None):
        batch = _tensors(inputs(slice(start, start + _BATCH)))
        maps = tf.cast(network(batch, training=False), "float32").numpy()
        units = maps.reshape(len(maps), -1, maps.shape[-1])
        place = units.argmax(axis=1)
        peaks.append(np.take_along_axis(units, place[:, None], axis=1)[:, 0])
        places.append(np.stack(np.unravel_index(place, maps.shape[1:3]), axis=-1))
    return np.concatenate(peaks), np.concatenate(places)


def guided_gradients(
    network: keras.Model, inputs: list[np.ndarray], units: np.ndarray
) -> np.ndarray:
    """Returns the guided gradient of one activation in each image.

    Args:
        network: made by `guided`.
        inputs: a list of images, float [N, H, W, C], and labels where it takes them.
        units: int [N, 3], row, column and feature of the activation in each image.

    Returns:
        float32 [N, H, W, C].
    """
    image, *labels = _tensors(inputs)
    with tf.GradientTape() as tape:
        tape.watch(image)
        maps = network([image, *labels], training=False)
        # Without batch statistics no image has a share in another's activation.
        chosen = tf.gather_nd(maps, units, batch_dims=1)
    return tape.gradient(chosen, image).numpy()


class Field(NamedTuple):
    """Receptive fields along one axis, in pixels.

    Unit i sees `size` pixels from `start + i * step` on; some may lie in the padding.

    Example:

    ```python
    from keras_gan.experiments.guided_backprop import receptive_fields

    rows, columns = receptive_fields(gan.discriminator)
    print(f"each unit sees {rows.size}x{columns.size} pixels, {rows.step} apart")
    ```
    """

    start: int
    step: int
    size: int


def receptive_fields(network: keras.Model) -> tuple[Field, Field]:
    """Returns the receptive fields of a chain of convolutions, rows and columns."""
    return _receptive_field(network, 0), _receptive_field(network, 1)


def _receptive_field(network, axis):
    start, step, size = 0, 1, 1
    for layer in network.layers:
        wrapped = isinstance(layer, keras.layers.Wrapper)
        convolution = layer.layer if wrapped else layer
        if not isinstance(convolution, keras.layers.Conv2D):
            continue
        kernel, stride = convolution.kernel_size[axis], convolution.strides[axis]
        pixels, units = layer.input.shape[1 + axis], layer.output.shape[1 + axis]
        # TensorFlow's "same" puts the smaller half of the padding first.
        padding = max((units - 1) * stride + kernel - pixels, 0) // 2
        start -= padding * step
        size += (kernel - 1) * step
        step *= stride
    return Field(start, step, size)


def crop(
    images: np.ndarray, fields: tuple[Field, Field], units: np.ndarray
) -> np.ndarray:
    """Returns the receptive field of one unit in each image; what is outside is grey.

    Args:
        images: uint8 [N, H, W, C].
        fields: as of `receptive_fields`.
        units: int [N, 2 or more], row and column first.

    Returns:
        uint8 [N, size, size, C].
    """
    rows, columns = fields
    border = [(0, 0), (rows.size, rows.size), (columns.size, columns.size), (0, 0)]
    padded = np.pad(images, border, constant_values=_GREY)
    patches = []
    for image, (row, column, *_) in zip(padded, units, strict=True):
        y = rows.size + rows.start + row * rows.step
        x = columns.size + columns.start + column * columns.step
        patches.append(image[y : y + rows.size, x : x + columns.size])
    return np.stack(patches)


def kurtosis(peaks: np.ndarray) -> float | None:
    """Returns the excess kurtosis of a feature's strongest activations over images.

    High where few images move a feature far; 0 for normally distributed activations.

    Args:
        peaks: float [images, features].

    Returns:
        The mean over features that are not the same for all images; None without any.
    """
    varying = _varying(peaks)
    return float(stats.kurtosis(varying, axis=0).mean()) if varying.size else None


def share_between_classes(peaks: np.ndarray, labels: np.ndarray) -> float | None:
    """Returns how much of the variance of activations lies between classes (eta^2).

    Args:
        peaks: float [images, features].
        labels: int [images].

    Returns:
        In [0, 1], the mean over features that are not the same for all images; None
        without any.
    """
    varying = _varying(peaks)
    if not varying.size:
        return None
    classes, sizes = np.unique(labels, return_counts=True)
    means = np.stack([varying[labels == each].mean(axis=0) for each in classes])
    between = sizes @ (means - varying.mean(axis=0)) ** 2 / len(labels)
    return float((between / varying.var(axis=0)).mean())


def _varying(peaks):
    peaks = peaks.astype("float64")
    return peaks[:, np.ptp(peaks, axis=0) > 0]


def _tensors(arrays):
    return [tf.convert_to_tensor(array) for array in arrays]


def _visible(gradients):
    """Gradients as uint8 around grey, each image by its own greatest one."""
    greatest = np.abs(gradients).max(axis=(1, 2, 3), keepdims=True)
    scaled = gradients / np.where(greatest > 0, greatest, 1)
    return np.rint(_GREY + 127 * scaled).astype("uint8")


def _summary(measured):
    parts = []
    if measured["trained"]["between_classes"] is not None:
        parts.append(
            "variance of activations between classes "
            + _both(measured, "between_classes", "{:.1%}")
        )
    parts.append("kurtosis of activations " + _both(measured, "kurtosis", "{:.2f}"))
    return "; ".join(parts)


def _both(measured, name, form):
    values = (measured[which][name] for which in ("trained", "random"))
    one, other = ("none" if v is None else form.format(v) for v in values)
    return f"{one} trained, {other} random"


def _protocol(gan, network, count):
    rows, columns = receptive_fields(network)
    normalized = any(
        isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers
    )
    statistics = f"statistics of {min(count, _STATISTICS_BATCH)} of these images"
    return [
        f"strongest activation of each of {network.output_shape[-1]} features in each "
        "image, after the rectifier of the discriminator's last convolutional layer",
        f"receptive field {rows.size}x{columns.size} pixels",
        f"{count} training images",
        *(["each with its own class"] if gan.num_classes is not None else []),
        "random filters are the weights that the run began with",
        f"{statistics} in both batch norms" if normalized else "no batch norm",
    ]
