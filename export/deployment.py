"""What TensorFlow Serving is started with, beside the models that it serves."""

import json
import re
from pathlib import Path, PurePosixPath

from export import prototext
from export.files import write_whole
from keras_gan.errors import InputError

_CONFIG = "models.config"
_MODELS = ("model_config_list", "config")
_PINNED = ("model_version_policy", "specific", "versions")
_LABELLED = ("version_labels", "value")

_MODEL = """\
  config {{
    name: {name}
    base_path: {path}
    model_platform: "tensorflow"
  }}
"""
_MONITORING = """\
prometheus_config {
  enable: true
  path: "/monitoring/prometheus/metrics"
}
"""

# For 2 to 8 cores. A batch waits 2 ms for others, about as long as a small one takes.
_BATCHING = """\
max_batch_size { value: 64 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 4 }
"""

_COMPOSE = """\
services:
  serving:
    image: tensorflow/serving:2.19.1
    command:
      - --model_config_file=/models/models.config
      - --model_config_file_poll_wait_seconds=30
      - --allow_version_labels_for_unavailable_models
      - --enable_batching
      - --batching_parameters_file=/models/batching_parameters.txt
      - --monitoring_config_file=/models/monitoring.config
    # This machine alone can connect. The server asks nobody for a password.
    ports:
      - "127.0.0.1:8500:8500" # gRPC
      - "127.0.0.1:8501:8501" # REST, and metrics for Prometheus
    volumes:
      - .:/models:ro
    # The server opens its ports once all models are loaded. The image has no curl.
    healthcheck:
      test:
        - CMD
        - bash
        - -c
        - >-
          exec 3<>/dev/tcp/127.0.0.1/8501 &&
          printf 'GET /monitoring/prometheus/metrics HTTP/1.0\\r\\n\\r\\n' >&3 &&
          head -n 1 <&3 | grep -q ' 200 '
      interval: 10s
      timeout: 5s
      start_period: 60s
"""

_KSERVE = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: "{resource}"
spec:
  predictor:
    model:
      modelFormat:
        name: {server}
      protocolVersion: {protocol}
      # A volume that holds this folder; s3:// and gs:// addresses work too.
      storageUri: pvc://models/{path}
      resources:
        requests:
          cpu: "1"
          memory: 1Gi
"""


def check(out: Path) -> None:
    """Raises InputError if `models.config` could not be renewed."""
    if (out / _CONFIG).is_dir():
        raise InputError(
            f"{out / _CONFIG} is a folder, and a file belongs there. Remove it, or "
            "name another folder with --out."
        )
    _read_config(out)


def write(out: Path, name: str) -> None:
    """Writes what servers of the SavedModels in a folder are started with.

    `models.config` gets an entry for each model in the folder, which stays as the user
    changes it, and loses those of models that are gone; a server that polls the file
    takes up a new one. `batching_parameters.txt`, `monitoring.config`,
    `docker-compose.yml` and `NAME.kserve.yaml` are the user's to change and stay as
    they are once there.

    Args:
        out: folder of the exports.
        name: of the model that was added.

    Raises:
        InputError: if one of them cannot be written.
    """
    models = {folder.parents[1].name for folder in out.glob("*/*/saved_model.pb")}
    write_whole(out / _CONFIG, _renewed(out, models))
    kserve = _KSERVE.format(
        resource=_resource(name), server="tensorflow", protocol="v1", path=name
    )
    for file, content in {
        "batching_parameters.txt": _BATCHING,
        "monitoring.config": _MONITORING,
        "docker-compose.yml": _COMPOSE,
        f"{name}.kserve.yaml": kserve,
    }.items():
        if not (out / file).exists():
            write_whole(out / file, content)


def pinned_versions(out: Path, name: str) -> set[int]:
    """Returns the versions of a SavedModel that `models.config` names.

    These are the ones that have a label and the ones that the server is told to load.
    """
    _, message = _read_config(out)
    versions = [
        version
        for model in message.all(*_MODELS)
        if name in (*model.all("name"), *map(_last_part, model.all("base_path")))
        for path in (_PINNED, _LABELLED)
        for version in model.all(*path)
    ]
    return prototext.whole_numbers(versions, out / _CONFIG)


def _last_part(path):
    return PurePosixPath(path).name


def _read_config(out):
    """Returns the text of `models.config` and its message; a new one has no models."""
    try:
        text = (out / _CONFIG).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        text = "model_config_list {\n}\n"
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{out / _CONFIG} cannot be read ({error}). Mend it or remove it."
        ) from error
    message = prototext.read(text, out / _CONFIG)
    if len(message.all("model_config_list")) != 1:
        raise InputError(
            f"{out / _CONFIG} has no model_config_list, or several. Mend it, or remove "
            "it and export again."
        )
    return text, message


def _renewed(out, models):
    """Returns the text of `models.config` with entries for these models."""
    text, message = _read_config(out)
    known, gone = set(), []
    for model in message.all(*_MODELS):
        (name, path) = ((model.all(key) or [""])[-1] for key in ("name", "base_path"))
        known.add(name)
        if path == _base_path(name) and name not in models:
            gone.append(model)
    # Protocol buffers quote text as JSON does. Not all names need be `export_all`'s.
    new = "".join(
        _MODEL.format(name=json.dumps(name), path=json.dumps(_base_path(name)))
        for name in sorted(models - known)
    )
    (models_list,) = message.all("model_config_list")
    end = models_list.end - 1
    text = text[:end] + new + text[end:]
    for model in reversed(gone):
        before = text[: model.begin].rstrip(" :")
        rest = text[model.end :].removeprefix("\n")
        text = before.removesuffix("config").rstrip(" ") + rest
    return text


def _base_path(name):
    return f"/models/{name}"


def write_for_triton(out: Path, name: str) -> None:
    """Writes `NAME.triton.kserve.yaml`, which stays as it is once there.

    KServe then starts Triton on the whole folder `triton`.

    Args:
        out: folder of the exports.
        name: of the model that was added.

    Raises:
        InputError: where it cannot be written.
    """
    file = out / f"{name}.triton.kserve.yaml"
    if not file.exists():
        resource = f"{_resource(name)}-triton"
        kserve = _KSERVE.format(
            resource=resource, server="triton", protocol="v2", path="triton"
        )
        write_whole(file, kserve)


def _resource(name):
    """Returns what Kubernetes accepts: a-z, 0-9 and hyphens, a letter first."""
    resource = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    return resource if resource[0].isalpha() else f"model-{resource}"
