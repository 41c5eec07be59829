"""`keras-gan compare`, on runs whose weights are random."""

import html
import json
import re

import numpy as np
import pytest
from PIL import Image

import keras_gan_command
from keras_gan import recipes, runs
from keras_gan.checkpoints import CheckpointFolder
from keras_gan.metrics import frechet_distance
from keras_gan.recipes.vae import MLPAutoencoderRecipe, MLPVAERecipe

QUICK = ["--features", "pixels", "--samples", "50", "--seed", "4"]
SMALL = {"latent_dim": 3, "hidden_units": 8, "steps": 1, "image_size": "8"}
MEASURES = "epoch,step,frechet_distance\n0,5,{}\n1,10,{}\n"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Source of 240 random images in two sizes of grey levels."""
    path = tmp_path_factory.mktemp("data") / "images.npz"
    rng = np.random.default_rng(0)
    np.savez(path, images=rng.integers(0, 256, (240, 8, 8, 1), "uint8"))
    return f"npz:{path}"


def begin(path, recipe):
    """Writes a run with a checkpoint, as one that was trained has."""
    run = runs.Run.new(path, "mine", recipe, recipe.read())
    run.write()
    CheckpointFolder(run.build(), path / "checkpoints", keep=1).save(0)
    return str(path)


@pytest.fixture(scope="module")
def three(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    gan = recipes.get("digits").override(
        {"data": images, "image_size": "8", "base_filters": 2, "steps": 1}
    )
    some = {"data": images, "validation": "0.25", **SMALL}
    paths = [
        begin(folder / "gan", gan),
        begin(folder / "vae", MLPVAERecipe("a VAE", **some)),
        begin(folder / "ae", MLPAutoencoderRecipe("an autoencoder", **some)),
    ]
    for name, values in {"gan": (3.0, 2.5), "vae": (4.0, 1.5)}.items():
        (folder / name / "measures.csv").write_text(MEASURES.format(*values))
    return paths


def words_of(page):
    """Returns what a reader of a page sees."""
    body = page[page.index("<body>") :]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", body)).split())


def images_of(page):
    """Returns alternative text -> source of the images on a page."""
    found = re.findall(r'<img src="([^"]*)" alt="([^"]*)">', page)
    return {alt: source for source, alt in found}


def compared(paths, out):
    """Returns content and page, from `out`."""
    command = ["compare", *paths, *QUICK, "--out", str(out)]
    assert keras_gan_command.main(command) == 0
    text = (out / "compare.json").read_text()
    return json.loads(text), (out / "compare.html").read_text()


@pytest.fixture(scope="module")
def outcome(three, tmp_path_factory):
    return compared(three, tmp_path_factory.mktemp("out"))


def test_all_runs_are_measured_on_the_same_images(outcome, three):
    content, _ = outcome
    real, held_out = runs.Run.open(three[1]).recipe.divided(
        runs.Run.open(three[1]).read_data()
    )
    chosen = np.random.default_rng(4).permutation(len(real))[:100]

    def pixels(array):
        return array.reshape(len(array), -1) / 255

    first, second = (pixels(real.array[half]) for half in np.split(chosen, 2))
    measured = {name: run["measures"] for name, run in content["runs"].items()}
    for name, path in zip(("gan", "vae"), three, strict=False):
        made = pixels(runs.load(path).generate(50, seed=4))
        expected = frechet_distance(first, made)
        assert measured[name]["frechet_distance"] == pytest.approx(expected, rel=1e-4)
    between = content["between_halves"]["frechet_distance"]
    assert between == pytest.approx(frechet_distance(first, second), rel=1e-4)
    for name, path in (("vae", three[1]), ("ae", three[2])):
        rows = held_out.array[np.linspace(0, 59, 50).round().astype(int)]
        errors = pixels(runs.load(path).reconstruct(rows)) - pixels(rows)
        expected = np.sqrt(np.mean(errors**2))
        assert measured[name]["reconstruction_error"] == pytest.approx(expected)
    # What a run lacks is not there.
    assert "elbo" in measured["vae"]
    assert "elbo" not in measured["gan"] and "elbo" not in measured["ae"]
    assert "frechet_distance" not in measured["ae"]
    (remark,) = content["remarks"]
    assert remark.startswith("In brackets: least and greatest over")


def test_facts_of_each_run(outcome, three):
    content, _ = outcome
    for name, path in zip(("gan", "vae", "ae"), three, strict=True):
        run, model = content["runs"][name], runs.load(path)
        trained = [n for n in model.networks() if not n.startswith("averaged_")]
        count = sum(model.networks()[n].count_params() for n in trained)
        assert run["parameters"] == count
        assert run["step"] == 0
        assert run["seconds"] is None  # these were not trained by the command
    assert content["runs"]["vae"]["family"] == "vae-mlp"


def test_the_time_of_training_is_in_the_checkpoint(images, tmp_path):
    import tensorflow as tf

    paths = []
    for seed in (0, 1):
        recipe = MLPAutoencoderRecipe("mine", data=images, seed=seed, **SMALL)
        path = tmp_path / f"seed {seed}"
        paths.append(begin(path, recipe))
        also = {"seconds": tf.Variable(90.0, dtype="float64")}
        model = runs.Run.open(path).build()
        model.step.assign(1)
        CheckpointFolder(model, path / "checkpoints", also, keep=1).save(1)
    content, page = compared(paths, tmp_path)
    assert [run["seconds"] for run in content["runs"].values()] == [90, 90]
    assert "Minutes trained 1.5 1.5 Parameters" in words_of(page)


def test_a_page_has_a_column_for_each_run(outcome):
    content, page = outcome
    words, shown = words_of(page), images_of(page)
    assert "measure gan vae ae halves of the real ones" in words
    vae = content["runs"]["vae"]["measures"]
    assert f"less divergence. – {vae['elbo']:.4g} – –" in words
    distances = {
        run["measures"].get("frechet_distance") for run in content["runs"].values()
    }
    best = min(distances - {None})  # in bold letters
    assert re.findall('"value ours">([^<]*)<', page)[0] == f"{best:.4g}"
    assert [*shown] == [
        "sample of gan",
        *(f"{title} of vae" for title in ("sample", "image", "reconstruction")),
        *("image of ae", "reconstruction of ae"),
        "Fréchet distance of the runs through training",
    ]
    assert shown["image of vae"] == shown["image of ae"]
    assert shown["sample of vae"] != shown["reconstruction of vae"]
    assert "<script" not in page
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(link.startswith(("data:", "#")) for link in links)


def test_a_conditional_run_shows_the_same_images(tmp_path):
    from keras_gan.evaluate import compare
    from keras_gan.experiments import TrainedRun

    rng, path = np.random.default_rng(0), tmp_path / "labelled.npz"
    array = rng.integers(0, 256, (60, 8, 8, 1), "uint8")
    np.savez(path, images=array, labels=rng.integers(0, 3, 60))
    made = []
    for conditional in (True, False):
        settings = {"data": f"npz:{path}", "conditional": conditional, **SMALL}
        recipe = MLPAutoencoderRecipe("mine", **settings)
        run = begin(tmp_path / str(conditional), recipe)
        trained = TrainedRun.load(run)
        made.append(compare._pictures(trained, trained.training_set, seed=0))
    assert made[0]["image"] == made[1]["image"]
    rows = np.linspace(0, 59, 16).astype(int)
    trained = TrainedRun.load(tmp_path / "True")
    labels = trained.training_set.labels[rows]
    expected = trained.model.reconstruct(array[rows], labels)
    small = _small(made[0]["reconstruction"])
    np.testing.assert_array_equal(small[:8, :8], expected[0, ..., 0])
    np.testing.assert_array_equal(small[9:17, :8], expected[4, ..., 0])


def _small(picture):
    """Returns a grid of 4 times 4 pictures of 8 times 8 pixels as it was."""
    pixels = np.asarray(picture.convert("L"))
    factor = pixels.shape[0] // 35  # lines between them
    return pixels[factor // 2 :: factor, factor // 2 :: factor]


def test_what_is_held_out_is_held_out_by_all(images, tmp_path, capsys):
    def run(name, **changes):
        settings = {"data": images, **SMALL, **changes}
        return begin(tmp_path / name, MLPAutoencoderRecipe("mine", **settings))

    first = run("first", validation="0.5", seed=0)
    second = run("second", validation="0.5", seed=1)
    third = run("third")
    held_out = [
        {*np.random.default_rng(seed).permutation(240)[:120]} for seed in (0, 1)
    ]
    count = len(set.intersection(*held_out))
    assert 40 < count < 80
    content, _ = compared([first, second, third], tmp_path)
    for path in (first, second):
        said = content["runs"][path.split("/")[-1]]["protocol"]
        assert f"of {count} held-out images" in said
    (remark,) = content["remarks"]
    assert remark.startswith("third was trained on the images")
    assert remark in capsys.readouterr().out


def test_runs_that_cannot_be_compared(three, images, tmp_path, capsys):
    def refused(*paths):
        out = tmp_path / "out"
        command = ["compare", *paths, *QUICK, "--out", str(out)]
        assert keras_gan_command.main(command) == 2
        assert not out.exists()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    gan, vae, _ = three
    assert "two or more" in refused(vae)
    assert "two or more" in refused(vae, gan, vae)
    assert "missing" in refused(vae, str(tmp_path / "missing"))
    larger = {"data": images, **SMALL, "image_size": "16"}
    other = begin(tmp_path / "larger", MLPVAERecipe("larger", **larger))
    line = refused(vae, other)
    assert "of 8x8x1" in line and "of 16x16x1" in line
    digits = begin(tmp_path / "digits", MLPVAERecipe("digits", data="digits", **SMALL))
    assert "Only runs on the same images can be compared" in refused(vae, digits)
    assert "no checkpoint" in refused(vae, gan, "--best")


def test_pictures_are_those_of_the_models(three, tmp_path):
    from keras_gan.evaluate import compare
    from keras_gan.experiments import TrainedRun

    trained = TrainedRun.load(three[1])
    made = compare._pictures(trained, trained.held_out, seed=4)
    rows = trained.held_out.array[np.linspace(0, 59, 16).astype(int)]
    expected = trained.model.reconstruct(rows)
    small = _small(made["reconstruction"])
    np.testing.assert_array_equal(small[:8, :8], expected[0, ..., 0])
    np.testing.assert_array_equal(small[27:35, 27:35], expected[15, ..., 0])
    assert isinstance(made["sample"], Image.Image)


def test_equal_pairs_in_two_files_are_the_same_images(tmp_path, capsys):
    rng = np.random.default_rng(0)
    parts = {n: rng.integers(0, 256, (20, 8, 8, 1), "uint8") for n in "ab"}
    small = {"image_size": "8", "load_size": "8", "base_filters": 2, "steps": 1}
    paths = []
    for name in ("one", "two"):
        np.savez(tmp_path / f"{name}.npz", **parts)
        changes = {"data": f"pairs:{tmp_path}/{name}.npz", "patch_layers": 0, **small}
        recipe = recipes.get("pix2pix-digits").override(changes)
        paths.append(begin(tmp_path / name, recipe))
    content, _ = compared(paths, tmp_path / "out")
    one, two = (run["measures"] for run in content["runs"].values())
    assert one == two
    np.savez(tmp_path / "three.npz", **{**parts, "b": parts["a"]})
    changes = {"data": f"pairs:{tmp_path}/three.npz", "patch_layers": 0, **small}
    recipe = recipes.get("pix2pix-digits").override(changes)
    other = begin(tmp_path / "three", recipe)
    assert keras_gan_command.main(["compare", paths[0], other, *QUICK]) == 2
    assert "Only runs on the same images" in capsys.readouterr().err
