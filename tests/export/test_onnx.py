"""ONNX files of every kind of generator, in every form, read by other programs."""

import json

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

import export
from export import onnx as onnx_format
from export.exportable import describe
from export.formats import ExportOptions
from export.precision import int8_weights
from keras_gan import DCGAN, GAN, InputError, networks


def values_of_all_sizes(network):
    """Gives a network weights that make images of all values."""
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if len(weight.shape) > 1:
            fan_in = np.prod(weight.shape[:-2]) * weight.shape[-1]
            weight.assign(rng.normal(0, 3 / np.sqrt(fan_in), weight.shape))


def written(gan, folder, **options):
    """Returns the file's model and a function that runs it."""
    path = folder / "model.onnx"
    exportable = describe(gan, "model").with_options(ExportOptions(**options))
    onnx_format.write(exportable, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return model, lambda rows: session.run(["image"], rows)[0]


def inputs(gan, count=3):
    rows = {"latent": np.asarray(gan.sample_latent(count, seed=3))}
    if gan.num_classes is not None:
        rows["label"] = np.arange(count) % gan.num_classes
    return rows


def check_same(gan, folder):
    rows = inputs(gan)
    _, run = written(gan, folder)
    values = run(rows)
    generator = gan.inference_generator
    expected = generator(list(rows.values()) if len(rows) > 1 else rows["latent"])
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-5)
    assert values.std() > 0.05, "grey images would hide a difference"


def small(shape, **settings):
    gan = DCGAN(shape, latent_dim=5, base_filters=2, seed=1, **settings)
    values_of_all_sizes(gan.generator)
    return gan


@pytest.mark.parametrize("shape", [(8, 12, 1), (28, 28, 4), (64, 64, 3)])
def test_sizes_and_channels(shape, tmp_path):
    check_same(small(shape), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "size",
    [(8, 8), (15 * 8, 8 * 9), (32, 32), (48, 96), (96, 96), (128, 64), (256,) * 2],
)
@pytest.mark.parametrize("num_classes", [None, 3])
def test_all_sizes_and_channels(size, channels, num_classes, tmp_path):
    check_same(small((*size, channels), num_classes=num_classes), tmp_path)


def spectral():
    """A generator whose layers are spectrally normalised, as in Zhang et al. 2019."""
    latent = keras.Input((4,))
    x = networks.layers.SpectralNormalization(keras.layers.Dense(32))(latent)
    x = keras.layers.Reshape((4, 4, 2))(keras.layers.ReLU()(x))
    x = networks.layers.SpectralNormalization(
        keras.layers.Conv2DTranspose(1, 5, strides=2, padding="same")
    )(x)
    generator = keras.Model(latent, keras.layers.Activation("tanh")(x))
    discriminator = networks.maxout_discriminator((8, 8, 1), units=(2,))
    gan = GAN(generator, discriminator, latent_dim=4, seed=0)
    gan.compile("adam", "adam")
    images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
    gan.fit(images, batch_size=8, epochs=2, verbose=0)
    return gan


def test_spectral_normalization_after_training(tmp_path):
    check_same(spectral(), tmp_path)


def test_a_wrapped_layer_in_bfloat16_is_exported_in_float32(tmp_path):
    dense = keras.layers.Dense(16, activation="tanh", dtype="mixed_bfloat16")
    latent = keras.Input((4,))
    x = networks.layers.SpectralNormalization(dense)(latent)
    x = keras.layers.Reshape((4, 4, 1), dtype="float32")(x)
    discriminator = networks.maxout_discriminator((4, 4, 1), units=(2,))
    gan = GAN(keras.Model(latent, x), discriminator, latent_dim=4, seed=0)
    rows = inputs(gan)
    _, run = written(gan, tmp_path)
    exact = np.tanh(rows["latent"] @ dense.kernel.numpy()).reshape(-1, 4, 4, 1)
    np.testing.assert_allclose(run(rows), exact, rtol=0, atol=1e-5)


