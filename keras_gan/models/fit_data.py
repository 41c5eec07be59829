"""The data of `fit`: a look at what it gives first, and a watch over the rest."""

import itertools
import math
import types

import keras
import numpy as np
import tensorflow as tf

from keras_gan.errors import InputError

# Later than any step.
_NEVER = 2**62


def look(x, y=None, batch_size=None, steps_per_epoch=None):
    """Returns the data with nothing missing, and what was seen of it.

    Args:
        x: whatever `keras.Model.fit` takes.
        y: labels, where `x` is an array of images.
        batch_size, steps_per_epoch: as given to `fit`.

    Returns:
        The data to give to `fit`; a list of the batches looked at; the sizes that its
        batches are known to have, None where one is any size.

    Raises:
        InputError: where `fit` cannot take it, or it is empty.
    """
    if is_array(x):
        return x, *_look_at_arrays(x, y, batch_size, steps_per_epoch)
    if isinstance(x, keras.utils.PyDataset):
        count = x.num_batches
        batches = [x[i] for i in {0, (count or 1) - 1} if count != 0]
    elif isinstance(x, types.GeneratorType):
        batches = list(itertools.islice(x, 1))
        x = _batches(itertools.chain(batches, x))
    elif _is_iterable_data(x):
        iterator = iter(x.take(1) if isinstance(x, tf.data.Dataset) else x)
        batches = [_whole(batch) for batch in itertools.islice(iterator, 1)]
    else:
        raise InputError(
            f"the data is a {type(x).__name__}; fit takes an array of images, a "
            "tf.data.Dataset, a keras.utils.PyDataset or a generator of batches."
        )
    if not batches:
        raise InputError("the data set is empty; it must give one batch.")
    sizes = []
    if isinstance(x, tf.data.Dataset):
        sizes = [tf.nest.flatten(x.element_spec)[0].shape[0]]
    elif not isinstance(x, tf.distribute.DistributedDataset):
        sizes = [len(tf.nest.flatten(batch)[0]) for batch in batches]
    return x, batches, sizes


def _look_at_arrays(images, labels, batch_size, steps):
    if labels is not None and not is_array(labels):
        raise InputError(
            f"the labels are a {type(labels).__name__}; they must be an array of "
            "integers."
        )
    count = len(images) if len(images.shape) else 0
    size = batch_size or (math.ceil(count / steps) if steps else 32)
    # What does not fit into memory is not read twice.
    seen = images[:1024] if isinstance(images, np.memmap) else images
    batch = (seen, labels if labels is None else labels[: len(seen)])
    return [batch], [n for n in (min(size, count), count % size) if n]


def in_own_memory(data):
    """Returns data whose batches share no memory with arrays of the user.

    With several replicas TensorFlow computes in the memory of an array that Python code
    gave it (2.21), and so changes the user's images.

    Args:
        data: as `look` returns it.
    """
    if isinstance(data, keras.utils.PyDataset):
        return _Copies(data)
    if isinstance(data, types.GeneratorType):
        return (_copied(batch) for batch in data)
    return data


class _Copies(keras.utils.PyDataset):
    """The batches of another `PyDataset`, copied."""

    def __init__(self, data):
        super().__init__(data.workers, data.use_multiprocessing, data.max_queue_size)
        self._data = data

    @property
    def num_batches(self):
        return self._data.num_batches

    def __getitem__(self, index):
        return _copied(self._data[index])

    def on_epoch_begin(self):
        self._data.on_epoch_begin()

    def on_epoch_end(self):
        self._data.on_epoch_end()


def _copied(batch):
    return tf.nest.map_structure(
        lambda part: part.copy() if isinstance(part, np.ndarray) else part, batch
    )


def known_range(data) -> tuple[float, float] | None:
    """Returns the range that data says its images were scaled to, or None.

    Args:
        data: whatever `keras.Model.fit` takes. Its attribute `value_range` says so. A
            `tf.data.Dataset` that only takes, orders, repeats or keeps the elements of
            others has the range of those; a function, as of `map`, may have changed it.
    """
    stated = getattr(data, "value_range", None)
    if stated is not None:
        return tuple(stated)
    if not isinstance(data, tf.data.Dataset):
        return None
    # Private, but every data set of TensorFlow must have both.
    if data._functions():
        return None
    ranges = {known_range(source) for source in data._inputs()}
    return ranges.pop() if len(ranges) == 1 else None


def is_array(data) -> bool:
    """Whether data is all images at once, not batches of them."""
    return tf.is_tensor(data) or hasattr(data, "__array__")


