"""Random changes of what a discriminator sees, by class or by name.

A user adds one by `AUGMENTATIONS["mine"] = Mine`, a subclass of `Augmentation` that
works without arguments.
"""

import numbers
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from keras_gan import seeding
from keras_gan.errors import InputError, did_you_mean

# Images in which an adaptive strength goes from 0 to 1, and updates of the
# discriminator between two changes of it (Karras et al. 2020, section 3.1).
IMAGES_TO_FULL = 500_000
UPDATES_TO_CHANGE = 4


class Augmentation:
    """A random change of images; each image has its own.

    A subclass defines `draws` and `changed`, and is registered with Keras so that a
    file of a model can hold it.

    Example: images are mirrored.

    ```python
    import keras
    import tensorflow as tf
    from keras_gan.augmentation import AUGMENTATIONS, Augmentation


    @keras.saving.register_keras_serializable("mine")
    class Mirror(Augmentation):
        draws = 1

        def changed(self, images, drawn, value_range):
            mirror = drawn[:, 0, None, None, None] < 0.5
            return tf.where(mirror, images[:, :, ::-1], images)


    AUGMENTATIONS["mirror"] = Mirror
    images = tf.random.uniform((4, 8, 8, 3))
    seen = Mirror()(images, seed=tf.constant([0, 1]), p=0.5, value_range=(0, 1))
    assert seen.shape == images.shape
    ```
    """

    # How many random numbers `changed` needs for each image.
    draws = 0

    def __call__(
        self,
        images: tf.Tensor,
        seed: tf.Tensor,
        p: float | tf.Tensor = 1.0,
        value_range: tuple[float, float] = (-1.0, 1.0),
    ) -> tf.Tensor:
        """Returns images of which some are changed. Gradients pass through.

        Args:
            images: float [batch, height, width, channels].
            seed: integers [2]; the same seed gives the same changes.
            p: probability, from 0 to 1, that an image is changed.
            value_range: (low, high) of the images.
        """
        drawn = seeding.uniform([tf.shape(images)[0], self.draws + 1], seed)
        changed = self.changed(images, drawn[:, 1:], value_range)
        return tf.where(drawn[:, 0, None, None, None] < p, changed, images)

    def changed(
        self, images: tf.Tensor, drawn: tf.Tensor, value_range: tuple[float, float]
    ) -> tf.Tensor:
        """Returns the images, all of them changed.

        Args:
            images: float [batch, height, width, channels].
            drawn: float32 [batch, draws] in [0, 1), which decide the changes.
            value_range: (low, high) of the images.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for a file."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Augmentation":
        """Returns the augmentation of a file."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_gan")
class Color(Augmentation):
    """Changes brightness, saturation and contrast; an alpha channel stays.

    Brightness changes by up to a quarter of the range of values. Saturation is
    multiplied by 0 to 2 and contrast by 0.5 to 1.5. Values may leave the range, as in
    the paper. Grey images have no saturation. Images of 2 and 4 channels have alpha.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan.augmentation import Color

    images = tf.random.uniform((4, 8, 8, 3), -1, 1)
    seen = Color()(images, seed=[0, 1])
    assert seen.shape == images.shape
    ```

    Source: Zhao et al. 2020, arXiv 2006.10738.
    """

    draws = 3

    def changed(
        self, images: tf.Tensor, drawn: tf.Tensor, value_range: tuple[float, float]
    ) -> tf.Tensor:
        low, high = value_range
        brightness, saturation, contrast = tf.unstack(
            tf.cast(drawn, images.dtype)[:, None, None], axis=-1
        )
        channels = images.shape[-1]
        alpha = 1 if channels in (2, 4) else 0
        color = images[..., : channels - alpha]
        color += (brightness - 0.5)[..., None] * ((high - low) / 2)
        if channels - alpha > 1:
            color = _about(color, (-1,), 2 * saturation)
        color = _about(color, (1, 2, 3), contrast + 0.5)
        return tf.concat([color, images[..., channels - alpha :]], -1)


def _about(images, axes, factor):
    """Returns the images with their distances from a mean multiplied."""
    mean = tf.reduce_mean(images, axes, keepdims=True)
    return (images - mean) * factor[..., None] + mean


