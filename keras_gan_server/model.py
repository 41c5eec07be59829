"""One version of an exported model: what its file says, and what it computes."""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from keras_gan_server import images, latents
from keras_gan_server.errors import Refused, UnusableFile
from keras_gan_server.limits import PIXELS_OF_A_ROW

# What a request asks a kind of model for: the last part of the address.
VERBS = {
    "latent_to_image": "sample",
    "image_to_image": "translate",
    "image_to_latent": "encode",
}
_EXAMPLE_SIDE = 32  # pixels, of a picture of free size for the first run


@dataclasses.dataclass(frozen=True)
class Values:
    """One input or output: what each of its rows is.

    Args:
        shape: of a row; of images [height, width, channels], whatever the file's layout
            is. None stands for a side of any length.
        dtype: NumPy's name of its type.
        value_range: (low, high), which stand for the levels 0 and 255; None if values
            are no levels.
        multiple: what a side of any length must be a multiple of.

    Example:

    ```python
    import numpy as np
    from keras_gan_server.model import Values

    grey = Values((1, 2, 1), "float32", (-1.0, 1.0))
    assert grey.levels(np.float32([[[[-1], [1]]]])).ravel().tolist() == [0, 255]
    ```
    """

    shape: tuple[int | None, ...]
    dtype: str
    value_range: tuple[float, float] | None = None
    multiple: int = 1

    @property
    def is_picture(self) -> bool:
        """Whether PNG files can hold it."""
        channels = self.shape[2] if len(self.shape) == 3 else None
        return channels in (1, 2, 3, 4) and self.value_range is not None

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Returns the nearest levels of values in the range, uint8."""
        assert self.value_range is not None
        if values.dtype == "uint8":
            return values
        low, high = self.value_range
        levels = (values.astype("float32") - low) * (255 / (high - low))
        return np.rint(levels).clip(0, 255).astype("uint8")

    def from_levels(self, levels: np.ndarray) -> np.ndarray:
        """Returns the values of levels."""
        assert self.value_range is not None
        if self.dtype == "uint8":
            return levels
        low, high = self.value_range
        return (levels.astype("float32") / 255.0 * (high - low) + low).astype(
            self.dtype
        )


class Model:
    """A loaded ONNX file that this project exported.

    Args:
        path: of the file. Its name without `.onnx` is the model's.
        threads: that ONNX Runtime computes one batch with.

    Raises:
        UnusableFile: for a file that is missing, damaged or not such an export.

    Example:

    ```python
    from pathlib import Path
    import numpy as np
    from keras_gan_server.model import Model

    model = Model(Path("runs/digits/export/golden.onnx"), threads=1)
    feed = model.seeded([7, 8], labels=[0], truncation=0.7)
    assert model.run(feed)["image"].shape[0] == 2
    ```
    """

    def __init__(self, path: Path, threads: int):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UnusableFile(f"{path} cannot be read: {error.strerror}.") from None
        self.name = path.name.removesuffix(".onnx")
        self.version = hashlib.sha256(content).hexdigest()
        self._session = _session(path, content, threads)
        self.metadata = _metadata(self._session)
        try:
            self._read_description()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnusableFile(
                f"{path} lacks the description that exports of keras-gan have "
                f"({type(error).__name__}: {error}). Write it with keras-gan export "
                "--format onnx."
            ) from None
        try:
            self.run(self._example())
        except Exception as error:
            first_line = str(error).splitlines()[0]
            raise UnusableFile(
                f"{path} was loaded, but its first run failed ({first_line}). Export "
                "the model again."
            ) from None

    def _read_description(self):
        described = self.metadata
        self.kind = described.get("kind", "latent_to_image")
        self.verb = VERBS[self.kind]
        self.num_classes: int | None = described["num_classes"]
        self.class_names: list[str] = [*map(str, described.get("class_names") or [])]
        self._channels_first = described.get("layout") == "nchw"
        taken = {x.name: _dtype(x.type) for x in self._session.get_inputs()}
        given = {x.name: _dtype(x.type) for x in self._session.get_outputs()}
        self.inputs: dict[str, Values]
        self.outputs: dict[str, Values]
        if self.kind == "latent_to_image":
            self.latent_dim = int(described["latent_dim"])
            self.inputs = {"latent": Values((self.latent_dim,), taken["latent"])}
            range_ = described["value_range"]
            if given["image"] == "uint8":
                range_ = (0, 255)
            image = Values(
                tuple(described["image_shape"]),
                given["image"],
                None if range_ is None else (float(range_[0]), float(range_[1])),
            )
            self.outputs = {"image": image}
        else:
            self.inputs = {"source": self._values("inputs", "source", taken)}
            self.outputs = {
                name: self._values("outputs", name, given)
                for name in described["outputs"]
            }
        expected = {*self.inputs, *(["label"] if self.num_classes is not None else [])}
        if taken.keys() != expected:
            raise ValueError(f"its inputs are {', '.join(taken)}")

    def _values(self, side, name, dtypes):
        described = self.metadata[side][name]
        shape, range_ = tuple(described["shape"]), described["value_range"]
        if self._channels_first and len(shape) == 3:
            shape = (*shape[1:], shape[0])
        return Values(
            shape,
            dtypes[name],
            None if range_ is None else (float(range_[0]), float(range_[1])),
            int(described.get("multiple", 1)),
        )

    @property
    def main_output(self) -> str:
        """Name of the first output, which formats with room for one hold."""
        return next(iter(self.outputs))

    def seeded(
        self,
        seeds: Sequence[int],
        labels: Sequence[int | str] | None = None,
        truncation: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Returns what `run` takes for pictures of seeds.

        Args:
            seeds: one for each row, any integers of 64 bits.
            labels: numbers or names of classes, one for each row or one for all.
            truncation: as of `latents.from_seeds`; None truncates nothing.

        Raises:
            Refused: for labels that the model does not have.
        """
        largest = np.inf if truncation is None else truncation
        return {
            "seed": np.array(seeds, "int64"),
            "truncation": np.full(len(seeds), largest, "float32"),
            **self._labels(labels, len(seeds)),
        }

    def given(
        self,
        latent: Sequence[Sequence[float]],
        labels: Sequence[int | str] | None = None,
    ) -> dict[str, np.ndarray]:
        """Returns what `run` takes for pictures of latent vectors.

        Args:
            latent: [rows][latent_dim], finite numbers.
            labels: as of `seeded`.

        Raises:
            Refused: for vectors of another size, numbers that float32 cannot hold, or
                labels that the model does not have.
        """
        widths = {len(row) for row in latent}
        if widths != {self.latent_dim}:
            found = " and ".join(map(str, sorted(widths)))
            raise Refused(
                422,
                f"latent has rows of {found} numbers. {self.name} takes rows of "
                f"{self.latent_dim}.",
            )
        values = self._cast("latent", np.array(latent))
        return {"latent": values, **self._labels(labels, len(values))}

    def pictures(
        self, content: bytes, label: str | None, most_pixels: int
    ) -> tuple[dict[str, np.ndarray], tuple[slice, ...]]:
        """Returns what `run` takes for pictures, and the part of its result to keep.

        Sides of any length are filled up by reflection to the multiple that the model
        takes; that part leaves out what was filled in.

        Args:
            content: a PNG or JPEG file of one picture, or an .npy file in the model's
                own range of values, [rows, height, width, channels] or one such row.
            label: number or name of the class of all rows, if the model has classes.
            most_pixels: a larger picture is not decoded.

        Raises:
            Refused: for a file or a label that the model cannot take.
        """
        source = self.inputs["source"]
        if content.startswith(images.NPY_START):
            values = images.read_npy(content)
            if values.ndim == len(source.shape):
                values = values[np.newaxis]
            values = self._cast("source", values)
        elif source.is_picture:
            channels = source.shape[2]
            assert channels is not None
            levels = images.read(content, channels, most_pixels)
            values = source.from_levels(levels)[np.newaxis]
        else:
            raise Refused(
                422,
                f"{self.name} takes values that no picture holds. Send an .npy file of "
                f"shape {_text(source.shape)}.",
            )
        self._require_shape(values)
        keep: tuple[slice, ...] = ()
        if None in source.shape:
            pads = images.padding(values.shape[1:3], source.multiple)
            sides = zip(values.shape[1:3], pads, strict=True)
            keep = tuple(slice(before, before + side) for side, (before, _) in sides)
            filled = [n + sum(p) for n, p in zip(values.shape[1:3], pads, strict=True)]
            if math.prod(filled) > most_pixels:
                raise Refused(
                    413,
                    f"The picture has {_text(filled)} pixels once its sides are filled "
                    f"up to multiples of {source.multiple}. Send one of at most "
                    f"{most_pixels:,} pixels.",
                )
            values = np.pad(values, [(0, 0), *pads, (0, 0)], "reflect")
        labels = None if label is None else [label]
        return {"source": values, **self._labels(labels, len(values))}, keep

    def cost(self, feed: dict[str, np.ndarray]) -> int:
        """Returns how many rows an input counts as; see `limits.PIXELS_OF_A_ROW`."""
        first = next(iter(feed.values()))
        pixels = np.prod(first.shape[1:3], dtype=int) if first.ndim == 4 else 1
        return len(first) * -(-int(pixels) // PIXELS_OF_A_ROW)

    def run(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the outputs, and the latent vectors of seeds.

        Args:
            feed: `latent`, or `seed` and `truncation`, or `source`, and `label` if the
                model has classes; each with the same number of rows.
        """
        feed, drawn = dict(feed), {}
        if "seed" in feed:
            drawn["latent"] = latents.from_seeds(
                feed.pop("seed"),
                feed.pop("truncation"),
                self.latent_dim,
                self.metadata["latent_distribution"],
                self.metadata["latent_bounds"],
            )
            feed["latent"] = drawn["latent"].astype(self.inputs["latent"].dtype)
        if self._channels_first and "source" in feed:
            feed["source"] = feed["source"].transpose(0, 3, 1, 2)
        try:
            made = self._session.run([*self.outputs], feed)
        except InvalidArgument:
            # Layers that extend pictures by reflection need some pixels.
            raise Refused(
                422,
                f"{self.name} cannot compute {_text(next(iter(feed.values())).shape)} "
                "(rows, then the shape of one). Send larger pictures.",
            ) from None
        if self._channels_first:
            made = [x.transpose(0, 2, 3, 1) if x.ndim == 4 else x for x in made]
        return {**dict(zip(self.outputs, made, strict=True)), **drawn}

    def _example(self):
        """Returns one row, for the first run."""
        labels = {} if self.num_classes is None else {"label": np.zeros(1, "int64")}
        if self.kind == "latent_to_image":
            first = {"seed": np.zeros(1, "int64"), "truncation": np.ones(1, "float32")}
            return {**first, **labels}
        source = self.inputs["source"]
        free = source.multiple * -(-_EXAMPLE_SIDE // source.multiple)
        shape = [free if side is None else side for side in source.shape]
        return {"source": np.zeros((1, *shape), source.dtype), **labels}

    def _cast(self, name, values):
        """Returns values in the type of an input, or raises Refused."""
        dtype = self.inputs[name].dtype
        # Whole numbers are levels by mistake: the range of values is another.
        if values.dtype.kind != np.dtype(dtype).kind:
            raise Refused(
                422, f"{name} holds {values.dtype}, and {self.name} takes {dtype}."
            )
        with np.errstate(over="ignore"):
            cast = values.astype(dtype)
        if cast.dtype.kind == "f" and not np.isfinite(cast).all():
            raise Refused(
                422,
                f"{name} holds NaN, infinite values, or values that are too large for "
                f"{dtype}. Send finite ones.",
            )
        return cast

    def _require_shape(self, values):
        expected = self.inputs["source"].shape
        fits = values.ndim == len(expected) + 1 and all(
            side == given if side is not None else given > 0
            for side, given in zip(expected, values.shape[1:], strict=True)
        )
        if not fits or not len(values):
            raise Refused(
                422,
                f"The picture has the shape {_text(values.shape[1:])}, and {self.name} "
                f"takes {_text(expected)} (height, width, channels)."
                if values.ndim == 4
                else f"The array has the shape {_text(values.shape)}, and {self.name} "
                f"takes rows of {_text(expected)}.",
            )

    def _labels(self, labels, rows):
        if self.num_classes is None:
            if labels:
                raise Refused(422, f"{self.name} has no classes. Leave the label out.")
            return {}
        if not labels:
            raise Refused(
                422, f"{self.name} needs a label for each row: {self._classes}."
            )
        if len(labels) not in (1, rows):
            raise Refused(
                422,
                f"There are {len(labels)} labels for {rows} rows. Give one for each "
                "row or one for all.",
            )
        numbers = [self._number(label) for label in labels]
        return {"label": np.resize(np.array(numbers, "int64"), rows)}

    def _number(self, label):
        """Returns the number of a class by its name or, if none has it, its number."""
        if label in self.class_names:
            return self.class_names.index(label)
        if re.fullmatch("[0-9]{1,18}", str(label)) and int(label) < self.num_classes:
            return int(label)
        raise Refused(
            422,
            f"The label {label!r:.100} is not a class of {self.name}. Expected "
            f"{self._classes}.",
        )

    @property
    def _classes(self):
        numbers = f"a number from 0 to {self.num_classes - 1}"
        if not self.class_names:
            return numbers
        names = ", ".join(self.class_names[:20])
        more = ", ..." if len(self.class_names) > 20 else ""
        return f"{numbers}, or one of the names {names}{more}"


def _session(path, content, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait in a loop would take the processor from those that answer.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what it logs is in the exceptions too
    try:
        return onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime has a class for each cause
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnusableFile(
            f"{path} is not an ONNX file that ONNX Runtime can load ({first_line}). "
            "Export the model again."
        ) from None


def _metadata(session) -> dict[str, Any]:
    """Returns the description in a file; text stands in it as it is."""
    found = {}
    for name, text in session.get_modelmeta().custom_metadata_map.items():
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _dtype(kind):
    """Returns NumPy's name of what ONNX Runtime calls "tensor(float)" and the like."""
    inner = kind.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(inner, inner)


def _text(shape):
    return " x ".join("any" if side is None else str(side) for side in shape)
