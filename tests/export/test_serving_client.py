"""examples/serving_client.py over real connections, and what a server answers."""

import dataclasses
import importlib.util
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent import futures
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export import saved_model
from export.exportable import describe
from keras_gan import DCGAN, serving
from keras_gan.files import json_text
from keras_gan.latents import Prior
from keras_gan.models.base import GenerativeModel

pytest.importorskip("tensorflow_serving", reason="pip install '.[serving]' brings it")
import grpc
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

_CLIENT = Path(__file__).parents[2] / "examples" / "serving_client.py"
_SERVER = Path(__file__).with_name("loopback_server.py")


def conditional():
    return DCGAN((16, 16, 3), latent_dim=8, base_filters=4, num_classes=3, seed=1)


@pytest.fixture(scope="module")
def gan():
    return conditional()


class Darker(GenerativeModel):
    """Makes pictures half as bright, and back."""

    def __init__(self, shape=(16, 16, 3), multiple=1):
        super().__init__()
        self.shape, self.multiple = shape, multiple
        self.half = keras.Sequential([keras.Input(shape), keras.layers.Rescaling(0.5)])
        self.twice = keras.Sequential([keras.Input(shape), keras.layers.Rescaling(2.0)])

    def networks(self):
        return {"half": self.half, "twice": self.twice}

    def signatures(self, networks):
        image = serving.image(self.shape, (0.0, 1.0), self.multiple)
        return {
            **serving.image_to_image(networks["half"], image, image),
            **serving.image_to_image(networks["twice"], image, image, name="back"),
        }


