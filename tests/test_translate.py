"""`keras-gan translate`, on a run of a family whose answers are known."""

import dataclasses
from typing import ClassVar

import keras
import numpy as np
import pytest
from PIL import Image

import keras_gan_command
from keras_gan import recipes, runs, tiling
from keras_gan.checkpoints import CheckpointFolder
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange
from keras_gan.recipes import Recipe
from keras_gan.recipes.options import setting

PIXELS = PixelRange(-1, 1)


class Negatives(GenerativeModel):
    """Makes grey negatives b of colour pictures a, and colour pictures of these."""

    def __init__(self, ways=("b", "a"), **kwargs):
        super().__init__(seed=1, **kwargs)

        def network(channels, made):
            kernel = keras.initializers.Constant(-1 / channels)
            layer = keras.layers.Dense(made, kernel_initializer=kernel)
            return keras.Sequential([keras.Input((None, None, channels)), layer])

        both = {"b": ("a", network(3, 1)), "a": ("b", network(1, 3))}
        self.directions = {name: both[name] for name in ways}

    @property
    def elements(self):
        shapes = {"a": (None, None, 3), "b": (None, None, 1)}
        return {name: ImageElement(shape, PIXELS) for name, shape in shapes.items()}

    def networks(self):
        return {f"to_{name}": network for name, (_, network) in self.directions.items()}

    def compile(self):
        super().compile()
        networks = [*self.networks().values()]
        self.set_optimizers(optimizer=(keras.optimizers.SGD(), networks))

    def translate(self, images, to=None):
        _, network = self.directions[to]

        def made(images):
            return PIXELS.to_uint8(network(PIXELS.to_float(images)).numpy())

        return tiling.apply(made, images, multiple=4)


class Pictures(list):
    digests = None


@dataclasses.dataclass(frozen=True)
class NegativesRecipe(Recipe):
    family: ClassVar[str] = "negatives"

    crop: bool = setting(False, "train on parts of pictures")
    ways: str = setting("ba", "directions")

    def read(self, *, facts=None):
        return Pictures()

    def facts(self, data):
        return {"a_shape": [16, 24, 3], "b_shape": [16, 24, 1], "levels": [0, 1000]}

    def build(self, facts):
        model = Negatives(self.ways)
        model.compile()
        return model


