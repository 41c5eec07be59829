"""Latent vectors: their distribution, and paths between two of them."""

import dataclasses
import reprlib
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gan import checks, seeding
from keras_gan.errors import InputError

DISTRIBUTIONS = ("normal", "uniform")
# The second word of the seed of each row. `GAN` draws its own vectors with other words.
_SAMPLE_STREAM = -2


@dataclasses.dataclass(frozen=True)
class Prior:
    """The distribution of latent vectors.

    Args:
        dim: size of a vector.
        distribution: "normal" (mean 0, variance 1) or "uniform".
        bounds: (low, high) of the uniform distribution; unused by the normal one.

    Raises:
        InputError: for another distribution.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan.latents import Prior

    prior = Prior(100, "uniform", bounds=(-1, 1))
    latent = prior.draw(16, seed=tf.constant([1, 0], "int64"))
    assert latent.shape == (16, 100)
    ```
    """

    dim: int
    distribution: str = "normal"
    bounds: tuple[float, float] = (-1.0, 1.0)

    def __post_init__(self):
        if self.distribution not in DISTRIBUTIONS:
            raise InputError(
                f"latent_distribution is {self.distribution!r}. Use one of: "
                f"{', '.join(DISTRIBUTIONS)}."
            )

    @property
    def words(self) -> str:
        """Its distribution, such as "uniform from -1 to 1"."""
        if self.distribution == "normal":
            return "normal"
        low, high = self.bounds
        return f"{self.distribution} from {low:g} to {high:g}"

    def draw(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of one batch, float32 [count, dim].

        Args:
            count: rows on each replica.
            seed: int64 [2]; see `seeding.uniform`.
        """
        shape = (count, self.dim)
        if self.distribution == "normal":
            return seeding.normal(shape, seed)
        low, high = self.bounds
        return low + (high - low) * seeding.uniform(shape, seed)

    def checked(self, latent: Any) -> np.ndarray:
        """Returns the given vectors as float32 [count, dim].

        Args:
            latent: finite numbers [count, dim]: a tensor, an array or lists.

        Raises:
            InputError: for anything else.
        """
        try:
            latent = np.asarray(latent).astype("float32")
        except (TypeError, ValueError):
            raise InputError(
                f"latent is {reprlib.repr(latent)}. Use numbers of shape "
                f"(count, {self.dim})."
            ) from None
        if latent.ndim != 2 or latent.shape[1] != self.dim or not len(latent):
            raise InputError(
                f"latent has the shape {latent.shape}. Use (count, {self.dim})."
            )
        if not np.isfinite(latent).all():
            raise InputError("latent holds NaN or infinite values. Use finite ones.")
        return latent

    @property
    def centre(self) -> float:
        """The middle of the distribution."""
        return 0.0 if self.distribution == "normal" else sum(self.bounds) / 2

    @property
    def spread(self) -> float:
        """The standard deviation (normal) or half the width (uniform)."""
        low, high = self.bounds
        return 1.0 if self.distribution == "normal" else (high - low) / 2

    def from_normal(self, latent: tf.Tensor) -> tf.Tensor:
        """Returns vectors of this distribution, one for each of the normal one.

        Args:
            latent: float32 [batch, dim], of mean 0 and variance 1.
        """
        if self.distribution == "normal":
            return latent
        # Twice the cumulative density minus 1, from -1 to 1.
        share = tf.math.erf(np.float32(np.sqrt(0.5)) * latent)
        return self.centre + self.spread * share

    def from_seeds(self, seeds: tf.Tensor, truncation: tf.Tensor) -> tf.Tensor:
        """Returns vectors, each drawn from a seed of its own.

        A row is the same in every batch, process and server. It changes continuously
        with its truncation.

        Args:
            seeds: int64 [batch], any values.
            truncation: float32 [batch], 0 to infinity: the largest distance of each
                component from the centre of the distribution, in standard deviations
                (normal) or half widths (uniform). 0 gives the centre, and so do NaN
                and negative values.

        Returns:
            float32 [batch, dim].
        """

        def vector(row):
            seed, truncation = row
            truncation = tf.where(truncation > 0, truncation, 0.0)
            uniform = tf.random.stateless_uniform(
                [self.dim], [seed, _SAMPLE_STREAM], -1, 1, alg="philox"
            )
            return self._truncated(uniform, truncation)

        # One row at a time: if the whole batch were computed at once, the last bits of
        # a row would depend on its place in the batch.
        return tf.map_fn(vector, (seeds, truncation), fn_output_signature=tf.float32)

    def truncated(self, latent: tf.Tensor, truncation: float | None) -> tf.Tensor:
        """Returns vectors moved towards the centre, as `from_seeds` truncates them.

        Each vector keeps its place among all: a component at the median stays there,
        and the farthest ones come to lie at the largest distance.

        Args:
            latent: float32 [batch, dim], vectors of this distribution.
            truncation: largest distance of each component from the centre, in standard
                deviations (normal) or half widths (uniform); None changes nothing.

        Returns:
            float32 [batch, dim].

        Raises:
            InputError: if `truncation` is NaN, negative or no number.
        """
        if truncation is None or truncation == np.inf:
            return latent
        truncation = checks.not_negative("truncation", truncation)
        share = (latent - self.centre) / self.spread
        if self.distribution == "normal":
            share = tf.math.erf(np.float32(np.sqrt(0.5)) * latent)
        return self._truncated(share, tf.constant(truncation, "float32"))

    def _truncated(self, share, truncation):
        """Returns components of the truncated distribution.

        Args:
            share: of each, twice the cumulative density minus 1: from -1 to 1.
            truncation: largest distance from the centre.
        """
        if self.distribution == "uniform":
            low, high = self.bounds
            spread = (high - low) / 2 * tf.minimum(truncation, 1.0)
            return (low + high) / 2 + spread * share
        # The inverse of the cumulative density of the truncated distribution; erf is
        # its half above 0. Clipped, because the inverse at -1 may be infinite.
        largest = float(np.nextafter(np.float32(1), np.float32(0)))
        share = tf.clip_by_value(share, -largest, largest)
        inside = tf.math.erf(np.float32(np.sqrt(0.5)) * truncation)
        return np.float32(np.sqrt(2)) * tf.math.erfinv(share * inside)

    def between(self, a: tf.Tensor, b: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
        """Returns vectors on a path of likely samples from `a` to `b`.

        The path is the straight line for uniform vectors and the arc for normal ones.

        Args:
            a, b, fraction: as in `linear`.
        """
        way = linear if self.distribution == "uniform" else spherical
        return way(a, b, fraction)

    def examples(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Returns vectors drawn without TensorFlow, float32 [count, dim].

        Args:
            count: rows.
            rng: decides the vectors.
        """
        shape = (count, self.dim)
        if self.distribution == "normal":
            return rng.standard_normal(shape).astype("float32")
        return rng.uniform(*self.bounds, shape).astype("float32")


def linear(a: tf.Tensor, b: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
    """Returns points on the straight line from `a` to `b`.

    Args:
        a, b: float32 [dim] or [batch, dim].
        fraction: float32 [batch]; 0 gives `a`, 1 gives `b`.

    Returns:
        float32 [batch, dim].
    """
    return a + fraction[:, tf.newaxis] * (b - a)


def spherical(a: tf.Tensor, b: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
    """Returns points on an arc from `a` to `b`.

    The direction turns evenly, and the length changes linearly. Vectors on the straight
    line would be shorter than nearly all samples. If either vector is 0, or both lie on
    one line through the origin, there is no arc, and the straight line is used.

    Args:
        a, b, fraction: as in `linear`.

    Returns:
        float32 [batch, dim].

    Source: Shoemake 1985, section 3.3; for latent vectors White 2016,
    arXiv 1609.04468, section 2.1.
    """
    straight, fraction = linear(a, b, fraction), fraction[:, tf.newaxis]
    length_a, length_b = (tf.norm(x, axis=-1, keepdims=True) for x in (a, b))
    first, last = tf.math.divide_no_nan(a, length_a), tf.math.divide_no_nan(b, length_b)
    cosine = tf.reduce_sum(first * last, axis=-1, keepdims=True)
    angle = tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
    direction = tf.math.divide_no_nan(
        tf.sin((1 - fraction) * angle) * first + tf.sin(fraction * angle) * last,
        tf.sin(angle),
    )
    length = length_a + fraction * (length_b - length_a)
    arc = (tf.sin(angle) > 1e-3) & (length_a > 0) & (length_b > 0)
    return tf.where(arc, length * direction, straight)