def test_conditional_mlp(tmp_path):
    gan = GAN(
        networks.mlp_generator((4, 4, 1), 5, hidden_units=(8,), num_classes=3),
        networks.maxout_discriminator((4, 4, 1), units=(2,), num_classes=3),
        latent_dim=5,
        value_range=(0, 1),
        num_classes=3,
        seed=0,
    )
    values_of_all_sizes(gan.generator)
    check_same(gan, tmp_path)
    # The file takes latent vectors that are truncated as `generate` does it.
    latent = gan.prior.truncated(gan.sample_latent(3, seed=3), 0.5).numpy()
    assert np.abs(latent).max() <= 0.5
    _, run = written(gan, tmp_path)
    values = run({"latent": latent, "label": np.array([0, 1, 2])})
    images = gan.generate(3, seed=3, truncation=0.5)
    assert np.abs(gan.pixels.to_uint8(values).astype(int) - images).max() <= 1
    assert (images != gan.generate(3, seed=3)).any()


def test_float16_training_is_exported_in_float32(tmp_path):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        gan = small((8, 8, 1))
    finally:
        keras.config.set_dtype_policy("float32")
    assert gan.generator.layers[3].compute_dtype == "float16"
    model, run = written(gan, tmp_path)
    kinds = {weight.data_type for weight in model.graph.initializer}
    assert kinds <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    rows = inputs(gan)
    np.testing.assert_allclose(run(rows), gan(rows["latent"]), rtol=0, atol=0.02)


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("output", ["float32", "uint8"])
def test_layout_and_output(layout, output, tmp_path):
    gan = small((8, 12, 3), num_classes=3)
    model, run = written(gan, tmp_path, layout=layout, output=output)
    rows = inputs(gan, 5)
    images = run(rows)
    assert images.dtype == output
    (declared,) = model.graph.output
    shape = declared.type.tensor_type.shape.dim
    assert shape[0].dim_param == "batch"
    assert [dim.dim_value for dim in shape[1:]] == list(images.shape[1:])
    assert images.shape[1:] == ((3, 8, 12) if layout == "nchw" else (8, 12, 3))
    if layout == "nchw":
        images = images.transpose(0, 2, 3, 1)
    grey = images.astype("float64") if output == "uint8" else (images + 1.0) * 127.5
    # From float32 to grey levels the file rounds, so half a level and no more.
    values = np.asarray(gan([rows["latent"], rows["label"]]))
    assert np.abs(grey - (values + 1.0) * 127.5).max() < 0.501
    metadata = {p.key: p.value for p in model.metadata_props}
    assert (metadata["layout"], metadata["output"]) == (layout, output)
    assert metadata["name"] == "model"


def test_precision(tmp_path):
    gan = small((16, 16, 1), num_classes=3)
    gan.compile("adam", "adam", generator_average=0.9)
    rows = inputs(gan)
    values = np.asarray(gan([rows["latent"], rows["label"]]))
    sizes, differences = {}, {}
    for precision in ("float32", "float16", "int8"):
        model, run = written(gan, tmp_path, precision=precision)
        images = run(rows)
        assert images.dtype == np.float32
        differences[precision] = np.abs(images - values).max()
        arrays = map(numpy_helper.to_array, model.graph.initializer)
        weights = [array for array in arrays if array.size > 100]
        sizes[precision] = sum(array.nbytes for array in weights)
        assert {array.dtype.name for array in weights} == {precision}
    assert differences["float32"] < 1e-5 < differences["float16"] < 0.02
    assert differences["float16"] < differences["int8"] < 0.25
    assert sizes["float32"] == 2 * sizes["float16"] == 4 * sizes["int8"]


def test_int8_weights_are_within_half_a_step_of_the_model(tmp_path):
    gan = small((8, 8, 3))
    kernel = np.asarray(gan.generator.layers[1].kernel)
    model, _ = written(gan, tmp_path, precision="int8")
    arrays = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
    (name,) = [n for n, a in arrays.items() if a.shape == kernel.shape]
    scale = arrays[name.replace("_int8", "_scale")]
    assert np.abs(arrays[name] * scale - kernel).max() <= scale.max() / 2 * 1.0001
    # Each output channel has a scale of its own.
    assert np.abs(arrays[name]).max(axis=0).min() == 127
    (transposed,) = [a for a in arrays.values() if a.shape[2:] == (5, 5)]
    assert np.abs(transposed).max(axis=(0, 2, 3)).min() == 127


