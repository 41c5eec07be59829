"""The page of --format web, in a real browser."""

import dataclasses
import hashlib
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import scipy
from PIL import Image

import export
from export import web
from export.exportable import describe
from export.formats import ExportOptions
from export.web import naming
from keras_gan import DCGAN, GAN, VAE, InputError, networks
from keras_gan.datasets.conversion import Form, picture_to_array

_SESSION = Path(__file__).with_name("web_session.py")


FILES = {
    *("index.html", "config.json", "facts.json"),
    *("common.css", "common.js", "latent.css", "latent.js"),
}


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def page(gan, folder, **options):
    options = ExportOptions(**options)
    (row,) = export.export_all(gan, folder, "faces", ["web"], options=options)
    return row.path


def test_a_page_is_verified_and_published(gan, tmp_path):
    folder = page(gan, tmp_path)
    assert folder == tmp_path / "web" / "faces"
    assert {p.name for p in folder.iterdir()} == {*FILES, "model.onnx"}
    assert "<title>faces</title>" in (folder / "index.html").read_text()
    runtime = config_of(folder)["runtime"]
    assert runtime.startswith("https://cdn.jsdelivr.net/npm/onnxruntime-web@")


def test_a_page_has_nothing_inline_and_names_whom_it_trusts(gan, tmp_path):
    text = (page(gan, tmp_path) / "index.html").read_text()
    assert "<style" not in text and "style=" not in text
    assert not re.findall(r"<script(?![^>]*src=)", text)
    assert not re.findall(r"\son[a-z]+=", text)
    policy = re.search(r'Security-Policy" content="([^"]*)"', text)[1]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == "'self'"
    cdn = "https://cdn.jsdelivr.net"
    assert rules["script-src"] == f"'self' 'wasm-unsafe-eval' {cdn}"
    assert rules["connect-src"] == f"'self' {cdn}"


def test_a_page_knows_its_files_and_what_they_are(run_folder, tmp_path):
    (row,) = export.export_all(run_folder, tmp_path, "digits", ["web"])
    config = config_of(row.path)
    content = (row.path / "model.onnx").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert config["files"] == {"model.onnx": {"bytes": len(content), "sha256": digest}}
    facts = dict(json.loads((row.path / "facts.json").read_text()))
    assert facts["Data"] == "digits, 1,797 images"
    assert facts["Licence of the data"] == "not stated"
    assert facts["Training"] == "2 steps"
    assert facts["Weights"] == "averaged"


def test_a_name_may_be_a_word_of_the_template(tmp_path):
    gan = DCGAN((16, 16, 1), latent_dim=8, base_filters=4, num_classes=1)
    exportable = describe(gan, "POLICY")
    facts = exportable.facts | {"class_names": ("TITLE",)}
    web.write(dataclasses.replace(exportable, facts=facts), tmp_path / "page")
    text = (tmp_path / "page" / "index.html").read_text()
    assert "<title>POLICY</title>" in text
    config = config_of(tmp_path / "page")
    assert config["name"] == "POLICY"
    assert config["classes"] == ["TITLE"]


def test_directions_are_those_that_change_images_most(gan):
    # Of eight latent values only two reach the image, one thrice as strongly.
    weights = np.zeros((8, 4), "float32")
    weights[2, :2] = 0.3
    weights[5, 2:] = 0.1
    dense = networks.mlp_generator((2, 2, 1), 8, hidden_units=(), seed=0)
    dense.get_layer("output").set_weights([weights, np.zeros(4, "float32")])
    gan.generator, gan.image_shape = dense, (2, 2, 1)
    first, second, *_ = web.directions(describe(gan, "model"))
    for direction, value in ((first, 2), (second, 5)):
        assert np.linalg.norm(direction.vector) == pytest.approx(1, abs=1e-5)
        assert abs(direction.vector[value]) > 0.999


def test_directions_are_those_of_every_colour(gan):
    weights = np.zeros((8, 64, 64, 3), "float32")
    weights[2, ..., 2] = 0.3  # blue
    dense = networks.mlp_generator((64, 64, 3), 8, hidden_units=(), seed=0)
    dense.get_layer("output").set_weights([weights.reshape(8, -1), np.zeros(64**2 * 3)])
    gan.generator, gan.image_shape = dense, (64, 64, 3)
    first, *_ = web.directions(describe(gan, "model"))
    assert abs(first.vector[2]) > 0.999
    # More blue: of all names, what fits best.
    ends = (first.less, first.more)
    assert set(ends) <= {"warmer", "cooler", "darker", "brighter"}


