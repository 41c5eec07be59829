"""A network that learns to read the classes of pixels from pictures."""

from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from keras_gan import seeding, tiling
from keras_gan.evaluators.palette import Palette
from keras_gan.settings import keras_defaults

_SEED = 0
_STEPS = 1000
_BATCH_SIZE = 16
_SIDE = 64  # most pixels of the side of a training window
_LEARNING_RATE = 2e-3
_MULTIPLE = 4  # of the sides that the network takes


class Segmentation:
    """A small U-Net trained on pictures and the class of each of their pixels.

    The same pictures give the same network, up to rounding. Training takes some minutes
    on two cores, at most as long as for pictures of 64 pixels: it sees windows of that
    size of larger ones, 16 in each of 1,000 steps.

    Args:
        pictures: uint8 [N, H, W, C], with sides of 4 pixels or more.
        labels: uint8 [N, H, W, C]; the nearest colours in the palette are the classes.
        palette: the colours.
        steps: of training.

    Example:

    ```python
    import numpy as np
    from keras_gan.evaluators import Palette
    from keras_gan.evaluators.segmentation import Segmentation

    palette = Palette(((0, 0, 0), (255, 255, 255)))
    labels = np.random.default_rng(0).choice(np.uint8([0, 255]), (16, 8, 8, 1))
    network = Segmentation(255 - labels, labels, palette, steps=5)
    assert network.classes(255 - labels).shape == (16, 8, 8)
    ```
    """

    def __init__(
        self,
        pictures: np.ndarray,
        labels: np.ndarray,
        palette: Palette,
        steps: int = _STEPS,
    ):
        self._model = _network(pictures.shape[-1], len(palette))
        _train(self._model, pictures, labels, palette, steps)

    def classes(self, pictures: np.ndarray) -> np.ndarray:
        """Returns the most probable class of each pixel, int64 [N, H, W].

        Args:
            pictures: uint8 [N, H, W, C] of any height and width.
        """

        def logits(images):
            return keras.ops.convert_to_numpy(self._model(images, training=False))

        # Some at a time: logits take much more memory than classes.
        parts = range(0, len(pictures), _BATCH_SIZE)
        return np.concatenate(
            [
                tiling.apply(
                    logits, pictures[start : start + _BATCH_SIZE], multiple=_MULTIPLE
                ).argmax(axis=-1)
                for start in parts
            ]
        )


@keras_defaults()
def _network(channels, classes):
    """Returns the network, uint8 [B, H, W, C] to logits [B, H, W, classes]."""
    rng = np.random.default_rng(_SEED)

    def convolved(x, filters, strides=1):
        weights = keras.initializers.HeNormal(seed=seeding.draw(rng))
        x = keras.layers.Conv2D(
            filters, 3, strides, "same", use_bias=False, kernel_initializer=weights
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        return keras.layers.ReLU()(x)

    def joined(x, skip, filters):
        x = keras.layers.UpSampling2D(interpolation="nearest")(x)
        return convolved(keras.layers.Concatenate()([x, skip]), filters)

    images = keras.Input((None, None, channels), dtype="uint8")
    whole = convolved(keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images), 32)
    half = convolved(whole, 64, strides=2)
    quarter = convolved(convolved(half, 128, strides=2), 128)
    x = joined(joined(quarter, half, 64), whole, 32)
    weights = keras.initializers.HeNormal(seed=seeding.draw(rng))
    logits = keras.layers.Conv2D(classes, 1, kernel_initializer=weights)(x)
    return keras.Model(images, logits)


@keras_defaults()
def _train(model, pictures, labels, palette, steps):
    schedule: Any = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    model.compile(
        optimizer=keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    # Build the optimizer now, or Keras traces the step twice.
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(_SEED)
    sides = [
        min(_SIDE, length // _MULTIPLE * _MULTIPLE) for length in pictures.shape[1:3]
    ]
    rows: list[int] = []
    with tqdm(
        desc="training a segmentation network",
        total=steps,
        unit=" steps",
        disable=None,
        leave=False,
    ) as bar:
        for _ in range(steps):
            while len(rows) < _BATCH_SIZE:
                rows += rng.permutation(len(pictures)).tolist()
            chosen, rows = rows[:_BATCH_SIZE], rows[_BATCH_SIZE:]
            windows = [
                _window(rng, sides, pictures[row], labels[row]) for row in chosen
            ]
            shown, coloured = map(np.stack, zip(*windows, strict=True))
            model.train_on_batch(shown, palette.classes(coloured))
            bar.update()


def _window(rng, sides, *images):
    """Returns the same window of some images, mirrored in half of the cases."""
    free = np.subtract(images[0].shape[:2], sides) + 1
    top, left = rng.integers(free)
    step = -1 if rng.random() < 0.5 else 1
    return [
        image[top : top + sides[0], left : left + sides[1]][:, ::step]
        for image in images
    ]
