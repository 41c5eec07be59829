"""A page that runs the generator in its visitor's browser, with onnxruntime-web."""

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np

from export import onnx
from export.generator import Generator
from export.signatures import default_alone
from keras_gan.errors import InputError

_PAGE = Path(__file__).with_name("web.html")
_CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/"
_RUNTIME_FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
_DIRECTIONS = 6
_SAMPLES = 512
_MOST_PIXELS = 4096

signatures = default_alone


def check(generator: Generator) -> None:
    """Raises InputError for images that are no pictures, or without the runtime."""
    if not generator.makes_pictures:
        raise InputError(
            "the format web shows grey and colour images, and the generator makes "
            f"values of shape {generator.image_shape}. Choose another format, such as "
            "onnx."
        )
    if generator.form.runtime is None:
        return
    source = _runtime(generator)
    missing = [name for name in _RUNTIME_FILES if not (source / name).is_file()]
    if missing:
        raise InputError(
            f"runtime is {generator.form.runtime}, which has no "
            f"{' and no '.join(missing)}. Give the folder of the unpacked npm package "
            "onnxruntime-web."
        )


def write(generator: Generator, path: Path) -> None:
    """Writes `index.html` and `model.onnx`, unverified.

    The runtime comes from a public address, or is copied from the folder that
    `form.runtime` names, so that the page works offline. A browser reads the files from
    a web server alone, such as `python -m http.server`.
    """
    path.mkdir()
    address = _CDN
    if generator.form.runtime is not None:
        address = "./runtime/"
        (path / "runtime").mkdir()
        for name in _RUNTIME_FILES:
            shutil.copyfile(_runtime(generator) / name, path / "runtime" / name)
    onnx.write(generator, path / "model.onnx", sub_kernels=False)
    classes = generator.class_names
    if generator.num_classes is not None and classes is None:
        classes = list(map(str, range(generator.num_classes)))
    config = {
        "name": generator.name,
        "latentDim": generator.latent_dim,
        "bounds": generator.latent_bounds,
        "shape": generator.image_shape,
        "valueRange": generator.value_range,
        "classes": classes,
        "directions": np.round(directions(generator), 4).tolist(),
        "runtime": address,
    }
    parts = {
        "TITLE": html.escape(generator.name),
        # A script ends at its closing tag, even within a string.
        "CONFIG": json.dumps(config).replace("</", "<\\/"),
    }
    # At once, as a name may be one of these words.
    page = re.sub("|".join(parts), lambda word: parts[word[0]], _PAGE.read_text())
    (path / "index.html").write_text(page)


def directions(generator: Generator) -> np.ndarray:
    """Returns the directions in latent space that change images most.

    They are the left singular vectors of the linear map from latent vectors to pixels
    that fits samples best, in falling order of their effect.

    Returns:
        float [D, latent_dim] of length 1, D at most 6.
    """
    inputs = generator.examples(_SAMPLES)
    images = []
    for start in range(0, _SAMPLES, 64):
        rows = [values[start : start + 64] for values in inputs.values()]
        images.append(generator.serve(*rows)["image"].numpy())
    channels = generator.image_shape[-1]
    pixels = np.concatenate(images).reshape(_SAMPLES, -1, channels)
    # Whole pixels: a step over single values could meet one colour alone.
    pixels = pixels[:, :: -(-pixels.shape[1] // _MOST_PIXELS)].reshape(_SAMPLES, -1)
    latent = inputs["latent"] - inputs["latent"].mean(axis=0)
    effect, *_ = np.linalg.lstsq(latent, pixels - pixels.mean(axis=0), rcond=None)
    vectors, _, _ = np.linalg.svd(effect, full_matrices=False)
    return vectors.T[:_DIRECTIONS]


def metadata(path: Path) -> dict:
    """Returns the description in the page's ONNX file."""
    return onnx.metadata(path / "model.onnx")


def _runtime(generator):
    """Returns the folder of the npm package's files: `dist` in it, or itself."""
    package = Path(generator.form.runtime)
    return package / "dist" if (package / "dist").is_dir() else package
