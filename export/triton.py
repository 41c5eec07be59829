"""A model repository for Triton Inference Server, around an ONNX file."""

import shutil
from pathlib import Path

from export import onnx
from export.generator import Generator
from export.signatures import default_alone

_MODEL = Path(__file__).with_name("triton_model.py")
_TYPES = {"float32": "TYPE_FP32", "uint8": "TYPE_UINT8", "int64": "TYPE_INT64"}

_CONFIG = """\
name: "{name}"
# model.py runs model.onnx wherever Python has onnxruntime, and refuses labels of no
# class. A Triton that was built with ONNX Runtime takes "onnxruntime" here instead.
backend: "python"
max_batch_size: 64
input [
{inputs}
]
output [
  {{ name: "image" data_type: {output} dims: [ {shape} ] }}
]
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
"""

signatures = default_alone
check = onnx.check


def write(generator: Generator, path: Path) -> None:
    """Writes the repository's folder of one model, unverified.

    `config.pbtxt` and the version `1/`. A client gives each row of an input, so `label`
    is [batch, 1] for it.

    Args:
        generator: what to export.
        path: folder, whose name is the model's.
    """
    version = path / "1"
    version.mkdir(parents=True)
    onnx.write(generator, version / "model.onnx")
    shutil.copyfile(_MODEL, version / "model.py")
    (path / "config.pbtxt").write_text(_config(generator))


def metadata(path: Path) -> dict:
    """Returns the description in the repository's ONNX file."""
    return onnx.metadata(path / "1" / "model.onnx")


def _config(generator):
    inputs = []
    for spec in signatures(generator)["serving_default"].inputs:
        row = spec.shape[1:].as_list()
        # Triton has no rows without a dimension.
        dims = "dims: [ 1 ] reshape: { shape: [ ] }"
        if row:
            dims = f"dims: [ {', '.join(map(str, row))} ]"
        kind = _TYPES[spec.dtype.name]
        inputs.append(f'  {{ name: "{spec.name}" data_type: {kind} {dims} }}')
    return _CONFIG.format(
        name=generator.name,
        inputs=",\n".join(inputs),
        output=_TYPES[generator.form.output],
        shape=", ".join(map(str, generator.served_shape)),
    )
