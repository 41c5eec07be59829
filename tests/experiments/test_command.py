"""The command line of all experiments."""

import importlib
import json
import shutil
import subprocess
import sys

import pytest
from PIL import Image

from keras_gan.errors import InputError
from keras_gan.experiments import EXPERIMENTS, Outcome, TrainedRun
from keras_gan.experiments import __main__ as command
from keras_gan.models.base import GenerativeModel
from keras_gan.recipes import RECIPES

QUICK = {
    "parzen": ["--samples", "50", "--validation", "20", "--test", "30"],
    "nearest": ["--samples", "20", "--pairs", "4"],
    "interpolate": ["--points", "3", "--steps", "3"],
    "directions": ["--directions", "2", "--steps", "3"],
    "arithmetic": ["--catalogue", "12"],
    "features-svm": ["--per-class", "5"],
    "guided-backprop": ["--samples", "40", "--features", "2"],
    "forget-object": ["--catalogue", "12"],
    "one-nn": ["--samples", "50"],
    "manifold": ["--side", "3"],
    "samples-by-latents": ["--samples", "4", "--images", "20"],
    "likelihood-and-quality": [
        *("--images", "4", "--importance-samples", "3", "--samples", "40"),
    ],
    "active-units": ["--images", "40"],
}

# These take one kind of run; the others take GANs with and without classes.
FOLDERS = {
    "one-nn": "conditional_folder",
    "features-svm": "run_folder",
    "directions": "conditional_vae_folder",
    "manifold": "vae_folder",
    "samples-by-latents": "vae_folder",
    "likelihood-and-quality": "vae_folder",
    "active-units": "vae_folder",
}
SEVERAL_RUNS = {"samples-by-latents"}
NOTHING_DRAWN = {"manifold"}  # its picture follows from the run alone

WITHOUT_RUN = {
    "figure1": ["--steps", "20"],
    "deduplicate": ["digits", "--steps", "20"],
    "elbo-latents": ["--samples", "640", "--latents", "2"],
}
ABLATIONS = {"ablate-losses", "ablate-patches", "ablate-cycle"}  # test_ablations.py
ON_A_RUN = [name for name in EXPERIMENTS if name not in {*WITHOUT_RUN, *ABLATIONS}]


def test_help_shows_every_experiment_with_its_summary(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--help"])
    assert ended.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    for name, experiment in EXPERIMENTS.items():
        assert f"{name} {experiment.description.splitlines()[0]}" in words


@pytest.mark.parametrize("name", [n for n in ON_A_RUN if n not in SEVERAL_RUNS])
def test_writes_below_the_run_unless_told_otherwise(name, request, tmp_path):
    folder = request.getfixturevalue(FOLDERS.get(name, "run_folder"))
    folder = shutil.copytree(folder, tmp_path / "run")
    assert command.main([name, str(folder), *QUICK[name]]) == 0
    written = sorted(path.suffix for path in folder.glob(f"experiments/{name}/*"))
    assert written == [".json", ".png"]


@pytest.mark.parametrize("name", ON_A_RUN)
def test_same_seed_same_files(name, request, tmp_path):
    folder = request.getfixturevalue(FOLDERS.get(name, "conditional_folder"))
    contents = []
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        arguments = [*QUICK[name], "--seed", str(seed), "--out", str(tmp_path / out)]
        assert command.main([name, str(folder), *arguments]) == 0
        files = sorted((tmp_path / out).iterdir())
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    if name not in NOTHING_DRAWN:
        assert all(a != c for a, c in zip(contents[0], contents[2], strict=True))


@pytest.mark.parametrize("name", ["active-units", "samples-by-latents"])
def test_a_conditional_vae_is_given_the_labels_of_images(
    name, conditional_vae_folder, tmp_path
):
    argv = [name, *QUICK[name], "--out", str(tmp_path), str(conditional_vae_folder)]
    assert command.main(argv) == 0
    report = json.loads((tmp_path / f"{name}.json").read_text())
    assert "of 180 held-out images" in report["protocol"]


@pytest.mark.parametrize("name", WITHOUT_RUN)
def test_without_a_run_same_seed_same_files_in_this_folder(
    name, tmp_path, monkeypatch, deterministic
):
    contents = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert command.main([name, *WITHOUT_RUN[name], "--seed", str(seed)]) == 0
        files = sorted((tmp_path / folder).glob(f"experiments/{name}/*"))
        assert {".json", ".png"} <= {path.suffix for path in files}
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]
    assert all(a != c for a, c in zip(contents[0], contents[2], strict=True))


