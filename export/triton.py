"""A model repository for Triton Inference Server, around an ONNX file."""

import os
import shutil
from pathlib import Path

from export import deployment, onnx, prototext
from export.exportable import Exportable
from keras_gan.errors import InputError

_MODEL = Path(__file__).with_name("triton_model.py")
_NAME = "config.pbtxt"
_SHARED = ("backend", "input", "output")  # by all versions of a model
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
    """Writes a version of a model, and `config.pbtxt` beside it, unverified.

    A client gives each row of an input, so `label` is [batch, 1] for it. The backend
    "onnxruntime" is part of NVIDIA's image. "python" needs the package onnxruntime
    there, and refuses bad values, which the other one corrects. "auto" is "python" if
    the sides of images must be multiples of a number or have a least length, because
    only that one says so to a client.

    Args:
        exportable: whose `serving_default` to export.
        path: folder of the version, such as `digits/1`.
    """
    path.mkdir(parents=True)
    onnx.write(exportable, path / "model.onnx")
    if _backend(exportable) == "python":
        shutil.copyfile(_MODEL, path / "model.py")
    (path.parent / _NAME).write_text(_config(exportable))


def check_target(exportable: Exportable, target: Path) -> None:
    """Raises InputError if versions that are there take or give something else."""
    _refuse_others(_config(exportable), target.parent / _NAME)


def place(written: Path, target: Path) -> None:
    """Moves a version to where Triton finds it, in one step.

    With the first version comes `config.pbtxt`, which stays from then on: a user may
    have changed it.
    """
    config, there = written.parent / _NAME, target.parent / _NAME
    if target.parent.exists():
        _refuse_others(config.read_text("utf-8"), there)
        if not there.exists():
            os.replace(config, there)
        os.rename(written, target)
    else:
        target.parent.parent.mkdir(exist_ok=True)
        # The number may be another by now.
        os.rename(written, written.with_name(target.name))
        os.rename(written.parent, target.parent)


def write_beside(out: Path, name: str) -> None:
    """Writes what KServe starts Triton with; see `deployment.write_for_triton`."""
    deployment.write_for_triton(out, name)


def pinned_versions(folder: Path) -> set[int]:
    """Returns the versions of a model that its `config.pbtxt` names."""
    file = folder / _NAME
    message = prototext.read(file.read_text("utf-8"), file)
    versions = message.all("version_policy", "specific", "versions")
    return prototext.whole_numbers(versions, file)


def _refuse_others(text, file):
    """Raises InputError if a configuration does not suit the one in a file."""
    if not file.exists():
        return
    now, new = (
        [field for field in prototext.read(each, file).fields if field[0] in _SHARED]
        for each in (file.read_text("utf-8"), text)
    )
    if now != new:
        raise InputError(
            f"{file} has another {' or '.join(_SHARED)} than this export, and all "
            "versions of a model share it. Choose another name, or remove the model."
        )


def metadata(path: Path) -> dict:
    """Returns the description in a version's ONNX file."""
    return onnx.metadata(path / "model.onnx")


def _backend(exportable):
    if exportable.options.triton_backend != "auto":
        return exportable.options.triton_backend
    taken = exportable.default.inputs.values()
    return "python" if any(spec.least > 1 for spec in taken) else "onnxruntime"


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
