"""Shuffled batches, gathered from arrays by index, from any step on."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gan.datasets.jitter import Jitter
from keras_gan.errors import InputError

# Fixed, not tf.data.AUTOTUNE: closing an autotuned iterator can block for seconds.
PARALLEL_BATCHES = 2
PREFETCHED_BATCHES = 2


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of some arrays that stay together, in an order of their own.

    Args:
        arrays: each [N, ...].
        seed: integer that decides the order.
        jitter: how windows are cut out of the rows, which are pictures. It depends on
            (seed, epoch, row) alone and is the same for all arrays. It leaves arrays of
            labels, [N], as they are.

    Example:

    ```python
    import numpy as np
    from keras_gan.datasets import shuffling

    rows = shuffling.Rows([np.arange(10), -np.arange(10)], seed=0)
    for one, other in shuffling.batches([rows], batch_size=5):
        print(one.numpy(), other.numpy())
    ```
    """

    arrays: Sequence[np.ndarray]
    seed: int
    jitter: Jitter = dataclasses.field(default_factory=Jitter)

    def __len__(self) -> int:
        return len(self.arrays[0])


def batches(
    parts: Sequence[Rows],
    batch_size: int,
    change: Callable[..., Any] = lambda *parts: parts,
    first_step: int | None = None,
    context: tf.distribute.InputContext | None = None,
) -> tf.data.Dataset:
    """Returns shuffled batches of several sets of rows, each in its own order.

    An epoch is one pass over the largest set; a smaller one begins its own next pass
    meanwhile. No row appears twice in a pass. The order of a pass is a permutation
    drawn from (seed, pass) alone, so that training continues exactly from any step
    without a saved iterator.

    Args:
        parts: the sets; each has at least `batch_size` rows.
        batch_size, first_step, context: as of `Images.batches`.
        change: graph function of a batch of each array of the first set, then of the
            second, and so on, that returns the element of the dataset.

    Returns:
        A dataset of what `change` returns.

    Raises:
        InputError: if a batch cannot be divided among the replicas, or `first_step` is
            negative.
    """
    if first_step is not None and first_step < 0:
        raise InputError(f"first_step is {first_step!r}. Use 0 or more.")
    context = context or tf.distribute.InputContext()
    replicas = context.num_replicas_in_sync
    if batch_size % replicas:
        raise InputError(
            f"A batch of {batch_size} cannot be divided among {replicas} replicas. "
            f"Use a multiple of {replicas}."
        )
    own_replicas = replicas // context.num_input_pipelines
    first_replica = context.input_pipeline_id * own_replicas
    epoch_steps = max(len(part) // batch_size for part in parts)

    def endless(part, step):
        """The rows of a set from a step on; `step` may be a tensor."""
        steps = len(part) // batch_size

        def order(number):
            # A full shuffle. index_shuffle would be O(1) per image, but its orders
            # repeat after 256 epochs, and successive epochs are correlated.
            seed = tf.stack([tf.constant(part.seed, tf.int64), number])
            permutation = tf.random.experimental.stateless_shuffle(
                tf.range(len(part), dtype=tf.int64), seed=seed, alg="philox"
            )
            divided = tf.reshape(
                permutation[: steps * batch_size],
                [steps, replicas, batch_size // replicas],
            )
            own = tf.reshape(
                divided[:, first_replica : first_replica + own_replicas],
                [steps * own_replicas, batch_size // replicas],
            )
            if not part.jitter.needed:
                return tf.data.Dataset.from_tensor_slices((own,))
            drawn = tf.random.stateless_uniform(
                [len(part), part.jitter.DRAWS],
                # Another seed: the draws must not follow the order.
                seed=tf.random.fold_in(seed, 1, alg="philox"),
                alg="philox",
            )
            return tf.data.Dataset.from_tensor_slices((own, tf.gather(drawn, own)))

        passes = tf.data.Dataset.counter(step // steps)
        return passes.flat_map(order).skip(step % steps * own_replicas)

    def from_step(step):
        return tf.data.Dataset.zip(tuple(endless(part, step) for part in parts))

    if first_step is None:
        # Not Dataset.random, which depends on TensorFlow's global seed too.
        iterations = itertools.count()

        def iteration(_):
            drawn = tf.numpy_function(lambda: np.int64(next(iterations)), [], tf.int64)
            return tf.ensure_shape(drawn, [])

        length = epoch_steps * own_replicas
        rows = (
            tf.data.Dataset.from_tensors(0)
            .map(iteration)
            .flat_map(lambda number: from_step(number * epoch_steps).take(length))
            .apply(tf.data.experimental.assert_cardinality(length))
        )
    else:
        rows = from_step(first_step)

    gather = _gather_of([(part.arrays, part.jitter) for part in parts])

    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    # A strategy that gets whole batches divides each batch: there are no files.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return (
        rows.map(
            lambda *rows: change(*gather(*rows)), num_parallel_calls=PARALLEL_BATCHES
        )
        .prefetch(PREFETCHED_BATCHES)
        .with_options(options)
    )


def in_order(
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    batch_size: int,
    change: Callable[..., Any],
    middle: Jitter | None = None,
) -> tf.data.Dataset:
    """Returns batches of rows of several arrays, of which the last may be smaller.

    Args:
        parts: each an array [N, ...] and as many row numbers as the others, in order.
        batch_size: rows of each.
        change: as of `batches`.
        middle: whose window is cut out of the middle of the rows, which are pictures.
    """
    numbers = tf.data.Dataset.from_tensor_slices(tuple(rows for _, rows in parts))
    gather = _gather_of([([array], middle or Jitter()) for array, _ in parts])

    def batch(*numbers):
        rows = [(one,) for one in numbers]
        if middle is not None:
            draws = tf.constant([[0.5, 0.5, 1.0]])
            rows = [(one, tf.repeat(draws, tf.shape(one)[0], 0)) for one in numbers]
        return change(*gather(*rows))

    return numbers.batch(batch_size).map(batch)


def _gather_of(parts):
    """Returns a graph function that gathers rows of arrays.

    Args:
        parts: arrays whose rows have the same numbers, and their jitter.

    Returns:
        A function of the row numbers of each part, and draws if its jitter needs them,
        to a tuple of tensors, one for each array.
    """
    arrays = [array for group, _ in parts for array in group]

    def take(*given):
        given, found = iter(given), []
        for group, jitter in parts:
            numbers = next(given)
            # Before the arrays: they have the same draws.
            draws = next(given) if jitter.needed else None
            for array in group:
                if draws is None or array.ndim == 1:
                    found.append(np.take(array, numbers, axis=0))
                else:
                    found.append(jitter.cut(array, numbers, draws))
        return found

    # Not tf.gather: a tensor would be a second copy of all images in memory. One
    # function for all arrays: each call waits for Python's lock.
    def gather(*rows):
        values = tf.numpy_function(
            take, tf.nest.flatten(rows), [a.dtype for a in arrays], stateful=False
        )
        place = iter(values)
        for (group, jitter), (numbers, *_) in zip(parts, rows, strict=True):
            for array in group:
                cut = jitter.needed and array.ndim > 1
                shape = jitter.size_of(array) if cut else array.shape[1:]
                next(place).set_shape([numbers.shape[0], *shape])
        return tuple(values)

    return gather
