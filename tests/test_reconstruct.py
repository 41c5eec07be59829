"""`keras-gan reconstruct` and `keras-gan encode`, on runs whose weights are random."""

import numpy as np
import pytest
from PIL import Image

import keras_gan_command
from keras_gan import recipes, runs
from keras_gan.checkpoints import CheckpointFolder
from keras_gan.experiments import EXPERIMENTS
from keras_gan.recipes.vae import MLPAutoencoderRecipe, MLPVAERecipe

SIZE = {"latent_dim": 3, "hidden_units": 8, "steps": 1, "image_size": "8"}


def begin(path, recipe):
    """Writes a run with a checkpoint, as one that was trained has."""
    data = recipe.read()
    run = runs.Run.new(path, "mine", recipe, data)
    run.write()
    run.write_files(data)
    CheckpointFolder(run.build(), path / "checkpoints", keep=1).save(0)
    return path


def picture(rng, mode, size):
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    return Image.fromarray(rng.integers(0, 256, (*size, *channels), "uint8"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures of several sizes and formats in the folders of two classes."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name in ("cats/1.png", "cats/2.jpg", "dogs/3.webp", "dogs/4.bmp"):
        (folder / name).parent.mkdir(exist_ok=True)
        size = (20, 12) if "3" in name else (9, 30)
        picture(rng, "RGB", size).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def folder_run(photos, tmp_path_factory):
    recipe = MLPVAERecipe("of photos", data=f"folder:{photos}", fit="pad", **SIZE)
    return begin(tmp_path_factory.mktemp("runs") / "photos", recipe)


@pytest.fixture(scope="module")
def conditional_run(photos, tmp_path_factory):
    recipe = MLPAutoencoderRecipe(
        "of classes", data=f"folder:{photos}", conditional=True, **SIZE
    )
    return begin(tmp_path_factory.mktemp("runs") / "classes", recipe)


def refused(arguments, capsys, out):
    """Returns the one sentence with which a command is refused."""
    before = sorted(out.parent.iterdir())
    assert keras_gan_command.main([*map(str, arguments), "--out", str(out)]) == 2
    assert sorted(out.parent.iterdir()) == before, "nothing is written"
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


def drawn(path, columns, rows):
    """Returns the enlarged 8x8 pictures in a picture, uint8 [rows, columns, 8, 8, 3].

    Each column stands under its title, within white margins of 16 pixels.
    """
    pixels = np.asarray(Image.open(path).convert("RGB"))
    height, width = pixels.shape[0] - 52, pixels.shape[1] // columns - 32
    factor = round(width / 8)
    assert width == 8 * factor and height == (9 * rows - 1) * factor
    found = np.empty((rows, columns, 8, 8, 3), "uint8")
    for row in range(rows):
        for column in range(columns):
            y = 36 + 9 * factor * row + factor // 2
            x = 16 + (width + 32) * column + factor // 2
            cells = pixels[y : y + 8 * factor : factor, x : x + 8 * factor : factor]
            found[row, column] = cells[:8, :8]
    return found


def test_pictures_stand_beside_their_reconstructions(folder_run, photos, tmp_path):
    run = runs.Run.open(folder_run)
    images, out = run.read_data(), tmp_path / "pair.png"
    files = [str(photos / file) for file in images.files]
    command = ["reconstruct", str(folder_run), *files, "--out", str(out)]
    assert keras_gan_command.main(command) == 0
    found = drawn(out, columns=2, rows=4)
    # Read as the data of the run were: the pixels are those that it trains on.
    np.testing.assert_array_equal(found[:, 0], images.array)
    made = run.load().reconstruct(images.array)
    np.testing.assert_array_equal(found[:, 1], made)


def test_deep_pictures_have_the_levels_of_the_run(tmp_path):
    folder, rng = tmp_path / "scans", np.random.default_rng(0)
    folder.mkdir()
    for i, most in enumerate((500, 4000)):
        values = rng.integers(100, most, (9, 12), "uint16")
        Image.fromarray(values).save(folder / f"{i}.png")
    recipe = MLPVAERecipe("of scans", data=f"folder:{folder}", **SIZE)
    path, out = begin(tmp_path / "run", recipe), tmp_path / "pair.png"
    # Alone, the darker one would be scaled to its own range.
    command = ["reconstruct", str(path), str(folder / "0.png"), "--out", str(out)]
    assert keras_gan_command.main(command) == 0
    images = runs.Run.open(path).read_data()
    grey = drawn(out, columns=2, rows=1)[0, 0, :, :, :1]
    np.testing.assert_array_equal(grey, images.array[0])
    assert grey.max() < 128


def test_a_conditional_run_takes_a_label(conditional_run, photos, tmp_path, capsys):
    made = {}
    file = photos / "cats" / "1.png"
    for label in ("cats", "1", "dogs"):
        out = tmp_path / f"{label}.png"
        command = ["reconstruct", str(conditional_run), str(file), "--label", label]
        assert keras_gan_command.main([*command, "--out", str(out)]) == 0
        made[label] = out.read_bytes()
    assert made["dogs"] == made["1"] != made["cats"]
    capsys.readouterr()
    out = tmp_path / "no.png"
    command = ["reconstruct", conditional_run, file]
    assert "Add --label CLASS" in refused(command, capsys, out)
    command += ["--label", "birds"]
    assert "Give one of cats, dogs" in refused(command, capsys, out)


def test_codes_are_those_of_the_model(folder_run, photos, tmp_path):
    run, out = runs.Run.open(folder_run), tmp_path / "codes.npz"
    command = ["encode", str(folder_run), f"folder:{photos}", "--out", str(out)]
    assert keras_gan_command.main(command) == 0
    images = run.read_data()
    with np.load(out) as codes:
        assert [*codes] == ["mean", "log_variance", "files", "labels", "class_names"]
        mean, log_variance = run.load().posterior(images.array)
        np.testing.assert_allclose(codes["mean"], mean, atol=1e-6)
        np.testing.assert_allclose(codes["log_variance"], log_variance, atol=1e-6)
        assert tuple(codes["files"]) == images.files
        np.testing.assert_array_equal(codes["labels"], images.labels)
        assert [*codes["class_names"]] == ["cats", "dogs"]


def test_another_source_is_fitted_to_the_run(folder_run, tmp_path):
    # Grey digits of 8x8 pixels in a larger array, for a run on colour images.
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", images=rng.integers(0, 256, (5, 16, 24, 1), "uint8"))
    out = tmp_path / "codes.npz"
    command = ["encode", str(folder_run), f"npz:{tmp_path}/x.npz", "--out", str(out)]
    assert keras_gan_command.main(command) == 0
    with np.load(out) as codes:
        assert [*codes] == ["mean", "log_variance"]
        assert codes["mean"].shape == (5, 3)


def test_classes_of_another_source_go_by_name(conditional_run, tmp_path, capsys):
    rng, out = np.random.default_rng(0), tmp_path / "out" / "codes.npz"
    out.parent.mkdir()
    image = rng.integers(0, 256, (8, 8, 3), "uint8")

    def codes(*arguments):
        command = ["encode", str(conditional_run), *arguments, "--out", str(out)]
        assert keras_gan_command.main(command) == 0
        with np.load(out) as found:
            return found["latent"]

    def source(name, **labels):
        np.savez(tmp_path / name, images=np.stack([image] * 2), **labels)
        return f"npz:{tmp_path / name}"

    # The first class of the source is the second one of the run.
    named = codes(source("dogs.npz", labels=["dogs", "dogs"]))
    expected = runs.load(conditional_run).encode(image[np.newaxis], labels=1)
    np.testing.assert_allclose(named, np.repeat(expected, 2, axis=0), atol=1e-6)
    unlabelled = source("x.npz")
    np.testing.assert_allclose(codes(unlabelled, "--label", "dogs"), named, atol=1e-6)
    assert np.abs(codes(unlabelled, "--label", "cats") - named).max() > 1e-3
    capsys.readouterr()
    other = source("aunts.npz", labels=["aunts", "dogs"])
    assert "'aunts'" in refused(["encode", conditional_run, other], capsys, out)
    command = ["encode", conditional_run, unlabelled]
    assert "--label CLASS needs labels" in refused(command, capsys, out)


def test_a_sample_shows_each_image_with_the_label_it_has(conditional_run, tmp_path):
    out = tmp_path / "samples.png"
    command = ["sample", str(conditional_run), "--count", "4", "--out", str(out)]
    assert keras_gan_command.main(command) == 0
    run = runs.Run.open(conditional_run)
    images, rows = run.read_data(), [0, 2, 1, 3]  # a class after the other, in turn
    made = run.load().reconstruct(images.array[rows], labels=images.labels[rows])
    found = drawn(out, columns=2, rows=4)
    np.testing.assert_array_equal(found[:, 0], images.array[rows])
    np.testing.assert_array_equal(found[:, 1], made)


def test_an_autoencoder_has_no_prior(conditional_run, tmp_path, capsys):
    words = {
        "parzen": "generates no images",
        "nearest": "generates no images",
        "one-nn": "generates no images",
        "manifold": "draws no latent vectors",
        "samples-by-latents": "generates no images",
        "likelihood-and-quality": "generates no images",
        "active-units": "has no posterior",
        "interpolate": "draws no latent vectors",
        "directions": "draws no latent vectors",
        "arithmetic": "draws no latent vectors",
        "forget-object": "has no generator",
        "features-svm": "has no discriminator",
        "guided-backprop": "has no discriminator",
    }
    of_no_run = {"figure1", "deduplicate", "elbo-latents"}
    of_no_run |= {name for name in EXPERIMENTS if name.startswith("ablate-")}
    assert words.keys() | of_no_run == EXPERIMENTS.keys()
    for name, said in words.items():
        command = ["experiment", name, conditional_run]
        line = refused(command, capsys, tmp_path / "out")
        assert f"of family autoencoder-mlp, whose model {said}" in line.replace(
            "has no prior, so it ", ""
        )
    out = tmp_path / "samples.png"
    sample = ["sample", str(conditional_run), "--out", str(out)]
    assert keras_gan_command.main(sample) == 0
    assert capsys.readouterr().out == f"8 rows of image, reconstruction in {out}\n"


@pytest.fixture(scope="module")
def gan_run(tmp_path_factory):
    recipe = recipes.get("digits").override(
        {"image_size": "8", "base_filters": 2, "latent_dim": 4, "steps": 1}
    )
    return begin(tmp_path_factory.mktemp("runs") / "gan", recipe)


def test_what_cannot_be_is_refused(folder_run, gan_run, photos, tmp_path, capsys):
    whole, broken = photos / "cats" / "1.png", tmp_path / "broken" / "cut.png"
    broken.parent.mkdir()
    broken.write_bytes(whole.read_bytes()[:60])
    whole_again = broken.with_name("whole.png")
    whole_again.write_bytes(whole.read_bytes())
    (tmp_path / "out").mkdir()
    png, npz = tmp_path / "out" / "pair.png", tmp_path / "out" / "codes.npz"

    def says(words, command, out):
        assert words in refused(command, capsys, out)

    missing = tmp_path / "missing.png"
    says("reconstructs no images", ["reconstruct", gan_run, whole], png)
    says("encodes no images", ["encode", gan_run, f"folder:{photos}"], npz)
    says("missing.png", ["reconstruct", folder_run, whole, missing], png)
    says("cut.png", ["reconstruct", folder_run, whole, broken], png)
    says("cut.png", ["encode", folder_run, f"folder:{broken.parent}"], npz)
    says("does not exist", ["encode", folder_run, f"folder:{missing}"], npz)
    says("no classes", ["reconstruct", folder_run, whole, "--label", "1"], png)
    says("ends in .npz", ["encode", folder_run, f"folder:{photos}"], png)
    says("ends in .png", ["reconstruct", folder_run, whole], npz)
