"""Where the images of a source are kept."""

import math
import tempfile

import numpy as np

MEMORY_BUDGET = 4 * 2**30  # bytes; a larger array goes to a temporary file


def allocate(shape: tuple[int, ...]) -> np.ndarray:
    """Return an unfilled uint8 array, on disk if it exceeds `MEMORY_BUDGET`.

    Args:
        shape: [N, H, W, C].

    Returns:
        An array, or a `np.memmap` over an unnamed file that vanishes with it.
    """
    if math.prod(shape) <= MEMORY_BUDGET:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, np.uint8, "w+", shape=shape)
