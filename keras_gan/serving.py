"""What a trained model can be asked for: functions with named inputs and outputs.

A model's `signatures(networks)` returns such functions by their names, mostly from the
helpers below. Exports, servers and pages read what a `Signature` says and know no
model.
"""

import dataclasses
import io
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_gan.latents import Prior
from keras_gan.pixels import PixelRange

# The function that servers call if a request names none, and the one that formats with
# one function in a file write to NAME.onnx and the like.
DEFAULT = "serving_default"

_EXAMPLE_SIDE = 32  # pixels, of example images whose size is free
_OTHER_ROWS = 3  # of images of another size
_GREY = (0.299, 0.587, 0.114)  # the shares of red, green and blue
_FARTHEST = 100.0  # spreads from the centre, which no latent vector or image reaches
_MANY_VALUES = 2**14  # in a row: of these a large batch takes minutes to verify


@dataclasses.dataclass(frozen=True)
class Spec:
    """One input or output of a function: what each of its rows is.

    Args:
        shape: of a row; None stands for a side of any length.
        dtype: its type, such as "float32".
        pixels: the range that the levels of a picture have as floats; None for values
            that are no levels.
        image: whether a row is an image, [height, width, channels].
        unit: what errors of floats are measured in. None measures them in parts of half
            the range of `pixels`, or of the largest value if it is None.
        multiple: what a side of any length must be a multiple of.
        least: what a side of any length must be at least.
        rounding: what two runtimes may differ by in float32, measured as `unit` says,
            if it is more than the usual 1e-5.

    Example:

    ```python
    from keras_gan import serving

    photo = serving.image((8, 8, 3), (-1, 1))
    assert photo.is_picture
    assert photo.levels.dtype == "uint8"
    ```
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    pixels: PixelRange | None = None
    image: bool = False
    unit: float | None = None
    multiple: int = 1
    rounding: float = 0.0
    least: int = 1

    @property
    def is_picture(self) -> bool:
        """Whether it can be a file: grey or colour, with a range of values."""
        channels = self.shape[2] if self.image and self.pixels else None
        return channels is not None and channels <= 4

    @property
    def levels(self) -> "Spec":
        """The same as levels from 0 to 255 if it has a range, else unchanged."""
        return dataclasses.replace(self, dtype="uint8") if self.pixels else self

    def tensor(self, name: str) -> tf.TensorSpec:
        """Returns what TensorFlow calls it, with a free batch dimension."""
        return tf.TensorSpec([None, *self.shape], self.dtype, name=name)


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of a model, with a free batch dimension.

    Each row of its outputs must depend on the same row of its inputs alone, because a
    server merges requests into batches.

    Args:
        function: takes a tensor for each input, in their order, and returns a dict of
            tensors, one for each output.
        inputs: name -> what its rows are.
        outputs: the same; the first is the one that reports show.
        rows: function from a count to example rows, name -> [count, ...], the same each
            time. Inputs that it has no use for are ignored.
        kind: "latent_to_image", "image_to_image" or "image_to_latent". Formats with one
            function in a file write one file for each function that has a kind.
        facts: what users must know besides, ready for JSON.
        most_rows: of a batch that is quick enough for a proof.
        other_rows: as `rows`, of images of another size; None if no size is free.

    Example: a model that makes pictures half as bright.

    ```python
    import keras
    from keras_gan import serving

    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(0.5)])
    picture = serving.image((8, 8, 1), (0, 1))
    functions = serving.image_to_image(network, picture, picture)
    assert [*functions] == ["serving_default", "png"]
    default = functions["serving_default"]
    assert default.kind == "image_to_image"
    assert default.examples(3)["source"].shape == (3, 8, 8, 1)
    ```
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: dict[str, Spec]
    outputs: dict[str, Spec]
    rows: Callable[[int], dict[str, np.ndarray]]
    kind: str | None = None
    facts: dict = dataclasses.field(default_factory=dict)
    most_rows: int = 64
    other_rows: Callable[[int], dict[str, np.ndarray]] | None = None

    @property
    def tensors(self) -> list[tf.TensorSpec]:
        """The inputs as TensorFlow calls them."""
        return [spec.tensor(name) for name, spec in self.inputs.items()]

    def examples(self, count: int) -> dict[str, np.ndarray]:
        """Returns inputs of `count` rows, the same each time."""
        rows = self.rows(count)
        return {name: rows[name] for name in self.inputs}

    def cases(self, count: int) -> list[dict[str, np.ndarray]]:
        """Returns what a proof must try: `examples`, and a few rows of another size."""
        found = [self.examples(count)]
        if self.other_rows is not None:
            rows = self.other_rows(min(count, _OTHER_ROWS))
            found.append({name: rows[name] for name in self.inputs})
        return found


def image(
    shape: tuple[int | None, ...],
    value_range: tuple[float, float] | None,
    multiple: int = 1,
    rounding: float = 0.0,
    least: int = 1,
) -> Spec:
    """Returns the spec of images, or of vectors if their shape is another.

    Args:
        shape: [height, width, channels]; a height or width of None is free.
        value_range: (low, high) of the networks' values, or None for any value.
        multiple: what a free height or width must be a multiple of.
        rounding: as of `Spec`.
        least: what a free height or width must be at least.
    """
    pixels = None if value_range is None else PixelRange(*value_range)
    is_image = len(shape) == 3
    return Spec(
        tuple(shape),
        pixels=pixels,
        image=is_image,
        multiple=multiple,
        rounding=rounding,
        least=max(multiple, least),
    )


def latent_to_image(
    network: Callable, prior: Prior, image: Spec, num_classes: int | None = None
) -> dict[str, Signature]:
    """Returns the functions of a model that makes images from latent vectors.

    `serving_default`: `latent`, float32 [batch, latent_dim], [, `label`] -> `image`.
    `sample`: `seed`, int64 [batch], and `truncation`, float32 [batch], [, `label`] ->
    `image`, uint8 if images have a range, and the `latent` of each.
    `sample_png`, for pictures: the same -> `png_bytes`, string [batch].
    `interpolate`: `latent_a`, `latent_b`, `fraction`, float32 [batch], [, `label`] ->
    `image`, at that fraction of the way from a to b.

    A component of a latent vector that is NaN counts as the centre of the prior,
    and one more than 100 standard deviations (normal) or half widths (uniform) from it,
    such as infinity, as 100 of them. A truncation that is NaN or negative counts as 0.

    Args:
        network: called as `network(latent, training=False)`, or with `num_classes` as
            `network([latent, label], training=False)`.
        prior: of the latent vectors.
        image: spec of what it gives.
        num_classes: adds the input `label`, int64 [batch], 0 to `num_classes` - 1. A
            label that is no class counts as the nearest, in every format alike.
    """
    called = _caller(network, num_classes)

    def serve(latent, label=None):
        return {"image": called(_contained(latent, prior.centre, prior.spread), label)}

    def sample(seed, truncation, label=None):
        latent = prior.from_seeds(seed, truncation)
        return {"image": _as_levels(called(latent, label), image), "latent": latent}

    def sample_png(seed, truncation, label=None):
        return {"png_bytes": _encoded(sample(seed, truncation, label)["image"])}

    def interpolate(latent_a, latent_b, fraction, label=None):
        a, b = (
            _contained(end, prior.centre, prior.spread) for end in (latent_a, latent_b)
        )
        return serve(prior.between(a, b, fraction), label)

    def rows(count):
        rng = np.random.default_rng(0)
        latent = prior.examples(count, rng)
        integers = np.iinfo("int64")
        return {
            "latent": latent,
            **_label_rows(num_classes, count, rng),
            "latent_a": latent,
            "latent_b": prior.examples(count, np.random.default_rng(1)),
            "fraction": np.linspace(0, 1, count, dtype="float32"),
            "seed": np.random.default_rng(2).integers(
                integers.min, integers.max, count, endpoint=True
            ),
            "truncation": np.resize(np.float32([np.inf, 1, 0.5]), count),
        }

    uniform = prior.distribution == "uniform"
    facts = {
        "image_shape": image.shape,
        "latent_dim": prior.dim,
        "latent_distribution": prior.distribution,
        "latent_bounds": prior.bounds if uniform else None,
        "value_range": image.pixels and (image.pixels.low, image.pixels.high),
        "num_classes": num_classes,
    }
    label = _label(num_classes)
    latent = Spec((prior.dim,), unit=1.0)
    draws = {"seed": Spec((), "int64"), "truncation": Spec(()), **label}
    ends = {"latent_a": latent, "latent_b": latent, "fraction": Spec(()), **label}
    signatures = {
        DEFAULT: Signature(
            *(serve, {"latent": latent, **label}, {"image": image}, rows),
            *("latent_to_image", facts),
        ),
        "sample": Signature(
            sample, draws, {"image": image.levels, "latent": latent}, rows
        ),
        "interpolate": Signature(interpolate, ends, {"image": image}, rows),
    }
    if image.is_picture:
        png = {"png_bytes": Spec((), "string")}
        signatures["sample_png"] = Signature(sample_png, draws, png, rows)
    return signatures


def image_to_image(
    network: Callable,
    source: Spec,
    image: Spec,
    num_classes: int | None = None,
    name: str = DEFAULT,
    direction: str | None = None,
) -> dict[str, Signature]:
    """Returns the functions of a model that makes images from images.

    `name`: `source`, float32 [batch, height, width, channels], [, `label`] -> `image`.
    `name_png`, or `png` of the default, for pictures: `source_bytes`, string [batch],
    PNG or JPEG files, [, `label`] -> `png_bytes`, string [batch]. The files have the
    source's size. If that is free, a batch has files of one size: reflection fills
    each picture up to a multiple, and is cut off again.

    A value of `source` that is NaN counts as the middle of its range, and one more than
    100 half ranges from it, such as infinity, as 100 of them. If there is no range, NaN
    and infinity count as 0.

    Args:
        network: called as `network(source, training=False)`, or with `num_classes` as
            `network([source, label], training=False)`.
        source: spec of what it takes.
        image: spec of what it gives.
        num_classes: as of `latent_to_image`.
        name: of the function, such as "b_to_a" for the second of two.
        direction: what it makes of what, such as "a_to_b", for its description.
    """
    called, taken = _caller(network, num_classes), source

    def serve(source, label=None):
        return {"image": called(_contained_image(source, taken), label)}

    def png(source_bytes, label=None):
        levels, window = _extended(_decoded(source_bytes, source), source.multiple)
        values = source.pixels.to_float(levels)
        made = _as_levels(called(values, label), image)
        return {"png_bytes": _encoded(made[:, *window])}

    label = _label(num_classes)
    rows, other_rows = _image_rows(source, num_classes), None
    if None in source.shape:
        other_rows = _image_rows(source, num_classes, _other_shape(source))
    facts: dict = {"num_classes": num_classes}
    if direction is not None:
        facts = {"direction": direction, **facts}
    proof = {"most_rows": _affordable(source), "other_rows": other_rows}
    signatures = {
        name: Signature(
            *(serve, {"source": source, **label}, {"image": image}, rows),
            *("image_to_image", facts),
            **proof,
        )
    }
    if image.is_picture and source.is_picture:
        signatures["png" if name == DEFAULT else f"{name}_png"] = Signature(
            png,
            {"source_bytes": Spec((), "string"), **label},
            {"png_bytes": Spec((), "string")},
            rows,
            **proof,
        )
    return signatures


def image_to_latent(
    network: Callable,
    source: Spec,
    latent_dim: int,
    num_classes: int | None = None,
    name: str = "encode",
    outputs: Sequence[str] = ("latent",),
) -> dict[str, Signature]:
    """Returns the function of a model that makes latent vectors from images.

    `name`: `source`, float32 [batch, height, width, channels], [, `label`] -> each of
    `outputs`, float32 [batch, latent_dim].

    Args:
        network: called as in `image_to_image`; it gives as many tensors as there are
            outputs.
        source: spec of what it takes.
        latent_dim: size of a latent vector.
        num_classes: as of `latent_to_image`.
        name: of the function.
        outputs: their names, such as "mean" and "log_variance".
    """
    called, taken = _caller(network, num_classes), source

    def serve(source, label=None):
        given = tf.nest.flatten(called(_contained_image(source, taken), label))
        return dict(zip(outputs, given, strict=True))

    return {
        name: Signature(
            serve,
            {"source": source, **_label(num_classes)},
            {output: Spec((latent_dim,)) for output in outputs},
            _image_rows(source, num_classes),
            kind="image_to_latent",
            facts={"num_classes": num_classes},
            most_rows=_affordable(source),
        )
    }


def _caller(network, num_classes):
    """Returns a function from rows and labels to the network's values in float32."""

    def called(rows, label):
        inputs = rows
        if label is not None:
            # Each runtime would make something else of a label outside the classes.
            label = tf.clip_by_value(label, 0, num_classes - 1)
            # Keras takes no array beside a tensor.
            inputs = [tf.convert_to_tensor(rows), label]
        # Batch statistics would make an image depend on its neighbours in the batch.
        given = network(inputs, training=False)
        return tf.nest.map_structure(lambda one: tf.cast(one, "float32"), given)

    return called