def test_a_weight_of_two_nodes_is_rounded_once():
    helper = onnx.helper
    kernel = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")
    values = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 4])
        for name in ("x", "z")
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "kernel"], ["y"]),
        helper.make_node("MatMul", ["y", "kernel"], ["z"]),
    ]
    graph = helper.make_graph(
        *(nodes, "graph", values[:1], values[1:]),
        [numpy_helper.from_array(kernel, "kernel")],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = int8_weights(helper.make_model(graph, opset_imports=opsets, ir_version=10))
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (z,) = session.run(["z"], {"x": np.eye(4, dtype="float32")})
    np.testing.assert_allclose(z, kernel @ kernel, atol=0.1)


# ONNX Runtime 1.20, which goes with onnx 1.17, runs operations up to 21.
NEWEST = 26 if onnx.defs.onnx_opset_version() >= 26 else 21


@pytest.mark.parametrize("opset", [19, NEWEST])
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_newer_operations(opset, precision, tmp_path):
    gan = small((8, 8, 1), num_classes=3)
    form = {"opset": opset, "precision": precision, "layout": "nchw"}
    model, run = written(gan, tmp_path, **form)
    assert {o.domain: o.version for o in model.opset_import}[""] == opset
    metadata = {p.key: p.value for p in model.metadata_props}
    assert metadata["opset"] == str(opset)
    assert json.loads(metadata["latent_bounds"]) == [-1.0, 1.0]
    rows = inputs(gan)
    _, as_18 = written(gan, tmp_path, precision=precision, layout="nchw")
    np.testing.assert_allclose(run(rows), as_18(rows), rtol=0, atol=1e-6)


def test_a_form_is_verified_before_it_is_published(gan, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    row = export.to_onnx(gan, path, layout="nchw", output="uint8", precision="int8")
    assert row.passed
    assert row.tolerance == 32  # grey levels
    assert 0 < row.largest_difference <= 32

    real = onnx_format.PRECISIONS["int8"]
    spoiled = onnx_format.PRECISIONS | {
        "int8": type(real)(lambda m: negated(real.convert(m)), real.tolerance)
    }
    monkeypatch.setattr(onnx_format, "PRECISIONS", spoiled)
    with pytest.raises(export.VerificationError, match="differs"):
        export.to_onnx(gan, tmp_path / "other.onnx", precision="int8")
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def negated(model):
    for weight in model.graph.initializer:
        if weight.name.endswith("_scale"):
            array = -numpy_helper.to_array(weight)
            weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    return model


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"layout": "nwhc"}, "layout is 'nwhc'. Expected one of: nhwc, nchw"),
        ({"output": "int8"}, "output is 'int8'"),
        ({"precision": "bfloat16"}, "precision is 'bfloat16'"),
        ({"opset": 17}, r"opset is 17. Expected one of: 18, 19"),
        ({"opset": 99}, "opset is 99"),
    ],
)
def test_other_forms_are_refused(form, message, gan, tmp_path):
    with pytest.raises(InputError, match=message):
        export.to_onnx(gan, tmp_path / "model.onnx", **form)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", [{"layout": "nchw"}, {"output": "uint8"}])
def test_points_have_no_layout_and_no_grey_levels(form, tmp_path):
    gan = GAN(
        networks.points_generator(2, latent_dim=3, hidden_units=(4,)),
        networks.points_discriminator(2, hidden_units=(4,)),
        latent_dim=3,
        value_range=None,
    )
    with pytest.raises(InputError, match=next(iter(form.values()))):
        export.to_onnx(gan, tmp_path / "model.onnx", **form)


def test_a_form_that_no_format_has_is_refused(gan, tmp_path):
    with pytest.raises(InputError, match="saved-model cannot have that"):
        export.export_all(
            *(gan, tmp_path, "model", ["saved-model"]),
            options=ExportOptions(layout="nchw"),
        )
    assert list(tmp_path.iterdir()) == []
