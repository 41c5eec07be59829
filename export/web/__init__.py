"""A page that runs a model in its visitor's browser, with onnxruntime-web."""

import dataclasses
import html
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from export import onnx
from export.exportable import Exportable
from export.web.naming import Direction, named
from keras_gan import latent_directions, model_card, model_files
from keras_gan.errors import InputError
from keras_gan.files import json_text
from keras_gan.serving import DEFAULT
from keras_gan.version import __version__

_CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/"
_RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
# Of pages that may compute for seconds.
_GRAPHICS_FILES = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
_FOLDER = Path(__file__).parent
# Scripts and styles come from files of the page alone, and the runtime besides.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{elsewhere}; "
    "worker-src 'self' blob:; connect-src 'self'{elsewhere}; style-src 'self'; "
    "img-src 'self' data: blob:; media-src 'self' blob: mediastream:; "
    "base-uri 'none'; form-action 'none'"
)
_DIRECTIONS = 6
_SAMPLES = 512
_MOST_PIXELS = 4096


@dataclasses.dataclass(frozen=True)
class _Page:
    """What shows the functions of a kind: its files, and what its script must know."""

    name: str
    config: Callable[[Exportable], dict]
    runtime: tuple[str, ...] = _RUNTIME_FILES


def check(exportable: Exportable) -> None:
    """Raises InputError if there is no page for what the model does, or no runtime."""
    kind = exportable.default.kind
    if kind not in _PAGES:
        raise InputError(
            f"the format web has no page for {kind}, only for {', '.join(_PAGES)}. "
            "Choose another format, such as onnx."
        )
    for image in _images(exportable):
        if not image.is_picture:
            raise InputError(
                "the format web shows grey and colour images, and the model has values "
                f"of shape {image.shape}. Choose another format, such as onnx."
            )
    if exportable.options.runtime is None:
        return
    source = _runtime(exportable)
    files = _PAGES[kind].runtime
    missing = [name for name in files if not (source / name).is_file()]
    if missing:
        raise InputError(
            f"runtime is {exportable.options.runtime}, which has no "
            f"{' and no '.join(missing)}. Give the folder of the unpacked npm package "
            "onnxruntime-web."
        )


def write(exportable: Exportable, path: Path) -> None:
    """Writes a page and `model.onnx`, unverified.

    Each of the model's companions has a file of its own: the function from images back
    to latent vectors, such as `encode.onnx`, or the second of two directions, such as
    `b_to_a.onnx`. Their page takes a visitor's picture.

    The page is `index.html`, its styles and scripts, `config.json`, which holds what
    they must know of this model, and `facts.json`, what a visitor may read about it.
    Nothing is inline, so that servers may forbid it.

    The runtime comes from a public address, or is copied from the folder that
    `options.runtime` names, so that the page works offline. A browser reads the files
    from a web server alone, such as `python -m http.server`.

    Args:
        exportable: what to show.
        path: folder, which is made.
    """
    path.mkdir()
    page = _PAGES[str(exportable.default.kind)]
    address = _CDN
    if exportable.options.runtime is not None:
        address = "./runtime/"
        (path / "runtime").mkdir()
        for name in page.runtime:
            shutil.copyfile(_runtime(exportable) / name, path / "runtime" / name)
    models = {
        _file(name): exportable.only(name) for name in [DEFAULT, *exportable.companions]
    }
    for file, part in models.items():
        onnx.write(part, path / file, sub_kernels=False)
    for file in ("common.css", "common.js", f"{page.name}.css", f"{page.name}.js"):
        shutil.copyfile(_FOLDER / file, path / file)
    elsewhere = "" if address != _CDN else f" {'/'.join(_CDN.split('/')[:3])}"
    parts = {
        "TITLE": html.escape(exportable.name),
        "POLICY": _POLICY.format(elsewhere=elsewhere),
    }
    text = (_FOLDER / f"{page.name}.html").read_text("utf-8")
    # At once, as a name may be one of these words.
    text = re.sub("|".join(parts), lambda word: parts[word[0]], text)
    (path / "index.html").write_text(text, "utf-8")
    config = {
        "name": exportable.name,
        **page.config(exportable),
        "files": {
            file: {
                "bytes": (path / file).stat().st_size,
                "sha256": model_files.sha256(path / file),
            }
            for file in models
        },
        "runtime": address,
    }
    (path / "config.json").write_text(json_text(config), "utf-8")
    (path / "facts.json").write_text(json_text(_facts(exportable)), "utf-8")


