"""Paths between latent vectors."""

import numpy as np


def linear(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Returns points on the straight line between two vectors, equally far apart.

    Args:
        start, end: float [D].
        steps: number of points, both ends among them.

    Returns:
        float [steps, D].
    """
    return np.linspace(start, end, steps)


def spherical(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Returns points on the arc between two vectors, at equal angles.

    The direction follows the great circle and the length changes linearly, so that
    points stay as far from the origin as samples are; those of a straight line are
    shorter than nearly all samples. Vectors of one direction, or opposite ones, which
    lie on no single great circle, are joined by the straight line.

    Args:
        start, end: float [D].
        steps: number of points, both ends among them.

    Returns:
        float [steps, D].

    Source: Shoemake 1985, section 3.3; for latent vectors White 2016,
    arXiv 1609.04468, section 2.1.
    """
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) == 0:
        return linear(start, end, steps)
    first, last = start / lengths[0], end / lengths[1]
    angle = np.arccos(np.clip(first @ last, -1, 1))
    if np.sin(angle) < 1e-6:
        return linear(start, end, steps)
    share = np.linspace(0, 1, steps)[:, None]
    direction = np.sin((1 - share) * angle) * first + np.sin(share * angle) * last
    return np.linspace(*lengths, steps)[:, None] * direction / np.sin(angle)
