"""The files that servers are started with."""

import dataclasses
import http.server
import re
import subprocess
import threading

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

import export
from export import deployment, prototext, warmup
from export.exportable import describe
from keras_gan import InputError

pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]' brings it")
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2


def requests(folder):
    records = tf.data.TFRecordDataset(str(folder / warmup.FILE))
    logs = map(prediction_log_pb2.PredictionLog.FromString, records.as_numpy_iterator())
    return [log.predict_log.request for log in logs]


@pytest.mark.parametrize("exported", ["averaged"], indirect=True)
def test_warm_up_requests_are_those_that_the_server_takes(exported):
    _, gan, folder, rows = exported
    expected = describe(gan, "model").signatures
    found = requests(folder / "model/1")
    assert len(found) == rows[0].warmup_requests == 2 * len(expected)
    asked = set()
    for request in found:
        assert request.model_spec.name == "model"
        signature = expected[request.model_spec.signature_name]
        assert set(request.inputs) == set(signature.inputs)
        for spec in signature.tensors:
            values = tf.make_ndarray(request.inputs[spec.name])
            assert spec.is_compatible_with(tf.constant(values))
            asked.add((request.model_spec.signature_name, len(values)))
    assert asked == {(name, size) for name in expected for size in (1, 32)}
    loaded = tf.saved_model.load(folder / "model/1").signatures
    first = found[0]
    inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in first.inputs.items()}
    outputs = loaded[first.model_spec.signature_name](**inputs)
    assert np.isfinite(outputs["image"]).all()


def test_a_warm_up_request_that_fails_keeps_a_version_back(gan, tmp_path, monkeypatch):
    def rows(count):
        return {"latent": np.zeros((count, 9), "float32")}

    write = warmup.write

    def write_bad(exportable, folder):
        default = dataclasses.replace(exportable.default, rows=rows)
        signatures = {"serving_default": default}
        write(dataclasses.replace(exportable, signatures=signatures), folder)

    monkeypatch.setattr(warmup, "write", write_bad)
    with pytest.raises(export.VerificationError, match="does not run"):
        export.to_saved_model(gan, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_there_are_no_requests(gan, tmp_path, monkeypatch):
    monkeypatch.setattr(warmup, "installed", lambda: False)
    row = export.to_saved_model(gan, tmp_path / "model", verify=False)
    assert (row.path / "saved_model.pb").exists()
    assert not (row.path / warmup.FILE).exists()


def models(folder):
    config = text_format.Parse(
        (folder / "models.config").read_text(),
        model_server_config_pb2.ModelServerConfig(),
    )
    return {c.name: c.base_path for c in config.model_config_list.config}


def test_a_server_is_told_of_every_model_in_the_folder(tmp_path):
    yaml = pytest.importorskip("yaml")
    for name in ("digits", "Faces_64"):
        folder = tmp_path / name / "3"
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
        deployment.write(tmp_path, name)
    (tmp_path / "triton" / "digits").mkdir(parents=True)
    deployment.write(tmp_path, "digits")
    assert models(tmp_path) == {
        "digits": "/models/digits",
        "Faces_64": "/models/Faces_64",
    }
    compose = yaml.safe_load((tmp_path / "docker-compose.yml").read_text())
    service = compose["services"]["serving"]
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    named = [c.split("=/models/")[1] for c in service["command"] if "=/models/" in c]
    assert all((tmp_path / file).is_file() for file in named)
    assert len(named) == 3
    kserve = yaml.safe_load((tmp_path / "Faces_64.kserve.yaml").read_text())
    assert kserve["metadata"]["name"] == "faces-64"
    model = kserve["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "tensorflow"}
    assert model["storageUri"].endswith("/Faces_64")


class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == self.server.path else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_the_health_check_asks_where_the_server_is_told_to_answer(tmp_path):
    yaml = pytest.importorskip("yaml")
    deployment.write(tmp_path, "digits")
    text = (tmp_path / "monitoring.config").read_text()
    (monitoring,) = prototext.read(text, "monitoring.config").all("prometheus_config")
    assert monitoring.all("enable") == ["true"]
    (path,) = monitoring.all("path")
    compose = yaml.safe_load((tmp_path / "docker-compose.yml").read_text())
    kind, *command = compose["services"]["serving"]["healthcheck"]["test"]
    assert kind == "CMD"

    def healthy(port):
        changed = [part.replace("8501", str(port)) for part in command]
        return subprocess.run(changed, capture_output=True, timeout=20).returncode == 0

    with http.server.HTTPServer(("127.0.0.1", 0), Metrics) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.path = path
        assert healthy(server.server_port)
        server.path = "/other"
        assert not healthy(server.server_port)
        server.shutdown()
    assert not healthy(server.server_port)


LABELLED = """\
# Of our own.
model_config_list {
  config {
    name: "digits" # not "faces"
    base_path: "/models/digits"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: [1, 3] } }
    version_labels { key: "stable" value: 1 }
    version_labels: { key: "canary", value: 4 }
  }
  config: { name: 'gone' base_path: '/models/gone' model_platform: 'tensorflow' }
  config { name: "ours" base_path: "/elsewhere/ours" model_platform: "tensorflow" }
}
"""


def test_labels_and_policies_of_a_user_stay(tmp_path):
    (tmp_path / "models.config").write_text(LABELLED)
    for name in ("digits", "faces"):
        (tmp_path / name / "4").mkdir(parents=True)
        (tmp_path / name / "4" / "saved_model.pb").touch()
    for _ in range(2):
        deployment.write(tmp_path, "faces")
    text = (tmp_path / "models.config").read_text()
    expected = text_format.Parse(LABELLED, model_server_config_pb2.ModelServerConfig())
    digits, _, ours = expected.model_config_list.config
    found = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    faces = found.model_config_list.config[-1]
    assert list(found.model_config_list.config) == [digits, ours, faces]
    assert (faces.name, faces.base_path) == ("faces", "/models/faces")
    assert text.startswith("# Of our own.")
    assert deployment.pinned_versions(tmp_path, "digits") == {1, 3, 4}
    assert deployment.pinned_versions(tmp_path, "faces") == set()
    # A model that is served by another name.
    other = LABELLED.replace('name: "digits"', 'name: "digits-prod"')
    (tmp_path / "models.config").write_text(other.replace("value: 4", "value: 0x4"))
    assert deployment.pinned_versions(tmp_path, "digits") == {1, 3, 4}
    (tmp_path / "models.config").write_text(other.replace("value: 4", "value: two"))
    with pytest.raises(InputError, match=r"has versions 1, 3, 1, two\. Give whole"):
        deployment.pinned_versions(tmp_path, "digits")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LABELLED[:-2], "from line 13 on"),
        ("models: 3", "no model_config_list"),
        ("", "no model_config_list"),
        ("a: ?", "from line 1 on"),
    ],
)
def test_a_config_that_no_server_reads_is_refused_and_stays(text, message, tmp_path):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(InputError, match=message):
        deployment.write(tmp_path, "digits")
    assert (tmp_path / "models.config").read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["models.config"]


