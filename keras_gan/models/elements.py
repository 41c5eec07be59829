"""The elements of a batch: what each must be, checked before and during training."""

import dataclasses
import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from keras_gan.errors import InputError
from keras_gan.pixels import PixelRange

# One integer for all rows or one for each row; None takes the classes in turn.
Labels: TypeAlias = int | Sequence[int] | np.ndarray | None

# Later than any step.
_NEVER = 2**62


@dataclasses.dataclass(frozen=True)
class ImageElement:
    """Floats of one shape, such as images.

    Args:
        shape: of one image; None stands for a side of any length.
        pixels: the range of its values; None accepts all finite values.
        multiple: a side of any length must be a multiple of it.

    Example:

    ```python
    import numpy as np
    from keras_gan.models.elements import ImageElement
    from keras_gan.pixels import PixelRange

    photo = ImageElement((8, 8, 3), PixelRange(-1, 1))
    photo.check("image", np.linspace(-1, 1, 384, dtype="float32").reshape(2, 8, 8, 3))
    ```
    """

    shape: tuple[int | None, ...]
    pixels: PixelRange | None = None
    multiple: int = 1
    dtype = "float32"

    def check_kind(self, name: str, part: tf.Tensor | np.ndarray) -> None:
        """Raises InputError if a part of a batch has another dtype or shape."""
        shape = tuple(part.shape[1:])
        divisible = all(
            # A data set may have a side whose length shows in the batch alone.
            side is not None or given is None or given % self.multiple == 0
            for side, given in zip(self.shape, shape, strict=False)
        )
        if not (self.fits(shape) and divisible and _dtype(part).is_floating):
            free = None in self.shape and self.multiple > 1
            raise InputError(
                f"the {name} of a batch has dtype {_dtype(part).name} and shape "
                f"{shape}; the networks take floats of shape {self.shape}"
                f"{f', each None a multiple of {self.multiple}' if free else ''}."
            )

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Returns whether pictures of the model may have a shape.

        A batch of `fit` must be of a multiple too, to which pictures are filled up.
        """
        return len(shape) == len(self.shape) and all(
            side in (None, given) for side, given in zip(self.shape, shape, strict=True)
        )

    def check(
        self,
        name: str,
        values: tf.Tensor | np.ndarray,
        scaled_to: tuple[float, float] | None = None,
    ) -> None:
        """Raises InputError for values that the networks do not take.

        Args:
            name: of the element.
            values: floats [batch, *shape] as an array or tensor; at least one row.
            scaled_to: (low, high) if the data says to what it was scaled.
        """
        values = np.asarray(values)
        lowest, highest = float(values.min()), float(values.max())
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            raise InputError(
                f"the first batch holds NaN or infinite values ({name}). Only finite "
                "ones are accepted."
            )
        if self.pixels is None:
            return
        low, high = self.pixels.low, self.pixels.high
        slack = self.pixels.level
        outside = lowest < low - slack or highest > high + slack
        # Images in [0, 1] also lie within [-1, 1], where they would all be grey.
        wider = low <= 0 and high >= 1 and high - low > 1
        shifted = wider and lowest >= -slack and highest <= 1 + slack
        if scaled_to is not None:
            shifted = tuple(scaled_to) != (low, high)
        if outside or shifted:
            pale = ""
            if not outside and scaled_to is None:
                pale = (
                    " If they are scaled and only pale, say so: give fit a data set, "
                    f"and set its attribute value_range = ({low:g}, {high:g})."
                )
            raise InputError(
                f"the first batch has values from {lowest:g} to {highest:g} ({name}). "
                f"The networks take [{low:g}, {high:g}]: scale the data to that, let "
                "keras_gan.datasets do it, or build the model with another value_range."
                f"{pale}"
            )

    def accepts(self, values: tf.Tensor) -> tf.Tensor:
        """Returns whether all values are accepted, a bool [], in a graph."""
        if self.pixels is None:
            return tf.reduce_all(tf.math.is_finite(values))
        low, high = self.pixels.low, self.pixels.high
        # Interpolation and rounding go one level too far, and no picture shows it.
        middle, reach = (low + high) / 2, (high - low) / 2 + self.pixels.level
        # NaN is not below any number.
        return tf.reduce_all(tf.abs(values - middle if middle else values) <= reach)

    @property
    def fault(self) -> str:
        """What a batch holds that is not accepted."""
        if self.pixels is None:
            return "NaN or infinite values"
        return f"NaN, or values outside [{self.pixels.low:g}, {self.pixels.high:g}]"


@dataclasses.dataclass(frozen=True)
class LabelElement:
    """Classes, integers from 0 on, one for each row of a batch.

    Args:
        num_classes: number of classes.

    Example:

    ```python
    from keras_gan.models.elements import LabelElement

    digits = LabelElement(10)
    assert digits.checked(7, count=2).tolist() == [7, 7]
    assert digits.checked(None, count=3).tolist() == [0, 1, 2]
    ```
    """

    num_classes: int
    dtype = "int64"

    def check_kind(self, name: str, part: tf.Tensor | np.ndarray) -> None:
        """Raises InputError if a part of a batch has another dtype or shape."""
        if not _dtype(part).is_integer or len(part.shape) != 1:
            raise InputError(
                f"the {name} of a batch has dtype {_dtype(part).name} and shape "
                f"{tuple(part.shape)}; labels are integers, one for each image."
            )

    def check(
        self,
        name: str,
        values: tf.Tensor | np.ndarray,
        scaled_to: tuple[float, float] | None = None,
    ) -> None:
        """Raises InputError for labels outside the classes."""
        self.checked(values, len(values))

    def checked(self, labels: Labels, count: int) -> np.ndarray:
        """Returns labels, int64 [count].

        Args:
            labels: one integer for all rows or one for each row; None takes the classes
                in turn.
            count: rows.

        Raises:
            InputError: for anything else.
        """
        if labels is None:
            labels = np.arange(count) % self.num_classes
        accepted = f"Give one integer, or one for each of the {count} images."
        try:
            labels = np.asarray(labels)
        except ValueError:  # rows of several lengths
            raise InputError(f"labels are {reprlib.repr(labels)}. {accepted}") from None
        if labels.dtype.kind not in "iu" or labels.shape not in ((), (count,)):
            raise InputError(
                f"labels have dtype {labels.dtype} and shape {labels.shape}. {accepted}"
            )
        if labels.min() < 0 or labels.max() >= self.num_classes:
            raise InputError(
                f"labels go from {labels.min()} to {labels.max()}. The classes are 0 "
                f"to {self.num_classes - 1}."
            )
        return np.broadcast_to(labels, (count,)).astype("int64")

    def accepts(self, labels: tf.Tensor) -> tf.Tensor:
        """Returns whether all labels are accepted, a bool [], in a graph."""
        return tf.reduce_all((labels >= 0) & (labels < self.num_classes))

    @property
    def fault(self) -> str:
        """What a batch holds that is not accepted."""
        return f"labels outside 0 to {self.num_classes - 1}"


class BatchWatch:
    """Notes on the device which batch was the first that the model does not take.

    Args:
        strategy: of the model; each replica notes what it sees.
        elements: name -> element of a batch.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan.models.elements import BatchWatch, LabelElement

    watch = BatchWatch(tf.distribute.get_strategy(), {"label": LabelElement(10)})
    watch.see({"label": tf.constant([0, 10], "int64")}, step=tf.constant(7, "int64"))
    assert watch.fault() == "the batch of step 7 held labels outside 0 to 9 (label)"
    ```
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        elements: Mapping[str, ImageElement | LabelElement],
    ):
        self._strategy = strategy
        self._elements = dict(elements)
        # The step of the first fault of each element, and the smallest batch.
        self._nothing = [_NEVER] * (len(self._elements) + 1)
        with strategy.scope():
            self._notes = tf.Variable(
                self._nothing,
                dtype="int64",
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.NONE,
            )

    def see(self, batch: Mapping[str, tf.Tensor], step: tf.Tensor) -> None:
        """Looks at one batch, in the graph of a training step.

        Args:
            batch: name -> tensor of each element.
            step: int64, of the batch.
        """
        faulty = [
            tf.logical_not(element.accepts(batch[name]))
            for name, element in self._elements.items()
        ]
        steps = tf.where(tf.stack(faulty), step, _NEVER)
        rows = tf.shape(next(iter(batch.values())), "int64")[0]
        notes = tf.concat([steps, [rows]], axis=0)
        self._notes.assign(tf.minimum(self._notes, notes))

    def clear(self) -> None:
        """Forgets what it has seen."""
        for notes in self._strategy.experimental_local_results(self._notes):
            notes.assign(self._nothing)

    def fault(self) -> str | None:
        """Says what was wrong since `clear`, and forgets it; None if nothing was.

        It waits for the device once.
        """
        results = self._strategy.experimental_local_results(self._notes)
        notes = np.array([result.numpy() for result in results])
        self.clear()
        *first, _ = notes.min(axis=0)
        for (name, element), step in zip(self._elements.items(), first, strict=True):
            if step < _NEVER:
                return f"the batch of step {step} held {element.fault} ({name})"
        sizes = sorted(set(notes[:, -1]))
        if len(sizes) > 1:
            counts = " and ".join(map(str, sizes))
            return f"replicas have seen batches of {counts} rows, not of one size"
        return None

    def require_sound(self) -> None:
        """Checks that all batches since `clear` were what the model takes.

        Raises:
            InputError: if one was not.
        """
        fault = self.fault()
        if fault:
            raise InputError(
                f"{fault}, and training has seen it; correct the data and train again "
                "from before that step."
            )


def _dtype(part):
    return tf.as_dtype(getattr(part.dtype, "name", part.dtype))