@pytest.fixture(scope="module")
def served(gan, tmp_path_factory):
    """Returns the gRPC and the REST port of a server of some models."""
    folder = tmp_path_factory.mktemp("models")
    saved_model.write(describe(gan, "faces"), folder / "faces" / "2")
    saved_model.write(describe(Darker(), "darker"), folder / "darker" / "1")
    free = Darker((None, None, 4), multiple=4)
    saved_model.write(describe(free, "free"), folder / "free" / "1")
    server = subprocess.Popen(
        [sys.executable, _SERVER, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield tuple(map(int, server.stdout.readline().split()))
    finally:
        server.stdin.close()
        server.wait()


@pytest.fixture(scope="module")
def metadata(gan, tmp_path_factory):
    """Returns the metadata of an export whose classes have names."""
    exportable = describe(gan, "faces")
    facts = exportable.facts | {"class_names": ("glad", "2", "sad")}
    exportable = dataclasses.replace(exportable, facts=facts)
    path = tmp_path_factory.mktemp("metadata") / "metadata.json"
    path.write_text(json_text(exportable.metadata()), "utf-8")
    return path


@pytest.fixture(scope="module")
def client():
    spec = importlib.util.spec_from_file_location("serving_client", _CLIENT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expected_grid(gan, count, seed, truncation, labels):
    """The same pictures from the model itself, in a grid of equal sides."""
    seeds = tf.range(seed, seed + count, dtype="int64")
    prior = Prior(gan.latent_dim, gan.latent_distribution, gan.latent_bounds)
    latent = prior.from_seeds(seeds, tf.fill([count], truncation))
    images = gan.render(latent, np.resize(labels, count))
    side = int(count**0.5)
    rows = images.reshape(side, side, *images.shape[1:])
    return np.concatenate(np.concatenate(rows, axis=1), axis=1)


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_pictures_arrive_as_the_model_makes_them(
    protocol, served, gan, client, tmp_path, capsys
):
    out = tmp_path / "grid.png"
    arguments = ["faces", "--count", "36", "--seed=-5", "--truncation", "0.7"]
    arguments += ["--labels", "2", "0", "1", "--out", str(out)]
    if protocol == "grpc":
        assert client.main([*arguments, "--port", str(served[0])]) == 0
        assert capsys.readouterr().out == f"36 pictures in {out}\n"
    else:
        arguments += ["--rest", "--port", str(served[1])]
        subprocess.run([sys.executable, _CLIENT, *arguments], check=True)
    picture = np.asarray(Image.open(out)).astype(int)
    expected = expected_grid(gan, 36, -5, 0.7, [2, 0, 1])
    assert picture.shape == (96, 96, 3)
    assert np.abs(picture - expected).max() <= 1
    assert expected.std() > 1


@pytest.mark.parametrize("protocol", [[], ["--rest"]])
def test_pictures_are_sent_and_others_come_back(protocol, served, client, tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), "uint8")
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    Image.fromarray(levels).save(files[0])
    Image.fromarray(255 - levels).save(files[1])
    out = tmp_path / "out.png"
    arguments = ["darker", "--port", str(served[1 if protocol else 0]), *protocol]
    arguments += ["--input", *map(str, files), "--out", str(out)]
    assert client.main(arguments) == 0
    expected = np.concatenate([levels, 255 - levels]) / 2
    assert np.abs(np.asarray(Image.open(out)) - expected).max() <= 0.5


def test_pictures_may_have_any_size(served, client, tmp_path, capsys):
    levels = np.random.default_rng(0).integers(0, 256, (13, 22, 4), "uint8")
    Image.fromarray(levels).save(tmp_path / "clear.png")
    # Of a camera that was held upright, in a format that servers do not read.
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(levels[:9, :, :3])
    turned.save(tmp_path / "turned.webp", lossless=True, exif=exif)
    out = tmp_path / "out.png"

    def asked(*names, signature="png"):
        files = [str(tmp_path / name) for name in names]
        arguments = ["free", "--port", str(served[0]), "--signature", signature]
        assert client.main([*arguments, "--input", *files, "--out", str(out)]) == 0
        return np.asarray(Image.open(out)).astype(float)

    assert np.abs(asked("clear.png") - levels / 2).max() <= 0.5  # transparent, too
    assert capsys.readouterr().out == f"1 picture in {out}\n"
    upright = np.rot90(levels[:9, :, :3], -1)
    twice = np.minimum(2.0 * upright, 255)
    found = asked("turned.webp", signature="back_png")
    np.testing.assert_array_equal(found[..., :3], twice)
    # Several of different sizes.
    found = asked("turned.webp", "clear.png", "turned.webp", signature="back_png")
    assert found.shape == (2 * 22, 2 * 22, 3)
    np.testing.assert_array_equal(found[:22, :9], twice)
    np.testing.assert_array_equal(found[22:, :9], twice)


def test_what_is_no_picture(served, client, tmp_path, capsys):
    (tmp_path / "text.png").write_text("no picture")
    for name, message in [("none.png", "none.png"), ("text.png", "Give a PNG or JPEG")]:
        assert client.main(["darker", "--input", str(tmp_path / name)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def test_classes_are_asked_for_by_name(served, gan, client, metadata, tmp_path):
    out = tmp_path / "grid.png"
    arguments = ["faces", "--count", "4", "--out", str(out), "--port", str(served[0])]
    # The class named 2 is number 1.
    arguments += ["--labels", "sad", "2", "0", "--metadata", str(metadata)]
    assert client.main(arguments) == 0
    expected = expected_grid(gan, 4, 0, 100.0, [2, 1, 0])
    assert np.abs(np.asarray(Image.open(out)).astype(int) - expected).max() <= 1


def test_an_unknown_class_is_told_with_the_remedy(client, metadata, tmp_path, capsys):
    nameless, other = tmp_path / "nameless.json", tmp_path / "other.json"
    nameless.write_text('{"class_names": null}')
    other.write_text("{}")
    for more, message in [
        ([], "'happy' is not known. A server knows numbers only: give the number"),
        (["--metadata", metadata], "The classes are glad, 2, sad."),
        (["--metadata", nameless], "names no classes: give their numbers"),
        (["--metadata", other], "is not the metadata of an export"),
        (["--metadata", tmp_path / "none.json"], "No such file"),
    ]:
        assert client.main(["faces", "--labels", "happy", *map(str, more)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("protocol", [[], ["--rest"]])
def test_what_cannot_be_had_is_one_sentence(protocol, served, client, tmp_path, capsys):
    port = served[1 if protocol else 0]
    out = tmp_path / "grid.png"
    for model, at, message in [
        ("other", port, "not found"),
        ("faces", port, "label"),  # none was given
        ("faces", free_port(), "refused"),
    ]:
        arguments = [model, "--port", str(at), *protocol, "--out", str(out)]
        assert client.main(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert message in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["my model", "--rest"], "Latest(my model)"),
        (["faces", "--seed", str(2**63 - 3)], "accepted are -2^63 to 2^63 - 1"),
        (["faces", "--labels", "0", str(2**70)], f"{2**70} is no seed and no label"),
    ],
)
def test_arguments_are_sent_whole_or_refused(
    arguments, message, served, client, capsys
):
    port = served[1 if "--rest" in arguments else 0]
    assert client.main([*arguments, "--port", str(port)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_rest_at_the_port_of_grpc(served, client, capsys):
    assert client.main(["faces", "--rest", "--port", str(served[0])]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "does not answer as TensorFlow Serving does over REST" in line


def test_without_the_messages_of_grpc(client, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    assert client.main(["faces"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install '.[serving]'" in line


def test_more_pictures_than_4_mib(client):
    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            response = predict_pb2.PredictResponse()
            pictures = tf.make_tensor_proto([b"x" * 5 * 2**20])
            response.outputs["png_bytes"].CopyFrom(pictures)
            return response

    server = grpc.server(futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Service(), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        (picture,) = client.ask_grpc(f"127.0.0.1:{port}", "faces", [{"seed": 0}])
    finally:
        server.stop(0)
    assert len(picture) == 5 * 2**20


def test_every_signature_over_grpc(served, gan):
    with grpc.insecure_channel(f"127.0.0.1:{served[0]}") as channel:
        service = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(signature, **inputs):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "faces"
            request.model_spec.signature_name = signature
            for name, values in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            outputs = service.Predict(request).outputs
            return {name: tf.make_ndarray(value) for name, value in outputs.items()}

        seeds, label = np.arange(4), np.array([0, 1, 2, 0])
        latent = gan.sample_latent(4, seed=0).numpy()
        image = ask("", latent=latent, label=label)["image"]
        np.testing.assert_allclose(image, gan([latent, label]), rtol=0, atol=1e-5)
        truncation = np.full(4, np.inf, "float32")
        sample = ask("sample", seed=seeds, truncation=truncation, label=label)
        rendered = gan.render(sample["latent"], label).astype(int)
        assert np.abs(rendered - sample["image"]).max() <= 1
        whole = ask(
            "interpolate",
            latent_a=latent,
            latent_b=-latent[::-1],
            fraction=np.zeros(4, "float32"),
            label=label,
        )["image"]
        np.testing.assert_allclose(whole, image, rtol=0, atol=1e-5)
        with pytest.raises(grpc.RpcError) as info:
            ask("", latent=latent[:, :5], label=label)
        assert info.value.code() == grpc.StatusCode.INVALID_ARGUMENT

        status = model_service_pb2_grpc.ModelServiceStub(channel)
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "faces"
        (version,) = status.GetModelStatus(request).model_version_status
        assert version.version == 2


def test_images_and_latents_over_rest(served, gan):
    def ask(body):
        url = f"http://127.0.0.1:{served[1]}/v1/models/faces:predict"
        with urllib.request.urlopen(url, json.dumps(body).encode()) as response:
            return json.load(response)

    rows = [{"seed": i, "truncation": 1.0, "label": i % 3} for i in range(3)]
    answer = ask({"signature_name": "sample", "instances": rows})["predictions"]
    images = np.array([row["image"] for row in answer])
    latents = np.array([row["latent"] for row in answer], "float32")
    rendered = gan.render(latents, [0, 1, 2]).astype(int)
    assert np.abs(rendered - images).max() <= 1
    columns = {"latent": latents.tolist(), "label": [0, 1, 2]}
    image = np.array(ask({"inputs": columns})["outputs"])
    expected = gan([latents, np.arange(3)])
    np.testing.assert_allclose(image, expected, rtol=0, atol=1e-5)
    with pytest.raises(urllib.error.HTTPError) as info:
        ask({"instances": [{"latent": [1.0]}]})
    assert info.value.code == 400


@pytest.mark.parametrize("truncation", ["-0.5", "nan", "much"])
def test_a_bad_truncation_is_refused_before_the_server_is_asked(
    truncation, client, capsys
):
    with pytest.raises(SystemExit, match="2"):
        client.main(["faces", f"--truncation={truncation}"])
    assert "--truncation" in capsys.readouterr().err
