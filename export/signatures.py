"""What an export can be asked for: functions with named inputs and outputs."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from export.generator import Generator

# The second word of the seed of each row. `GAN` draws its own vectors with others.
_SAMPLE_STREAM = -2


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of an export, with a free batch dimension.

    Args:
        function: takes a tensor for each input, in their order; returns a dict of
            tensors. Each row of its outputs depends on the same row of its inputs
            alone, so that a server may merge requests into batches.
        inputs: names, shapes and dtypes.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: tuple[tf.TensorSpec, ...]

    def examples(self, generator: Generator, count: int) -> dict[str, np.ndarray]:
        """Returns inputs of `count` rows, the same each time."""
        given = generator.examples(count)
        integers = np.iinfo("int64")
        given |= {
            "latent_a": given["latent"],
            "latent_b": generator.examples(count, seed=1)["latent"],
            "fraction": np.linspace(0, 1, count, dtype="float32"),
            "seed": np.random.default_rng(2).integers(
                integers.min, integers.max, count, endpoint=True
            ),
            "truncation": np.resize(np.float32([np.inf, 1, 0.5]), count),
        }
        return {spec.name: given[spec.name] for spec in self.inputs}


def default_alone(generator: Generator) -> dict[str, Signature]:
    """Returns `serving_default` alone, for formats with one function to a file."""
    latent = _row("latent", generator.latent_dim)
    return {"serving_default": _signature(generator, generator.serve, latent)}


def every(generator: Generator) -> dict[str, Signature]:
    """Returns all that a SavedModel can be asked for.

    `serving_default`: `latent` [, `label`] -> `image`, as `Generator.serve`.
    `sample`: `seed`, int64 [batch], and `truncation`, float32 [batch], [, `label`] ->
    `image`, uint8 [batch, *image_shape] (float32 where images have no range), and the
    `latent` of each.
    `sample_png`, of images with a range: the same -> `png_bytes`, string [batch].
    `interpolate`: `latent_a`, `latent_b`, `fraction`, float32 [batch], [, `label`] ->
    `image` as `serving_default`'s, at that fraction of the way from a to b.
    """

    def sample(seed, truncation, label=None):
        latent = draw(generator, seed, truncation)
        return {"image": generator.picture(latent, label), "latent": latent}

    def sample_png(seed, truncation, label=None):
        image = sample(seed, truncation, label)["image"]
        encoded = tf.map_fn(tf.io.encode_png, image, fn_output_signature=tf.string)
        return {"png_bytes": encoded}

    def interpolate(latent_a, latent_b, fraction, label=None):
        return generator.serve(between(generator, latent_a, latent_b, fraction), label)

    draws = [_row("seed", dtype="int64"), _row("truncation")]
    latents = [_row(name, generator.latent_dim) for name in ("latent_a", "latent_b")]
    signatures = {
        **default_alone(generator),
        "sample": _signature(generator, sample, *draws),
        "interpolate": _signature(generator, interpolate, *latents, _row("fraction")),
    }
    if generator.makes_pictures:
        signatures["sample_png"] = _signature(generator, sample_png, *draws)
    return signatures


def draw(generator: Generator, seed: tf.Tensor, truncation: tf.Tensor) -> tf.Tensor:
    """Returns latent vectors, each drawn from its own seed.

    A row is the same in every batch, process and server, and changes continuously with
    its truncation.

    Args:
        generator: whose latent distribution is drawn from.
        seed: int64 [batch], any values.
        truncation: float32 [batch], at least 0, infinity too: the largest distance
            from the distribution's centre, in standard deviations of a normal and half
            widths of a uniform one. 0 gives the centre.
    """

    def vector(row):
        seed, truncation = row
        uniform = tf.random.stateless_uniform(
            [generator.latent_dim], [seed, _SAMPLE_STREAM], -1, 1, alg="philox"
        )
        if generator.latent_distribution == "uniform":
            low, high = generator.latent_bounds
            spread = (high - low) / 2 * tf.minimum(truncation, 1.0)
            return (low + high) / 2 + spread * uniform
        # The inverse of the truncated distribution's cumulative density, of which erf
        # is the half above 0. At -1 it would be infinite.
        largest = float(np.nextafter(np.float32(1), np.float32(0)))
        share = tf.clip_by_value(uniform, -largest, largest)
        inside = tf.math.erf(np.float32(np.sqrt(0.5)) * truncation)
        return np.float32(np.sqrt(2)) * tf.math.erfinv(share * inside)

    # One by one, since the last bits of a function of the whole batch would depend on
    # a row's place in it.
    return tf.map_fn(vector, (seed, truncation), fn_output_signature=tf.float32)


def between(generator: Generator, a, b, fraction) -> tf.Tensor:
    """Returns latent vectors on the way from `a` to `b`.

    The way of uniform vectors is the straight line; that of normal ones is an arc on
    which the direction turns evenly and the length changes linearly, since vectors on
    the straight line are shorter than nearly all samples. Where either is 0, or they
    lie on one line, there is no arc and the straight line is taken.

    Args:
        generator: whose latent distribution they come from.
        a, b: float32 [batch, latent_dim].
        fraction: float32 [batch]; 0 gives `a`, 1 gives `b`.

    Source: Shoemake 1985, section 3.3; for latent vectors White 2016,
    arXiv 1609.04468, section 2.1.
    """
    fraction = fraction[:, tf.newaxis]
    straight = a + fraction * (b - a)
    if generator.latent_distribution == "uniform":
        return straight
    length_a, length_b = (tf.norm(x, axis=1, keepdims=True) for x in (a, b))
    first, last = tf.math.divide_no_nan(a, length_a), tf.math.divide_no_nan(b, length_b)
    cosine = tf.reduce_sum(first * last, axis=1, keepdims=True)
    angle = tf.acos(tf.clip_by_value(cosine, -1.0, 1.0))
    direction = tf.math.divide_no_nan(
        tf.sin((1 - fraction) * angle) * first + tf.sin(fraction * angle) * last,
        tf.sin(angle),
    )
    length = length_a + fraction * (length_b - length_a)
    arc = (tf.sin(angle) > 1e-3) & (length_a > 0) & (length_b > 0)
    return tf.where(arc, length * direction, straight)


def _signature(generator, function, *inputs):
    label = [_row("label", dtype="int64")] if generator.num_classes is not None else []
    return Signature(function, (*inputs, *label))


def _row(name, *shape, dtype="float32"):
    return tf.TensorSpec([None, *shape], dtype, name=name)
