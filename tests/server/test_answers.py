"""What the server answers is what the exports' own functions give."""

import io
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

GOLDEN = Path(__file__).parents[1] / "golden" / "run" / "export" / "golden"
SEEDS = [7, -(2**63), 2**63 - 1, 0]
SAMPLE, VAE_SAMPLE = "/models/digits/sample", "/models/vae/sample"


@pytest.fixture(scope="module")
def saved_model():
    """Returns the signature `sample` of a SavedModel that was exported."""
    (version,) = GOLDEN.glob("[0-9]*")
    loaded = tf.saved_model.load(str(version))
    kept = loaded.signatures["sample"]
    return lambda **rows: {n: x.numpy() for n, x in kept(**rows).items()}, loaded


def rows(seeds, truncation, labels=None):
    found = {
        "seed": tf.constant(seeds, "int64"),
        "truncation": tf.fill([len(seeds)], tf.constant(truncation, "float32")),
    }
    return found if labels is None else {**found, "label": tf.constant(labels, "int64")}


@pytest.mark.parametrize("truncation", [None, 0.5, 0])
def test_a_seed_is_the_picture_of_the_saved_model(server, saved_model, truncation):
    sample, _ = saved_model
    labels = [3, 0, 9, 1]
    largest = np.inf if truncation is None else truncation
    expected = sample(**rows(SEEDS, largest, labels))
    asked = {"seeds": SEEDS, "labels": labels, "format": "json"}
    if truncation is not None:
        asked["truncation"] = truncation
    answer = server.post(SAMPLE, asked)
    assert answer.status == 200
    latent = np.array(answer.json["latent"], "float32")
    np.testing.assert_array_equal(latent, expected["latent"])
    levels = (np.array(answer.json["image"]) + 1) * 127.5
    assert np.abs(levels - expected["image"]).max() < 0.51
    sheet = server.post(SAMPLE, {**asked, "format": "png"}).picture
    pairs = expected["image"].reshape(2, 2, 8, 8)
    shown = np.concatenate([np.hstack(pair) for pair in pairs])
    assert np.abs(sheet.astype(int) - shown).max() <= 1
    assert expected["image"].std() > 5


def test_seeds_of_a_normal_prior(server, exports):
    expected = exports.functions["vae.sample"](*rows(SEEDS, 0.8).values())
    answer = server.post(
        VAE_SAMPLE, {"seeds": SEEDS, "truncation": 0.8, "format": "json"}
    )
    latent = np.array(answer.json["latent"])
    assert np.abs(latent - expected["latent"]).max() < 1e-6
    assert 0.3 < np.abs(latent).max() < 0.8
    levels = np.array(answer.json["image"]) * 255
    assert np.abs(levels - expected["image"].numpy()).max() < 0.51


def test_a_picture_is_the_same_alone_and_in_any_batch(server):
    address = f"{SAMPLE}?seed={{}}&label=4"
    alone = [server.get(address.format(seed)).picture for seed in range(9)]
    sheet = server.post(SAMPLE, {"seeds": [*range(9)], "labels": [4]}).picture
    assert sheet.shape == (24, 24)
    together = sheet.reshape(3, 8, 3, 8).swapaxes(1, 2).reshape(9, 8, 8)
    assert np.abs(together.astype(int) - alone).max() <= 1
    assert len({one.tobytes() for one in alone}) == 9


def test_several_pictures_are_one_nearly_square_sheet(server):
    shape = server.get(f"{SAMPLE}?label=1&" + "&".join(["seed=1"] * 5)).picture
    assert shape.shape == (3 * 8, 2 * 8)
    assert (shape[16:, 8:] == 255).all()


def test_classes_have_numbers_and_names(server):
    labels = ["four", "4", 4, "3", 3, 9]
    asked = {"seeds": [1] * 6, "labels": labels, "format": "npy"}
    four, text, number, named, three, nine = server.post(SAMPLE, asked).array
    np.testing.assert_array_equal(four, number)
    np.testing.assert_array_equal(text, number)
    # A name comes before a number, unless it is sent as one.
    np.testing.assert_array_equal(named, nine)
    assert np.abs(named - three).max() > 0.01
    address = f"{SAMPLE}?seed=1&format=npy&label="
    for label, expected in {"four": four, "4": four, "3": nine, "9": nine}.items():
        found = server.get(address + label).array[0]
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_latent_vectors_are_taken_as_they_are(server, saved_model):
    _, loaded = saved_model
    latent = np.random.default_rng(0).uniform(-1, 1, (3, 8)).astype("float32")
    expected = loaded.signatures["serving_default"](
        latent=tf.constant(latent), label=tf.constant([0, 5, 9], "int64")
    )["image"]
    asked = {"latent": latent.tolist(), "labels": [0, 5, 9], "format": "npy"}
    found = server.post(SAMPLE, asked).array
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/json", "application/json"),
        ("application/x-npy, */*;q=0.1", "application/x-npy"),
        ("application/json;q=0.5, image/*", "image/png"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "image/png"),
    ],
)
def test_the_accept_header_chooses_the_format(server, accept, kind):
    answer = server.get(f"{SAMPLE}?seed=1&label=1", Accept=accept)
    assert answer.headers["content-type"] == kind
    # What the request itself says comes first.
    chosen = server.get(f"{SAMPLE}?seed=1&label=1&format=npy", Accept=accept)
    assert chosen.array.shape == (1, 8, 8, 1)


def colours(height=13, width=42):
    rng = np.random.default_rng(3)
    return rng.integers(0, 256, (height, width, 3), "uint8")


