"""What TensorFlow Serving is started with, beside the models that it serves."""

import json
import re
from pathlib import Path

from export.files import write_errors_named
from keras_gan.errors import InputError
from keras_gan.files import write_atomically

_CONFIG = "models.config"

_MODEL = """\
  config {{
    name: {name}
    base_path: {path}
    model_platform: "tensorflow"
  }}
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
    image: tensorflow/serving
    command:
      - --model_config_file=/models/models.config
      - --model_config_file_poll_wait_seconds=30
      - --enable_batching
      - --batching_parameters_file=/models/batching_parameters.txt
    ports:
      - "8500:8500" # gRPC
      - "8501:8501" # REST
    volumes:
      - .:/models:ro
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
    """Raises InputError where `models.config` could not be renewed."""
    if (out / _CONFIG).is_dir():
        raise InputError(
            f"{out / _CONFIG} is a folder, and a file belongs there. Remove it, or "
            "name another folder with --out."
        )


def write(out: Path, name: str) -> None:
    """Writes what servers of the SavedModels in a folder are started with.

    `models.config` lists all models in the folder and is renewed each time; a server
    that polls it takes up a new one. `batching_parameters.txt`, `docker-compose.yml`
    and `NAME.kserve.yaml` are the user's to change and stay as they are once there.

    Args:
        out: folder of the exports.
        name: of the model that was added.

    Raises:
        InputError: where one of them cannot be written.
    """
    models = sorted(
        {folder.parents[1].name for folder in out.glob("*/*/saved_model.pb")}
    )
    # Protocol buffers quote text as JSON does. Not all names need be `export_all`'s.
    configs = "".join(
        _MODEL.format(name=json.dumps(model), path=json.dumps(f"/models/{model}"))
        for model in models
    )
    with write_errors_named(out / _CONFIG):
        write_atomically(out / _CONFIG, f"model_config_list {{\n{configs}}}\n")
    kserve = _KSERVE.format(
        resource=_resource(name), server="tensorflow", protocol="v1", path=name
    )
    for file, content in {
        "batching_parameters.txt": _BATCHING,
        "docker-compose.yml": _COMPOSE,
        f"{name}.kserve.yaml": kserve,
    }.items():
        if not (out / file).exists():
            with write_errors_named(out / file):
                write_atomically(out / file, content)


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
        with write_errors_named(file):
            write_atomically(file, kserve)


def _resource(name):
    """Returns what Kubernetes accepts: a-z, 0-9 and hyphens, a letter first."""
    resource = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    return resource if resource[0].isalpha() else f"model-{resource}"
