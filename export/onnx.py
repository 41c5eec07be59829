"""ONNX, for ONNX Runtime on servers, phones and in browsers."""

import json
import os
from pathlib import Path

import onnx
import tensorflow as tf
import tf2onnx
from onnx import version_converter

from export.formats import Form
from export.generator import Generator, describe
from export.precision import PRECISIONS
from export.publish import publish, refuse_existing
from export.report import Row
from export.signatures import default_alone
from export.sub_kernels import with_sub_kernels
from keras_gan import first_safe
from keras_gan.errors import InputError

_OPSET = 18  # the newest that tf2onnx writes


def to_onnx(
    model_or_run,
    path: str | os.PathLike,
    overwrite: bool = False,
    verify: bool = True,
    **form,
) -> Row:
    """Writes the generator as an ONNX file.

    It takes `latent`, float32 [batch, latent_dim], and of a conditional model `label`,
    int64 [batch], 0 to num_classes - 1 (others count as the nearest); it gives `image`,
    float32 [batch, *image_shape] or as asked for. `metadata_props` describes it.

    Args:
        model_or_run: a `keras_gan.GAN`, or the path of a run's folder.
        path: the file.
        overwrite: replace a file that is there, once the new one is verified.
        verify: run the export in a second process before it is published.
        **form: fields of `export.formats.Form`, such as `layout="nchw"`.

    Raises:
        InputError: for a file that exists, no GAN, weights that are not finite, or a
            form that is not accepted.
        VerificationError: where the export differs from the model; nothing is written.
    """
    target = Path(path)
    form = Form(**form)
    refuse_existing(target, overwrite)
    generator = describe(model_or_run, target.stem).formed(form)
    check(generator)
    return publish("onnx", generator, target, verify, overwrite)


signatures = default_alone


def check(generator: Generator) -> None:
    """Raises InputError if the form needs operations that the onnx package lacks."""
    newest = onnx.defs.onnx_opset_version()
    if (generator.form.opset or _OPSET) > newest:
        raise InputError(
            f"opset is {generator.form.opset}, and onnx {onnx.__version__} knows "
            f"operations up to opset {newest}. Ask for an older one, or run pip "
            "install --upgrade onnx onnxruntime."
        )


def write(generator: Generator, path: Path, sub_kernels: bool = True) -> None:
    """Writes the file, unverified.

    Args:
        generator: what to write.
        path: the file.
        sub_kernels: split transposed convolutions, which processors compute faster so
            and browsers more slowly.
    """
    model = _converted(generator)
    precision = PRECISIONS[generator.form.precision]
    if sub_kernels and precision.sub_kernels:
        model = with_sub_kernels(model)
    model = precision.convert(model)
    opset = generator.form.opset or _OPSET
    if opset != _OPSET:
        model = version_converter.convert_version(model, opset)
    metadata = {
        **generator.metadata(),
        "opset": opset,
        "tf2onnx_version": tf2onnx.__version__,
    }
    onnx.helper.set_model_props(
        model,
        {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in metadata.items()
        },
    )
    onnx.save(model, path)


def _converted(generator: Generator) -> onnx.ModelProto:
    """Returns the generator as tf2onnx writes it, in float32, its batch named."""
    signature = signatures(generator)["serving_default"]
    model, _ = tf2onnx.convert.from_function(
        tf.function(signature.function, autograph=False),
        input_signature=signature.inputs,
        opset=_OPSET,
    )
    # The converter makes up a name for each batch dimension, such as unk__114.
    shapes = {spec.name: spec.shape[1:] for spec in signature.inputs}
    shapes["image"] = generator.served_shape
    for value in [*model.graph.input, *model.graph.output]:
        kind = value.type.tensor_type.elem_type
        shape = ["batch", *shapes[value.name]]
        value.type.CopyFrom(onnx.helper.make_tensor_type_proto(kind, shape))
    return model


def metadata(path: Path) -> dict:
    """Returns the description in a file."""
    first_safe.warn("ONNX files", "onnx")
    written = {}
    # A stranger's file may want to read others for its weights.
    for entry in onnx.load(path, load_external_data=False).metadata_props:
        try:
            written[entry.key] = json.loads(entry.value)
        except ValueError:  # a string, which is written as it is
            written[entry.key] = entry.value
    return written
