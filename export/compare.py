"""Whether the files of an export are those that the trained model gives now.

Nothing of a file is run: files are read as text, or as protocol buffers and flat
buffers, and compared with newly written ones.
"""

import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.lite.python import schema_py_generated as schema

from export import litert, prototext, warmup
from export.messages import messages_in

# They tell of measures, which may have been taken again. They are not part of a model.
_ABOUT = {"README.md", "README.png", "facts.json"}
# Another processor may round constants that a converter computed otherwise; in units
# in the last place of a tensor's largest value.
_ULPS = 4


def difference(found: Path, written: Path) -> str | None:
    """Returns how an export differs from a new one, or None if it holds the same.

    Args:
        found: file or folder of the export.
        written: file or folder of a new export of the same model, alone in its folder
            but for files that belong beside it.

    Returns:
        A problem. The versions of the libraries that wrote an export are not one.
    """
    names = _entries(written) | _entries(found)
    # Last the descriptions, which hold hashes of other files.
    for ours in sorted(names, key=lambda name: (name.suffix == ".json", name)):
        theirs = found / ours
        new = written / ours
        if not new.exists() and not _is_optional(ours):
            return f"{ours} does not belong in it"
        if new.exists() and not theirs.exists():
            if _is_optional(ours):
                continue
            return f"{ours} is missing"
        # The path of the export itself may be a link.
        if ours != Path() and theirs.is_symlink():
            return f"{ours} is a link"
        problem = new.exists() and _of_file(theirs, new)
        if problem:
            return problem
    for beside in sorted(set(written.parent.iterdir()) - {written}):
        theirs = found.parent / beside.name
        if not theirs.is_file():
            return f"{beside.name} is missing beside it"
        if problem := _of_file(theirs, beside):
            return problem
    return None


def identical(found: Path, written: Path) -> bool:
    """Returns whether two exports have the same files, byte for byte."""
    return _entries(found) == _entries(written) and all(
        (found / name).read_bytes() == (written / name).read_bytes()
        for name in _entries(written)
        if (written / name).is_file()
    )


def _entries(path):
    """Returns the paths of what is in a folder, or "." for a file."""
    if not path.is_dir():
        return {Path()}
    return {entry.relative_to(path) for entry in path.rglob("*")}


def _is_optional(name):
    # Written where tensorflow-serving-api is installed, and compared where it is.
    return name == warmup.FILE


def _of_file(found, written):
    if found.is_dir() != written.is_dir():
        return f"{found.name} is a folder and should be a file, or the reverse"
    if written.is_dir() or found.name in _ABOUT:
        return None
    if found.read_bytes() == written.read_bytes():
        return None
    compare = next((c for end, c in _COMPARE.items() if found.name.endswith(end)), None)
    try:
        problem = (compare or _text)(found, written)
    except Exception as error:  # a stranger's file fails in many ways
        problem = f"cannot be read ({type(error).__name__})"
    return problem and f"{found.name} {problem}"


def _text(found, written):
    try:
        texts = [path.read_bytes().decode().split("\n") for path in (found, written)]
    except UnicodeDecodeError:
        return "has other bytes than the one that belongs here"
    lines = enumerate(itertools.zip_longest(*texts), 1)
    number = next(number for number, (theirs, ours) in lines if theirs != ours)
    return f"differs in line {number} from the one that belongs here"


def _config(found, written):
    """Compares configurations of Triton, but for what docs/platforms.md lets change."""
    theirs, ours = (
        [f for f in prototext.read(p.read_text("utf-8"), p).fields if not _is_users(f)]
        for p in (found, written)
    )
    return None if theirs == ours else _text(found, written)


def _is_users(field):
    """Whether a field says which versions are served, or on how many threads."""
    name, value = field
    if name == "parameters":  # others name programs
        return isinstance(value, prototext.Message) and value.all("key") == [
            "intra_op_thread_count"
        ]
    return name in ("version_policy", "instance_group")


def _description(found, written):
    return _fields(*(json.loads(path.read_bytes()) for path in (found, written)))


def _fields(theirs, ours):
    """Compares descriptions field by field, but for the versions of libraries."""
    for name in ours.keys() | theirs.keys():
        if name.endswith("_version") and name in theirs and name in ours:
            continue
        if name not in ours:
            return f"has a field {name}, which does not belong in it"
        if name not in theirs:
            return f"lacks the field {name}"
        if _json(theirs[name]) != _json(ours[name]):
            return f"says {name} is {theirs[name]!r}, and it is {ours[name]!r}"
    return None


def _json(value):
    # 1, 1.0 and True are equal in Python.
    return json.dumps(value)


