"""The data of `fit`: a look at the batches that it gives first."""

import itertools
import math
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
