"""A page that runs a model in its visitor's browser, with onnxruntime-web."""

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np

from export import onnx
from export.exportable import Exportable
from keras_gan.errors import InputError
from keras_gan.serving import DEFAULT

# The page of each kind of function.
_PAGES = {"latent_to_image": "latent.html"}
_CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/"
_RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
_DIRECTIONS = 6
_SAMPLES = 512
_MOST_PIXELS = 4096


def check(exportable: Exportable) -> None:
    """Raises InputError if there is no page for what the model does, or no runtime."""
    kind, image = exportable.default.kind, _image(exportable)
    if kind not in _PAGES:
        raise InputError(
            f"the format web has no page for {kind}, only for {', '.join(_PAGES)}. "
            "Choose another format, such as onnx."
        )
    if not image.is_picture:
        raise InputError(
            "the format web shows grey and colour images, and the model makes "
            f"values of shape {image.shape}. Choose another format, such as onnx."
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

    A model that makes latent vectors of images too has a second file for that function,
    such as `encode.onnx`, and its page takes a visitor's picture.

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
    inverse = exportable.inverse
    if inverse is not None:
        file = path / f"{inverse}.onnx"
        onnx.write(exportable.only(inverse), file, sub_kernels=False)
    facts = exportable.default.facts
    classes = exportable.facts["class_names"]
    if facts["num_classes"] is not None and classes is None:
        classes = list(map(str, range(facts["num_classes"])))
    config = {
        "name": exportable.name,
        "latentDim": facts["latent_dim"],
        "bounds": facts["latent_bounds"],
        "shape": facts["image_shape"],
        "valueRange": facts["value_range"],
        "classes": classes,
        "directions": np.round(directions(exportable), 4).tolist(),
        "encoder": _encoder(exportable),
        "runtime": address,
    }
    parts = {
        "TITLE": html.escape(exportable.name),
        # A script ends at its closing tag, even within a string.
        "CONFIG": json.dumps(config).replace("</", "<\\/"),
    }
    # At once, as a name may be one of these words.
    page = Path(__file__).with_name(_PAGES[str(exportable.default.kind)]).read_text()
    page = re.sub("|".join(parts), lambda word: parts[word[0]], page)
    (path / "index.html").write_text(page)


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
    channels = _image(exportable).shape[-1]
    pixels = np.concatenate(images).reshape(_SAMPLES, -1, channels)
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


def _encoder(exportable):
    """Returns the file of the function back, its input and its output, or None."""
    if exportable.inverse is None:
        return None
    signature = exportable.signatures[exportable.inverse]
    return {
        "file": f"{exportable.inverse}.onnx",
        "input": next(iter(signature.inputs)),
        "output": next(iter(signature.outputs)),
    }


def _image(exportable):
    """Returns the spec of what the page shows: the function's first output."""
    return next(iter(exportable.default.outputs.values()))


def _runtime(exportable):
    """Returns the folder of the npm package's files: `dist` in it, or itself."""
    package = Path(exportable.options.runtime)
    return package / "dist" if (package / "dist").is_dir() else package
