"""Images in one array, and training batches gathered from it by index."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_gan import checks
from keras_gan.datasets import shuffling, storage
from keras_gan.datasets.jitter import Jitter
from keras_gan.errors import InputError
from keras_gan.pixels import PixelRange


@dataclasses.dataclass(frozen=True)
class Images:
    """A set of images, or of vectors, in memory or in a memory-mapped file.

    Args:
        array: uint8 [N, H, W, C], or float32 [N, D] for vectors.
        labels: int64 [N] in 0..num_classes-1, or None.
        class_names: one name per class, or None.
        skipped: (file, reason) of every file that could not be read.
        files: path of each image, relative to the folder of the source, or None.
        digests: digest of the pixels of each image, or None.
        levels: the values that became 0 and 255 if the source was not uint8, else None.
        summary: what the source holds and how it was read, or None.
        unlabelled: why there are no labels, or None.

    Example:

    ```python
    import numpy as np
    from keras_gan.datasets import Images

    rng = np.random.default_rng(0)
    images = Images(rng.integers(0, 256, (128, 8, 8, 1), "uint8"))
    assert images.steps_per_epoch(64) == 2
    gan.fit(images.batches(64, seed=1), epochs=1)
    ```
    """

    array: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] | None = None
    digests: tuple[str, ...] | None = None
    levels: tuple[float, float] | None = None
    summary: str | None = None
    unlabelled: str | None = None

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example: (H, W, C) or (D,)."""
        return self.array.shape[1:]

    @property
    def num_classes(self) -> int | None:
        """Number of classes, or None without labels."""
        if self.labels is None:
            return None
        return len(self.class_names or ()) or int(self.labels.max()) + 1

    def require_labels(self, asker: str = "labels=True") -> np.ndarray:
        """Return the labels.

        Args:
            asker: what needs them.

        Raises:
            InputError: if there are none; the message says why.
        """
        if self.labels is None:
            reason = self.unlabelled or "name a source with labels"
            raise InputError(
                f"{asker} needs labels, but these images have none: {reason}."
            )
        return self.labels

    def split(self, share: float, seed: int) -> tuple["Images", "Images"]:
        """Returns all but a share of the images, and that share, drawn at random.

        Args:
            share: of the images, in (0, 1).
            seed: decides which; the same seed draws the same.

        Raises:
            InputError: if a part would be empty.
        """
        held_out = round(share * len(self))
        if not 0 < held_out < len(self):
            raise InputError(
                f"A share of {share} of {len(self)} images leaves "
                f"{len(self) - held_out} and {held_out}; both must be at least 1."
            )
        drawn = np.random.default_rng(seed).permutation(len(self))
        return self.rows(np.sort(drawn[held_out:])), self.rows(
            np.sort(drawn[:held_out])
        )

    def rows(self, rows: np.ndarray) -> "Images":
        """Returns some of the images, without their files.

        Args:
            rows: which, in ascending order if the images are in a file.
        """
        array = np.take(
            self.array,
            rows,
            axis=0,
            # On disk if the budget says so; points are few.
            out=storage.allocate((len(rows), *self.shape))
            if self.array.dtype == np.uint8
            else None,
        )
        labels = None if self.labels is None else self.labels[rows]
        return dataclasses.replace(
            self, array=array, labels=labels, files=None, digests=None
        )

    def steps_per_epoch(self, batch_size: int) -> int:
        """Number of full batches in one pass over the images.

        Args:
            batch_size: images per batch, 1 to `len(self)`.

        Returns:
            The number; an incomplete last batch does not count.

        Raises:
            InputError: if a batch would need more images than there are.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size!r}. Use 1 or more.")
        if len(self) < batch_size:
            raise InputError(
                f"batch_size is {batch_size}, but there are only {len(self)} images. "
                f"Use at most {len(self)}."
            )
        return len(self) // batch_size

    def batches(
        self,
        batch_size: int,
        value_range: tuple[float, float] | None = (-1.0, 1.0),
        labels: bool = False,
        seed: int = 0,
        first_step: int | None = None,
        context: tf.distribute.InputContext | None = None,
        flip: bool = False,
    ) -> tf.data.Dataset:
        """Shuffled batches in which no image appears twice in an epoch.

        The order within an epoch is a permutation drawn from (seed, epoch) alone, so
        that training continues exactly from any step without a saved iterator.

        Args:
            batch_size: images per batch; an incomplete last batch is dropped.
            value_range: the values that 0 and 255 become; None for vectors, which stay
                as they are.
            labels: whether to yield (images, labels).
            seed: integer that decides the order.
            first_step: None for a dataset of one epoch, which has the next epoch's
                order each time it is iterated. A step, counted from 0, for an endless
                dataset that begins at that step.
            context: from `strategy.distribute_datasets_from_function`: the worker that
                reads the dataset, and the number of replicas. An element is then the
                part of one replica; the parts of all replicas make the same batches
                as on one device.
            flip: whether half of the images are mirrored, left to right, in
                each epoch others: a function of (seed, epoch, row).

        Returns:
            A dataset of float32 [batch_size, H, W, C] in `value_range`, or of tuples
            of such images and int64 [batch_size] labels. Its attribute `value_range`
            tells `GAN.fit` how the images were scaled: the pixels alone do not show it.

        Raises:
            InputError: if there are fewer images than one batch, if a batch cannot be
                divided among the replicas, if labels are asked for but missing, or if
                a value is out of range.
        """
        self.steps_per_epoch(batch_size)
        if value_range is None and self.array.dtype == np.uint8:
            raise InputError("value_range is None. Images need (low, high).")
        if value_range is not None:
            pixels = PixelRange(*checks.interval("value_range", value_range))
        if labels:
            self.require_labels()

        def change(images, *labels):
            if images.dtype == tf.uint8:
                images = pixels.to_float(images)
            return (images, *labels) if labels else images

        if flip and self.array.ndim != 4:
            raise InputError("flip is on and the data are points. Only images flip.")
        rows = shuffling.Rows(self._arrays(labels), seed, Jitter(flip=flip))
        dataset = shuffling.batches([rows], batch_size, change, first_step, context)
        dataset.value_range = value_range
        return dataset

    def evenly_spaced(self, most: int | None = None) -> np.ndarray:
        """Returns the numbers of some images, int64, in ascending order.

        Args:
            most: how many if there are more; None takes all.
        """
        count = min(len(self), most or len(self))
        return np.linspace(0, len(self) - 1, count).round().astype("int64")

    def in_order(
        self,
        batch_size: int,
        value_range: tuple[float, float] | None = (-1.0, 1.0),
        labels: bool = False,
        most: int | None = None,
    ) -> tf.data.Dataset:
        """Returns each image once, in batches of which the last may be smaller.

        Args:
            batch_size, value_range, labels: as of `batches`.
            most: takes this many images, evenly spaced, if there are more.
        """
        rows = self.evenly_spaced(most)

        def change(images, *labels):
            if value_range is not None:
                images = PixelRange(*value_range).to_float(images)
            return (images, *labels) if labels else images

        parts = [(array, rows) for array in self._arrays(labels)]
        dataset = shuffling.in_order(parts, batch_size, change)
        dataset.value_range = value_range
        return dataset

    def _arrays(self, labels):
        return [self.array, self.require_labels()] if labels else [self.array]
