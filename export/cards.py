"""Model cards beside exports: `NAME.README.md` and its picture `NAME.README.png`."""

import importlib
from pathlib import Path
from typing import Any

from export.exportable import Exportable
from export.files import write_errors_named
from export.formats import FORMATS, ExportOptions
from keras_gan import examples, model_card, pictures
from keras_gan.errors import KerasGANError
from keras_gan.serving import DEFAULT, Spec

_ROWS = 4  # of the inputs in an example


def write(out: Path, exportable: Exportable) -> None:
    """Writes the card of a model that was exported, unless a user made it their own.

    Args:
        out: folder of the exports.
        exportable: what was exported.

    Raises:
        InputError: if it cannot be written.
    """
    name, picture = exportable.name, picture_of(exportable)
    file = model_card.file_name(model_card.PICTURE, name) if picture else None
    card = card_of(exportable, _usage(out, exportable), file)
    with write_errors_named(out / model_card.file_name(model_card.FILE, name)):
        model_card.write(out, card, picture, name)


def card_of(exportable: Exportable, usage: str, picture: str | None) -> str:
    """Returns the text of the card of a model that is exported.

    Args:
        exportable: what is exported.
        usage, picture: as of `model_card.card`.
    """
    run = exportable.run
    metrics = run and model_card.measured(run.path, exportable.facts["step"])
    return model_card.card(
        exportable.model, exportable.name, usage, run, metrics, picture
    )


def picture_of(exportable: Exportable) -> bytes | None:
    """Returns a picture of what a model makes, a PNG file, or None.

    That is the last grid of its run. A model without a run is asked for samples, unless
    it needs pictures of others for them.
    """
    model: Any = exportable.model
    if exportable.run is not None:
        found = model_card.picture_of(exportable.run.path, exportable.facts["step"])
        if found is not None:
            return found
    try:
        drawing = pictures.drawing_of(model, None, exportable.facts["class_names"])
        labels = drawing.labels(drawing.count)
        given = examples.spread(model, None, drawing.count, labels)
        samples = model.samples(drawing.count, 0, given)
    except (KerasGANError, NotImplementedError):
        return None  # it needs pictures of others, or makes none
    return pictures.encoded(drawing.draw(samples, labels), ".png")


def _usage(out, exportable):
    """Returns how the exports of a model that lie in a folder are loaded."""
    name, ways = exportable.name, []
    file = out / f"{name}.onnx"
    if file.is_file():
        given = ", ".join(f'"{n}": {x}' for n, x in _inputs(file, exportable).items())
        ways.append(
            "```python\n"
            "import numpy as np\n"
            "import onnxruntime\n\n"
            "rng = np.random.default_rng(0)\n"
            f'session = onnxruntime.InferenceSession("{file.name}")\n'
            f"made, *_ = session.run(None, {{{given}}})\n"
            "```"
        )
    if (out / name).is_dir():
        ways.append(
            f"TensorFlow Serving loads the SavedModel in `{name}/` with the "
            "`models.config` beside it."
        )
    ways.append(
        "`report.json` names each export and how far it is from the trained model; the "
        "description inside an export has its layout, range and classes."
    )
    return "\n\n".join(ways)


def _inputs(file, exportable):
    """Returns name -> Python that makes rows of it, for the inputs of an ONNX file."""
    metadata = importlib.import_module(FORMATS["onnx"].module).metadata(file)
    kept = ("layout", "output", "latent_input")
    options = ExportOptions(**{n: metadata[n] for n in kept if n in metadata})
    default = exportable.only(DEFAULT).with_options(options).default
    rows = default.examples(_ROWS)
    return {
        name: _drawn(spec, rows[name].shape, default.facts)
        for name, spec in default.inputs.items()
    }


def _drawn(spec: Spec, shape: tuple[int, ...], facts: dict) -> str:
    if spec.dtype.startswith(("int", "uint")):
        most = 256 if spec.image else facts["num_classes"]
        return f'rng.integers(0, {most}, {shape}, "{spec.dtype}")'
    if spec.image:
        low, high = (spec.pixels.low, spec.pixels.high) if spec.pixels else (-1, 1)
        return f'rng.uniform({low:g}, {high:g}, {shape}).astype("float32")'
    if facts.get("latent_distribution") == "uniform":
        low, high = facts["latent_bounds"]
        return f'rng.uniform({low:g}, {high:g}, {shape}).astype("float32")'
    return f'rng.standard_normal({shape}, "float32")'
