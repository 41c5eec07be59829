"""`python -m keras_gan.evaluate`."""

import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from keras_gan import datasets, features, recipes, runs
from keras_gan.callbacks import Checkpoint, MetricsCSV, SampleGrid
from keras_gan.checkpoints import CheckpointFolder
from keras_gan.datasets import Images
from keras_gan.evaluate import __main__ as command
from keras_gan.evaluators import distribution
from keras_gan.experiments import TrainedRun
from keras_gan.metrics import frechet_distance

QUICK = ["--features", "pixels", "--samples", "60"]


SMALL = {"image_size": "8", "base_filters": 2, "latent_dim": 6, "steps": 8}


def train(path, name="digits", **settings):
    recipe = recipes.get(name).override(settings)
    images = datasets.read(recipe.data, recipe.image_shape_asked_for())
    run = runs.Run.new(path, name, recipe, images)
    run.write()
    run.build().fit(
        images.batches(32, labels=recipe.conditional),
        steps_per_epoch=4,
        epochs=2,
        verbose=0,
        callbacks=[
            Checkpoint(path / "checkpoints"),
            MetricsCSV(path / "metrics.csv"),
            SampleGrid(path / "samples", every_steps=4),
        ],
    )
    return path


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "digits", **SMALL)


@pytest.fixture(scope="module")
def conditional_folder(tmp_path_factory):
    return train(tmp_path_factory.mktemp("runs") / "a & <b>", conditional=True, **SMALL)


def evaluated(folder, out, *arguments):
    assert command.main([str(folder), *QUICK, "--out", str(out), *arguments]) == 0
    text = (out / "metrics.json").read_text()
    assert text.endswith("}\n")  # one line end
    metrics = json.loads(text)
    return metrics, (out / "report.html").read_text()


