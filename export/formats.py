"""The kinds of export, and where each lies.

A user adds one by `FORMATS["mine"] = Format(__name__, ...)` in a module of their own.
Importing this module is cheap, so that `python -m export --help` can list them.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

_LAST_VERSION = 2**63 - 1  # of 64 bits with a sign


def version_folder(base: Path, version: int | None) -> Path:
    """Returns the folder `base/<version>`, or that of the number after the highest.

    Raises:
        InputError: for a version below 1, or above what the servers can read.
    """
    if version is None:
        names = [folder.name for folder in base.glob("*") if folder.name.isdecimal()]
        version = max(map(int, names), default=0) + 1
    if not 1 <= version <= _LAST_VERSION:
        from keras_gan.errors import InputError  # imports TensorFlow

        raise InputError(
            f"version is {version}. Give a whole number from 1 to {_LAST_VERSION}, or "
            "none for the next free one."
        )
    return base / str(version)


def onnx_file(base: Path, version: int | None) -> Path:
    """Returns the file `base.onnx`, which has no version."""
    return base.with_name(f"{base.name}.onnx")


def litert_file(base: Path, version: int | None) -> Path:
    """Returns the file `base.tflite`, which has no version."""
    return base.with_name(f"{base.name}.tflite")


def web_folder(base: Path, version: int | None) -> Path:
    """Returns the folder of the model's page, in the folder `web` beside `base`."""
    return base.with_name("web") / base.name


def hub_folder(base: Path, version: int | None) -> Path:
    """Returns the model's folder for the Hugging Face Hub, in `hub` beside `base`."""
    return base.with_name("hub") / base.name


def triton_folder(base: Path, version: int | None) -> Path:
    """Returns a version of the model in the repository `triton` beside `base`."""
    return version_folder(base.with_name("triton") / base.name, version)


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """How an export takes and gives images and stores weights, if a format can choose.

    Args:
        layout: of images, in and out: "nhwc" is [batch, height, width, channels],
            "nchw" [batch, channels, height, width].
        output: "float32" in the model's range, or "uint8" from 0 to 255; images that
            go in are the same.
        precision: of the weights: "float32"; "float16", which computes in it too; or
            "int8", which halves that again and computes in float32.
        opset: version of the ONNX operations, 18 to 26; None is 18.
        latent_input: latent vectors of the model's "own" distribution, or "normal"
            ones, which the file maps to its own.
        triton_backend: what runs the model in Triton, "onnxruntime" or "python"; "auto"
            is the first unless a model needs the second, see `export.triton`.
        runtime: folder of the npm package onnxruntime-web, to be copied into a web
            page; None loads it from a public address.

    Raises:
        InputError: for a value that is not accepted.

    Example:

    ```python
    from export.formats import FORMATS, ExportOptions

    options = ExportOptions(layout="nchw", output="uint8", precision="float16")
    assert FORMATS["onnx"].options(options) == options
    ```
    """

    layout: str = "nhwc"
    output: str = "float32"
    precision: str = "float32"
    opset: int | None = None
    latent_input: str = "own"
    triton_backend: str = "auto"
    runtime: str | None = None

    def __post_init__(self):
        for name, accepted in OPTION_CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in accepted:
                from keras_gan.errors import InputError  # imports TensorFlow

                raise InputError(
                    f"{name} is {value!r}. Expected one of: "
                    f"{', '.join(map(str, accepted))}."
                )


OPTION_CHOICES = {
    "layout": ("nhwc", "nchw"),
    "output": ("float32", "uint8"),
    "precision": ("float32", "float16", "int8"),
    "opset": tuple(range(18, 27)),  # what tf2onnx writes, to what ONNX Runtime reads
    "latent_input": ("own", "normal"),
    "triton_backend": ("auto", "onnxruntime", "python"),
}
_ONNX_CHOICES = ("layout", "output", "precision", "opset", "latent_input")


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of export.

    Args:
        module: has `check(exportable)`, which raises InputError for one that the format
            cannot hold; `write(exportable, path)`, for one that it can; and
            `metadata(path)`, what `Exportable.metadata` gave when a file was written.
            It may have `place(written, target)`, which moves what was written to where
            nothing is yet, and `check_target(exportable, target)`, which raises
            InputError if that will fail. With `versions` it has
            `pinned_versions(folder)`, the numbers of those that may not be pruned.
            `write_beside(out, name)` writes what a server is started with. It is
            imported when the format is asked for, as each needs a library of its own.
        target: function from the model's path and version to the export's path.
        marker: what tells such an export from others: the ending of its name, or the
            name of a file in it.
        holds: which of the model's functions are in one export: "all" of them, "each"
            main function in one of its own, the "default" alone, or "page": it and its
            `companions`.
        choices: the fields of `ExportOptions` that it leaves open; others are as by
            default.
        loader: of a user's format: path of a Python file with a class `Loader`, which
            runs an export where this project cannot be imported, as those of
            `export/_worker/loaders.py` do. The file can import them.
        versions: whether exports are numbered folders beside each other, as `target`
            says. An export without versions is replaced by the next one.

    Example:

    ```python
    from pathlib import Path
    from export.formats import FORMATS

    for name, format in FORMATS.items():
        print(name, format.target(Path("exports/digits"), 1))
    assert FORMATS["onnx"].matches(Path("runs/digits/export/golden.onnx"))
    ```
    """

    module: str
    target: Callable[[Path, int | None], Path]
    marker: str
    holds: str
    choices: tuple[str, ...] = ()
    loader: Path | str | None = None
    versions: bool = False

    def options(self, wanted: ExportOptions) -> ExportOptions:
        """Returns those of the options that this format has a choice in."""
        return ExportOptions(**{name: getattr(wanted, name) for name in self.choices})

    def parts(self, exportable: Any) -> list:
        """Returns what each export in this format holds, as `Exportable`."""
        functions = exportable.functions  # the default first
        if self.holds != "each":
            functions = functions[:1]
        return [self.part(exportable, function) for function in functions]

    def part(self, exportable: Any, function: str) -> Any:
        """Returns what the export holds that is written for a function."""
        if self.holds == "all":
            return exportable
        if self.holds == "page" and exportable.companions:
            return exportable.keeping([function, *exportable.companions])
        return exportable.only(function)

    def matches(self, path: Path) -> bool:
        """Whether a file or folder looks like an export in this format."""
        return (path.is_file() and path.suffix == self.marker) or (
            path / self.marker
        ).is_file()


DEFAULT_OPTIONS = ExportOptions()

FORMATS: dict[str, Format] = {
    "saved-model": Format(
        *("export.saved_model", version_folder, "saved_model.pb", "all"),
        versions=True,
    ),
    "onnx": Format("export.onnx", onnx_file, ".onnx", "each", _ONNX_CHOICES),
    "triton": Format(
        *("export.triton", triton_folder, "../config.pbtxt", "each"),
        (*_ONNX_CHOICES, "triton_backend"),
        versions=True,
    ),
    "litert": Format("export.litert", litert_file, ".tflite", "each", ("precision",)),
    "web": Format(
        *("export.web", web_folder, "index.html", "page"),
        ("precision", "runtime"),
    ),
    "hub": Format(
        *("export.hub", hub_folder, "keras_gan.json", "all"),
        loader=Path(__file__).with_name("_worker") / "hub_loader.py",
    ),
}
DEFAULT_FORMATS = ("saved-model", "onnx")