def _contained(values, centre, spread):
    """Returns values of which a network makes finite ones, in every format alike.

    NaN counts as the centre, and what is more than 100 spreads from it as 100 spreads.
    All others stay as they are, bit for bit.
    """
    farthest = _FARTHEST * spread
    clipped = tf.clip_by_value(values, centre - farthest, centre + farthest)
    # Of the conditions here, tf2onnx writes only this one in a way that keeps no NaN.
    return tf.where(tf.math.is_nan(values), centre, clipped)


def _contained_image(source, spec):
    if spec.pixels is None:
        # LiteRT has no IsInf. tf2onnx makes NaN of infinity here, which is 0 below.
        finite = tf.where(tf.abs(source) > np.finfo("float32").max, 0.0, source)
        return tf.where(tf.math.is_nan(finite), 0.0, finite)
    low, high = spec.pixels.low, spec.pixels.high
    return _contained(source, (low + high) / 2, (high - low) / 2)


def _label(num_classes):
    return {} if num_classes is None else {"label": Spec((), "int64")}


def _label_rows(num_classes, count, rng):
    """Returns labels of all classes if there are no more than rows."""
    if num_classes is None:
        return {}
    return {"label": np.resize(rng.permutation(num_classes), count)}


def _image_rows(source, num_classes, shape=None):
    """Returns a function that draws images of all values, and files of them."""
    shape = shape or _example_shape(source)

    def rows(count):
        rng = np.random.default_rng(0)
        if source.pixels is None:
            drawn = {"source": rng.standard_normal((count, *shape), "float32")}
        else:
            levels = rng.integers(0, 256, (count, *shape), "uint8")
            drawn = {"source": source.pixels.to_float(levels)}
            if source.is_picture:
                drawn["source_bytes"] = np.array([_file(row) for row in levels])
        return drawn | _label_rows(num_classes, count, rng)

    return rows


