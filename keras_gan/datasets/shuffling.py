"""Shuffled batches, gathered from arrays by index, from any step on."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from keras_gan.errors import InputError

# Fixed, not tf.data.AUTOTUNE: closing an autotuned iterator can block for seconds.
PARALLEL_BATCHES = 2
PREFETCHED_BATCHES = 2

# Of row numbers and what was drawn for the rows.
Gather: TypeAlias = Callable[..., tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows that are gathered together, in an order of their own.

    Args:
        count: how many there are.
        seed: integer that decides their order.
        gather: graph function that returns a tuple of tensors [n, ...]. It takes row
            numbers, int64 [n], and if there are draws, those of the rows.
        draws: how many numbers `gather` needs for each row: float32 [n, draws] in
            [0, 1), which depend on (seed, epoch, row) alone.

    Example:

    ```python
    import numpy as np
    from keras_gan.datasets import shuffling

    array = np.arange(10)
    rows = shuffling.Rows(10, seed=0, gather=lambda n: (shuffling.rows_of(array)(n),))
    for numbers in shuffling.batches([rows], batch_size=5):
        print(numbers.numpy())
    ```
    """

    count: int
    seed: int
    gather: Callable[..., tuple[tf.Tensor, ...]]
    draws: int = 0


def batches(
    parts: Sequence[Rows],
    batch_size: int,
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

    Returns:
        A dataset of tuples: what the first set gathers, then the second, and so on. If
        that is one tensor, a dataset of tensors.

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
    epoch_steps = max(part.count // batch_size for part in parts)

    def endless(part, step):
        """The rows of a set from a step on; `step` may be a tensor."""
        steps = part.count // batch_size

        def order(number):
            # A full shuffle. index_shuffle would be O(1) per image, but its orders
            # repeat after 256 epochs, and successive epochs are correlated.
            seed = tf.stack([tf.constant(part.seed, tf.int64), number])
            permutation = tf.random.experimental.stateless_shuffle(
                tf.range(part.count, dtype=tf.int64), seed=seed, alg="philox"
            )
            divided = tf.reshape(
                permutation[: steps * batch_size],
                [steps, replicas, batch_size // replicas],
            )
            own = tf.reshape(
                divided[:, first_replica : first_replica + own_replicas],
                [steps * own_replicas, batch_size // replicas],
            )
            if not part.draws:
                return tf.data.Dataset.from_tensor_slices((own,))
            drawn = tf.random.stateless_uniform(
                [part.count, part.draws],
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

    def gathered(*rows):
        found = (part.gather(*own) for part, own in zip(parts, rows, strict=True))
        tensors = tuple(itertools.chain(*found))
        return tensors[0] if len(tensors) == 1 else tensors

    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    # A strategy that gets whole batches divides each batch: there are no files.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return (
        rows.map(gathered, num_parallel_calls=PARALLEL_BATCHES)
        .prefetch(PREFETCHED_BATCHES)
        .with_options(options)
    )


def rows_of(array: np.ndarray) -> Gather:
    """Returns a graph function that gathers rows of an array by number."""

    # Not tf.gather: a tensor would be a second copy of all images in memory.
    def rows(numbers):
        values = tf.numpy_function(
            lambda i: np.take(array, i, axis=0), [numbers], array.dtype, stateful=False
        )
        values.set_shape(numbers.shape + array.shape[1:])
        return values

    return rows
