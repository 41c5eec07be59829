"""A page that runs a model in its visitor's browser, with onnxruntime-web."""

import dataclasses
import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from export import onnx
from export.exportable import Exportable
from keras_gan.errors import InputError
from keras_gan.serving import DEFAULT

_CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/"
_RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
_DIRECTIONS = 6
_SAMPLES = 512
_MOST_PIXELS = 4096


@dataclasses.dataclass(frozen=True)
class _Page:
    """What shows the functions of a kind: a template, and what its script must know."""

    template: str
    config: Callable[[Exportable], dict]


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
    missing = [name for name in _RUNTIME_FILES if not (source / name).is_file()]
    if missing:
        raise InputError(
            f"runtime is {exportable.options.runtime}, which has no "
            f"{' and no '.join(missing)}. Give the folder of the unpacked npm package "
            "onnxruntime-web."
        )


def write(exportable: Exportable, path: Path) -> None:
    """Writes `index.html` and `model.onnx`, unverified.

    Each of the model's companions has a file of its own: the function from images back
    to latent vectors, such as `encode.onnx`, or the second of two directions, such as
    `b_to_a.onnx`. Their page takes a visitor's picture.

    The runtime comes from a public address, or is copied from the folder that
    `form.runtime` names, so that the page works offline. A browser reads the files from
    a web server alone, such as `python -m http.server`.
    """
    path.mkdir()
    address = _CDN
    if exportable.options.runtime is not None:
        address = "./runtime/"
        (path / "runtime").mkdir()
        for name in _RUNTIME_FILES:
            shutil.copyfile(_runtime(exportable) / name, path / "runtime" / name)
    onnx.write(exportable.only(DEFAULT), path / "model.onnx", sub_kernels=False)
    for name in exportable.companions:
        onnx.write(exportable.only(name), path / _file(name), sub_kernels=False)
    page = _PAGES[str(exportable.default.kind)]
    config = {"name": exportable.name, **page.config(exportable), "runtime": address}
    folder = Path(__file__).parent
    parts = {
        "TITLE": html.escape(exportable.name),
        # A script ends at its closing tag, even within a string.
        "CONFIG": json.dumps(config).replace("</", "<\\/"),
        "STYLE": (folder / "common.css").read_text("utf-8").rstrip(),
        "COMMON": (folder / "common.js").read_text("utf-8").rstrip(),
    }
    # At once, as a name may be one of these words.
    text = (folder / page.template).read_text("utf-8")
    text = re.sub("|".join(parts), lambda word: parts[word[0]], text)
    (path / "index.html").write_text(text, "utf-8")


def directions(exportable: Exportable) -> np.ndarray:
    """Returns the directions in latent space that change images most.

    They are the left singular vectors of the linear map from latent vectors to pixels
    that fits samples best, in falling order of their effect.

    Returns:
        float [D, latent_dim] of length 1, D at most 6.
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
    latent = inputs["latent"] - inputs["latent"].mean(axis=0)
    effect, *_ = np.linalg.lstsq(latent, values - values.mean(axis=0), rcond=None)
    vectors, _, _ = np.linalg.svd(effect, full_matrices=False)
    return vectors.T[:_DIRECTIONS]


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
        "directions": np.round(directions(exportable), 4).tolist(),
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
    "latent_to_image": _Page("latent.html", _of_latents),
    "image_to_image": _Page("image.html", _of_images),
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
