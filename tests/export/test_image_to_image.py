"""Exports of models from images to images of any size, in one and in two directions."""

import io
import json
import runpy
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from PIL import Image

import export
import export.triton
from export.exportable import describe
from export.formats import ExportOptions
from export.onnx import with_squeezes
from export.verify import verified
from keras_gan import CycleGAN, Pix2Pix, networks, serving
from keras_gan.datasets.conversion import Form, picture_to_array
from keras_gan.models.base import GenerativeModel

_SESSION = Path(__file__).with_name("image_session.py")
SHAPES = {"a": (None, None, 3), "b": (None, None, 1)}
# Not those of the examples that verification takes, and not square.
SIZE = (12, 44)


def randomize(network, seed=0):
    """Gives a network weights that make images of all values."""
    rng = np.random.default_rng(seed)
    for weight in network.trainable_weights:
        if len(weight.shape) == 4:
            weight.assign(rng.normal(0, 0.4, weight.shape))


def discriminator(shape, condition=None):
    return networks.patch_discriminator(shape, condition, layers=1, base_filters=2)


def cyclegan():
    a, b = SHAPES["a"], SHAPES["b"]
    model = CycleGAN(
        networks.residual_translator(a, b, base_filters=2, blocks=1),
        networks.residual_translator(b, a, base_filters=2, blocks=1),
        discriminator(a),
        discriminator(b),
        identity_weight=0,
        pool_size=0,
    )
    for seed, (_, generator) in enumerate(model.directions.values()):
        randomize(generator, seed)
    return model


def pix2pix(sides=(None, None)):
    a, b = (*sides, 3), (*sides, 1)
    generator = networks.unet(a, b, base_filters=2, depth=3)
    randomize(generator)
    return Pix2Pix(generator, discriminator(b, a))


