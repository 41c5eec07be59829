"""Exports of models that make something else than images from latent vectors.

They are models of these tests, so that nothing in `export` can know them.
"""

import io
import json

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from PIL import Image

import export
from export.exportable import describe
from export.formats import FORMATS, ExportOptions
from keras_gan import InputError, serving
from keras_gan.models.base import GenerativeModel

RANGE = (-2.0, 3.0)  # not that of a GAN by default
SHAPE = (6, 5, 3)


def translator(seed, name, shape=SHAPE, num_classes=None, filters=3, end="linear"):
    """A convolution with a residual, scaled by a label if there is one."""
    init = keras.initializers.RandomNormal(0, 0.3, seed=seed)
    source = keras.Input(shape)
    x = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=init)(source)
    x = keras.layers.BatchNormalization()(x)
    if filters == shape[-1]:
        x = keras.layers.Add()([x, source])
    inputs = source
    if num_classes is not None:
        label = keras.Input((), dtype="int64")
        wide = keras.initializers.RandomUniform(1, 3, seed=seed)
        scale = keras.layers.Embedding(num_classes, filters, wide)(label)
        x = keras.layers.Multiply()([x, keras.layers.Reshape((1, 1, filters))(scale)])
        inputs = [source, label]
    x = keras.layers.Activation(end)(x)
    return keras.Model(inputs, x, name=name)


class Model(GenerativeModel):
    """A model with the networks and signatures of a test."""

    def __init__(self, networks, signatures):
        super().__init__(seed=3)
        self.parts, self.signatures = networks, signatures
        self.step.assign(7)

    def networks(self):
        return self.parts


def one_way(**settings):
    """Images of one range to images of another."""
    num_classes = settings.get("num_classes")
    source, image = serving.image(SHAPE, RANGE), serving.image(SHAPE, (0.0, 1.0))
    return Model(
        {"translator": translator(1, "translator", end="sigmoid", **settings)},
        lambda networks: serving.image_to_image(
            networks["translator"], source, image, num_classes
        ),
    )


def two_ways():
    """Two main functions, grey to colour and back, with an average of one network."""
    grey = (*SHAPE[:2], 1)
    a, b = serving.image(grey, (-1.0, 1.0)), serving.image(SHAPE, RANGE)
    networks = {
        "ab": translator(1, "ab", grey),
        "ba": translator(2, "ba", SHAPE, filters=1),
        "averaged_ab": translator(3, "ab", grey),
        "judge": translator(4, "judge"),
    }
    return Model(
        networks,
        lambda networks: {
            **serving.image_to_image(networks["ba"], b, a, name="b_to_a"),
            **serving.image_to_image(networks["ab"], a, b),
        },
    )


def autoencoder():
    """No prior: it reconstructs, and encodes to vectors of no range."""
    encoder = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    decoder = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(90), keras.layers.Reshape(SHAPE)]
    )
    image = serving.image(SHAPE, RANGE)

    def signatures(networks):
        def reconstruct(source, training=False):
            latent = networks["encoder"](source, training=training)
            return networks["decoder"](latent, training=training)

        return {
            **serving.image_to_image(reconstruct, image, image),
            **serving.image_to_latent(networks["encoder"], image, 4),
        }

    return Model({"encoder": encoder, "decoder": decoder}, signatures)


def encoder():
    """No images come out of it."""
    network = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten()])
    image = serving.image(SHAPE, RANGE)
    return Model(
        {"encoder": network},
        lambda networks: serving.image_to_latent(
            networks["encoder"], image, 90, name=serving.DEFAULT
        ),
    )


