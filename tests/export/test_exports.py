"""The files themselves, read with TensorFlow, onnx and ONNX Runtime alone."""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

import keras_gan
from export.exportable import describe


def inputs(gan, count=5):
    latent = np.asarray(gan.sample_latent(count, seed=3))
    if gan.num_classes is None:
        return {"latent": latent}
    return {"latent": latent, "label": np.arange(count) % gan.num_classes}


def images_of(network, rows):
    values = [rows["latent"]] if len(rows) == 1 else [[rows["latent"], rows["label"]]]
    return np.asarray(tf.cast(network(*values, training=False), "float32"))


def run_saved_model(folder, rows):
    signature = tf.saved_model.load(folder / "model/1").signatures["serving_default"]
    return signature(**{k: tf.constant(v) for k, v in rows.items()})["image"].numpy()


def run_onnx(folder, rows):
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    return session.run(["image"], rows)[0]


RUNNERS = pytest.mark.parametrize("run", [run_saved_model, run_onnx])


@RUNNERS
@pytest.mark.parametrize("exported", ["averaged"], indirect=True)
def test_a_label_that_is_no_class_counts_as_the_nearest(exported, run):
    _, _, folder, _ = exported
    latent = np.tile(np.linspace(-1, 1, 8, dtype="float32"), (6, 1))
    wild = np.array([-1, 3, -(2**40), 2**40, 0, 2])
    images = run(folder, {"latent": latent, "label": wild})
    nearest = run(folder, {"latent": latent, "label": np.array([0, 2] * 3)})
    np.testing.assert_allclose(images, nearest, rtol=0, atol=1e-5)
    assert np.abs(nearest[0] - nearest[1]).max() > 0.1


def test_half_precision_becomes_float32(exported):
    kind, gan, folder, _ = exported
    model = onnx.load(folder / "model.onnx")
    floats = (onnx.TensorProto.BFLOAT16, onnx.TensorProto.FLOAT16)
    assert not [i.name for i in model.graph.initializer if i.data_type in floats]
    stored = tf.train.load_checkpoint(folder / "model/1/variables/variables")
    dtypes = set(stored.get_variable_to_dtype_map().values()) - {tf.string}
    assert dtypes == {tf.float32}
    if kind == "bfloat16":
        assert gan.generator.layers[3].compute_dtype == "bfloat16"


def test_verification_saw_every_batch_size(exported):
    _, gan, _, rows = exported
    assert [row.format for row in rows] == ["saved-model", "onnx"]
    for row in rows:
        assert row.passed
        assert row.problem is None
        assert set(row.differences) == {"1", "3", "64"}
        assert row.largest_difference == max(row.differences.values())
        accepted = 1e-5 if gan.value_range == (-1, 1) else 5e-6
        assert 0 <= row.largest_difference <= row.tolerance == accepted
        assert 0 <= row.alone_difference <= 1e-5
        assert row.parameters == gan.generator.count_params()
    assert [row.runtime for row in rows] == ["tensorflow", "onnxruntime"]


def test_saved_model_signature_is_named_and_has_a_free_batch(exported):
    _, gan, folder, _ = exported
    loaded = tf.saved_model.load(folder / "model/1")
    signature = loaded.signatures["serving_default"]
    specs = signature.structured_input_signature[1]
    expected = {"latent": ((None, gan.latent_dim), tf.float32)}
    if gan.num_classes is not None:
        expected["label"] = ((None,), tf.int64)
    assert {k: (tuple(s.shape), s.dtype) for k, s in specs.items()} == expected
    (image,) = signature.structured_outputs.items()
    assert image == ("image", tf.TensorSpec((None, *gan.image_shape), name="image"))


def test_onnx_inputs_and_output_are_named_and_share_the_batch(exported):
    _, gan, folder, _ = exported
    model = onnx.load(folder / "model.onnx")

    def described(values):
        return {
            value.name: (
                value.type.tensor_type.elem_type,
                [
                    dim.dim_param or dim.dim_value
                    for dim in value.type.tensor_type.shape.dim
                ],
            )
            for value in values
        }

    expected = {"latent": (onnx.TensorProto.FLOAT, ["batch", gan.latent_dim])}
    if gan.num_classes is not None:
        expected["label"] = (onnx.TensorProto.INT64, ["batch"])
    assert described(model.graph.input) == expected
    image = (onnx.TensorProto.FLOAT, ["batch", *gan.image_shape])
    assert described(model.graph.output) == {"image": image}
    assert {o.domain: o.version for o in model.opset_import}[""] == 18


