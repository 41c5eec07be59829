"""What an export can be asked for: functions with named inputs and outputs."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from export.generator import Generator


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
        latent = generator.prior.from_seeds(seed, truncation)
        return {"image": generator.picture(latent, label), "latent": latent}

    def sample_png(seed, truncation, label=None):
        image = sample(seed, truncation, label)["image"]
        encoded = tf.map_fn(tf.io.encode_png, image, fn_output_signature=tf.string)
        return {"png_bytes": encoded}

    def interpolate(latent_a, latent_b, fraction, label=None):
        latent = generator.prior.between(latent_a, latent_b, fraction)
        return generator.serve(latent, label)

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


def _signature(generator, function, *inputs):
    label = [_row("label", dtype="int64")] if generator.num_classes is not None else []
    return Signature(function, (*inputs, *label))


def _row(name, *shape, dtype="float32"):
    return tf.TensorSpec([None, *shape], dtype, name=name)