def directions(exportable: Exportable) -> list[Direction]:
    """Returns the directions in latent space that change images most.

    They are those of `latent_directions.of_samples`, at most 6.
    """
    signature = exportable.default
    inputs = signature.examples(_SAMPLES)
    images = []
    for start in range(0, _SAMPLES, 64):
        rows = [each[start : start + 64] for each in inputs.values()]
        images.append(signature.function(*rows)["image"].numpy())
    whole = np.concatenate(images)
    pixels = whole.reshape(_SAMPLES, -1, whole.shape[-1])
    # Whole pixels: a step over single values could meet one colour alone.
    step = -(-pixels.shape[1] // _MOST_PIXELS)
    values = pixels[:, ::step].reshape(_SAMPLES, -1)
    latent = inputs["latent"]
    found = latent_directions.of_samples(latent, values)[:_DIRECTIONS]
    image = next(iter(signature.outputs.values()))
    assert image.pixels is not None  # `check` refuses others
    levels = (whole - image.pixels.low) / (image.pixels.high - image.pixels.low)
    places = (latent - latent.mean(axis=0)) @ found.T
    return named(found, places, levels)


def metadata(path: Path) -> dict:
    """Returns the description in the page's ONNX file."""
    return onnx.metadata(path / "model.onnx")


def _of_latents(exportable):
    """Returns what the page of a model needs that makes images from latent vectors."""
    facts = exportable.default.facts
    return {
        "latentDim": facts["latent_dim"],
        "bounds": facts["latent_bounds"],
        "shape": facts["image_shape"],
        "valueRange": facts["value_range"],
        "classes": _classes(exportable),
        "directions": [
            {**one._asdict(), "vector": np.round(one.vector, 4).tolist()}
            for one in directions(exportable)
        ],
        "encoder": _encoder(exportable),
    }


def _of_images(exportable):
    """Returns what the page of a model needs that makes images from images."""
    names = [DEFAULT, *exportable.companions]
    return {
        "classes": _classes(exportable),
        "directions": [_direction(exportable, name) for name in names],
    }


# The page of each kind of function.
_PAGES = {
    "latent_to_image": _Page("latent", _of_latents),
    "image_to_image": _Page("image", _of_images, (*_RUNTIME_FILES, *_GRAPHICS_FILES)),
}


def _classes(exportable):
    """Returns the names of the classes that a label chooses from, or None."""
    number = exportable.default.facts["num_classes"]
    if number is None:
        return None
    return exportable.facts["class_names"] or list(map(str, range(number)))


def _encoder(exportable):
    """Returns the file of the function back, its input and its output, or None."""
    if exportable.inverse is None:
        return None
    signature = exportable.signatures[exportable.inverse]
    return {
        "file": _file(exportable.inverse),
        "input": next(iter(signature.inputs)),
        "output": next(iter(signature.outputs)),
    }


def _direction(exportable, name):
    """Returns the file of a function, what it takes and what it gives."""
    signature = exportable.signatures[name]
    (source, taken), *_ = signature.inputs.items()
    (output, made), *_ = signature.outputs.items()
    *sides, channels = taken.shape
    return {
        # "a to b"; a model with one direction may leave it unsaid.
        "name": signature.facts.get("direction", "").replace("_", " "),
        "file": _file(name),
        "input": source,
        "output": output,
        "sides": sides,
        "multiple": taken.multiple,
        "channels": [channels, made.shape[2]],
        "ranges": [[x.pixels.low, x.pixels.high] for x in (taken, made)],
    }


def _file(function):
    return "model.onnx" if function == DEFAULT else f"{function}.onnx"


def _facts(exportable):
    """Returns what a visitor may read about the model: pairs of texts."""
    run, step = exportable.run, exportable.facts["step"]
    facts = [["Training", f"{step:,} steps"], ["Weights", exportable.facts["weights"]]]
    if run is not None:
        licence = run.recipe.data_licence or "not stated"
        metrics = model_card.measured(run.path, step)
        rows = model_card.measure_rows(metrics) if metrics else ()
        facts = [
            *(["Data", model_card.data_of(run)], ["Licence of the data", licence]),
            *facts,
            *([title, value] for title, value, *_ in rows),
        ]
    return [*facts, ["Made with", f"keras_gan {__version__}"]]


def _images(exportable):
    """Yields the specs of what the page shows: images that go in, and first outputs."""
    for name in [DEFAULT, *exportable.companions]:
        signature = exportable.signatures[name]
        yield from (spec for spec in signature.inputs.values() if spec.image)
        if signature.kind != "image_to_latent":
            yield next(iter(signature.outputs.values()))


def _runtime(exportable):
    """Returns the folder of the npm package's files: `dist` in it, or itself."""
    package = Path(exportable.options.runtime)
    return package / "dist" if (package / "dist").is_dir() else package
