"""What every model has that turns images into images."""

import functools
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gan import checks, losses, serving, tiling
from keras_gan.errors import Diverged, InputError, listed
from keras_gan.models.averaging import Averaged
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange

# Between two runtimes, in parts of half the range of values; a level is 0.008. Means
# and variances of whole images add up many values: ResNet-6 reaches 2e-5 at 256 pixels.
_ROUNDING = 1e-4
_LARGEST_MULTIPLE = 1024  # pixels; no network halves its images more often


class Translator(Averaged, GenerativeModel):
    """The base of `Pix2Pix` and `CycleGAN`: networks from images to images.

    A family names the way that each of its generators goes in `ways`, and these
    generators in `averages`. If they have averages, images come from the averages.

    Args:
        value_range: (low, high) of the values of images on all sides.
        seed: decides all that training draws.
        **kwargs: of `keras.Model`.

    Raises:
        InputError: for a value that is not accepted.

    Example: a model that is not trained.

    ```python
    import keras
    import numpy as np
    from keras_gan.models.translator import Translator


    class Negative(Translator):
        ways = {"negative": ("photo", "generator")}
        averages = ("generator",)
        averaged_generator = None

        def __init__(self, generator, **kwargs):
            super().__init__(**kwargs)
            self.generator = generator

        def networks(self):
            return self.with_averages({"generator": self.generator})


    inverse = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(-1.0)])
    model = Negative(inverse, seed=1)
    white = np.full((2, 8, 8, 1), 255, "uint8")
    assert (model.translate(white) == 0).all()
    ```
    """

    # Element that is made -> (element that it is made from, name of the network).
    ways: ClassVar[dict[str, tuple[str, str]]]
    # Translating 64 pictures took more than a quarter of the time of CycleGAN's first
    # thousand steps.
    diagnosed_samples = 16

    def __init__(
        self,
        value_range: tuple[float, float] = (-1.0, 1.0),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(seed=seed, **kwargs)
        self.value_range = checks.interval("value_range", value_range)
        self.pixels = PixelRange(*self.value_range)
        self._translated = tf.function(_run, autograph=False, reduce_retracing=True)

    @property
    def elements(self) -> dict[str, ImageElement]:
        made = {name: self.networks()[net] for name, (_, net) in self.ways.items()}
        shapes = {name: network.output_shape for name, network in made.items()}
        for name, (source, _) in self.ways.items():
            shapes[source] = made[name].input_shape
        return {
            name: ImageElement(tuple(shapes[name][1:]), self.pixels, self.multiple)
            for name in sorted(shapes, key=self._order)
        }

    def _order(self, name):
        """Sources come before what is made of them."""
        sources = [source for source, _ in self.ways.values()]
        return sources.index(name) if name in sources else len(sources)

    @functools.cached_property
    def multiple(self) -> int:
        """What height and width of all images must be multiples of."""
        names = {network for _, network in self.ways.values()}
        return max(multiple_of(self.networks()[name]) for name in names)

    @functools.cached_property
    def least(self) -> int:
        """What height and width of all images must be at least."""
        names = {network for _, network in self.ways.values()}
        return max(least_of(self.networks()[name], self.multiple) for name in names)

    @property
    def directions(self) -> dict[str, tuple[str, keras.Model]]:
        """Element that is made -> (its source, the network that images come from)."""
        networks = self.networks()
        return {
            name: (source, networks.get(f"averaged_{net}", networks[net]))
            for name, (source, net) in self.ways.items()
        }

    @property
    def sampling_note(self) -> str:
        """How images come about, for the protocol of a measure."""
        kind = "averaged generator" if self._is_averaged() else "generator as trained"
        return f"{kind}, no dropout, statistics of each image in its norm layers"

    def average_inputs(self, name: str) -> tf.Tensor:
        shape = getattr(self, name).input_shape[1:]
        return tf.zeros([1, *(side or self.least for side in shape)])

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns the images of the first of `directions`; see `translate`."""
        _, network = next(iter(self.directions.values()))
        return network(inputs, training=training)

    # What it makes -------------------------------------------------------------

    def translate(
        self,
        images: np.ndarray,
        to: str | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> np.ndarray:
        """Returns the images that a generator makes of others.

        Images of any size: reflection fills them up to what the network takes, and is
        cut off again; very large ones are translated in overlapping tiles.

        Args:
            images: uint8 [count, height, width, channels], 0 to 255, or floats in
                `value_range`.
            to: one of `directions`; None takes the first.
            progress: called with the number of pixels that are finished since the last
                call, which add up to those of `images`.

        Returns:
            uint8 [count, height, width, channels of the target].

        Raises:
            InputError: for a direction that the model does not have, or other images.
            Diverged: if a value is NaN or infinite.
        """
        directions = self.directions
        to = checks.one_of("to", to or next(iter(directions)), [*directions])
        source, network = directions[to]
        values = self._checked_images(images, network.input_shape[1:], source)

        def made(batch):
            # Here, so that no whole picture becomes floats: it may fill the memory.
            if batch.dtype == np.uint8:
                batch = self.pixels.to_float(batch)
            images = self._translated(network, tf.constant(batch)).numpy()
            if not np.isfinite(images).all():
                raise Diverged("the network makes NaN or infinite values.")
            return self.pixels.to_uint8(images)

        size = network.input_shape[1:3]
        return tiling.apply(
            made,
            values,
            multiple=self.multiple,
            least=self.least,
            size=size,
            progress=progress,
        )

    def _checked_images(self, images, shape, name):
        """Returns images, uint8 or float32 in the model's range."""
        accepted = f"Use (count, height, width, {shape[2]})."
        try:
            images = np.asarray(images)
        except ValueError:  # rows of several lengths
            raise InputError(f"images are {reprlib.repr(images)}. {accepted}") from None
        if images.ndim != 4 or not images.size or images.shape[3] != shape[2]:
            raise InputError(f"images have the shape {images.shape}. {accepted}")
        if images.dtype == np.uint8:
            return images
        element = ImageElement((None, None, shape[2]), self.pixels)
        element.check_kind(name, images)
        element.check(name, images, self.value_range)
        return images.astype("float32")

    def signatures(
        self, networks: Mapping[str, keras.Model]
    ) -> dict[str, serving.Signature]:
        """One function for each of `ways`; the first is the default."""
        found: dict[str, serving.Signature] = {}
        for to, (_, name) in self.ways.items():
            network = networks[name]
            source, image = (
                serving.image(
                    *(tuple(shape[1:]), self.value_range, self.multiple, _ROUNDING),
                    least=least_of(network, self.multiple),
                )
                for shape in (network.input_shape, network.output_shape)
            )
            way = self.way_name(to)
            called = serving.DEFAULT if not found else way
            found |= serving.image_to_image(
                network, source, image, name=called, direction=way
            )
        return found

    def way_name(self, to: str) -> str:
        """Returns what one of `ways` is called in exports and measures: "b_to_a"."""
        return f"{self.ways[to][0]}_to_{to}"

    def export_facts(self) -> dict:
        return {**super().export_facts(), "sampling": self.sampling_note}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range}