GENERATORS = {"a": "generator_ab", "b": "generator_ba"}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Returns a model of two directions and the folder of its exports.

    Those in ONNX are of the page. Verifying a SavedModel needs seconds.
    """
    pytest.importorskip("ai_edge_litert", reason="pip install '.[litert]'")
    model, folder = cyclegan(), tmp_path_factory.mktemp("two")
    results = export.export_all(model, folder, "m", ["litert", "web"])
    assert all(result.passed for result in results)
    export.to_saved_model(model, folder / "m", verify=False)
    return model, folder


def images(name, count=2, size=SIZE):
    shape = (count, *size, SHAPES[name][2])
    return np.random.default_rng(1).uniform(-1, 1, shape).astype("float32")


def png(levels):
    file = io.BytesIO()
    Image.fromarray(levels.squeeze()).save(file, "png")
    return file.getvalue()


def run_onnx(path, source):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["image"], {"source": source})[0]


def run_litert(path, source):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner("serving_default")
    return runner(source=source)["image"]


@pytest.mark.parametrize(
    ("file", "run", "name"),
    [
        ("web/m/model.onnx", run_onnx, "a"),
        ("web/m/b_to_a.onnx", run_onnx, "b"),
        ("m.tflite", run_litert, "a"),
        ("m.b_to_a.tflite", run_litert, "b"),
    ],
)
def test_files_take_images_of_any_size(file, run, name, two):
    model, folder = two
    source = images(name)
    found = run(folder / file, source)
    expected = np.asarray(model.networks()[GENERATORS[name]](source))
    assert expected.shape[1:3] == SIZE
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
    # Each image by its own statistics: its neighbours change nothing.
    np.testing.assert_allclose(run(folder / file, source[:1]), found[:1], atol=2e-5)


def test_the_saved_model_takes_images_and_files_of_any_size(two):
    model, folder = two
    loaded = tf.saved_model.load(folder / "m/1").signatures
    assert set(loaded) == {"serving_default", "png", "b_to_a", "b_to_a_png"}
    source = images("b")
    found = loaded["b_to_a"](source=tf.constant(source))["image"]
    np.testing.assert_allclose(found, model.generator_ba(source), rtol=0, atol=1e-5)
    # Of a size that is no multiple: as the model fills it up and cuts it back.
    levels = np.random.default_rng(2).integers(0, 256, (3, 13, 22, 3), "uint8")
    files = tf.constant([png(one) for one in levels])
    made = loaded["png"](source_bytes=files)["png_bytes"].numpy()
    expected = model.translate(levels)
    assert expected.std() > 20
    for one, wanted in zip(made, expected, strict=True):
        read = np.asarray(Image.open(io.BytesIO(one))).astype(int)
        assert np.abs(read - wanted[..., 0]).max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGB", "L", "P", "JPEG"])
def test_files_of_all_modes_are_read_as_data_sets_read_them(mode, channels):
    image = serving.image((None, None, channels), (-1.0, 1.0))
    same = serving.image_to_image(lambda x, training: x, image, image)["png"]
    levels = np.random.default_rng(2).integers(0, 256, (5, 7, 4), "uint8")
    file, kind = io.BytesIO(), "RGB" if mode == "JPEG" else mode
    Image.fromarray(levels).convert(kind).save(file, mode if kind != mode else "png")
    (found,) = same.function(tf.constant([file.getvalue()]))["png_bytes"].numpy()
    found = np.asarray(Image.open(io.BytesIO(found)), int).reshape(5, 7, channels)
    form = Form(channels=channels if channels != 2 else 4)
    read = picture_to_array(Image.open(file), form).astype(int)
    if channels == 2:  # data sets have no such pictures
        grey = np.asarray(Image.fromarray(read[..., :3].astype("uint8")).convert("L"))
        read = np.stack([grey, read[..., 3]], axis=-1)
    # Two decoders of JPEG differ by some levels.
    assert np.abs(found - read).max() <= (4 if mode == "JPEG" else 1)


def test_a_description_says_what_a_user_must_know(two):
    _, folder = two
    found = {
        p.key: p.value for p in onnx.load(folder / "web/m/b_to_a.onnx").metadata_props
    }
    assert found["direction"] == "b_to_a"
    assert "no dropout" in found["sampling"]
    assert "statistics of each image" in found["sampling"]
    free = {"dtype": "float32", "value_range": [-1, 1], "multiple": 4}
    source = {"shape": [None, None, 1], **free, "least": 8}
    assert json.loads(found["inputs"]) == {"source": source}
    assert json.loads(found["outputs"])["image"]["shape"] == [None, None, 3]
    text = (folder / "m/1/assets.extra/metadata.json").read_text()
    whole = json.loads(text)
    assert whole["direction"] == "a_to_b"
    assert whole["functions"]["b_to_a"]["direction"] == "b_to_a"
    assert whole["functions"]["b_to_a"]["inputs"] == {"source": source}
    (value,) = onnx.load(folder / "web/m/model.onnx").graph.input
    sides = [side.dim_param for side in value.type.tensor_type.shape.dim]
    assert sides == ["batch", "source_height", "source_width", ""]


def test_triton_refuses_sizes_that_the_network_cannot_take(two, monkeypatch):
    # The server's own module, of which these four are used.
    server = types.ModuleType("triton_python_backend_utils")
    server.Tensor = lambda name, values: values
    server.TritonError = lambda problem, *code: problem
    server.InferenceResponse = lambda made=None, error=None: error or made[0].shape
    server.get_input_tensor_by_name = lambda request, name: types.SimpleNamespace(
        as_numpy=lambda: request
    )
    monkeypatch.setitem(sys.modules, server.__name__, server)
    model = runpy.run_path(export.triton._MODEL)["TritonPythonModel"]()
    config = {"parameters": {"intra_op_thread_count": {"string_value": "1"}}}
    folder = {"model_repository": str(two[1] / "web"), "model_version": "m"}
    model.initialize({**folder, "model_config": json.dumps(config)})
    asked = [images("a", 1, size) for size in ((4, 8), (8, 8), (0, 8), (8, 10))]
    small, made, none, odd = model.execute(asked)
    assert made == (1, 8, 8, 1)
    for refusal in (small, none, odd):
        assert refusal.endswith("must be multiples of 4 and at least 8.")


def test_a_file_that_takes_one_size_fails_its_proof(tmp_path):
    one = pix2pix(sides=(32, 32))
    # The shape of its weights is the same.
    free = pix2pix()
    free.generator.set_weights(one.generator.get_weights())
    fixed, free = (describe(x, "m").only("serving_default") for x in (one, free))
    export.to_onnx(one, tmp_path / "m.onnx", verify=False)
    assert verified(fixed, "onnx", tmp_path / "m.onnx").passed
    result = verified(free, "onnx", tmp_path / "m.onnx")
    assert not result.passed
    assert "Got: 40 Expected: 32" in result.problem


def test_a_lost_squeeze_is_put_back():
    values = onnx.helper.make_tensor_value_info
    grey = ["batch", "height", "width", 1]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["source", "shape"], ["image"])],
        "as tf2onnx leaves it",
        [values("source", onnx.TensorProto.FLOAT, ["batch", 1, "height", "width"])],
        [values("image", onnx.TensorProto.FLOAT, grey)],
        [onnx.numpy_helper.from_array(np.array([1, -1, 0, 0, 1]), "shape")],
    )
    opset = [onnx.helper.make_opsetid("", 18)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    with pytest.raises(onnx.shape_inference.InferenceError, match="rank"):
        onnx.checker.check_model(model, full_check=True)
    model = with_squeezes(model)
    onnx.checker.check_model(model, full_check=True)
    source = np.arange(24, dtype="float32").reshape(2, 1, 3, 4)
    found = run_onnx(model.SerializeToString(), source)
    np.testing.assert_array_equal(found, source.reshape(2, 3, 4, 1))


def visit(python, folder, out, *files):
    """Returns what a visitor of a page saw."""
    command = [python, _SESSION, folder, out, *files]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    outcome = json.loads((out / "outcome.json").read_text())
    assert outcome["problems"] == []
    assert outcome["elsewhere"] == [], "with --runtime nothing comes from the network"
    assert outcome["phone_width"] <= 390
    return outcome


def page(model, folder, runtime):
    options = ExportOptions(runtime=str(runtime))
    (row,) = export.export_all(model, folder, "maps", ["web"], options=options)
    return row.path


def write_pictures(folder, **pictures):
    """Writes pictures and one broken file. Returns the paths."""
    for name, levels in pictures.items():
        Image.fromarray(levels).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return [folder / f"{name}.png" for name in (*pictures, "broken")]


def smooth(height, width, channels=3):
    coarse = np.random.default_rng(7).integers(0, 256, (5, 7, channels), "uint8")
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture)


def canvas(moment, name):
    values = moment[name]
    return np.reshape(values["data"], (values["height"], values["width"], 4))


def assert_shows(moment, model, channels, to=None):
    """Compares the result on a page with what the model makes of its original."""
    original = canvas(moment, "original")[..., :channels]
    made = model.translate(original[np.newaxis].astype("uint8"), to=to)[0]
    assert made.std() > 20
    found = canvas(moment, "result")
    assert found.shape[:2] == made.shape[:2]
    assert np.abs(found[..., :3] - made.astype(int)).max() <= 1


@pytest.mark.serving
def test_a_visitor_translates_pictures(runtime, serving_environment, tmp_path):
    python = serving_environment("web", ["playwright"])
    model, rng = cyclegan(), np.random.default_rng(0)
    square, other, clear = (
        rng.integers(0, 256, (*size, c), "uint8")
        for size, c in [((24, 24), 3), ((13, 46), 3), ((20, 9), 4)]
    )
    pictures = {"square": square, "clear": clear, "other": other}
    files = write_pictures(tmp_path, **pictures, large=smooth(500, 900))
    outcome = visit(python, page(model, tmp_path, runtime), tmp_path, *files)
    moments, camera = outcome["moments"], outcome["camera"]
    for name, seen in [("square", square), ("other", other)]:
        np.testing.assert_array_equal(canvas(moments[name], "original")[..., :3], seen)
        assert_shows(moments[name], model, 3)
    assert moments["other"]["caption"] == "Your picture, 46 × 13 pixels"
    white = Image.new("RGBA", (9, 20), "white")
    white.alpha_composite(Image.fromarray(clear))
    seen = canvas(moments["clear"], "original")
    assert np.abs(seen - np.asarray(white, int)).max() <= 2  # a canvas rounds, too
    # Made smaller to the size that the visitor chose.
    dropped = moments["dropped"]
    assert dropped["caption"].endswith("128 × 71 pixels, made smaller from 900 × 500")
    small = np.asarray(Image.fromarray(smooth(500, 900)).resize((128, 71)), int)
    assert np.abs(canvas(dropped, "original")[..., :3] - small).mean() < 4
    assert_shows(dropped, model, 3)
    assert_shows(moments["back"], model, 1, to="a")
    assert outcome["download"] == "maps-b-to-a.png"
    assert outcome["graphics"]["problem"] is None
    assert outcome["graphics"]["apart"] <= 1 / 255
    saved = np.asarray(Image.open(tmp_path / "saved.png").convert("RGBA"))
    np.testing.assert_array_equal(saved, canvas(moments["other"], "result"))
    told = outcome["told"]
    assert any(text.startswith("Loading the model: ") for text in told)
    assert any(text.startswith("Translating ...") for text in told)
    assert "The model runs in your browser; nothing is sent anywhere." in told
    assert "broken.png is not a picture that this browser can read." in told
    assert "does not let this page use the camera" in camera["refused"]
    assert "pages from https or localhost alone" in camera["insecure"]
    assert camera["tracks"] == ["ended"], "the camera is off after the picture"
    assert canvas(moments["camera"], "result").shape[1] == 128
    assert_shows(moments["camera"], model, 1, to="a")


class Brighter(GenerativeModel):
    """Makes images of one size brighter, by a class."""

    def __init__(self):
        super().__init__(seed=3)
        image, label = keras.Input((24, 32, 3)), keras.Input((), dtype="int64")
        gain = keras.layers.Embedding(3, 1, weights=[np.float32([[0.2], [0.5], [1]])])
        made = keras.layers.Multiply()(
            [image, keras.layers.Reshape((1, 1, 1))(gain(label))]
        )
        self.network = keras.Model([image, label], made)

    def networks(self):
        return {"network": self.network}

    def signatures(self, networks):
        image = serving.image((24, 32, 3), (0.0, 1.0))
        return serving.image_to_image(networks["network"], image, image, 3)


@pytest.mark.serving
def test_a_page_of_a_model_of_one_size(runtime, serving_environment, tmp_path):
    python = serving_environment("web", ["playwright"])
    exact = np.random.default_rng(0).integers(0, 256, (24, 32, 3), "uint8")
    pictures = {"exact": exact, "small": exact[:7, :9], "large": smooth(300, 200)}
    files = write_pictures(tmp_path, **pictures)
    outcome = visit(python, page(Brighter(), tmp_path, runtime), tmp_path, *files)
    moments = outcome["moments"]
    for name, gain in {
        "exact": 0.2,
        "small": 0.2,
        "dropped": 0.2,
        "class": 1.0,
    }.items():
        seen, found = (
            canvas(moments[name], x)[..., :3] for x in ("original", "result")
        )
        assert np.abs(found - gain * seen).max() <= 1
    assert canvas(moments["small"], "original").shape == (7, 9, 4)
    assert canvas(moments["dropped"], "original").shape == (24, 16, 4)
    np.testing.assert_array_equal(canvas(moments["exact"], "original")[..., :3], exact)
