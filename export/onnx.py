"""ONNX, for ONNX Runtime on servers, phones and in browsers."""

import collections.abc
import contextlib
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx.convert  # loads all of its modules, for `_sets_in_order`
from onnx import version_converter

from export.exportable import Exportable, ModelOrRun, describe
from export.formats import ExportOptions
from export.precision import PRECISIONS
from export.publish import publish, refuse_existing
from export.report import ExportResult
from export.sub_kernels import with_sub_kernels
from keras_gan import first_safe
from keras_gan.errors import InputError
from keras_gan.serving import DEFAULT, Signature

_OPSET = 18  # the newest that tf2onnx writes
# What the sides of an image are called.
_SIDES = {
    "nhwc": ("height", "width", "channels"),
    "nchw": ("channels", "height", "width"),
}


def to_onnx(
    model_or_run: ModelOrRun,
    path: str | os.PathLike,
    overwrite: bool = False,
    verify: bool = True,
    function: str = DEFAULT,
    **options: Any,
) -> ExportResult:
    """Writes one function of a model as an ONNX file.

    Its inputs and outputs are those of the function: see `keras_gan.serving`. From
    latent vectors to images it takes `latent`, float32 [batch, latent_dim], and with
    classes `label`, int64 [batch]; it gives `image`, float32 [batch, *image_shape] or
    as asked for. `metadata_props` describes it.

    Args:
        model_or_run: a model of `keras_gan`, or the path of a run's folder.
        path: the file.
        overwrite: replace a file that is there, once the new one is verified.
        verify: run the export in a second process before it is published.
        function: which function of a model that has several.
        **options: fields of `export.ExportOptions`, such as `layout="nchw"`.

    Raises:
        InputError: for a file that exists, no model, weights that are not finite, or a
            function or an option that is not accepted.
        VerificationError: if the export differs from the model; nothing is written.
    """
    target = Path(path)
    chosen = ExportOptions(**options)
    refuse_existing("onnx", target, overwrite)
    exportable = describe(model_or_run, target.stem)
    exportable = exportable.only(function).with_options(chosen)
    check(exportable)
    return publish("onnx", exportable, lambda: target, verify, overwrite)


def check(exportable: Exportable) -> None:
    """Raises InputError if the opset has operations that the onnx package lacks."""
    newest = onnx.defs.onnx_opset_version()
    if (exportable.options.opset or _OPSET) > newest:
        raise InputError(
            f"opset is {exportable.options.opset}, and onnx {onnx.__version__} knows "
            f"operations up to opset {newest}. Ask for an older one, or run pip "
            "install --upgrade onnx onnxruntime."
        )


def write(exportable: Exportable, path: Path, sub_kernels: bool = True) -> None:
    """Writes the file, unverified.

    Args:
        exportable: whose `serving_default` to write.
        path: the file.
        sub_kernels: split transposed convolutions, which processors compute faster so
            and browsers more slowly.
    """
    model = _converted(exportable.default, exportable.options.layout)
    precision = PRECISIONS[exportable.options.precision]
    if sub_kernels and precision.sub_kernels:
        model = with_sub_kernels(model)
    model = precision.convert(model)
    opset = exportable.options.opset or _OPSET
    if opset != _OPSET:
        model = version_converter.convert_version(model, opset)
    metadata = {
        **exportable.metadata(),
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


def _converted(signature: Signature, layout: str) -> onnx.ModelProto:
    """Returns a function as tf2onnx writes it, in float32, its free sides named."""
    with _sets_in_order():
        model, _ = tf2onnx.convert.from_function(
            tf.function(signature.function, autograph=False),
            input_signature=signature.tensors,
            opset=_OPSET,
        )
    model.graph.ClearField("doc_string")  # it holds a number of the process
    # The converter makes up a name for each free side, such as unk__114.
    specs = signature.inputs | signature.outputs
    for value in [*model.graph.input, *model.graph.output]:
        kind = value.type.tensor_type.elem_type
        spec = specs[value.name]
        sides = _SIDES[layout] if spec.image else range(1, len(spec.shape) + 1)
        shape = ["batch"] + [
            length or f"{value.name}_{side}"
            for side, length in zip(sides, spec.shape, strict=True)
        ]
        value.type.CopyFrom(onnx.helper.make_tensor_type_proto(kind, shape))
    return with_squeezes(model)


class _OrderedSet(collections.abc.MutableSet):
    """A set that yields its elements in the order in which they came."""

    def __init__(self, elements=()):
        self._elements = dict.fromkeys(elements)

    def __contains__(self, element):
        return element in self._elements

    def __iter__(self):
        return iter(self._elements)

    def __len__(self):
        return len(self._elements)

    def add(self, element):
        self._elements[element] = None

    def discard(self, element):
        self._elements.pop(element, None)

    def update(self, *others):
        for element in itertools.chain(*others):
            self.add(element)

    def union(self, *others):
        return _OrderedSet(itertools.chain(self, *others))

    def intersection(self, other):
        return self & _OrderedSet(other)

    def difference(self, other):
        return self - _OrderedSet(other)

    def issubset(self, other):
        return self <= _OrderedSet(other)


@contextlib.contextmanager
def _sets_in_order():
    """Makes tf2onnx write the same for the same function, in every process.

    The order of its sets, and with it the names of constants and sometimes the nodes,
    changes with PYTHONHASHSEED and with addresses. Its counter of names never ends.
    """
    modules = [m for name, m in sys.modules.items() if name.startswith("tf2onnx.")]
    try:
        for module in modules:
            vars(module)["set"] = _OrderedSet
        tf2onnx.utils.INTERNAL_NAME = 1
        yield
    finally:
        for module in modules:
            vars(module).pop("set", None)


def with_squeezes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model with the axes removed that an output has too many.

    For a grey image of free size, tf2onnx makes a Reshape to [1, batch, height, width,
    1] and a Squeeze of a Transpose. In one of three orders of its sets, which change
    with PYTHONHASHSEED, it loses the Squeeze if that gives an output.
    """
    graph = model.graph
    shapes = {w.name: w.dims[0] for w in graph.initializer if len(w.dims) == 1}
    ranks = {x.name: len(x.type.tensor_type.shape.dim) for x in graph.output}
    for node in [node for node in graph.node if node.op_type == "Reshape"]:
        (name,) = node.output
        more = shapes.get(node.input[1], 0) - ranks.get(name, np.inf)
        if more > 0:
            axes = onnx.numpy_helper.from_array(np.arange(more), f"{name}/axes")
            node.output[0] = f"{name}/reshaped"
            graph.initializer.append(axes)
            inputs = [node.output[0], axes.name]
            graph.node.append(onnx.helper.make_node("Squeeze", inputs, [name]))
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
