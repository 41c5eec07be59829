"""Random numbers: seeds in Python, and draws inside the graph."""

import random
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def make_deterministic() -> None:
    """Makes training in this process repeat bit for bit; it becomes somewhat slower.

    Call it before any model is trained. It holds for the rest of the process.
    """
    tf.config.experimental.enable_op_determinism()
    # Grappler orders terms by hash tables. Their order differs from one tracing of a
    # function to the next, so the rounding would differ too (tensorflow 2.21).
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def generator(seed: int | None) -> np.random.Generator:
    """Returns a random generator for `seed`.

    Without a seed it draws one from Python's generator. `keras.utils.set_random_seed`
    seeds that generator, so a script that calls it repeats.
    """
    return np.random.default_rng(random.randrange(2**31) if seed is None else seed)


def draw(rng: np.random.Generator) -> int:
    """Returns a seed for one layer, initializer or model."""
    return int(rng.integers(2**31))


# TensorFlow's kernels and XLA give different floats for a seed, but the same raw bits.
# So all draws of training start from raw bits, and do not depend on the compiler. Each
# replica draws the rows of all replicas and keeps its own, so draws do not depend on
# the number of replicas.


def _all_bits(shape, seed):
    return tf.random.stateless_uniform(
        shape,
        tf.cast(seed, "int64"),
        minval=None,
        maxval=None,
        dtype="uint32",
        alg="philox",
    )


def _unit(bits):
    return tf.cast(tf.bitwise.right_shift(bits, 8), "float32") * 2.0**-24


def _bits(shape, seed):
    rows, *rest = shape
    context = tf.distribute.get_replica_context()
    replicas = 1 if context is None else context.num_replicas_in_sync
    bits = _all_bits([replicas * rows, *rest], seed)
    if replicas == 1:
        return bits
    first = context.replica_id_in_sync_group * rows
    return bits[first : first + rows]


def shared_uniform(count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns float32 numbers in [0, 1), the same ones on all replicas.

    Args:
        count: of the numbers.
        seed: integers [2], as of `uniform`.
    """
    return _unit(_all_bits([count], seed))


def uniform(shape: Sequence[int] | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns float32 numbers in [0, 1), multiples of 2**-24.

    Args:
        shape: of the result; the first dimension is the rows of the batch on each
            replica.
        seed: integers [2]; the same seed gives the same numbers on every device, with
            XLA and without. Each replica gets the numbers of its part of the batch.
    """
    return _unit(_bits(shape, seed))


def normal(shape: Sequence[int] | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns float32 numbers with mean 0 and variance 1, none beyond 5.3.

    Args:
        shape, seed: as in `uniform`; XLA's numbers may differ by rounding.
    """
    # Odd multiples of 2**-23 in (-1, 1): exact, symmetric, and never -1 or 1, whose
    # inverse is infinite.
    centred = tf.cast(tf.bitwise.right_shift(_bits(shape, seed), 9), "float32") + 0.5
    return tf.math.erfinv(centred * 2.0**-22 - 1.0) * 2.0**0.5
