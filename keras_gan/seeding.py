"""Where random numbers outside the graph come from."""

import random

import numpy as np


def generator(seed: int | None) -> np.random.Generator:
    """Returns a random generator for `seed`.

    Without a seed it draws one from Python's generator, which
    `keras.utils.set_random_seed` sets, so that a script seeded as a whole repeats.
    """
    return np.random.default_rng(random.randrange(2**31) if seed is None else seed)


def draw(rng: np.random.Generator) -> int:
    """Returns a seed for one layer, initializer or model."""
    return int(rng.integers(2**31))