PICTURES = {
    ("darker", "brighter"): lambda x, y, v: np.full_like(x, v),
    ("less contrast", "more contrast"): lambda x, y, v: 0.5 + v * (x % 2 - 0.5),
    ("further left", "further right"): lambda x, y, v: abs(x - 4 - 8 * v) < 1.5,
    ("higher", "lower"): lambda x, y, v: abs(y - 4 - 8 * v) < 1.5,
    ("narrower", "wider"): lambda x, y, v: abs(abs(x - 7.5) - 2 - 4 * v) < 1,
    ("flatter", "taller"): lambda x, y, v: abs(abs(y - 7.5) - 2 - 4 * v) < 1,
    ("leaning left", "leaning right"): (
        lambda x, y, v: abs(x - 7.5 + 2 * (v - 0.5) * (y - 7.5)) < 2
    ),
}


@pytest.mark.parametrize("ends", PICTURES)
@pytest.mark.parametrize("sign", [1, -1])
def test_directions_have_the_names_of_what_they_change(ends, sign):
    y, x = np.indices((16, 16), "float64")
    place = np.random.default_rng(0).uniform(0, 1, 60)
    images = np.stack([PICTURES[ends](x, y, v) for v in place]).astype("float32")
    vector = np.eye(3)[:1]
    (found,) = naming.named(
        vector, sign * place[:, np.newaxis], images[..., np.newaxis]
    )
    assert (found.less, found.more) == ends[::sign]


def test_a_direction_that_changes_nothing_known_has_a_number():
    rng = np.random.default_rng(0)
    images, place = rng.uniform(0, 1, (200, 8, 8, 3)), rng.normal(size=(200, 1))
    (found,) = naming.named(np.eye(3)[:1], place, images)
    assert (found.less, found.more) == ("less of 1", "more of 1")


def test_what_is_no_page_is_refused(gan, tmp_path):
    with pytest.raises(InputError, match=r"has no ort\.wasm\.min\.mjs"):
        page(gan, tmp_path, runtime=str(tmp_path))
    points = GAN(
        networks.points_generator(2, latent_dim=3, hidden_units=(4,)),
        networks.points_discriminator(2, hidden_units=(4,)),
        latent_dim=3,
        value_range=None,
    )
    with pytest.raises(InputError, match="shows grey and colour images"):
        export.export_all(points, tmp_path, "points", ["triton", "web"])
    assert list(tmp_path.iterdir()) == []


def visit(python, folder, out, *files):
    """Returns what a visitor of a page saw."""
    command = [python, _SESSION, folder, out, *files]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    outcome = json.loads((out / "outcome.json").read_text())
    assert outcome["problems"] == []
    assert outcome["elsewhere"] == [], "with --runtime nothing comes from the network"
    assert outcome["phone_width"] <= 390
    assert "in your browser" in outcome["status"]
    return outcome


def vae_of(shape, num_classes=None):
    """Returns a VAE whose weights make images of all values."""
    sizes = {"latent_dim": 4, "hidden_units": (8,), "num_classes": num_classes}
    vae = VAE(
        networks.mlp_encoder(shape, seed=0, **sizes),
        networks.mlp_decoder(shape, output_activation="tanh", seed=1, **sizes),
        latent_dim=4,
        num_classes=num_classes,
        seed=2,
    )
    rng = np.random.default_rng(0)
    for weight in vae.decoder.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(0, 0.4, weight.shape))
    return vae


def test_a_model_that_encodes_has_both_ways_on_its_page(tmp_path):
    vae = vae_of((6, 5, 3), num_classes=2)
    folder = page(vae, tmp_path)
    models = {"model.onnx", "encode.onnx"}
    assert {p.name for p in folder.iterdir()} == FILES | models
    assert config_of(folder)["files"].keys() == models
    encoder = config_of(folder)["encoder"]
    assert encoder == {"file": "encode.onnx", "input": "source", "output": "mean"}
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 6, 5, 3), "uint8")
    session = onnxruntime.InferenceSession(folder / encoder["file"])
    rows = {"source": vae.pixels.to_float(images), "label": np.array([0, 1, 1])}
    (mean,) = session.run(["mean"], rows)
    np.testing.assert_allclose(mean, vae.encode(images, labels=[0, 1, 1]), atol=1e-5)
    assert export.verify_again(folder, vae).passed
    # What the page encodes with is verified too.
    other = vae_of((6, 5, 3), num_classes=2)
    other.decoder.set_weights(vae.decoder.get_weights())
    kernel = other.encoder.trainable_weights[0]
    kernel.assign(kernel + 0.1)
    problem = export.verify_again(folder, other).problem
    assert problem.startswith("encode.onnx has other values")


def test_a_model_that_only_generates_has_one_way(gan, tmp_path):
    assert config_of(page(gan, tmp_path))["encoder"] is None