@keras.saving.register_keras_serializable("keras_gan")
class Translation(Augmentation):
    """Moves images by whole pixels; the free border is the middle of the range.

    Args:
        fraction: largest move in each direction, as a fraction of height and width,
            0 to 0.5.

    Raises:
        InputError: for another fraction.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan.augmentation import Translation

    images = tf.random.uniform((4, 8, 8, 3), -1, 1)
    seen = Translation(0.25)(images, seed=[0, 1], p=0.5)
    assert seen.shape == images.shape
    ```

    Source: Zhao et al. 2020, arXiv 2006.10738, figure 4.
    """

    draws = 2

    def __init__(self, fraction: float = 0.125):
        if not 0 <= fraction <= 0.5:
            raise InputError(f"translation is {fraction}. Use a number from 0 to 0.5.")
        self.fraction = fraction

    def changed(
        self, images: tf.Tensor, drawn: tf.Tensor, value_range: tuple[float, float]
    ) -> tf.Tensor:
        middle = sum(value_range) / 2
        # The border is zero, so zero must be the middle.
        images = images - middle if middle else images
        images = translated(images, drawn, self.fraction)
        return images + middle if middle else images

    def get_config(self) -> dict[str, Any]:
        return {"fraction": self.fraction}


def translated(images: tf.Tensor, drawn: tf.Tensor, fraction: float) -> tf.Tensor:
    """Returns images that were moved by whole pixels; the free border is zero.

    Args:
        images: float [batch, height, width, channels].
        drawn: float32 [batch, 2] in [0, 1): the moves down and to the right.
        fraction: largest move in each direction, as a fraction of height and width.
    """
    for of_axis in tf.unstack(drawn, axis=1):
        images = tf.transpose(_moved(images, of_axis, fraction), (0, 2, 1, 3))
    return images


def _moved(images, drawn, fraction):
    """Returns the images moved along axis 1.

    It multiplies matrices, because XLA has no kernel for Keras's layer of random
    translation, and einsum takes three times as long.
    """
    _, size, width, channels = images.shape
    most = round(fraction * size)
    move = tf.cast(drawn * (2 * most + 1), "int32") - most
    # A place outside the image becomes a row of zeros.
    places = tf.range(size) + move[:, None]
    matrices = tf.one_hot(places, size, dtype=images.dtype)
    rows = tf.reshape(images, (-1, size, width * channels))
    moved = tf.matmul(matrices, rows)
    return tf.reshape(moved, (-1, size, width, channels))


@keras.saving.register_keras_serializable("keras_gan")
class Cutout(Augmentation):
    """Covers a rectangle around a random place by the middle of the range.

    Args:
        fraction: height and width of the rectangle, as a fraction of those of the
            image, above 0 and at most 1. Near a border less of it is inside.

    Raises:
        InputError: for another fraction.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan.augmentation import Cutout

    images = tf.random.uniform((4, 8, 8, 3), -1, 1)
    seen = Cutout(0.25)(images, seed=[0, 1])
    assert seen.shape == images.shape
    ```

    Source: Zhao et al. 2020, arXiv 2006.10738; DeVries and Taylor 2017, arXiv
    1708.04552.
    """

    draws = 2

    def __init__(self, fraction: float = 0.5):
        if not 0 < fraction <= 1:
            raise InputError(
                f"the fraction of cutout is {fraction}. Use a number above 0 and at "
                "most 1."
            )
        self.fraction = fraction

    def changed(
        self, images: tf.Tensor, drawn: tf.Tensor, value_range: tuple[float, float]
    ) -> tf.Tensor:
        height, width = images.shape[1:3]
        covered = tf.logical_and(
            self._covered(height, drawn[:, 0])[:, :, None, None],
            self._covered(width, drawn[:, 1])[:, None, :, None],
        )
        middle = tf.constant(sum(value_range) / 2, images.dtype)
        return tf.where(covered, middle, images)

    def _covered(self, size, drawn):
        """Returns which places along a side are covered, [batch, size]."""
        length = round(self.fraction * size)
        # The centre is any place, as in the authors' code.
        centre = tf.cast(drawn * (size + 1 - length % 2), "int32")
        first = (centre - length // 2)[:, None]
        places = tf.range(size)
        return tf.logical_and(places >= first, places < first + length)

    def get_config(self) -> dict[str, Any]:
        return {"fraction": self.fraction}


AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "color": Color,
    "translation": Translation,
    "cutout": Cutout,
}