def ends_unforeseen(data) -> bool:
    """Whether nobody knows how many batches data has before it has given all."""
    if isinstance(data, tf.data.Dataset | tf.distribute.DistributedDataset):
        count = data.cardinality
        return (count() if callable(count) else count) == tf.data.UNKNOWN_CARDINALITY
    return not (is_array(data) or isinstance(data, keras.utils.PyDataset))


def _is_iterable_data(data):
    """Whether it begins again each time that it is iterated."""
    kinds = tf.data.Dataset | tf.distribute.DistributedDataset
    loaders = ("torch.utils.data", "grain")
    return isinstance(data, kinds) or any(
        kind.__module__.startswith(loaders) for kind in type(data).__mro__
    )


def _batches(generator):
    """Gives the batches as tuples, the only form that Keras takes."""
    for batch in generator:
        if isinstance(batch, list):
            batch = tuple(batch)
        yield batch if isinstance(batch, tuple) else (batch,)


def _whole(batch):
    """Returns a batch whose parts lie on several replicas as one."""

    def joined(value):
        parts = getattr(value, "values", None)
        return tf.concat(parts, axis=0) if isinstance(parts, tuple) else value

    return tf.nest.map_structure(joined, batch)


class BatchWatch:
    """Notes on the device which batch was the first that the model does not take.

    Args:
        strategy: of the model; each replica notes what it sees.
        value_range: as of `GAN`; None accepts all finite values.
        num_classes: as of `GAN`.
    """

    def __init__(self, strategy, value_range, num_classes):
        self._strategy = strategy
        self._value_range = value_range
        self._num_classes = num_classes
        with strategy.scope():
            # Steps of the first faulty images and labels, and the smallest batch.
            self._notes = tf.Variable(
                [_NEVER] * 3,
                dtype="int64",
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.NONE,
            )

    def see(self, images, labels, step) -> None:
        """Looks at one batch, in the graph of a training step.

        Args:
            images: float32 [batch, ...].
            labels: integers [batch], or None.
            step: int64, of the batch.
        """
        faulty = [tf.logical_not(self._accepts(images)), False]
        if labels is not None:
            accepted = (labels >= 0) & (labels < self._num_classes)
            faulty[1] = tf.logical_not(tf.reduce_all(accepted))
        steps = tf.where(tf.stack(faulty), step, _NEVER)
        notes = tf.concat([steps, [tf.shape(images, "int64")[0]]], axis=0)
        self._notes.assign(tf.minimum(self._notes, notes))

    def _accepts(self, images):
        if self._value_range is None:
            return tf.reduce_all(tf.math.is_finite(images))
        low, high = self._value_range
        middle, reach = (low + high) / 2, (high - low) / 2 + slack(self._value_range)
        # NaN is not below any number.
        return tf.reduce_all(tf.abs(images - middle if middle else images) <= reach)

    def clear(self) -> None:
        """Forgets what it has seen."""
        for notes in self._strategy.experimental_local_results(self._notes):
            notes.assign([_NEVER] * 3)

    def fault(self) -> str | None:
        """Says what was wrong since `clear`, and forgets it; None where nothing was.

        It waits for the device once.
        """
        results = self._strategy.experimental_local_results(self._notes)
        notes = np.array([result.numpy() for result in results])
        self.clear()
        images, labels, _ = notes.min(axis=0)
        if images < _NEVER:
            values = "NaN or infinite values"
            if self._value_range is not None:
                low, high = self._value_range
                values = f"NaN, or values outside [{low:g}, {high:g}]"
            return f"the batch of step {images} held {values}"
        if labels < _NEVER:
            accepted = f"0 to {self._num_classes - 1}"
            return f"the batch of step {labels} held labels outside {accepted}"
        sizes = sorted(set(notes[:, 2]))
        if len(sizes) > 1:
            counts = " and ".join(map(str, sizes))
            return f"replicas have seen batches of {counts} images, not of one size"
        return None

    def require_sound(self) -> None:
        """Checks that all batches since `clear` were what the model takes.

        Raises:
            InputError: where one was not.
        """
        fault = self.fault()
        if fault:
            raise InputError(
                f"{fault}, and training has seen it; correct the data and train again "
                "from before that step."
            )


def slack(value_range) -> float:
    """Returns how far outside a range a value may lie: one grey level.

    Interpolation and rounding go so far, and no picture shows it.
    """
    low, high = value_range
    return (high - low) / 255