def test_kserve_is_told_of_the_repository_of_triton(gan, tmp_path):
    yaml = pytest.importorskip("yaml")
    export.export_all(gan, tmp_path, "Faces_64", ["triton"])
    file = tmp_path / "Faces_64.triton.kserve.yaml"
    kserve = yaml.safe_load(file.read_text())
    assert kserve["metadata"]["name"] == "faces-64-triton"
    model = kserve["spec"]["predictor"]["model"]
    assert model["modelFormat"] == {"name": "triton"}
    assert model["protocolVersion"] == "v2"
    folder = model["storageUri"].removeprefix("pvc://models/")
    assert (tmp_path / folder / "Faces_64" / "config.pbtxt").is_file()
    file.write_text("mine")
    deployment.write_for_triton(tmp_path, "Faces_64")
    assert file.read_text() == "mine"


def test_names_of_all_kinds_are_written_as_each_server_reads_them(tmp_path):
    yaml = pytest.importorskip("yaml")
    for name in ('a"b', "Müller", "3d-digits", "true"):  # all are folders of models
        folder = tmp_path / name / "1"
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    for name, resource in {"3d-digits": "model-3d-digits", "true": "true"}.items():
        deployment.write(tmp_path, name)
        kserve = yaml.safe_load((tmp_path / f"{name}.kserve.yaml").read_text())
        assert kserve["metadata"]["name"] == resource
    assert models(tmp_path) == {
        name: f"/models/{name}" for name in ('a"b', "Müller", "3d-digits", "true")
    }


def test_what_the_user_changed_stays(gan, tmp_path):
    (tmp_path / "docker-compose.yml").write_text("mine")
    export.export_all(gan, tmp_path, "model", formats=["saved-model"])
    assert (tmp_path / "docker-compose.yml").read_text() == "mine"
    assert models(tmp_path) == {"model": "/models/model"}
