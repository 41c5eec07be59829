"""TensorFlow SavedModel, in the numbered folders that TensorFlow Serving watches."""

import functools
import json
import os
from pathlib import Path

import keras

from export import deployment, old_servers, warmup
from export.exportable import Exportable, ModelOrRun, describe
from export.formats import version_folder
from export.publish import publish, refuse_existing
from export.report import ExportResult
from keras_gan.files import json_text

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
    archive.write_out(path, verbose=False)
    old_servers.admit(path)
    # TensorFlow Serving reads nothing in assets.extra, so it is free for descriptions.
    description = path / _METADATA
    description.parent.mkdir()
    description.write_text(json_text(exportable.metadata()), "utf-8")
    if warmup.installed():
        warmup.write(exportable, path)


def metadata(path: Path) -> dict:
    """Returns the description in a SavedModel."""
    return json.loads((path / _METADATA).read_bytes())


def pinned_versions(folder: Path) -> set[int]:
    """Returns the versions of a model that TensorFlow Serving is told to load."""
    return deployment.pinned_versions(folder.parent, folder.name)