def get(identifier: Any) -> tuple[Augmentation, ...]:
    """Returns augmentations, in the order in which they are applied.

    Args:
        identifier: names with commas between them, an `Augmentation`, a sequence of
            names and augmentations, or None, which is none.

    Raises:
        InputError: for an unknown name, or if one augmentation is given twice.
    """
    if identifier is None:
        return ()
    if isinstance(identifier, str):
        identifier = [name.strip() for name in identifier.split(",")]
    elif not isinstance(identifier, Iterable) or isinstance(identifier, dict):
        identifier = [identifier]
    found = tuple(map(_get, identifier))
    kinds = [type(one) for one in found]
    if len(set(kinds)) < len(kinds):
        raise InputError(
            f"augmentation is {identifier!r}, which names one twice. Name each once."
        )
    return found


def _get(identifier):
    if isinstance(identifier, Augmentation):
        return identifier
    if isinstance(identifier, str) and identifier in AUGMENTATIONS:
        return AUGMENTATIONS[identifier]()
    raise InputError(
        f"augmentation {identifier!r} is not known. Use some of: "
        f"{', '.join(AUGMENTATIONS)}, or an instance of "
        f"keras_gan.augmentation.Augmentation.{did_you_mean(identifier, AUGMENTATIONS)}"
    )


class DiscriminatorAugmentation:
    """What a `GAN` does to all images before its discriminator sees them in training.

    Args:
        identifier: as `get` takes it; None changes nothing.
        target: of the mean sign of D(x) on training images, -1 to 1, which an adaptive
            strength keeps; None always changes every image.

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan.augmentation import DiscriminatorAugmentation

    images = tf.random.uniform((4, 8, 8, 3), -1, 1)
    change = DiscriminatorAugmentation("color,cutout", target=0.6)
    seed = tf.constant([0, 1])
    seen = change(images, seed, p=0.5, value_range=(-1, 1))
    assert seen.shape == images.shape
    ```

    Source: Karras et al. 2020, arXiv 2006.06676, section 3.1.
    """

    def __init__(self, identifier: Any, target: float | None):
        self.members = get(identifier)
        self.target = None if target is None else checked_target(target)
        if target is not None and not self.members:
            raise InputError(
                f"augmentation_target is {target} and there is no augmentation; name "
                "one too."
            )

    def require_images(
        self, shape: tuple[int, ...], value_range: tuple[float, float] | None
    ) -> None:
        """Checks what the model makes.

        Raises:
            InputError: if it makes no images of a known range.
        """
        if self.members and (len(shape) != 3 or value_range is None):
            raise InputError(
                f"augmentation was given to a model of shape {shape} and value_range "
                f"{value_range}. It takes images (height, width, channels) with a "
                "value_range. Leave it out."
            )

    def __call__(
        self,
        images: tf.Tensor,
        seed: tf.Tensor,
        p: float | tf.Tensor,
        value_range: tuple[float, float],
    ) -> tf.Tensor:
        """Returns images as `Augmentation` does, changed by each member in turn."""
        first, index = tf.unstack(seed)
        for i, augmentation in enumerate(self.members):
            one = tf.stack([first, index * len(self.members) + i])
            images = augmentation(images, one, p, value_range)
        return images

    def adapted(
        self, p: tf.Tensor, signs: tf.Tensor, update: tf.Tensor, images: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the strength after an update of the discriminator, and what is left.

        Args:
            p: strength before it.
            signs: sum of the mean signs of D(x) since p changed, with this update's.
            update: number of the update, from 0.
            images: training images of an update, on all replicas.
        """
        mean = signs / UPDATES_TO_CHANGE
        change = tf.cast(images, "float32") * (UPDATES_TO_CHANGE / IMAGES_TO_FULL)
        later = tf.clip_by_value(p + tf.sign(mean - self.target) * change, 0.0, 1.0)
        due = tf.equal(update % UPDATES_TO_CHANGE, UPDATES_TO_CHANGE - 1)
        return tf.where(due, later, p), tf.where(due, tf.zeros_like(signs), signs)


def checked_target(target: Any) -> float:
    """Returns the target of an adaptive strength.

    Raises:
        InputError: if it is no number between -1 and 1.
    """
    if not isinstance(target, numbers.Real) or not -1 < float(target) < 1:
        raise InputError(
            f"augmentation_target is {target!r}; it must be between -1 and 1, such as "
            "0.6."
        )
    return float(target)
