"""LiteRT (formerly TensorFlow Lite), for phones and small devices."""

import importlib.util
import io
import json
import tempfile
import zipfile
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from export.exportable import Exportable
from keras_gan.errors import InputError
from keras_gan.files import json_text, without_pattern

_METADATA = "metadata.json"


def check(exportable: Exportable) -> None:
    """Raises InputError if there is no such file, or nothing to verify it with.

    Weights in int8 would run much slower there.
    """
    if importlib.util.find_spec("ai_edge_litert") is None:
        raise InputError(
            "the format litert is verified by ai-edge-litert, which is not installed. "
            "Run pip install '.[litert]' in this project's folder."
        )
    if exportable.options.precision == "int8":
        raise InputError(
            "precision is int8, and litert has float32 and float16 only. Choose one of "
            "them, or the format onnx."
        )


def write(exportable: Exportable, path: Path) -> None:
    """Writes the file, unverified.

    It has the signatures `serving_default`, of one row, and `several`, of any number of
    rows, which share the weights. A row of the second takes two to three times as long,
    because XNNPACK computes transposed convolutions of a fixed batch only. An
    interpreter that is given no signature's name runs the first. For images of any size
    `serving_default` takes any number of rows, and there is no other.

    The description is in a ZIP archive at the end, where LiteRT's own tools look for
    files.

    Raises:
        InputError: for operations that LiteRT does not have.
    """
    signature = exportable.default
    archive = keras.export.ExportArchive()
    free = signature.tensors
    signatures = {"serving_default": free}
    if all(None not in spec.shape for spec in signature.inputs.values()):
        one = [tf.TensorSpec([1, *x.shape[1:]], x.dtype, x.name) for x in free]
        # The converter sorts them by name.
        signatures = {"serving_default": one, "several": free}
    for name, tensors in signatures.items():
        archive.add_endpoint(name, signature.function, tensors)
    with tempfile.TemporaryDirectory() as made, without_pattern(made) as folder:
        archive.write_out(folder, verbose=False)
        # From a function instead of a SavedModel the weights get lost without a word.
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[*signatures]
        )
        converter.experimental_enable_resource_variables = True
        if exportable.options.precision == "float16":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        try:
            model = converter.convert()
        except ConverterError as error:
            names = {part.operator.name for part in error.errors} - {""}
            raise InputError(
                f"the model needs {', '.join(sorted(names)) or 'an operation'}, which "
                "LiteRT does not have. Choose another format, such as onnx."
            ) from error
    path.write_bytes(with_metadata(model, json_text(exportable.metadata())))


def with_metadata(model: bytes, text: str) -> bytes:
    """Returns the bytes of a file from those of a model and its description.

    The same model and description give the same bytes at any time.
    """
    content = io.BytesIO(model)
    with zipfile.ZipFile(content, "a") as file:
        file.writestr(zipfile.ZipInfo(_METADATA), text)  # without the time
    return content.getvalue()


def metadata(path: Path) -> dict:
    """Returns the description in a file."""
    return json.loads(metadata_text(path))


def metadata_text(path: Path) -> str:
    """Returns the description in a file as it stands there."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.read(_METADATA).decode()
    except zipfile.BadZipFile as error:
        raise ValueError(str(error)) from error
