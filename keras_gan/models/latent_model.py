"""What every model with a prior has: images from latent vectors."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, seeding, serving
from keras_gan.errors import Diverged, InputError
from keras_gan.latents import Prior
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement, LabelElement, Labels
from keras_gan.pixels import PixelRange

MOST_LATENT = 2**16  # dimensions; more are a slip of the pen
_ROWS = 256  # images that a network makes at a time


class LatentModel(GenerativeModel):
    """The base of families that make images from latent vectors of a prior.

    A family names the network that makes them in `images_from`, and its constructor
    sets `image_shape`. If that network has an average, images come from the average.

    Args:
        latent_dim: size of the latent vector.
        latent_distribution: "normal" (mean 0, variance 1) or "uniform".
        latent_bounds: (low, high) of the uniform distribution.
        value_range: (low, high) of the values of images, or None for any values.
        num_classes: number of classes of a conditional model; labels are integers from
            0 to num_classes - 1.
        seed: decides every latent vector that training draws.
        **kwargs: of `keras.Model`.

    Raises:
        InputError: for a value that is not accepted.

    Example: a model that is not trained.

    ```python
    import keras
    from keras_gan.models.latent_model import LatentModel


    class Painter(LatentModel):
        images_from = "painter"

        def __init__(self, painter, latent_dim, **kwargs):
            super().__init__(latent_dim, **kwargs)
            self.painter = painter
            self.image_shape = painter.output_shape[1:]

        def networks(self):
            return {"painter": self.painter}


    layers = [keras.Input((2,)), keras.layers.Dense(48, "tanh")]
    painter = keras.Sequential([*layers, keras.layers.Reshape((4, 4, 3))])
    model = Painter(painter, latent_dim=2, seed=1)
    assert model.generate(5, seed=1).shape == (5, 4, 4, 3)
    ```
    """

    outputs: ClassVar[dict[str, str]] = {"sample": "image"}
    # Name of the network from latent vectors to images.
    images_from: ClassVar[str] = "generator"
    image_shape: tuple[int, ...]

    def __init__(
        self,
        latent_dim: int,
        latent_distribution: str = "normal",
        latent_bounds: tuple[float, float] = (-1.0, 1.0),
        value_range: tuple[float, float] | None = (-1.0, 1.0),
        num_classes: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.latent_dim = checks.whole_number("latent_dim", latent_dim, 1, MOST_LATENT)
        self.latent_distribution = latent_distribution
        self.latent_bounds = checks.interval("latent_bounds", latent_bounds)
        self.prior = Prior(self.latent_dim, latent_distribution, self.latent_bounds)
        self.value_range = self.pixels = None
        if value_range is not None:
            self.value_range = checks.interval("value_range", value_range)
            self.pixels = PixelRange(*self.value_range)
        self.num_classes = self.labels = None
        if num_classes is not None:
            self.num_classes = checks.whole_number("num_classes", num_classes, 1)
            self.labels = LabelElement(self.num_classes)
        # Layer by layer, a few small images would take three times as long.
        self._images_of = tf.function(images_of, autograph=False, reduce_retracing=True)

    def example_inputs(self) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Returns a latent vector [1, latent_dim], and a label [1] or None.

        They are what a network is run with to make its weights.
        """
        latent = np.linspace(-1, 1, self.latent_dim, dtype="float32")[np.newaxis]
        label = None if self.num_classes is None else tf.zeros([1], "int64")
        return tf.constant(latent), label

    @property
    def elements(self) -> dict[str, ImageElement | LabelElement]:
        """What a batch of `fit` holds: images, and labels of a conditional model."""
        image = ImageElement(self.image_shape, self.pixels)
        if self.labels is None:
            return {"image": image}
        return {"image": image, "label": self.labels}

    # A method, since Keras saves a network under the first attribute that has it.
    def inference_network(self) -> keras.Model:
        """Returns the network that images come from: the average if there is one."""
        networks = self.networks()
        return networks.get(f"averaged_{self.images_from}", networks[self.images_from])

    @property
    def sampling_note(self) -> str:
        network = self.inference_network()
        averaged = network is not self.networks()[self.images_from]
        name = self.images_from
        # Moving averages: an image must not depend on its neighbours in the batch.
        moving = "moving_mean" in {weight.name for weight in network.weights}
        return (
            f"{f'averaged {name}' if averaged else f'{name} as trained'}, "
            f"{'moving averages in' if moving else 'no'} batch norm"
        )

    def call(
        self, inputs: tf.Tensor | list[tf.Tensor], training: bool = False
    ) -> tf.Tensor:
        """Returns images, float32 [batch, *image_shape] in `value_range`.

        Args:
            inputs: latent, float32 [batch, latent_dim]; or `[latent, label]`.
            training: True runs the network being trained, with batch statistics; False
                the `inference_network`.
        """
        trained = self.networks()[self.images_from]
        network = trained if training else self.inference_network()
        return _image(network(inputs, training=training))

    def sample_latent(self, count: int, seed: int | None = None) -> tf.Tensor:
        """Returns latent vectors, float32 [count, latent_dim].

        Args:
            count: how many, at least 1.
            seed: int; the same seed gives the same vectors. Without one each call
                gives others, in a sequence that the model's own seed decides.

        Raises:
            InputError: for a count below 1, or a seed that is no 64-bit integer.
        """
        count = checks.whole_number("count", count, 1, 2**31 - 1)
        if seed is None:
            seed = seeding.draw(self._rng)
        seed = checks.whole_number("seed", seed, -(2**63))
        # Training counts its draws from 0 up, so -1 is never one of them.
        return self.prior.draw(count, tf.constant([seed, -1], "int64"))

    def _truncated_latent(self, count, seed, truncation):
        return self.prior.truncated(self.sample_latent(count, seed), truncation)

    def generate(
        self,
        count: int,
        seed: int | None = None,
        labels: Labels = None,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Returns generated images.

        Args:
            count, seed: as of `sample_latent`.
            labels: of a conditional model, one integer for all or one for each image;
                None takes the classes in turn.
            truncation: largest distance of each latent number from the centre of the
                prior, in standard deviations (normal) or half widths (uniform), such
                as 0.7; 0 gives the centre, None all of the prior. Samples of a smaller
                one are more alike, and often look better. Exports mean the same by it.

        Returns:
            uint8 [count, *image_shape], 0 to 255; float32 if `value_range` is None.

        Raises:
            InputError: as `sample_latent`, for labels that the model does not have, or
                for a truncation below 0.
            Diverged: if a value is NaN or infinite.
        """
        return self.render(self._truncated_latent(count, seed, truncation), labels)

    def render(
        self, latent: tf.Tensor | np.ndarray | Sequence, labels: Labels = None
    ) -> np.ndarray:
        """Returns the images of given latent vectors.

        Args:
            latent: finite numbers [count, latent_dim]: a tensor, an array or lists.
            labels, returns, raises: as `generate`.
        """
        # A tensor, as Keras takes no array beside that of the labels.
        latent = tf.constant(self.prior.checked(latent))
        classes = self._checked_labels(labels, len(latent))
        network, parts = self.inference_network(), []
        for start in range(0, len(latent), _ROWS):
            rows = slice(start, start + _ROWS)
            label = None if classes is None else tf.constant(classes[rows])
            values = self._images_of(network, latent[rows], label, training=False)
            values = values.numpy()
            if not np.isfinite(values).all():
                raise Diverged("the network makes NaN or infinite values.")
            # Now, as floats of all images would take four times the room.
            parts.append(
                values if self.pixels is None else self.pixels.to_uint8(values)
            )
        return np.concatenate(parts)

    def _checked_labels(self, labels: Labels, count: int) -> np.ndarray | None:
        """Returns labels, int64 [count], or None for a model without classes."""
        if self.labels is not None:
            return self.labels.checked(labels, count)
        if labels is not None:
            raise InputError(
                "labels were given to a model without classes; build it with "
                "num_classes to use them."
            )
        return None

    def samples(
        self,
        count: int,
        seed: int = 0,
        examples: Mapping | None = None,
        truncation: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Returns generated images under the title "sample"; see `GenerativeModel`.

        Args:
            count, seed: as of `GenerativeModel`.
            examples: as of `GenerativeModel`. Rows of one number in
                `examples["draw"]` have the same latent vector.
            truncation: as of `generate`.
        """
        examples = examples or {}
        labels, draw = examples.get("label"), examples.get("draw")
        if draw is None and truncation is None:
            return {"sample": self.generate(count, seed, labels)}
        rows = range(count) if draw is None else draw
        latent = self._truncated_latent(int(max(rows)) + 1, seed, truncation)
        return {"sample": self.render(np.asarray(latent)[rows], labels)}

    def signatures(
        self, networks: Mapping[str, keras.Model]
    ) -> dict[str, serving.Signature]:
        image = serving.image(self.image_shape, self.value_range)

        def network(inputs, training=False):
            return _image(networks[self.images_from](inputs, training=training))

        return serving.latent_to_image(network, self.prior, image, self.num_classes)

    def _unlike(self, other):
        yield from super()._unlike(other)
        mine, theirs = (one.prior.words for one in (self, other))
        if mine != theirs:
            yield f"its prior is {theirs}, here {mine}"

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> np.ndarray:
        """Returns the values of images as `keras.Model.predict` does.

        Args:
            x: latent vectors [count, latent_dim], or `[latent, label]`.

        Raises:
            InputError: for an array of anything else, such as images.
        """
        self._require_latent(x)
        return super().predict(x, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Returns the values of the images of one batch; see `predict`."""
        self._require_latent(x)
        return super().predict_on_batch(x)

    def _require_latent(self, x):
        parts = list(x) if isinstance(x, list | tuple) else [x]
        shape = getattr(parts[0], "shape", None)
        if shape is not None and tuple(shape[1:]) != (self.latent_dim,):
            raise InputError(
                f"predict was given the shape {tuple(shape)}; it takes latent vectors "
                f"(count, {self.latent_dim}). generate(count) makes images, and "
                "render(latent) those of given vectors."
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "latent_distribution": self.latent_distribution,
            "latent_bounds": self.latent_bounds,
            "value_range": self.value_range,
            "num_classes": self.num_classes,
        }


def images_of(
    network: keras.Model, latent: tf.Tensor, label: tf.Tensor | None, training: bool
) -> tf.Tensor:
    """Returns the images of latent vectors, float32 in any precision.

    They are the first output of a network that gives more, such as their scale.
    """
    made = _image(network(inputs_of(latent, label), training=training))
    return tf.cast(made, "float32")


def _image(outputs):
    return outputs[0] if isinstance(outputs, list | tuple) else outputs


def inputs_of(
    tensor: tf.Tensor, label: tf.Tensor | None
) -> tf.Tensor | list[tf.Tensor]:
    """Returns what a network takes: the tensor alone, or with the label."""
    return tensor if label is None else [tensor, label]