def begin(path, recipe):
    """Writes a run with a checkpoint, as one that was trained has."""
    data = recipe.read()
    run = runs.Run.new(path, "mine", recipe, data)
    run.write()
    CheckpointFolder(run.build(), path / "checkpoints", keep=1).save(0)
    return str(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    return begin(path / "run", NegativesRecipe("negatives", steps=1))


@pytest.fixture(scope="module")
def cropped(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs")
    return begin(path / "run", NegativesRecipe("parts", steps=1, crop=True, ways="b"))


def picture(*shape, high=256, dtype="uint8"):
    return np.random.default_rng(0).integers(0, high, shape, dtype)


def translate(*arguments):
    return keras_gan_command.main(["translate", *map(str, arguments)])


def negative(pixels):
    return 255 - pixels.astype(float).mean(axis=-1)


def assert_is(path, expected, slack=0.51):
    made = Image.open(path)
    assert (made.format, made.mode) == ("PNG", "L")
    assert np.abs(np.asarray(made, float) - expected).max() <= slack


def test_a_picture_of_any_size_keeps_its_size(cropped, run, tmp_path, capsys):
    file, out = tmp_path / "photo.png", tmp_path / "made.png"
    for size in ((37, 51), (5, 90)):
        given = picture(*size, 3)
        Image.fromarray(given).save(file)
        # Its only direction needs no name.
        assert translate(cropped, file, "--out", out, "--overwrite") == 0
        assert_is(out, negative(given))
    assert capsys.readouterr().out.endswith(f"1 picture of b in {out}\n")
    argv = [run, file, "--to", "b", "--size", "own", "--out", out]
    assert translate(*argv, "--overwrite") == 0
    assert_is(out, negative(given))


def test_the_other_direction_has_its_channels(run, tmp_path):
    file, out = tmp_path / "photo.png", tmp_path / "made.png"
    given = picture(16, 31)
    Image.fromarray(given).save(file)
    assert translate(run, file, "--to", "a", "--out", out) == 0
    made = np.asarray(Image.open(out))
    np.testing.assert_array_equal(made, np.stack([255 - given] * 3, axis=-1))


def test_pictures_are_resized_as_in_training(run, cropped, tmp_path, capsys):
    file, out = tmp_path / "photo.png", tmp_path / "made.png"
    given = Image.fromarray(picture(32, 83, 3))
    given.save(file)
    for path, more, size in (
        (run, ["--to", "b"], (16, 42)),  # its shorter side is that of the run
        (run, ["--to", "b", "--size", "20"], (20, 52)),
        (cropped, ["--size", "64"], (64, 166)),
    ):
        assert translate(path, file, *more, "--out", out, "--overwrite") == 0
        resized = given.resize(size[::-1], Image.Resampling.BICUBIC)
        assert_is(out, negative(np.asarray(resized)))
        said = f"in {out}, shorter side resized to {size[0]} pixels first\n"
        assert capsys.readouterr().out.endswith(said)


def test_a_folder_of_all_kinds(cropped, tmp_path):
    photos, out = tmp_path / "photos", tmp_path / "out"
    (photos / "sub").mkdir(parents=True)
    colour, grey, alpha = picture(9, 12, 3), picture(30, 7), picture(9, 12, 4)
    deep = picture(9, 12, high=1000, dtype="uint16")
    Image.fromarray(colour).save(photos / "one.bmp")
    Image.fromarray(colour[::-1]).save(photos / "one.png")
    Image.fromarray(grey).save(photos / "sub" / "grey.png")
    Image.fromarray(alpha).save(photos / "alpha.webp", lossless=True, exact=True)
    Image.fromarray(deep).save(photos / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(colour).save(photos / "turned.png", exif=turned)
    (photos / "notes.txt").write_text("none")
    single = tmp_path / "single.png"
    Image.fromarray(colour).save(single)
    assert translate(cropped, photos, single, "--out", out) == 0
    found = sorted(str(p.relative_to(out)) for p in out.rglob("*.*"))
    names = ["alpha", "deep", "one.bmp", "one.png", "single", "sub/grey", "turned"]
    assert found == [f"{name}.png" for name in names]
    assert_is(out / "one.bmp.png", negative(colour))
    assert_is(out / "one.png.png", negative(colour[::-1]))
    assert_is(out / "single.png", negative(colour))
    assert_is(out / "sub" / "grey.png", 255.0 - grey)
    assert_is(out / "turned.png", np.rot90(negative(colour), -1))
    opacity = alpha[..., 3:] / 255
    over_white = alpha[..., :3] * opacity + 255 * (1 - opacity)
    assert_is(out / "alpha.png", negative(over_white), slack=1.6)
    # By the levels of the run, 0 and 1,000.
    assert_is(out / "deep.png", 255 - deep / 1000 * 255, slack=1.1)


def test_what_cannot_be_read_is_left_out(cropped, run, tmp_path, capsys):
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    given = picture(9, 12, 3)
    Image.fromarray(given).save(photos / "b.png")
    Image.fromarray(given[:1, :1]).save(photos / "c.png")  # cannot be reflected
    (photos / "a.png").write_bytes((photos / "b.png").read_bytes()[:60])
    assert translate(cropped, photos, "--out", out) == 1
    printed = capsys.readouterr()
    assert printed.out == f"1 picture of b in {out}\n"
    assert "2 of 3 pictures are left out. The first is" in printed.err
    assert f"{photos / 'a.png'}" in printed.err
    assert_is(out / "b.png", negative(given))
    for name, said in (("a", "cannot be read as a picture"), ("c", "side of 1 pixels")):
        new = tmp_path / "new.png"
        assert translate(cropped, photos / f"{name}.png", "--out", new) == 2
        assert said in capsys.readouterr().err and not new.exists()


@pytest.fixture(scope="module")
def gan_run(tmp_path_factory):
    recipe = recipes.get("digits").override(
        {"image_size": "8", "base_filters": 2, "latent_dim": 4, "steps": 1}
    )
    return begin(tmp_path_factory.mktemp("runs") / "gan", recipe)


def test_what_cannot_be_is_refused(run, cropped, gan_run, tmp_path, capsys):
    here = tmp_path / "here"
    (here / "empty").mkdir(parents=True)
    (here / "photos").mkdir()
    photo, old = here / "photos" / "photo.png", here / "old.png"
    Image.fromarray(picture(16, 16, 3)).save(photo)
    old.write_bytes(b"precious")

    def refused(said, *arguments):
        before = {p: p.is_file() and p.read_bytes() for p in here.rglob("*")}
        assert translate(*arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and said in line
        assert {p: p.is_file() and p.read_bytes() for p in here.rglob("*")} == before

    new = here / "new.png"
    refused(
        "b (from a), a (from b). Name one, such as --to b.", run, photo, "--out", new
    )
    refused("--to is c, and", run, photo, "--to", "c", "--out", new)
    refused("--to is a, and", cropped, photo, "--to", "a", "--out", new)
    refused("translates no images", gan_run, photo, "--out", new)
    refused("Add --overwrite", cropped, photo, "--out", old)
    refused(
        "Add --overwrite", cropped, photo, "--out", here / "photos" / "..", "--out", old
    )
    refused("would be replaced", cropped, photo, "--out", photo, "--overwrite")
    refused("would be replaced", cropped, photo, "--out", photo.parent, "--overwrite")
    refused("Name a folder to write", cropped, photo.parent, "--out", new)
    refused("Name a folder to write", cropped, photo, photo, "--out", new)
    refused(
        "2 of the pictures would become", cropped, photo, photo, "--out", here / "x"
    )
    refused("ends in .png", cropped, photo, "--out", here / "new.tif")
    refused("is not a folder", cropped, photo, "--out", here / "no" / "new.png")
    refused("does not exist", cropped, here / "none.png", "--out", new)
    refused("holds no picture", cropped, here / "empty", "--out", here / "x")
    with pytest.raises(SystemExit) as end:
        translate(cropped, photo, "--out", new, "--size", "0")
    assert end.value.code == 2
    assert "'0' is not a size" in capsys.readouterr().err