def _example_shape(source):
    """Returns the shape of example images, also of those whose size is free."""
    side = max(_EXAMPLE_SIDE, source.least)
    free = source.multiple * -(-side // source.multiple)
    return [free if side is None else side for side in source.shape]


def _other_shape(source):
    """Returns the shape of example images that are higher and, if possible, narrower.

    If only one side is free, this one alone is another.
    """
    example, multiple = _example_shape(source), source.multiple
    narrower = example[1] - multiple
    if narrower < source.least:
        narrower = example[1]
    changed = example[0] + multiple, narrower, example[2]
    return [
        other if side is None else side
        for side, other in zip(source.shape, changed, strict=True)
    ]


def _affordable(source):
    """Returns how many rows a proof can take of images of this size."""
    values = np.prod(_example_shape(source))
    return 64 if values <= _MANY_VALUES else 8


def _file(levels):
    """Returns a PNG file of one picture, as bytes."""
    file = io.BytesIO()
    grey = levels.shape[2] == 1
    Image.fromarray(levels[..., 0] if grey else levels).save(file, "png")
    return file.getvalue()


def _as_levels(values, image):
    return values if image.pixels is None else image.pixels.to_uint8(values)


def _encoded(levels):
    return tf.map_fn(tf.io.encode_png, levels, fn_output_signature=tf.string)


def _decoded(files, source):
    """Returns the pictures in PNG or JPEG files, uint8 [batch, *source.shape].

    If the source has no channel for opacity, pictures are laid over white.
    """
    channels = source.shape[2]

    def picture(file):
        levels = tf.cast(tf.io.decode_png(file), "float32")  # with the file's channels
        height, width, given = tf.unstack(tf.shape(levels))
        has_alpha = given % 2 == 0
        colour = levels[..., : given - tf.cast(has_alpha, "int32")]
        alpha = tf.where(has_alpha, levels[..., -1:], 255.0)
        if channels % 2:
            colour = 255.0 + (colour - 255.0) * alpha / 255.0
        levels = tf.broadcast_to(colour, [height, width, 3])
        if channels < 3:
            levels = tf.reduce_sum(levels * _GREY, axis=-1, keepdims=True)
        if channels % 2 == 0:
            levels = tf.concat([levels, alpha], axis=-1)
        return tf.ensure_shape(tf.cast(tf.round(levels), "uint8"), source.shape)

    spec = tf.TensorSpec(source.shape, "uint8")
    return tf.map_fn(picture, files, fn_output_signature=spec)


def _extended(levels, multiple):
    """Returns images of sides that are multiples, and where in them the given ones are.

    Args:
        levels: [batch, height, width, channels].
        multiple: 1 changes nothing.
    """
    if multiple == 1:
        return levels, (slice(None), slice(None))
    pads, window = [], []
    for side in tf.unstack(tf.shape(levels)[1:3]):
        before = -side % multiple // 2
        pads.append((before, -side % multiple - before))
        window.append(slice(before, before + side))
    return tf.pad(levels, [(0, 0), *pads, (0, 0)], "REFLECT"), window
