"""Where random numbers come from: seeds in Python, and draws inside the graph."""

import random
from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def make_deterministic() -> None:
    """Makes the training of this process repeat bit for bit, somewhat slower.

    For the rest of the process, and before any model is trained.
    """
    tf.config.experimental.enable_op_determinism()
    # Grappler orders terms by hash tables that differ from one tracing of the same
    # function to the next, and with them the rounding (tensorflow 2.21).
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def generator(seed: int | None) -> np.random.Generator:
    """Returns a random generator for `seed`.

    Without a seed it draws one from Python's generator, which
    `keras.utils.set_random_seed` sets, so that a script seeded as a whole repeats.
    """
    return np.random.default_rng(random.randrange(2**31) if seed is None else seed)


def draw(rng: np.random.Generator) -> int:
    """Returns a seed for one layer, initializer or model."""
    return int(rng.integers(2**31))


# TensorFlow's kernels and XLA make other floats of a seed, but the same raw bits. All
# draws of training start from those, so that it does not depend on what compiles it.
# Each replica draws the rows of all of them and keeps its own, so that it does not
# depend on their number either.


def _bits(shape, seed):
    rows, *rest = shape
    context = tf.distribute.get_replica_context()
    replicas = 1 if context is None else context.num_replicas_in_sync
    bits = tf.random.stateless_uniform(
        [replicas * rows, *rest],
        tf.cast(seed, "int64"),
        minval=None,
        maxval=None,
        dtype="uint32",
        alg="philox",
    )
    if replicas == 1:
        return bits
    first = context.replica_id_in_sync_group * rows
    return bits[first : first + rows]


def uniform(shape: Sequence[int] | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns float32 numbers in [0, 1), multiples of 2**-24.

    Args:
        shape: of the result; the first dimension is rows of a batch, as many on each
            replica.
        seed: integers [2]; the same seed gives the same numbers on every device, with
            XLA and without. On replicas it gives each those of its part of the batch.
    """
    return tf.cast(tf.bitwise.right_shift(_bits(shape, seed), 8), "float32") * 2.0**-24


def normal(shape: Sequence[int] | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Returns float32 numbers with mean 0 and variance 1, none beyond 5.3.

    Args:
        shape, seed: as of `uniform`; XLA's numbers may differ by rounding.
    """
    # Odd multiples of 2**-23 in (-1, 1): exact, symmetric, and never an infinity.
    centred = tf.cast(tf.bitwise.right_shift(_bits(shape, seed), 9), "float32") + 0.5
    return tf.math.erfinv(centred * 2.0**-22 - 1.0) * 2.0**0.5
