"""A model repository for Triton Inference Server, around an ONNX file."""

import shutil
from pathlib import Path

from export import onnx
from export.exportable import Exportable

_MODEL = Path(__file__).with_name("triton_model.py")
_TYPES = {"float32": "TYPE_FP32", "uint8": "TYPE_UINT8", "int64": "TYPE_INT64"}

_CONFIG = """\
name: "{name}"
backend: "{backend}"
max_batch_size: 64
input [
{inputs}
]
output [
{outputs}
]
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
# Triton uses count times intra_op_thread_count cores. More than are free is slower.
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
"""

check = onnx.check


def write(exportable: Exportable, path: Path) -> None:
    """Writes the repository's folder of one model, unverified.

    `config.pbtxt` and the version `1/`. A client gives each row of an input, so `label`
    is [batch, 1] for it. The backend "onnxruntime" is part of NVIDIA's image. "python"
    needs the package onnxruntime there, and refuses bad values, which the other one
    corrects. "auto" is "python" if the sides of images must be multiples of a number,
    because only that one says so to a client.

    Args:
        exportable: whose `serving_default` to export.
        path: folder, whose name is the model's.
    """
    version = path / "1"
    version.mkdir(parents=True)
    onnx.write(exportable, version / "model.onnx")
    if _backend(exportable) == "python":
        shutil.copyfile(_MODEL, version / "model.py")
    (path / "config.pbtxt").write_text(_config(exportable))


def metadata(path: Path) -> dict:
    """Returns the description in the repository's ONNX file."""
    return onnx.metadata(path / "1" / "model.onnx")


def _backend(exportable):
    if exportable.options.triton_backend != "auto":
        return exportable.options.triton_backend
    taken = exportable.default.inputs.values()
    return "python" if any(spec.multiple > 1 for spec in taken) else "onnxruntime"


def _config(exportable):
    return _CONFIG.format(
        name=exportable.name,
        backend=_backend(exportable),
        inputs=_declared(exportable.default.inputs),
        outputs=_declared(exportable.default.outputs),
    )


def _declared(specs):
    lines = []
    for name, spec in specs.items():
        # Triton has no rows without a dimension.
        dims = "dims: [ 1 ] reshape: { shape: [ ] }"
        if spec.shape:
            sides = (str(side or -1) for side in spec.shape)  # -1 is a free one
            dims = f"dims: [ {', '.join(sides)} ]"
        kind = _TYPES[spec.dtype]
        lines.append(f'  {{ name: "{name}" data_type: {kind} {dims} }}')
    return ",\n".join(lines)
