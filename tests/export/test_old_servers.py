"""SavedModels in TensorFlow 2.6, whose server KServe runs unless told otherwise."""

import shutil
import subprocess
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from export import saved_model
from export.exportable import Exportable, describe
from keras_gan import DCGAN, networks, serving

_SESSION = Path(__file__).with_name("old_tensorflow_session.py")
_PACKAGES = ["tensorflow-cpu==2.6.2", "protobuf<3.20", "numpy<1.20"]


def test_the_operation_that_they_lack_is_gone(tmp_path):
    network = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Dense(1)])
    image = serving.image((2, 2, 1), (0, 1))
    functions = serving.image_to_image(network, image, image)
    saved_model.write(Exportable("m", {"network": network}, functions, {}), tmp_path)
    (graph,) = saved_model_pb2.SavedModel.FromString(
        (tmp_path / "saved_model.pb").read_bytes()
    ).meta_graphs
    for function in graph.graph_def.library.function:
        names = {node.name for node in function.node_def}
        assert "DisableCopyOnRead" not in {node.op for node in function.node_def}
        assert set(function.control_ret.values()) <= names
        assert set(function.signature.control_output) == set(function.control_ret)
    # What it was in still saves.
    loaded = tf.saved_model.load(tmp_path)
    tf.saved_model.save(loaded, tmp_path / "again", signatures=loaded.signatures)
    source = tf.fill([1, 2, 2, 1], 0.5)
    expected = network(source)
    for path in (tmp_path, tmp_path / "again"):
        function = tf.saved_model.load(path).signatures["serving_default"]
        np.testing.assert_allclose(function(source=source)["image"], expected)


def python_3_9():
    """Returns an interpreter, or skips: TensorFlow 2.6 runs on no newer Python."""
    kept = Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9")
    for path in filter(None, [shutil.which("python3.9"), *kept]):
        if subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            return path
    pytest.skip("needs Python 3.9")


def models():
    gan = DCGAN((16, 24, 3), latent_dim=8, base_filters=4, num_classes=3, seed=1)
    yield describe(gan, "digits")
    shape, network = (
        (None, None, 3),
        networks.unet((None, None, 3), (None, None, 3), 2, 2),
    )
    side = serving.image(shape, (-1, 1), multiple=4)
    functions = serving.image_to_image(network, side, side)
    yield Exportable("maps", {"generator": network}, functions, {})


@pytest.mark.serving
def test_tensorflow_2_6_answers_as_the_model_does(serving_environment, tmp_path):
    python = serving_environment("tensorflow-2.6", _PACKAGES, python_3_9())
    for exportable in models():
        folder = tmp_path / exportable.name
        saved_model.write(exportable, folder)
        rows = {n: s.examples(3) for n, s in exportable.signatures.items()}
        named = {f"{n}/{key}": x for n, each in rows.items() for key, x in each.items()}
        np.savez(tmp_path / "inputs.npz", **named)
        files = [tmp_path / "inputs.npz", tmp_path / "outputs.npz"]
        result = subprocess.run(
            [python, _SESSION, folder, *files], capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr[-2000:]
        with np.load(files[1]) as file:
            outputs = dict(file)
        for name, signature in exportable.signatures.items():
            for key, x in signature.function(*rows[name].values()).items():
                found, wanted = outputs.pop(f"{name}/{key}"), x.numpy()
                if wanted.dtype == object:
                    assert [*found] == [*wanted]
                else:
                    tolerance = 1 if wanted.dtype == "uint8" else 1e-5
                    difference = np.abs(found.astype("float64") - wanted)
                    assert difference.max() <= tolerance
        assert outputs == {}
