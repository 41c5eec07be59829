"""TensorFlow SavedModel, in the numbered folders that TensorFlow Serving watches."""

import functools
import json
import os
from pathlib import Path

import keras
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.config_pb2 import ConfigProto
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from export import deployment, old_servers, warmup
from export.exportable import Exportable, ModelOrRun, describe
from export.formats import version_folder
from export.messages import messages_in, replace_text
from export.publish import publish, refuse_existing
from export.report import ExportResult
from keras_gan.files import json_text

# What TensorFlow stores in a process that changed nothing, without its devices.
_CALL_CONFIG = ConfigProto(allow_soft_placement=True).SerializeToString()
_METADATA = Path("assets.extra", "metadata.json")


def to_saved_model(
    model_or_run: ModelOrRun,
    path: str | os.PathLike,
    version: int | None = None,
    verify: bool = True,
) -> ExportResult:
    """Writes a model as a SavedModel into the folder `path/<version>`.

    Its signatures are those of the model: see the functions of `keras_gan.serving`.
    From latent vectors to images `serving_default` takes `latent`, float32 [batch,
    latent_dim], and with classes `label`, int64 [batch]; it gives `image`, float32
    [batch, *image_shape]. `assets.extra` holds `metadata.json`, which describes the
    model, and a server's warm-up requests if tensorflow-serving-api is installed.

    Args:
        model_or_run: a model of `keras_gan`, or the path of a run's folder.
        path: folder of the model's versions; its name is the model's.
        version: number of this one, at least 1; None takes the next that is free.
        verify: run the export in a second process before it is published.

    Raises:
        InputError: for a version that exists, no model, or weights that are not finite.
        VerificationError: if the export differs from the model; nothing is written.
    """
    target = functools.partial(version_folder, Path(path), version)
    refuse_existing("saved-model", target())
    exportable = describe(model_or_run, Path(path).resolve().name)
    return publish("saved-model", exportable, target, verify)


def check(exportable: Exportable) -> None:
    """Accepts every model."""


def write(exportable: Exportable, path: Path) -> None:
    """Writes the SavedModel into the folder `path`, unverified."""
    archive = keras.export.ExportArchive()
    # Tracking the networks as well would store every weight twice (keras #23553).
    for name, signature in exportable.signatures.items():
        archive.add_endpoint(name, signature.function, signature.tensors)
    _store_in_order(archive, exportable.networks.values())
    archive.write_out(path, verbose=False)
    old_servers.admit(path)
    _forget_process(path / "saved_model.pb")
    # TensorFlow Serving reads nothing in assets.extra, so it is free for descriptions.
    description = path / _METADATA
    description.parent.mkdir()
    description.write_text(json_text(exportable.metadata()), "utf-8")
    if warmup.installed():
        warmup.write(exportable, path)


def _store_in_order(archive, networks):
    """Makes an archive store variables in the order of the networks' weights.

    TensorFlow lists the variables of a function by their addresses.
    """
    weights = [weight.value for network in networks for weight in network.weights]
    order = {id(variable): number for number, variable in enumerate(weights)}
    track = archive._filter_and_track_resources

    def track_in_order():
        track()
        found = archive._tf_trackable
        found._all_variables = sorted(
            found._all_variables, key=lambda variable: order.get(id(variable), -1)
        )

    archive._filter_and_track_resources = track_in_order


def _forget_process(file):
    """Removes from a graph what depends on the process that wrote it.

    TensorFlow numbers the functions of a process, and stores in each call how the
    process was configured: its devices, and which optimizations it had switched off.
    """
    saved = SavedModel.FromString(file.read_bytes())
    for meta_graph in saved.meta_graphs:
        library = meta_graph.graph_def.library
        _renumber_functions(meta_graph)
        for function in library.function:
            for argument in function.arg_attr.values():
                name = argument.attr.get("_user_specified_name")
                # A variable's is a number that depends on the process.
                if name is not None and name.s.isdigit():
                    del argument.attr["_user_specified_name"]
        library.function.sort(key=lambda function: function.signature.name)
        for node in messages_in(meta_graph, NodeDef):
            if "config_proto" in node.attr:
                node.attr["config_proto"].s = _CALL_CONFIG
    file.write_bytes(saved.SerializeToString(deterministic=True))


def _renumber_functions(meta_graph):
    numbers = {}
    for function in meta_graph.graph_def.library.function:
        stem, _, number = function.signature.name.rpartition("_")
        numbers[function.signature.name] = stem, int(number)
    ordered = sorted(numbers, key=lambda name: numbers[name][1])
    names = {old: f"{numbers[old][0]}_{i}" for i, old in enumerate(ordered)}
    replace_text(meta_graph, names)


def metadata(path: Path) -> dict:
    """Returns the description in a SavedModel."""
    return json.loads((path / _METADATA).read_bytes())


def write_beside(out: Path, name: str) -> None:
    """Writes what TensorFlow Serving is started with; see `deployment.write`."""
    deployment.write(out, name)


def pinned_versions(folder: Path) -> set[int]:
    """Returns the versions of a model that TensorFlow Serving is told to load."""
    return deployment.pinned_versions(folder.parent, folder.name)