def test_saved_model_stores_the_generators_weights_once_and_nothing_else(exported):
    _, gan, folder, _ = exported
    stored = tf.train.load_checkpoint(folder / "model/1/variables/variables")
    shapes = stored.get_variable_to_shape_map()
    del shapes["_CHECKPOINTABLE_OBJECT_GRAPH"]
    values = sum(int(np.prod(shape)) for shape in shapes.values())
    assert values == gan.generator.count_params()


def test_metadata_says_what_a_user_must_know(exported):
    kind, gan, folder, _ = exported
    path = folder / "model/1/assets.extra/metadata.json"
    metadata = json.loads(path.read_text())
    uniform = kind != "mlp"
    expected = {
        "name": "model",
        "latent_dim": gan.latent_dim,
        "latent_distribution": "uniform" if uniform else "normal",
        "latent_bounds": [-1.0, 1.0] if uniform else None,
        "value_range": [-1.0, 1.0] if uniform else [0.0, 1.0],
        "image_shape": [16, 16, 1] if uniform else [6, 5, 1],
        "num_classes": 3 if uniform else None,
        "class_names": None,
        "batch_normalization_statistics": "moving averages" if uniform else None,
        "weights": "averaged" if kind == "averaged" else "trained",
        "average_decay": 0.9 if kind == "averaged" else None,
        "run": None,
        "seed": 1 if uniform else 2,
        "step": 0,
        "keras_gan_version": keras_gan.__version__,
        "tensorflow_version": tf.__version__,
    }
    assert expected.items() <= metadata.items()

    properties = onnx.load(folder / "model.onnx").metadata_props
    in_onnx = {p.key: p.value for p in properties}
    assert in_onnx.pop("tf2onnx_version")
    assert in_onnx.pop("opset") == "18"
    assert metadata.pop("opset") is None
    assert set(in_onnx) == set(metadata)
    for name, value in metadata.items():
        text = in_onnx[name]
        assert (text if isinstance(value, str) else json.loads(text)) == value


@pytest.mark.parametrize("exported", ["averaged"], indirect=True)
def test_a_saved_average_is_described_without_its_decay(exported, tmp_path):
    _, gan, _, _ = exported
    gan.save(tmp_path / "gan.keras")
    facts = describe(tmp_path / "gan.keras", "gan").facts
    assert (facts["weights"], facts["average_decay"]) == ("averaged", None)


def test_no_path_of_this_machine_is_in_the_files(exported):
    _, _, folder, _ = exported
    root = Path(keras_gan.__file__).parents[1]
    site = Path(tf.__file__).parents[1]
    for file in filter(Path.is_file, folder.rglob("*")):
        content = file.read_bytes()
        for path in (root, site, folder, Path(tempfile.gettempdir())):
            assert str(path).encode() not in content, file


def test_a_run_is_exported_with_its_name_and_classes(run_folder, tmp_path):
    import export
    from keras_gan import runs

    row = export.to_onnx(run_folder, tmp_path / "digits.onnx")
    assert row.passed
    assert row.path == tmp_path / "digits.onnx"
    properties = onnx.load(row.path).metadata_props
    metadata = {p.key: p.value for p in properties}
    assert metadata["run"] == "digits-1"
    assert metadata["step"] == "2"
    assert metadata["weights"] == "averaged"
    assert json.loads(metadata["class_names"]) == [str(digit) for digit in range(10)]
    gan = runs.load(run_folder)
    rows = inputs(gan)
    session = onnxruntime.InferenceSession(row.path)
    np.testing.assert_allclose(
        session.run(["image"], rows)[0],
        images_of(gan.averaged_generator, rows),
        rtol=0,
        atol=1e-5,
    )
