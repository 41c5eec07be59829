"""The data of `fit`: a look at the batches that it gives first."""

import itertools
import math
import numbers
import types
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan.errors import InputError


def look(
    x: Any,
    y: Any = None,
    batch_size: int | None = None,
    steps_per_epoch: int | None = None,
) -> tuple[Any, list, list[int | None]]:
    """Returns the data with nothing missing, and what was seen of it.

    Args:
        x: whatever `keras.Model.fit` takes.
        y: the second element, if `x` is an array and the model has one.
        batch_size, steps_per_epoch: as given to `fit`.

    Returns:
        The data to give to `fit`; a list of the batches looked at; the sizes that its
        batches are known to have, None if one is any size.

    Raises:
        InputError: if `fit` cannot take it, or it is empty.
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
        raise InputError(f"y is a {type(labels).__name__}; it must be one array.")
    count = len(images) if len(images.shape) else 0
    size = batch_size or (math.ceil(count / steps) if steps else 32)
    sizes = [n for n in (min(size, count), count % size) if n]
    # What does not fit into memory is not read twice.
    if isinstance(images, np.memmap):
        images, labels = images[:1024], None if labels is None else labels[:1024]
    return [(images, labels)], sizes


def in_own_memory(data: Any) -> Any:
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


def known_range(data: Any) -> tuple[float, float] | dict | None:
    """Returns the range that data says its images were scaled to, or None.

    Args:
        data: whatever `keras.Model.fit` takes. Its attribute `value_range` says so:
            (low, high), or a dict of them by the names of elements. A
            `tf.data.Dataset` that only takes, orders, repeats or keeps the elements of
            others has the range of those; a function, as of `map`, may have changed it.
    """
    stated = getattr(data, "value_range", None)
    if stated is not None:
        return stated
    # Private, but every data set of TensorFlow must have both.
    if not isinstance(data, tf.data.Dataset) or data._functions():
        return None
    first, *others = [known_range(source) for source in data._inputs()] or [None]
    return first if all(other == first for other in others) else None


def split_validation(given: dict) -> None:
    """Splits the last rows off the arrays of `fit` as Keras does, to be held out.

    Args:
        given: arguments of `fit`, which it changes: `validation_split` becomes
            `validation_data`.

    Raises:
        InputError: for a share that cannot be, data that is no array, or arguments of
            a validation without data for it.
    """
    share: Any = given.pop("validation_split", 0)
    x: Any = given.get("x")
    y: Any = given.get("y")
    if share and given.get("validation_data") is None:
        if not is_array(x):
            raise InputError(
                f"the data is a {type(x).__name__}, which validation_split cannot "
                "split. Give arrays, or validation_data."
            )
        known = isinstance(share, numbers.Real) and 0 < float(share) < 1
        first = math.floor(len(x) * (1 - share)) if known else 0
        if not 0 < first < len(x):
            raise InputError(
                f"validation_split is {share!r}, of {len(x)} rows. It must leave at "
                "least one row to train on and one to hold out."
            )
        given["x"], held_out = x[:first], x[first:]
        given["validation_data"] = held_out
        if y is not None:
            given["y"], given["validation_data"] = y[:first], (held_out, y[first:])
    for name in ("validation_steps", "validation_batch_size", "validation_freq"):
        idle = given.get(name) in (None, 1 if name == "validation_freq" else None)
        if given.get("validation_data") is None and not idle:
            raise InputError(
                f"fit was given {name}, and no held-out data. Give validation_data or "
                "validation_split too."
            )


def unpacked(validation_data: Any) -> tuple:
    """Returns x and y of held-out data, as `fit` takes it.

    Raises:
        InputError: for a generator, which can be read once, or sample weights.
    """
    if isinstance(validation_data, types.GeneratorType):
        raise InputError(
            "validation_data is a generator, which can be read only once. Give an "
            "array, a tf.data.Dataset or a keras.utils.PyDataset."
        )
    if not isinstance(validation_data, list | tuple):
        return validation_data, None
    if len(validation_data) > 2:
        raise InputError(
            f"validation_data is a tuple of {len(validation_data)}. Give one array, or "
            "two: nothing here takes sample weights."
        )
    return (*validation_data, None)[:2]


def is_array(data: Any) -> bool:
    """Whether data is all images at once, not batches of them."""
    return tf.is_tensor(data) or hasattr(data, "__array__")


def ends_unforeseen(data: Any) -> bool:
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