def test_report_says_how_the_figures_came_about(run_folder, tmp_path):
    argv = ["interpolate", str(run_folder), *QUICK["interpolate"], "--seed", "5"]
    assert command.main([*argv, "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "interpolate.json").read_text())
    assert report["step"] == 8
    assert report["data"] == "digits"
    # The digits recipe averages the generator, which has batch norm.
    for part in ("averaged generator", "moving averages in batch norm", "seed 5"):
        assert part in report["protocol"]


@pytest.mark.parametrize("name", ON_A_RUN)
@pytest.mark.parametrize("what", ["missing", "empty", "without checkpoint"])
def test_a_folder_without_a_trained_run(name, what, run_folder, tmp_path, capsys):
    folder = tmp_path / "run"
    if what != "missing":
        folder.mkdir()
    if what == "without checkpoint":
        shutil.copy(run_folder / "config.json", folder)
    before = sorted(folder.glob("*"))
    assert command.main([name, str(folder), *QUICK[name]]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert sorted(folder.glob("*")) == before


@pytest.mark.parametrize("name", ON_A_RUN)
def test_a_run_on_points(name, points_folder, tmp_path, capsys):
    argv = [name, str(points_folder), *QUICK[name], "--out", str(tmp_path / "out")]
    assert command.main(argv) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "is on ring, which gives points" in line
    assert not (tmp_path / "out").exists()


def test_a_model_that_lacks_what_an_experiment_needs(run_folder):
    with pytest.raises(InputError) as caught:
        TrainedRun.load(run_folder, needs=["discriminator", "encoder"])
    assert str(caught.value) == (
        f"the run in {run_folder} is of family gan, whose model has no encoder. Name "
        "another run, such as one of the recipe digits."
    )


def test_every_experiment_says_what_it_needs():
    models = {
        name: RECIPES[name].build({"image_shape": (16, 16, 1)})
        for name in ("digits", "vae-digits")
    }
    for name in ON_A_RUN:
        module = importlib.import_module(
            f"keras_gan.experiments.{name.replace('-', '_')}"
        )
        model = models[getattr(module, "SUCH_AS", "digits")]
        for need in module.NEEDS:
            assert hasattr(model, need) and not hasattr(GenerativeModel, need)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing", "RUN"],
        ["parzen", "RUN", "--samples", "0"],
        ["nearest", "RUN", "--pairs", "x"],
        ["interpolate", "RUN", "--points", "1"],
        ["interpolate", "RUN", "--seed", "-1"],
        ["figure1", "--steps", "19"],
        ["deduplicate", "digits", "--radius", "-1"],
        ["manifold", "RUN", "--side", "1"],
        ["samples-by-latents"],
        ["elbo-latents", "--latents", "3,0"],
        ["likelihood-and-quality", "RUN", "--width", "0.5"],
        ["likelihood-and-quality", "RUN", "--width", "x"],
        ["arithmetic", "RUN", "--from", "1,x", "--to", "2"],
        ["arithmetic", "RUN", "--expression", "1", "--catalogue", "5"],
    ],
)
def test_arguments_that_cannot_be(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_out_that_cannot_be_written(run_folder, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("kept")
    for out in (file, file / "below", tmp_path / (300 * "x")):
        argv = ["interpolate", str(run_folder), *QUICK["interpolate"]]
        assert command.main([*argv, "--out", str(out)]) == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert file.read_text() == "kept"


def test_no_file_where_the_report_cannot_be_written(tmp_path):
    picture = Image.new("L", (2, 2))
    with pytest.raises(ValueError):
        Outcome("x", "", picture, {"measured": float("nan")}).write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_in_a_process_of_its_own(run_folder, tmp_path):
    argv = ["interpolate", str(run_folder), *QUICK["interpolate"], "--out", tmp_path]
    result = subprocess.run(
        [sys.executable, "-m", "keras_gan.experiments", *map(str, argv)],
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "protocol: " in result.stdout
    assert (tmp_path / "interpolate.json").exists()
