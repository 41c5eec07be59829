"""Model files of strangers: refused in one sentence, nothing run, nothing written."""

import json
import os
import shutil
import warnings
import zipfile

import h5py
import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from tensorflow.python.trackable.resource import CapturableResource

from export.__main__ import main
from keras_gan import DCGAN


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A GAN's file as `GAN.save` writes it, and its ONNX file."""
    folder = tmp_path_factory.mktemp("saved")
    gan = DCGAN((8, 8, 1), latent_dim=4, base_filters=2, seed=1)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    gan.save(folder / "gan.keras")
    options = ["--out", str(folder), "--format", "onnx"]
    assert main([str(folder / "gan.keras"), *options]) == 0
    return folder


def changed(saved, path, change):
    """Writes the saved GAN with each member of its archive as `change` returns it."""
    with zipfile.ZipFile(saved / "gan.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))


def lambda_layer(saved, path):
    layers = [keras.Input([2]), keras.layers.Lambda(lambda x: x)]
    keras.Sequential(layers).save(path)


def foreign_class(saved, path):
    def change(name, content):
        if name != "config.json":
            return content
        harm = {"command": f"touch {path.parent / 'harm'}"}
        return json.dumps(
            {
                **json.loads(content),
                **{"module": "os", "class_name": "system", "config": harm},
                "registered_name": None,
            }
        )

    changed(saved, path, change)


def members_outside(saved, path):
    shutil.copy(saved / "gan.keras", path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../harm", "written outside")
        archive.writestr(f"{path.parent}/harm", "written outside")


def external_link(saved, path):
    def change(name, content):
        if not name.endswith(".h5"):
            return content
        weights = path.parent / "weights.h5"
        weights.write_bytes(content)
        with (
            h5py.File(path.parent / "secret.h5", "w") as secret,
            h5py.File(weights, "r+") as file,
        ):
            names = []
            file.visit(names.append)
            weight = next(n for n in names if isinstance(file[n], h5py.Dataset))
            secret["stolen"] = np.ones(file[weight].shape, "float32")
            del file[weight]
            file[weight] = h5py.ExternalLink(secret.filename, "/stolen")
        return weights.read_bytes()

    changed(saved, path, change)


class Harm(CapturableResource):
    """What TensorFlow makes anew where it loads a SavedModel, by writing a file."""

    def __init__(self, path):
        super().__init__()
        self._path = str(path)

    def _create_resource(self):
        return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

    def _initialize(self):
        tf.io.write_file(self._path, "written on loading")
        return tf.constant(0)


def saved_model(folder):
    module = tf.Module()
    module.harm = Harm(folder.parent / "harm")
    tf.saved_model.save(module, str(folder))
    (folder.parent / "harm").unlink(missing_ok=True)
    return str(folder)


def gan_with(saved, path, layer, argument):
    """Writes a GAN each of whose networks calls the layer with the argument."""
    inputs = keras.Input([2], name="input")
    # Through a layer: Keras before 3.13 takes no model without one.
    model = keras.Model(inputs, keras.layers.Identity(name="identity")(inputs))
    network = keras.saving.serialize_keras_object(model)
    node = {"args": [], "kwargs": {"inputs": argument}}
    layer = {**layer, "name": "evil", "inbound_nodes": [node]}
    layer["config"] = {**layer["config"], "name": "evil"}
    network["config"]["layers"].append(layer)
    gan = {
        **{"module": "keras_gan.models.gan", "class_name": "GAN"},
        "registered_name": "keras_gan>GAN",
        "config": {"generator": network, "discriminator": network, "latent_dim": 2},
    }

    def change(name, content):
        return json.dumps(gan) if name == "config.json" else content

    changed(saved, path, change)


def of_keras(name, config, module="keras.layers"):
    names = {"module": module, "class_name": name, "registered_name": None}
    return {**names, "config": config}


# CVE-2026-1462, which Keras refuses from 3.13.2 on.
def saved_model_layer(saved, path):
    layer = of_keras("TFSMLayer", {"filepath": saved_model(path.parent / "model")})
    gan_with(saved, path, layer, None)


# The same class as the function of a layer, which Keras 3.15.1 calls in safe mode too.
def saved_model_activation(saved, path):
    function = of_keras("function", "TFSMLayer")
    layer = of_keras("Activation", {"activation": function})
    gan_with(saved, path, layer, saved_model(path.parent / "model"))


def saved_model_lambda(saved, path):
    function = of_keras("function", "layers.TFSMLayer", "keras")
    layer = of_keras("Lambda", {"function": function})
    gan_with(saved, path, layer, saved_model(path.parent / "model"))


def function_as_class(saved, path):
    function = of_keras("set_floatx", {}, "keras.config")
    gan_with(saved, path, of_keras("Activation", {"activation": function}), "float16")


def deep_config(saved, path):
    def change(name, content):
        return "[" * 100_000 + "]" * 100_000 if name == "config.json" else content

    changed(saved, path, change)


@pytest.mark.parametrize(
    ("hostile", "said"),
    [
        (lambda_layer, "Lambda"),
        (foreign_class, "system"),
        (members_outside, "../harm"),
        (external_link, "could not be loaded"),
        (saved_model_layer, "TFSMLayer"),
        (saved_model_activation, "keras.layers.TFSMLayer"),
        (saved_model_lambda, "keras.layers.TFSMLayer"),
        (function_as_class, "keras.config.set_floatx"),
        (deep_config, "recursion"),
    ],
)
def test_keras_files_of_strangers(saved, tmp_path, capsys, hostile, said):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "model.keras"
    hostile(saved, path)
    before = sorted(tmp_path.rglob("*"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Keras tells of it too
        assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert sorted(tmp_path.rglob("*")) == before
    assert keras.config.floatx() == "float32"


def test_an_archive_behind_an_hdf5_file(saved, tmp_path, capsys):
    path = tmp_path / "model.h5"
    keras.Sequential([keras.Input([2]), keras.layers.Dense(1)]).save(path)
    with path.open("ab") as file:
        file.write((saved / "gan.keras").read_bytes())
    assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    assert "does not end in .keras" in capsys.readouterr().err


def test_an_onnx_file_with_data_outside_its_folder(saved, tmp_path, capsys):
    model = onnx.load(saved / "gan.onnx")
    weight = model.graph.initializer[0]
    (tmp_path / "secret.bin").write_bytes(bytes(len(weight.raw_data)))
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    entry = weight.external_data.add()
    entry.key, entry.value = "location", os.path.join("..", "secret.bin")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "model.onnx"
    path.write_bytes(model.SerializeToString())
    command = ["verify", str(path), "--against", str(saved / "gan.keras")]
    assert main(command) != 0
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "secret.bin" in error
