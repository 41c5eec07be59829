"""LiteRT files, read by the interpreter that phones have."""

import json
import sys
import zipfile

import keras
import numpy as np
import pytest

import export
from export import litert
from export.exportable import describe
from export.formats import ExportOptions
from keras_gan import DCGAN, InputError

pytest.importorskip("ai_edge_litert", reason="pip install '.[litert]'")
from ai_edge_litert.interpreter import Interpreter


@pytest.fixture
def gan():
    return DCGAN((8, 12, 3), latent_dim=5, base_filters=2, num_classes=3, seed=1)


def exported(gan, folder, **options):
    options = ExportOptions(**options)
    (row,) = export.export_all(gan, folder, "m", ["litert"], options=options)
    return row


def test_a_file_in_float16_makes_the_images_of_the_model(gan, tmp_path):
    row = exported(gan, tmp_path, precision="float16")
    assert row.passed
    assert row.path == tmp_path / "m.tflite"
    assert row.runtime == "ai-edge-litert"
    interpreter = Interpreter(str(row.path))
    for count in (1, 7, 3):
        signature = "serving_default" if count == 1 else "several"
        run = interpreter.get_signature_runner(signature)
        latent = gan.sample_latent(count, seed=0).numpy()
        label = np.arange(count) % 3
        image = run(latent=latent, label=label)["image"]
        assert image.dtype == np.float32
        np.testing.assert_allclose(image, gan([latent, label]), rtol=0, atol=0.02)
    with zipfile.ZipFile(row.path) as file:
        metadata = json.loads(file.read("metadata.json"))
    assert metadata["precision"] == "float16"
    assert metadata["num_classes"] == 3
    assert export.verify_again(row.path, gan).passed


def test_xnnpack_computes_every_transposed_convolution_of_one_row(gan, tmp_path):
    row = exported(gan, tmp_path)
    interpreter = Interpreter(str(row.path), num_threads=1)
    interpreter.allocate_tensors()
    # Without the name of a signature, as Java's and Swift's interpreters run a file.
    assert {tuple(x["shape"]) for x in interpreter.get_input_details()} == {
        (1, 5),
        (1,),
    }
    assert set(interpreter.get_signature_list()) == {"serving_default", "several"}
    names = {operation["op_name"] for operation in interpreter._get_ops_details()}
    assert {"TRANSPOSE_CONV", "DELEGATE"} <= names
    # It leaves those alone whose shape is computed.
    assert names.isdisjoint({"SHAPE", "PACK"})


def test_an_operation_that_it_does_not_have_is_named(gan, tmp_path):
    latent = keras.Input((5,))
    x = keras.layers.Reshape((2, 3, 1))(keras.layers.Dense(6)(latent))
    x = keras.layers.UpSampling2D(2, interpolation="bicubic")(x)
    gan.generator, gan.image_shape = keras.Model(latent, x), (4, 6, 1)
    gan.num_classes = None
    with pytest.raises(InputError, match=r"needs tf\.ResizeBicubic, which LiteRT"):
        exported(gan, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_it_cannot_do_is_said(gan, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="litert has float32 and float16 only"):
        exported(gan, tmp_path, precision="int8")
    litert.write(describe(gan, "m"), tmp_path / "m.tflite")
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install '\.\[litert\]'"):
        export.verify_again(tmp_path / "m.tflite", gan)
    (tmp_path / "m.tflite").unlink()
    with pytest.raises(InputError, match=r"pip install '\.\[litert\]'"):
        exported(gan, tmp_path)
    assert list(tmp_path.iterdir()) == []
