"""Latent vectors from seeds, in NumPy: those that the SavedModel's `sample` draws.

`keras_gan.latents.Prior.from_seeds` draws them with TensorFlow, which this server does
without. Uniform vectors are the same bit for bit. Normal ones differ by less than 1e-6,
because TensorFlow computes the inverse error function in float32.
"""

import math
import statistics

import numpy as np

_SAMPLE_STREAM = -2  # the second word of the seed of each row
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# The key that TensorFlow scrambles seeds with.
_SCRAMBLER = (np.uint64(0x3EC8F720), np.uint64(0x02461E29))
_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_quantiles = np.frompyfunc(statistics.NormalDist().inv_cdf, 1, 1)


def from_seeds(
    seeds: np.ndarray,
    truncation: np.ndarray,
    dim: int,
    distribution: str,
    bounds: tuple[float, float],
) -> np.ndarray:
    """Returns vectors, each drawn from a seed of its own.

    Args:
        seeds: int64 [rows], any values.
        truncation: float32 [rows], 0 to infinity: the largest distance of each
            component from the centre of the distribution, in standard deviations
            (normal) or half widths (uniform).
        dim: size of a vector.
        distribution: "normal" or "uniform".
        bounds: (low, high) of the uniform distribution.

    Returns:
        float32 [rows, dim].
    """
    share, truncation = _uniform(seeds, dim), truncation[:, np.newaxis]
    if distribution == "uniform":
        low, high = bounds
        spread = np.float32((high - low) / 2) * np.minimum(truncation, np.float32(1))
        return np.float32((low + high) / 2) + spread * share
    # The inverse of the cumulative density of the truncated distribution.
    largest = np.nextafter(np.float32(1), np.float32(0))
    scaled = np.float32(math.sqrt(0.5)) * truncation
    inside = np.array([[math.erf(row)] for row in scaled[:, 0]], "float32")
    share = np.clip(share, -largest, largest) * inside
    return _quantiles((1 + share.astype("float64")) / 2).astype("float32")


def _uniform(seeds, dim):
    """Returns what `tf.random.stateless_uniform(..., -1, 1, alg="philox")` gives."""
    words = seeds.astype("int64").view("uint64")
    stream = np.array(_SAMPLE_STREAM).view("uint64")
    mixed = _philox([*_halves(words), *_halves(stream)], _SCRAMBLER)
    blocks = np.arange(-(-dim // 4), dtype="uint64")
    counter = [blocks, np.uint64(0), mixed[2][:, np.newaxis], mixed[3][:, np.newaxis]]
    drawn = _philox(counter, [mixed[0][:, np.newaxis], mixed[1][:, np.newaxis]])
    bits = np.stack(drawn, axis=-1).reshape(len(words), -1)[:, :dim]
    # 23 bits become the fraction of a number from 1 to 2.
    fraction = (bits.astype("uint32") & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)
    return (fraction.view("float32") - np.float32(1)) * np.float32(2) - np.float32(1)


def _philox(counter, key):
    """Returns four arrays of 32 random bits, in uint64.

    Source: Philox4x32-10, Salmon et al. 2011, "Parallel random numbers: as easy as 1,
    2, 3", section 4.4.
    """
    a, b, c, d = counter
    first, second = key
    for _ in range(_ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b = (right >> _HALF) ^ b ^ first, right & _LOW
        c, d = (left >> _HALF) ^ d ^ second, left & _LOW
        first, second = (first + _STEPS[0]) & _LOW, (second + _STEPS[1]) & _LOW
    return a, b, c, d


def _halves(words):
    return words & _LOW, words >> _HALF