def multipart(file):
    head = (
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    )
    return head.encode() + file + b"\r\n--x--\r\n"


def test_a_picture_of_any_size_is_translated_as_the_saved_model_does(
    server, exports, png, npy
):
    file = png(colours())  # neither side is a multiple of 4
    (expected,) = exports.functions["pets.png"](tf.constant([file]))[
        "png_bytes"
    ].numpy()
    expected = np.asarray(Image.open(io.BytesIO(expected)))
    address = "/models/pets/translate"
    answer = server.post(address, file, Content_Type="image/png")
    assert answer.status == 200
    assert answer.picture.shape == expected.shape == (13, 42)
    assert np.abs(answer.picture.astype(int) - expected).max() <= 1
    assert expected.std() > 10
    form = "multipart/form-data; boundary=x"
    assert server.post(address, multipart(file), Content_Type=form).body == answer.body
    values = colours() / np.float32(127.5) - 1
    array = server.post(f"{address}?format=npy", npy(values)).array
    assert array.shape == (1, 13, 42, 1)
    assert np.abs((array[0, ..., 0] + 1) * 127.5 - expected).max() < 0.52


def test_another_layout_and_type_are_the_same_to_clients(server, exports, png, npy):
    grey = colours()[..., :1]
    file = png(grey)
    (expected,) = exports.functions["pets.b_to_a_png"](tf.constant([file]))[
        "png_bytes"
    ].numpy()
    expected = np.asarray(Image.open(io.BytesIO(expected))).astype(int)
    answer = server.post("/models/pets.b_to_a/translate", file)
    assert answer.picture.shape == (13, 42, 3)
    assert np.abs(answer.picture - expected).max() <= 1
    array = server.post("/models/pets.b_to_a/translate?format=npy", npy(grey)).array
    assert (array.dtype, array.shape) == ("uint8", (1, 13, 42, 3))
    np.testing.assert_array_equal(array[0], answer.picture)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16", "Exif"])
def test_pictures_of_all_kinds_are_read_as_people_see_them(server, mode):
    """The same picture, sent as an RGB file without opacity, gives the same."""
    levels = colours(8, 12)
    picture = Image.fromarray(levels)
    settings, kind = {}, "png"
    if mode == "Exif":  # turned by 90 degrees, which the file says
        exif = Image.Exif()
        exif[0x0112] = 6
        sent, settings = picture.transpose(Image.Transpose.ROTATE_90), {"exif": exif}
        shown = picture
    elif mode == "RGBA":
        sent = picture.convert("RGBA")
        sent.putalpha(Image.fromarray(colours(8, 12)[..., 0]))
        shown = Image.new("RGBA", sent.size, "white")
        shown.alpha_composite(sent)
    elif mode == "I;16":
        wide = levels[..., 0].astype("uint16") * 256 + 77
        sent, shown = Image.fromarray(wide), Image.fromarray(levels[..., 0])
    else:
        sent = shown = picture.convert(mode)
        kind = "jpeg" if mode == "CMYK" else "png"
    file = io.BytesIO()
    sent.save(file, kind, **settings)
    if kind == "jpeg":
        shown = Image.open(io.BytesIO(file.getvalue()))
    plain = io.BytesIO()
    shown.convert("RGB").save(plain, "png")
    found, expected = (
        server.post("/models/pets/translate", f.getvalue()).picture.astype(int)
        for f in (file, plain)
    )
    # Opacity is laid over white with other roundings.
    assert np.abs(found - expected).max() <= (9 if mode == "RGBA" else 0)


def test_an_encoder_gives_latent_vectors(server, exports, png, npy):
    levels = np.random.default_rng(0).integers(0, 256, (6, 5, 1), "uint8")
    values = levels[np.newaxis] / np.float32(255)
    expected = exports.functions["vae.encode"](tf.constant(values))
    answer = server.post("/models/vae.encode/encode", png(levels))
    assert answer.headers["content-type"] == "application/json"
    for name, vectors in expected.items():
        np.testing.assert_allclose(answer.json[name], vectors, atol=1e-5)
    main = server.post("/models/vae.encode/encode?format=npy", npy(values)).array
    np.testing.assert_allclose(main, next(iter(expected.values())), atol=1e-5)


def test_models_are_described(server):
    listed = {model["name"]: model for model in server.get("/models").json}
    names = ["digits", "pets", "pets.b_to_a", "vae", "vae.encode", "wild.encode"]
    assert [*listed] == names
    assert listed["pets"]["url"] == "/models/pets/translate"
    digits = server.get("/models/digits")
    assert digits.json == listed["digits"]
    assert digits.json["metadata"]["class_names"][4] == "four"
    answer = server.get(f"{SAMPLE}?seed=1&label=1")
    assert answer.headers["model-version"] == digits.json["version"]


def test_open_api_says_what_requests_hold(server):
    described = server.get("/openapi.json").json
    schemas = described["components"]["schemas"]
    example = schemas["SampleRequest"]["examples"][0]
    answer = server.post(SAMPLE, example)
    assert answer.status == 200
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            if not path.startswith("/models/{name}/"):
                continue
            kinds = operation["responses"]["200"]["content"].keys()
            assert kinds == {"image/png", "application/json", "application/x-npy"}
            for code in ("404", "413", "422", "503", "504"):
                content = operation["responses"][code]["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/Problem"), (verb, path)
    result = server.post(SAMPLE, {**example, "format": "json"}).json
    assert set(schemas["Result"]["required"]) <= result.keys()