def multiple_of(network: keras.Model) -> int:
    """Returns what the sides of images must be multiples of for a network of any size.

    That is the least power of two whose multiples keep their size. A network of a fixed
    size gives 1.

    Args:
        network: Keras model from images [batch, height, width, channels] to images.

    Raises:
        InputError: if no multiple keeps its size.
    """
    _, *sides, channels = network.input_shape
    if None not in sides:
        return 1
    multiple = 1
    while multiple <= _LARGEST_MULTIPLE:
        # Larger than the padding of any network, and odd multiples.
        height, width = (multiple * (2 * (32 // multiple) + n) for n in (3, 5))
        image = keras.KerasTensor((1, height, width, channels))
        try:
            made = network.compute_output_spec(image)
            same = tuple(made.shape[1:3]) == (height, width)
        except ValueError:  # two parts that do not fit together
            same = False
        if same:
            return multiple
        multiple *= 2
    raise InputError(
        f"the network {network.name} makes images of another size than it takes. It "
        "must keep height and width."
    )


def least_of(network: keras.Model, multiple: int) -> int:
    """Returns the least side of square images that a network of any size takes.

    A layer that extends its images by reflection needs some pixels. A network of a
    fixed size gives 1.

    Args:
        network: as of `multiple_of`.
        multiple: what it returned for this network, or a multiple of that.
    """
    _, *sides, channels = network.input_shape
    if None not in sides:
        return 1
    # Each reflection may ask for more than the one before it.
    for least in range(multiple, _LARGEST_MULTIPLE, multiple):
        try:
            network(tf.zeros([1, least, least, channels]), training=False)
        except ValueError:
            continue
        return least
    return multiple


def require_equal_channels(name: str, shapes: Mapping[str, tuple]) -> None:
    """Checks that networks have as many channels for the images that they share.

    Args:
        name: of the element.
        shapes: name of a network -> shape of a batch that it takes or makes.

    Raises:
        InputError: if they differ.
    """
    channels = {network: shape[-1] for network, shape in shapes.items()}
    if len({*channels.values()}) > 1:
        each = listed(f"{count} of {network}" for network, count in channels.items())
        raise InputError(
            f"the networks have images of {name} with different numbers of channels: "
            f"{each}. Build all of them for the same images."
        )


def judgement(objective: losses.Objective, logits: tf.Tensor) -> tf.Tensor:
    """Returns how real a discriminator finds images: 1 for real, 0 for fake.

    Args:
        objective: of the game. If its logit is log odds, the result is a probability;
            for other games it is the mean logit.
        logits: of any shape.
    """
    if objective.logit_is_log_odds:
        logits = tf.sigmoid(logits)
    return tf.reduce_mean(logits)


def _run(network, images):
    return tf.cast(network(images, training=False), "float32")