@pytest.mark.serving
@pytest.mark.parametrize("num_classes", [None, 3])
def test_a_visitor_reconstructs_a_picture(
    num_classes, runtime, serving_environment, tmp_path
):
    python = serving_environment("web", ["playwright"])
    vae = vae_of((16, 24, 3), num_classes)
    folder = page(vae, tmp_path, runtime=runtime)
    rng = np.random.default_rng(0)
    exact = rng.integers(0, 256, (16, 24, 3), "uint8")
    Image.fromarray(exact).save(tmp_path / "exact.png")
    smooth = rng.integers(0, 256, (4, 9, 3), "uint8")
    large = Image.fromarray(smooth).resize((900, 400), Image.Resampling.BICUBIC)
    large.save(tmp_path / "large.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    files = [tmp_path / f"{name}.png" for name in ("exact", "large", "broken")]
    moments = visit(python, folder, tmp_path, *files)["moments"]

    def pair(name):
        return np.reshape(moments[name]["pair"], (2, 16, 24, 4))

    def opaque(images):
        return np.concatenate([images, np.full_like(images[..., :1], 255)], axis=-1)

    def code_of(image, label):
        label = None if num_classes is None else label
        code = vae.encode(image[np.newaxis], label)
        return code[0], opaque(vae.decode(code, label))[0]

    yours = moments["yours"]
    np.testing.assert_array_equal(pair("yours")[0], opaque(exact))
    code, made = code_of(exact, 1)  # of the class chosen before
    assert yours["picked"] == 16
    np.testing.assert_allclose(yours["latents"][16], code, atol=1e-4)
    np.testing.assert_allclose(yours["shown"], code, atol=1e-4)
    assert np.abs(pair("yours")[1] - made.astype(int)).max() <= 1
    # The sliders and the large picture begin at its code.
    assert yours["pixels"][16] == yours["pair"][1]
    step = np.subtract(moments["yours moved"]["shown"], code)
    direction = web.directions(describe(vae, "faces"))[0]
    np.testing.assert_allclose(step, 0.1 * direction.vector, atol=2e-4)
    if num_classes is not None:
        assert "class 1" in yours["said"]
        of_class, (code, made) = moments["yours of a class"], code_of(exact, 2)
        assert "class 2" in of_class["said"]
        np.testing.assert_allclose(of_class["latents"][16], code, atol=1e-4)
        assert np.abs(np.array(pair("yours of a class")[1]) - made).max() <= 1
    # Cropped to the middle, as pictures of the training data are.
    form = Form(size=(16, 24), channels=3, fit="crop")
    fitted = opaque(picture_to_array(large, form)).astype(int)
    assert np.abs(pair("dropped")[0] - fitted).mean() < 4
    assert np.abs(pair("dropped")[0] - fitted).max() < 25
    assert moments["dropped"]["latents"][16] != yours["latents"][16]
    assert "broken.png is not a picture" in moments["broken"]["said"]
    assert moments["broken"]["latents"] == moments["dropped"]["latents"]
    after = moments["seed 43"]
    assert after["latents"][16] == moments["dropped"]["latents"][16]
    assert after["latents"][0] != moments["broken"]["latents"][0]
    assert after["picked"] == 0


def rgba(images):
    """Returns float images in [-1, 1] as grey levels [N, H, W, 4]."""
    levels = (images + 1.0) * 127.5
    if levels.shape[-1] == 1:
        levels = np.repeat(levels, 3, axis=-1)
    opaque = np.full_like(levels[..., :1], 255)
    return np.concatenate([levels, opaque], axis=-1)


@pytest.mark.serving
@pytest.mark.parametrize("kind", ["grey", "classes", "normal"])
def test_a_visitor_sees_the_pictures_of_the_model(
    kind, runtime, serving_environment, tmp_path
):
    python = serving_environment("web", ["playwright"])
    settings = {
        "grey": {"image_shape": (16, 16, 1)},
        "classes": {"image_shape": (16, 24, 3), "num_classes": 4},
        "normal": {"image_shape": (16, 16, 3), "latent_distribution": "normal"},
    }[kind]
    gan = DCGAN(latent_dim=8, base_filters=4, seed=1, **settings)
    rng = np.random.default_rng(0)
    for weight in gan.generator.trainable_weights:
        if len(weight.shape) > 1:
            weight.assign(rng.normal(0, 0.4, weight.shape))
    folder = page(gan, tmp_path, runtime=runtime)
    outcome = visit(python, folder, tmp_path)
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    height, width = gan.image_shape[:2]
    moments = outcome["moments"]
    for name, moment in moments.items():
        latent = np.float32([*moment["latents"], moment["shown"]])
        chosen = moment["before" if name == "walked" else "picked"]
        labels = [*moment["labels"], moment["labels"][chosen]]
        rows = {"latent": latent}
        if gan.num_classes is not None:
            rows["label"] = np.array(labels)
        expected = rgba(session.run(["image"], rows)[0])
        if name == "between" and gan.num_classes is not None:
            rows["label"][-1] = moment["labels"][moment["before"]]
            first = rgba(session.run(["image"], rows)[0])[-1]
            assert np.abs(first - expected[-1]).max() > 5
            expected[-1] = first + 0.25 * (expected[-1] - first)
        pixels = np.reshape(moment["pixels"], (17, height, width, 4))
        apart = np.abs(pixels - expected).max(axis=(1, 2, 3))
        assert apart.max() <= 1.5, (name, apart)
        assert expected.std() > 20
    start, picked, moved = (moments[m] for m in ("start", "picked", "moved"))
    assert start["labels"] == [i % (gan.num_classes or 1) for i in range(16)]
    assert picked["picked"] == 5, "chosen by keyboard"
    np.testing.assert_allclose(picked["shown"], picked["latents"][5], atol=1e-6)
    step = np.subtract(moved["shown"], picked["shown"])
    direction = web.directions(describe(gan, "faces"))[0]
    if kind == "normal":  # a uniform vector stays within its bounds
        np.testing.assert_allclose(step, 1.5 * direction.vector, atol=2e-4)
        ends = np.reshape(outcome["ends"], (2, height, width, 4))
        latents = [picked["latents"][5] + s * direction.vector for s in (-3, 3)]
        made = rgba(session.run(["image"], {"latent": np.float32(latents)})[0])
        assert np.abs(ends - made).max() <= 1
    assert np.abs(step).max() > 0.1
    walked = moments["walked"]
    np.testing.assert_allclose(walked["shown"], walked["latents"][0], atol=1e-6)
    if gan.num_classes is not None:
        assert set(moments["class"]["labels"]) == {1}
    assert moments["seed 42"]["latents"] != start["latents"]
    assert moments["again"]["latents"] == start["latents"], "the same seed"
    latents = np.array(start["latents"]).ravel()
    bounds = (-1, 1) if kind != "normal" else (-5, 5)
    assert bounds[0] <= latents.min() < -0.9 and 0.9 < latents.max() <= bounds[1]

    # The same map as `sample` of the exports has.
    raw = np.float64(walked["latents"])
    if kind == "normal":
        inside = scipy.special.erf(0.5 / np.sqrt(2))
        shares = scipy.special.erf(raw / np.sqrt(2)) * inside
        expected = np.sqrt(2) * scipy.special.erfinv(shares)
    else:
        expected = 0.5 * raw
    np.testing.assert_allclose(moments["truncated"]["latents"], expected, atol=2e-6)

    saved = np.asarray(Image.open(tmp_path / "grid.png").convert("RGBA"))
    pixels = np.reshape(moments["seed 42"]["pixels"][:16], (4, 4, height, width, 4))
    sheet = np.concatenate(np.concatenate(pixels, axis=1), axis=1)
    np.testing.assert_array_equal(saved, sheet.repeat(8, axis=0).repeat(8, axis=1))
    one = np.asarray(Image.open(tmp_path / "picked.png").convert("RGBA"))
    assert max(one.shape[:2]) == 512
    scale = 512 // max(height, width)
    small = np.reshape(moments["seed 42"]["pixels"][16], (height, width, 4))
    if 512 % max(height, width) == 0:
        large = small.repeat(scale, axis=0).repeat(scale, axis=1)
        np.testing.assert_array_equal(one, large)

    assert outcome["link"] == "#seed=42&picture=7" + (
        "" if gan.num_classes is None else "&class=1"
    )
    linked = moments["by the link"]
    assert linked["latents"] == moments["seed 42"]["latents"]
    assert linked["labels"] == moments["seed 42"]["labels"]
    assert linked["picked"] == 6
    assert outcome["name"] == "Picture 1" + (
        "" if gan.num_classes is None else ", class 0"
    )
    assert f"{digest} (checked)" in outcome["facts"]
    assert outcome["isolated"]
    assert outcome["walk"]["still"]
    assert "icture" in outcome["walk"]["caption"]
    assert "JavaScript" in outcome["without_scripts"]


@pytest.mark.serving
def test_a_file_that_is_not_the_exported_one_is_refused(
    gan, runtime, serving_environment, tmp_path
):
    python = serving_environment("web", ["playwright"])
    folder = page(gan, tmp_path, runtime=runtime)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "model.onnx").write_bytes(content)
    command = [python, _SESSION, folder, tmp_path]
    result = subprocess.run(command, capture_output=True, text=True)
    assert "model.onnx is not the file that was exported" in result.stderr