def test_best_takes_the_best_model(run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    gan = runs.load(folder)
    gan.step.assign(5)  # that of a model which was better than the newest one
    CheckpointFolder(gan, folder / "best", keep=1).save(5)
    metrics, _ = evaluated(folder, tmp_path / "best", "--best")
    assert metrics["step"] == 5
    metrics, _ = evaluated(folder, tmp_path / "newest")
    assert metrics["step"] == 8


def test_figures_are_those_of_the_images(run_folder, tmp_path, capsys):
    metrics, page = evaluated(run_folder, tmp_path, "--seed", "4")
    gan, images = runs.load(run_folder), datasets.read("digits", image_size=8)
    chosen = np.random.default_rng(4).permutation(len(images))[:120]

    def pixels(array):
        return array.reshape(60, -1) / 255

    first, second = (pixels(images.array[half]) for half in np.split(chosen, 2))
    generated = pixels(gan.generate(60, seed=4))
    ours = metrics["measures"]["frechet_distance"]
    between = metrics["between_halves"]["frechet_distance"]
    assert ours == pytest.approx(frechet_distance(first, generated), rel=1e-4)
    assert between == pytest.approx(frechet_distance(first, second), rel=1e-4)
    assert metrics["step"] == 8
    assert metrics["samples"] == 60
    assert metrics["classes"] is None  # pixels know none
    assert "seed 4" in metrics["protocol"]
    assert "60 of the 1,797" in metrics["protocol"]

    printed = capsys.readouterr().out
    assert metrics["protocol"] in printed
    assert metrics["features"] == "raw pixels"
    (line,) = [line for line in printed.splitlines() if line.startswith("Fréchet")]
    words = line.split()  # with the range of the halves' measures in brackets
    assert words[:4] == ["Fréchet", "distance", f"{ours:.4g}", f"{between:.4g}"]
    assert words[-1] == "lower"
    for path in (tmp_path / "metrics.json", tmp_path / "report.html"):
        assert str(path) in printed
    assert f"{ours:.4g}" in page and f"{between:.4g}" in page


def test_table_is_aligned():
    metrics = {
        "measures": {"frechet_distance": 1234.5678, "recall": 0.5},
        "between_halves": {"frechet_distance": 0.25, "recall": 1.0},
    }
    assert command.table(metrics).splitlines() == [
        "measure           this run  between halves of the real ones  better",
        "Fréchet distance  1235      0.25                             lower",
        "Recall            0.5       1                                higher",
    ]


def test_writes_into_the_run_unless_told_otherwise(run_folder, tmp_path):
    folder = shutil.copytree(run_folder, tmp_path / "run")
    before = {path.name for path in folder.iterdir()}
    assert command.main([str(folder), *QUICK]) == 0
    after = {path.name for path in folder.iterdir()}
    written = {"metrics.json", "report.html", "README.md", "README.png"}
    assert after - before == written


def test_same_seed_same_files(conditional_folder, tmp_path):
    contents = []
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        evaluated(conditional_folder, tmp_path / out, "--seed", seed)
        names = ("metrics.json", "report.html", "README.md", "README.png")
        contents.append([(tmp_path / out / name).read_bytes() for name in names])
    assert contents[0] == contents[1]
    assert all(a != c for a, c in zip(contents[0], contents[2], strict=True))


def test_page_shows_the_run(conditional_folder, tmp_path):
    _, page = evaluated(conditional_folder, tmp_path)
    assert "a &amp; &lt;b&gt;" in page
    assert page.count("<img") == 1 + 3 + 3 + 1  # samples, grids, curves, neighbours
    for section in ("measures", "samples", "training", "nearest", "settings"):
        assert f'<section id="{section}">' in page


def test_points(tmp_path):
    run = train(tmp_path / "ring", "ring", batch_size=16, steps=8)
    out = tmp_path / "out"
    assert command.main([str(run), "--samples", "500", "--out", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    # Two halves of the real points; eight updates teach nobody a mode.
    assert metrics["between_halves"]["modes"] == 8
    assert metrics["between_halves"]["high_quality"] == pytest.approx(0.989, abs=0.02)
    assert metrics["measures"]["high_quality"] < 0.1
    assert metrics["nearest"] is None
    page = (out / "report.html").read_text()
    assert "Generated points" in page and "halves of the real points" in page


def test_only_what_a_checkpoint_needs(run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder / "checkpoints", folder / "checkpoints")
    shutil.copy(run_folder / "config.json", folder)
    _, page = evaluated(folder, tmp_path / "out")
    assert '<section id="training">' not in page
    assert page.count("<img") == 2


@pytest.mark.parametrize("what", ["missing", "empty", "without checkpoint"])
def test_a_folder_without_a_trained_run(what, run_folder, tmp_path, capsys):
    folder = tmp_path / "run"
    if what != "missing":
        folder.mkdir()
    if what == "without checkpoint":
        shutil.copy(run_folder / "config.json", folder)
    before = sorted(folder.glob("*"))
    assert command.main([str(folder), *QUICK]) == 2
    _one_sentence(capsys)
    assert sorted(folder.glob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [["--features", "nothing"], ["--features", "pixels", "--samples", "1000"]],
)
def test_what_cannot_be_measured(arguments, run_folder, tmp_path, capsys):
    (tmp_path / "report.html").write_text("kept")
    command_line = [str(run_folder), "--out", str(tmp_path), *arguments]
    assert command.main(command_line) == 2
    _one_sentence(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "kept"


@pytest.mark.parametrize(
    ("count", "arguments", "message"),
    [
        (3, [], "of family gan, which has nothing to measure 3 images of 8x8x1 with"),
        (11, ["--samples", "6"], "digits has 11 images, and at least 12 are needed"),
        (
            40,
            ["--samples", "21"],
            "digits has 40 images. Give a number from 6 to 20",
        ),
    ],
)
def test_too_few_images(
    count, arguments, message, run_folder, tmp_path, monkeypatch, capsys
):
    few = Images(datasets.read("digits", image_size=8).array[:count])
    monkeypatch.setattr(TrainedRun, "training_set", few)
    argv = [str(run_folder), "--features", "pixels", "--out", str(tmp_path / "out")]
    assert command.main([*argv, *arguments]) == 2
    assert message in _one_sentence(capsys)


def test_the_fewest_images(run_folder, tmp_path, monkeypatch):
    few = Images(datasets.read("digits", image_size=8).array[:12])
    monkeypatch.setattr(TrainedRun, "training_set", few)
    argv = [str(run_folder), "--features", "pixels", "--out", str(tmp_path)]
    assert command.main([*argv, "--samples", "6"]) == 0


@pytest.mark.parametrize("arguments", [["--samples", "5"], ["--seed", "-1"], ["--x"]])
def test_arguments_that_cannot_be(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["RUN", *arguments])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_out_that_cannot_be_written(run_folder, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("kept")
    for out in (file, file / "below", tmp_path / (300 * "x")):
        assert command.main([str(run_folder), *QUICK, "--out", str(out)]) == 2
        _one_sentence(capsys)
    assert file.read_text() == "kept"


def test_in_a_process_of_its_own(run_folder, tmp_path):
    arguments = [str(run_folder), *QUICK, "--out", str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "-m", "keras_gan.evaluate", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "better" in result.stdout
    assert (tmp_path / "metrics.json").exists()


def _one_sentence(capsys):
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    return line


def test_a_terminal_shows_which_part_is_being_done(run_folder, tmp_path, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    evaluated(run_folder, tmp_path)
    assert "measures:" in terminal.getvalue() and "page:" in terminal.getvalue()
    assert "100%|" in terminal.getvalue() and "5/5" in terminal.getvalue()


def test_the_noise_of_few_images_is_said(run_folder, tmp_path, monkeypatch, capsys):
    metrics, page = evaluated(run_folder, tmp_path)
    low, high = metrics["between_halves_spread"]["frechet_distance"]
    assert 0 < low < high < metrics["measures"]["frechet_distance"]
    assert "kernel_distance_std" not in metrics["between_halves_spread"]
    # The same images in another order: no split lies far from the others.
    assert low / 2 < metrics["between_halves"]["frechet_distance"] < 2 * high
    table = capsys.readouterr().out
    for text in (table, page):
        assert f"({low:.4g} to {high:.4g})" in text
        assert "5 other splits of the same real 120." in text
    monkeypatch.setattr(distribution, "MOST_SPLIT", 59)
    metrics, page = evaluated(run_folder, tmp_path)
    assert metrics["between_halves_spread"] == {}
    assert "In brackets" not in page


def test_a_conditional_run_gets_its_class_accuracy(conditional_folder, tmp_path):
    metrics, page = evaluated(conditional_folder, tmp_path, "--features", "classifier")
    images = datasets.read("digits", image_size=8)
    real = metrics["between_halves"]["class_accuracy"]
    assert real == features.get("classifier", images).accuracy > 0.8
    assert 0 <= metrics["measures"]["class_accuracy"] < 0.5  # hardly trained
    assert "Class accuracy" in page and "class accuracy" in metrics["protocol"]