@pytest.fixture(scope="module", autouse=True)
def litert():
    pytest.importorskip("ai_edge_litert", reason="pip install '.[litert]'")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Returns a model with two main functions, its folder and its results."""
    model, folder = two_ways(), tmp_path_factory.mktemp("two")
    formats = [name for name in FORMATS if name != "hub"]  # that takes no own class
    return model, folder, export.export_all(model, folder, "m", formats)


def source(shape, low, high, count=3):
    rng = np.random.default_rng(5)
    return rng.uniform(low, high, (count, *shape)).astype("float32")


def run(path, **rows):
    (name,) = [x.name for x in onnxruntime.InferenceSession(path).get_outputs()]
    return onnxruntime.InferenceSession(path).run([name], rows)[0]


def metadata(path):
    def read(text):
        try:
            return json.loads(text)
        except ValueError:
            return text

    return {p.key: read(p.value) for p in onnx.load(path).metadata_props}


def test_every_format_gives_each_main_function(two):
    _, folder, results = two
    found = [str(r.path.relative_to(folder)) for r in results]
    assert found == [
        *("m/1", "m.onnx", "m.b_to_a.onnx", "triton/m/1", "triton/m.b_to_a/1"),
        *("m.tflite", "m.b_to_a.tflite", "web/m"),
    ]
    assert all(result.passed for result in results)
    parameters = dict(zip(found, (r.parameters for r in results), strict=True))
    model = two[0]
    counts = {name: n.count_params() for name, n in model.networks().items()}
    assert parameters["m.onnx"] == counts["averaged_ab"]
    assert parameters["m.b_to_a.onnx"] == counts["ba"]
    assert parameters["m/1"] == counts["averaged_ab"] + counts["ba"]


def test_the_files_compute_what_the_networks_do(two):
    model, folder, _ = two
    networks = model.networks()
    grey, colour = source((6, 5, 1), -1, 1), source(SHAPE, *RANGE)
    forth = networks["averaged_ab"](grey)
    back = networks["ba"](colour)
    np.testing.assert_allclose(run(folder / "m.onnx", source=grey), forth, atol=1e-5)
    np.testing.assert_allclose(
        run(folder / "m.b_to_a.onnx", source=colour), back, atol=1e-5
    )
    loaded = tf.saved_model.load(folder / "m/1").signatures
    assert set(loaded) == {"serving_default", "png", "b_to_a", "b_to_a_png"}
    np.testing.assert_allclose(
        loaded["b_to_a"](source=tf.constant(colour))["image"], back, atol=1e-5
    )


def test_pictures_go_through_files_as_through_arrays(two):
    model, folder, _ = two
    loaded = tf.saved_model.load(folder / "m/1").signatures["b_to_a_png"]
    levels = np.random.default_rng(1).integers(0, 256, (2, *SHAPE), "uint8")
    files = []
    for picture in levels:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "png")
        files.append(file.getvalue())
    low, high = RANGE
    values = model.networks()["ba"](levels / 255 * (high - low) + low)
    expected = np.rint((np.asarray(values) + 1) * 127.5).clip(0, 255)
    made = loaded(source_bytes=tf.constant(files))["png_bytes"].numpy()
    for png, grey in zip(made, expected, strict=True):
        found = np.asarray(Image.open(io.BytesIO(png)), float)
        assert np.abs(found - grey[..., 0]).max() <= 1
    small = io.BytesIO()
    Image.new("RGB", (4, 4)).save(small, "png")
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
        loaded(source_bytes=tf.constant([small.getvalue()]))


def test_a_description_says_what_goes_in_and_out(two):
    _, folder, _ = two
    found = metadata(folder / "m.b_to_a.onnx")
    assert found["name"] == "m.b_to_a"
    assert found["function"] == "b_to_a"
    assert found["kind"] == "image_to_image"
    image = {"dtype": "float32"}
    assert found["inputs"] == {
        "source": {"shape": [6, 5, 3], **image, "value_range": [-2, 3]}
    }
    assert found["outputs"] == {
        "image": {"shape": [6, 5, 1], **image, "value_range": [-1, 1]}
    }
    assert found["step"] == 7
    assert "function" not in metadata(folder / "m.onnx")
    text = (folder / "m/1/assets.extra/metadata.json").read_text()
    whole = json.loads(text)
    assert list(whole["functions"]) == ["b_to_a"]
    assert whole["functions"]["b_to_a"]["inputs"] == found["inputs"]
    assert whole["weights"] == "averaged"
    assert whole["batch_normalization_statistics"] == "moving averages"


def test_an_export_is_verified_again_as_the_function_that_it_is(two):
    model, folder, _ = two
    with pytest.raises(InputError, match="no function 'b_to_a'"):
        export.verify_again(folder / "m.b_to_a.onnx", one_way())
    # The default function alone would pass for the other one.
    ba = model.networks()["ba"]
    weights = ba.get_weights()
    ba.set_weights([1.1 * w for w in weights])
    try:
        assert export.verify_again(folder / "m.onnx", model).passed
        assert not export.verify_again(folder / "m.b_to_a.tflite", model).passed
    finally:
        ba.set_weights(weights)


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "nchw", "output": "uint8"},
        {"output": "uint8", "precision": "float16", "opset": 21},
        {"layout": "nchw", "precision": "int8"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_options_are_those_of_images_that_go_in_too(options, tmp_path):
    model = one_way(num_classes=3)
    path = tmp_path / "m.onnx"
    result = export.to_onnx(model, path, **options)
    assert result.passed
    uint8, nchw = options.get("output") == "uint8", options.get("layout") == "nchw"
    values = source(SHAPE, *RANGE)
    label = np.array([2, 0, 1])
    if uint8:
        levels = np.random.default_rng(0).integers(0, 256, values.shape, "uint8")
        values = levels / np.float32(51) - 2
    expected = np.asarray(model.networks()["translator"]([values, label]))
    given = levels if uint8 else values
    found = run(
        path, source=given.transpose(0, 3, 1, 2) if nchw else given, label=label
    )
    assert found.dtype == ("uint8" if uint8 else "float32")
    if nchw:
        found = found.transpose(0, 2, 3, 1)
    if uint8:
        expected = np.rint(expected * 255).clip(0, 255)
        assert expected.std() > 20
    assert np.abs(found - expected).max() <= result.tolerance
    described = metadata(path)["inputs"]["source"]
    assert described["dtype"] == found.dtype
    assert described["shape"] == ([3, 6, 5] if nchw else [6, 5, 3])


def test_each_output_is_judged_in_its_own_range():
    functions = describe(two_ways(), "m").signatures
    from export.verify import tolerance

    forth, back = functions["serving_default"], functions["b_to_a"]
    values = np.float32([9.0])
    assert tolerance(forth.outputs["image"], "float32", values) == pytest.approx(2.5e-5)
    assert tolerance(back.outputs["image"], "float32", values) == pytest.approx(1e-5)
    latent = describe(autoencoder(), "m").signatures["encode"].outputs["latent"]
    assert tolerance(latent, "float32", values) == pytest.approx(9e-5)


def test_a_model_without_a_prior(tmp_path):
    model = autoencoder()
    results = export.export_all(model, tmp_path, "m", ["onnx"])
    assert [result.path.name for result in results] == ["m.onnx", "m.encode.onnx"]
    assert list(results[1].outputs) == ["serving_default/latent"]
    images = source(SHAPE, *RANGE)
    found = run(tmp_path / "m.encode.onnx", source=images)
    expected = model.networks()["encoder"](images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    assert metadata(tmp_path / "m.encode.onnx")["kind"] == "image_to_latent"
    options = ExportOptions(output="uint8", layout="nchw")
    encoded = describe(model, "m").only("encode").with_options(options)
    assert encoded.default.inputs["source"].dtype == "uint8"
    assert encoded.default.outputs["latent"].dtype == "float32"


def test_images_of_any_size(tmp_path):
    shape = (None, None, 3)
    spec = serving.image(shape, (-1, 1))
    model = Model(
        {"translator": translator(1, "translator", shape)},
        lambda n: serving.image_to_image(n["translator"], spec, spec),
    )
    for result in export.export_all(model, tmp_path, "m", ["onnx", "triton"]):
        assert result.passed
    images = source((9, 14, 3), -1, 1)
    found = run(tmp_path / "m.onnx", source=images)
    expected = model.networks()["translator"](images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    config = (tmp_path / "triton/m/config.pbtxt").read_text()
    assert 'name: "image" data_type: TYPE_FP32 dims: [ -1, -1, 3 ]' in config


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (encoder, {"formats": ["web"]}, "no page for image_to_latent"),
        (two_ways, {"formats": ["onnx"], "name": "taken"}, "taken.b_to_a.onnx exists"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    model, options, message, tmp_path
):
    (tmp_path / "taken.b_to_a.onnx").touch()
    with pytest.raises(InputError, match=message):
        export.export_all(model(), tmp_path, **{"name": "m", **options})
    assert [p.name for p in tmp_path.iterdir()] == ["taken.b_to_a.onnx"]


def test_a_family_that_does_not_say_what_it_computes(tmp_path):
    class Silent(GenerativeModel):
        def networks(self):
            return {}

    with pytest.raises(InputError, match="Silent says nothing of what its exports"):
        export.to_onnx(Silent(), tmp_path / "m.onnx")


def test_values_without_levels_are_not_made_uint8():
    spec = serving.image(SHAPE, None)
    model = Model(
        {"translator": translator(1, "translator")},
        lambda n: serving.image_to_image(n["translator"], spec, spec),
    )
    exportable = describe(model, "m")
    assert set(exportable.signatures) == {"serving_default"}  # and no files
    with pytest.raises(InputError, match="no range to map"):
        exportable.with_options(ExportOptions(output="uint8"))
