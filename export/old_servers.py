"""SavedModels that TensorFlow Serving 2.6 loads, which KServe runs by default."""

from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

# TensorFlow 2.12 added it. It speeds up a later save by the program that wrote the
# model, and old servers refuse a graph with an operation that they do not know.
_NEW = "DisableCopyOnRead"


def admit(folder: Path) -> None:
    """Removes from a SavedModel the one operation that old servers do not know.

    It is only in the function that saves variables, which servers never call. It
    returns nothing, so other nodes merely wait for it.

    Args:
        folder: of the SavedModel.
    """
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in model.meta_graphs:
        for function in graph.graph_def.library.function:
            _remove(function)
    file.write_bytes(model.SerializeToString(deterministic=True))
    # It holds a hash of the file as it was. Servers do without it.
    (folder / "fingerprint.pb").unlink(missing_ok=True)


def _remove(function):
    removed = {node.name for node in function.node_def if node.op == _NEW}
    if not removed:
        return
    nodes = [node for node in function.node_def if node.op != _NEW]
    for node in nodes:
        waits = [name for name in node.input if name.removeprefix("^") not in removed]
        node.input[:] = waits
    kept = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del function.node_def[:]
    function.node_def.extend(kept)
    returned = {k: v for k, v in function.control_ret.items() if v not in removed}
    function.control_ret.clear()
    function.control_ret.update(returned)
    function.signature.control_output[:] = [
        name for name in function.signature.control_output if name in returned
    ]
