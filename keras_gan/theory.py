"""The 2014 paper's theory on one-dimensional densities, computed on a grid.

For any generator, the best discriminator is D*. With it, the value of the game is

    V(G, D*) = -log 4 + 2 JSD(p_data, p_g).

Its minimum is -log 4 = -1.386 nats, if the generator has the density of the data.

Source: Goodfellow et al. 2014, arXiv 1406.2661, section 4.
"""

import math

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import rel_entr, xlog1py, xlogy

from keras_gan.errors import InputError

EQUILIBRIUM = -math.log(4)  # nats, V if p_g = p_data and D = 1/2


def optimal_discriminator(p_data: np.ndarray, p_g: np.ndarray) -> np.ndarray:
    """Returns D* = p_data / (p_data + p_g), the best answer to a fixed generator.

    It is 1/2 where both densities are 0: no such x is ever shown, and 1/2 means that
    the discriminator cannot tell.

    Args:
        p_data: density of the data, at least 0, of any shape.
        p_g: density of the generator at the same points.

    Returns:
        float64 in [0, 1].

    Raises:
        InputError: if the densities are not finite, are negative, or differ in shape.

    Source: proposition 1.
    """
    p_data, p_g = _densities(p_data, p_g)
    total = p_data + p_g
    return np.divide(p_data, total, out=np.full_like(total, 0.5), where=total > 0)


def value(
    discriminator: np.ndarray, p_data: np.ndarray, p_g: np.ndarray, x: np.ndarray
) -> float:
    """Returns V(G, D), the integral of p_data log D + p_g log(1 - D), in nats.

    A D of exactly 0 or 1 is replaced by the next float64, because D* rounds to 0 or 1
    where one density is tiny. So V stays finite: at worst -745 (a real x judged fake
    with certainty) or -37 (a generated x judged real).

    Args:
        discriminator: D(x), probabilities in [0, 1], [N].
        p_data: density of the data on the grid, [N]; its integral is 1.
        p_g: density of the generator on the grid, [N]; its integral is 1.
        x: rising grid, [N], wide enough to hold both densities.

    Raises:
        InputError: if an argument is not as above.

    Source: equation 1, as the integral of equation 3.
    """
    p_data, p_g = _densities(p_data, p_g)
    grid = _grid(x, p_data)
    d = np.asarray(discriminator, "float64")
    if d.shape != grid.shape or not ((d >= 0) & (d <= 1)).all():
        raise InputError(
            f"discriminator has shape {list(d.shape)} and values from {d.min()} to "
            f"{d.max()}. Use probabilities in [0, 1] of shape {list(grid.shape)}."
        )
    d = d.clip(np.nextafter(0, 1), np.nextafter(1, 0))
    return float(trapezoid(xlogy(p_data, d) + xlog1py(p_g, -d), grid))


def jensen_shannon_divergence(
    p_data: np.ndarray, p_g: np.ndarray, x: np.ndarray
) -> float:
    """Returns the Jensen-Shannon divergence of two densities, in nats.

    It is 0 for equal densities and log 2 = 0.693 for densities that have no x in
    common.

    Args:
        p_data, p_g, x: as in `value`.

    Raises:
        InputError: if an argument is not as above.

    Source: theorem 1, equation 6; Lin 1991.
    """
    p_data, p_g = _densities(p_data, p_g)
    grid = _grid(x, p_data)
    # p log(p / m) with m = (p + q) / 2. m could underflow, so this computes
    # 2p log(2p / 2m) / 2.
    total = p_data + p_g
    both = rel_entr(2 * p_data, total) + rel_entr(2 * p_g, total)
    return float(trapezoid(both, grid) / 4)


def _densities(p_data, p_g):
    p_data, p_g = np.asarray(p_data, "float64"), np.asarray(p_g, "float64")
    if p_data.shape != p_g.shape:
        raise InputError(
            f"p_data has shape {list(p_data.shape)} and p_g {list(p_g.shape)}. Use "
            "densities at the same points."
        )
    for name, density in {"p_data": p_data, "p_g": p_g}.items():
        if not (np.isfinite(density) & (density >= 0)).all():
            raise InputError(
                f"{name} has values from {density.min()} to {density.max()}. Use "
                "finite densities of at least 0."
            )
    return p_data, p_g


def _grid(x, density):
    x = np.asarray(x, "float64")
    if x.ndim != 1 or x.shape != density.shape or not (np.diff(x) > 0).all():
        raise InputError(
            f"x has shape {list(x.shape)} and the densities {list(density.shape)}. Use "
            "a rising grid [N] and densities [N]."
        )
    return x