def _onnx(found, written):
    theirs, ours = (
        onnx.load(path, load_external_data=False) for path in (found, written)
    )
    descriptions = []
    for model in (theirs, ours):
        names = [entry.key for entry in model.metadata_props]
        if len(set(names)) < len(names):
            return "has a field of its description twice"
        descriptions.append({e.key: e.value for e in model.metadata_props})
        model.ClearField("metadata_props")
        model.ClearField("producer_version")
    problem = _fields(*descriptions)
    if problem:
        return problem
    for tensor in messages_in(theirs, onnx.TensorProto):
        if tensor.data_location or tensor.external_data:
            place = {entry.key: entry.value for entry in tensor.external_data}
            return f"reads weights from another file ({place.get('location')})"
    tensors = [list(_taken(model)) for model in (theirs, ours)]
    if theirs.SerializeToString(deterministic=True) != ours.SerializeToString(
        deterministic=True
    ):
        return f"has another graph: {_first_difference(theirs, ours)}"
    return _constants(*tensors)


def _taken(model) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the name and the values of each tensor and takes the values out."""
    for tensor in messages_in(model, onnx.TensorProto):
        yield tensor.name, onnx.numpy_helper.to_array(tensor)
        for field, _ in tensor.ListFields():
            if field.name.endswith("_data") and field.name != "external_data":
                tensor.ClearField(field.name)


def _constants(theirs, ours):
    for (name, values), (_, wanted) in zip(theirs, ours, strict=True):
        if not _near(values, wanted):
            return f"has other values in {name or 'a constant'}"
    return None


def _near(values, wanted):
    if values.dtype != wanted.dtype or values.shape != wanted.shape:
        return False
    if values.dtype.kind != "f" or not wanted.size or not np.isfinite(wanted).all():
        return values.tobytes() == wanted.tobytes()
    accepted = _ULPS * np.spacing(np.abs(wanted).max())
    return bool((np.abs(values - wanted) <= accepted).all())


def _first_difference(theirs, ours):
    """Returns where two graphs of ONNX differ, in words."""
    if list(theirs.opset_import) != list(ours.opset_import):
        return "its operations are of other versions"
    for kind in ("input", "output", "node", "initializer"):
        pairs = itertools.zip_longest(
            getattr(theirs.graph, kind), getattr(ours.graph, kind)
        )
        for one, other in pairs:
            if one != other:
                return f"look at its {kind} {(one or other).name}"
    return "look at what is beside its nodes"


def _saved_model(found, written):
    theirs, ours = (SavedModel.FromString(p.read_bytes()) for p in (found, written))
    for saved in (theirs, ours):
        for meta_graph in saved.meta_graphs:
            meta_graph.meta_info_def.ClearField("tensorflow_version")
            meta_graph.meta_info_def.ClearField("tensorflow_git_version")
            meta_graph.graph_def.ClearField("versions")
    if theirs.SerializeToString(deterministic=True) != ours.SerializeToString(
        deterministic=True
    ):
        return "has another graph"
    return None


def _litert(found, written):
    descriptions, models = [], []
    for path in (found, written):
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
        model = content[: members[0].header_offset]
        text = litert.metadata_text(path)
        if litert.with_metadata(model, text) != content:
            return "holds something beside its model and its description"
        descriptions.append(json.loads(text))
        models.append(schema.ModelT.InitFromPackedBuf(model))
    problem = _fields(*descriptions)
    if problem:
        return problem
    floats = [_float_buffers(model) for model in models]
    if floats[0].keys() != floats[1].keys():
        return "has other tensors"
    for number, (name, wanted) in floats[1].items():
        if not _near(floats[0][number][1], wanted):
            return f"has other values in {name}"
    for model, buffers in zip(models, floats, strict=True):
        # What the converter says of itself holds its version.
        said = [entry.buffer for entry in model.metadata or ()]
        for number in [*buffers, *said]:
            model.buffers[number].data = None
    theirs, ours = map(_plain, models)
    return None if theirs == ours else "has another graph"


def _float_buffers(model):
    """Returns the name and the values of each constant of floats by its buffer."""
    found = {}
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if tensor.type == schema.TensorType.FLOAT32 and data is not None:
                values = np.frombuffer(bytes(data), "float32")
                found[tensor.buffer] = tensor.name.decode(), values
    return found


def _plain(value: Any) -> Any:
    """Returns a flat buffer's objects as lists and dicts, which compare."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.tolist()
    if isinstance(value, list):
        return list(map(_plain, value))
    if hasattr(value, "__dict__"):
        return {name: _plain(each) for name, each in vars(value).items()}
    return value


# How files are compared that may hold versions of libraries; others must be equal.
_COMPARE = {
    ".onnx": _onnx,
    ".tflite": _litert,
    "metadata.json": _description,
    "keras_gan.json": _description,
    "config.pbtxt": _config,
    "saved_model.pb": _saved_model,
}
