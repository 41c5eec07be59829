"""Where random numbers outside the graph come from."""

import random

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
