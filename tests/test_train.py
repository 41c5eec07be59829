"""train.py, sampling and export as a user runs them: real processes and signals."""

import contextlib
import csv
import json
import os
import pathlib
import pty
import re
import shlex
import shutil
import subprocess
import sys
import termios

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export import __main__ as export
from keras_gan import sample, training

ROOT = pathlib.Path(__file__).parents[1]
TINY = ["--image-size", "8", "--base-filters", "4", "--latent-dim", "8"]


def command(*arguments, script="train.py"):
    return [sys.executable, str(ROOT / script), *map(str, arguments)]


def run(*arguments, **kwargs):
    return subprocess.run(
        command(*arguments, **kwargs), capture_output=True, text=True, cwd=ROOT
    )


def run_in_terminal(*arguments):
    """Returns the exit code of train.py and what a terminal shows as its errors."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = subprocess.Popen(
        command(*arguments), stdout=subprocess.DEVNULL, stderr=theirs, cwd=ROOT
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux's end of a terminal
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    return process.wait(), shown.decode()


def module(name, *arguments):
    return subprocess.run(
        [sys.executable, "-m", name, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.fixture(scope="module")
def finished_and_output(tmp_path_factory):
    """A conditional run, trained, evaluated and exported by a real process."""
    # A folder that TensorFlow could take for a pattern.
    path = tmp_path_factory.mktemp("runs [1] {a,b} *é%") / "tiny"
    result = run("digits", *TINY, "--steps", 40, "--conditional", "--run-dir", path)
    assert result.returncode == 0, result.stderr
    return path, result.stdout


@pytest.fixture(scope="module")
def finished(finished_and_output):
    return finished_and_output[0]


def test_start_says_what_follows_training(finished_and_output):
    before, _ = finished_and_output[1].split("digits: 1797 images")
    assert re.search(
        r"after training follow model\.keras, measures, exports \(saved-model, onnx\), "
        r"each verified: about \d+ (seconds|minutes?)\n",
        before,
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.3, "5 seconds"),
        (13, "15 seconds"),
        (56, "55 seconds"),
        (61, "1 minute"),
        (190, "3 minutes"),
    ],
)
def test_estimates_are_rounded(seconds, words):
    assert training.rounded(seconds) == words


def test_run_folder_holds_all_that_a_run_leaves(finished):
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.json",
        "metrics.csv",
        "measures.csv",
        "findings.json",
        "best",
        "tensorboard",
        "samples",
        "training.gif",
        "checkpoints",
        "model.keras",
        "evaluation.json",
        "README.md",
        "README.png",
        "export",
        "lock",
    }
    config = json.loads((finished / "config.json").read_text())
    assert config["settings"]["base_filters"] == 4
    assert config["data"]["num_classes"] == 10
    assert config["versions"]["tensorflow"] == tf.__version__
    with (finished / "metrics.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["epoch"], row["step"]) == ("1", "40")
    assert list((finished / "tensorboard").rglob("events.*"))
    # Measured at the last epoch, which ended early, and again at the end.
    with (finished / "measures.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    evaluation = json.loads((finished / "evaluation.json").read_text())
    assert row["epoch"] == "1"
    assert float(row["frechet_distance"]) == pytest.approx(
        evaluation["measures"]["frechet_distance"]
    )
    best = json.loads((finished / "best" / "best.json").read_text())
    assert (best["step"], best["protocol"]) == (40, evaluation["protocol"])
    assert json.loads((finished / "findings.json").read_text()) == []
    grid = Image.open(finished / "samples" / "step_00000040.png")
    assert grid.width > grid.height  # ten classes beside each other
    report = json.loads((finished / "export" / "report.json").read_text())
    assert {row["format"] for row in report} == {"saved-model", "onnx"}
    assert all(row["passed"] and row["largest_difference"] <= 1e-5 for row in report)


def test_saved_model_gives_what_the_run_gives(finished):
    from keras_gan import runs

    model = keras.models.load_model(finished / "model.keras")
    images = runs.load(finished).generate(5, seed=2)
    np.testing.assert_array_equal(model.generate(5, seed=2), images)


def test_sample_writes_the_classes_asked_for(finished, tmp_path):
    first, second, third = (str(tmp_path / f"{name}.png") for name in "abc")
    arguments = [str(finished), "--count", "20", "--seed", "1", "--out"]
    result = module("keras_gan.sample", *arguments, first)
    assert (result.returncode, result.stderr) == (0, "")
    assert sample.main([*arguments, second]) == 0
    assert sample.main([*arguments, third, "--labels", "3"]) == 0
    files = map(pathlib.Path, (first, second, third))
    first, second, third = (file.read_bytes() for file in files)
    assert first == second != third


def test_the_best_model_can_be_sampled(finished, tmp_path, capsys):
    from keras_gan import runs

    best, newest = runs.load(finished, best=True), runs.load(finished)
    step = json.loads((finished / "best" / "best.json").read_text())["step"]
    assert int(best.step) == step
    if step == int(newest.step):
        np.testing.assert_array_equal(best.generate(3, 1), newest.generate(3, 1))
    for truncation, same in (("1e9", True), ("0.5", False)):
        for out, options in (("s", []), ("t", ["--truncation", truncation])):
            argv = [str(finished), "--best", "--out", f"{tmp_path}/{out}.png", *options]
            assert sample.main(argv) == 0
        pictures = [(tmp_path / f"{out}.png").read_bytes() for out in "st"]
        assert (pictures[0] == pictures[1]) == same
    config = (finished / "config.json").read_text()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(config)
    assert sample.main([f"{tmp_path}/run", "--best", "--out", f"{tmp_path}/s.png"]) == 2
    assert "--evaluate-steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--count", "-3", "--labels", "1"], "count is -3"),
        (["--seed", "99999999999999999999"], "seed is 99999999999999999999"),
        (["--out", "s.gif"], "--out is s.gif"),
        (["--out", "/proc/s.png"], "--out is /proc/s.png"),
    ],
)
def test_samples_that_cannot_be(
    arguments, named, finished, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert sample.main([str(finished), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert named in line
    assert list(tmp_path.iterdir()) == []


def test_export_of_a_run_from_the_command_line(finished, tmp_path, capsys):
    arguments = [str(finished), "--format", "onnx", "--out", str(tmp_path)]
    result = module("export", *arguments)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "tiny.onnx").exists()
    assert export.main(arguments) == 2
    assert "exists already" in capsys.readouterr().err.splitlines()[-1]


def test_finished_run_goes_on_for_longer(finished):
    code, shown = run_in_terminal("--resume", "--steps", 50, "--run-dir", finished)
    assert code == 0, shown
    # Each part of the work after training, with the time that is left.
    for done, part in enumerate(["model.keras", "measures", "saved-model", "onnx"]):
        assert re.search(rf"{part}: [^\r]*{done}/4 \[\d\d:\d\d<", shown), shown
    assert "4/4" in shown
    config = json.loads((finished / "config.json").read_text())
    assert config["settings"]["steps"] == 50
    assert (finished / "checkpoints" / "ckpt-50.index").exists()
    assert (finished / "export" / "tiny" / "2" / "saved_model.pb").exists()


# Bad input: one sentence, exit code 2, nothing written.


def folder_with_text(path):
    path.mkdir()
    (path / "a.png").write_text("no image")
    return path


def npz_with(path, **arrays):
    np.savez(path, **arrays)
    return path


BAD = {
    "recipe": (["dcgan-mars"], "dcgan-mars"),
    "start from nothing": (
        ["--start-from", "{tmp}/none"],
        "none is not the folder of a run",
    ),
    "start from no GAN": (
        ["--start-from", "{tmp}/plain.keras"],
        "plain.keras, which holds a Sequential. Give the folder of a run",
    ),
    "start from itself": (["--start-from", "{tmp}/runs/x"], "--run-dir"),
    "freeze new layers": (["--freeze-discriminator-layers", "1"], "start_from is none"),
    "source": (["--data", "postgres:x"], "postgres:x"),
    "objective": (["--objective", "best"], "best"),
    "penalty": (["--penalty", "l2"], "l2"),
    "update": (["--update", "random"], "random"),
    "missing folder": (["--data", "folder:{tmp}/none"], "none"),
    "empty folder": (["--data", "folder:{tmp}/empty"], "empty"),
    "folder without images": (["--data", "folder:{tmp}/text"], "text"),
    "too few images": (["--batch-size", "5000"], "5000"),
    "image size": (["--image-size", "31"], "31"),
    "image size word": (["--image-size", "big"], "big"),
    "image size too large": (["--image-size", "512"], "512"),
    "values out of range": (["--data", "npz:{tmp}/range.npz"], "7"),
    "nan": (["--data", "npz:{tmp}/nan.npz"], "nan"),
    "batch size": (["--batch-size", "0"], "0"),
    "two lengths": (["--epochs", "1", "--steps", "1"], "steps 1"),
    "setting of another model": (["gan-mnist", "--base-filters", "8"], "base-filters"),
    "labels where there are none": (
        ["--conditional", "--data", "npz:{tmp}/grey.npz"],
        "grey.npz",
    ),
    "points": (["--data", "ring"], "Points have no pixels"),
    "data set": (["--data", "tfds:no_such_set"], "no_such_set"),
    "penalty weight": (["--penalty", "none", "--penalty-weight", "3"], "3"),
    "average": (["--generator-average", "2"], "2"),
    "translation": (["--translation", "0.6"], "0.6"),
    "jit": (["--jit", "maybe"], "maybe"),
    "evaluate epochs": (["--evaluate-epochs", "0"], "0"),
    "features": (["--features", "taste"], "taste"),
    "features of labels where there are none": (
        ["--features", "classifier", "--data", "npz:{tmp}/grey.npz"],
        "labels",
    ),
    "seed": (["--seed", "-1"], "-1"),
}


@pytest.fixture
def bad_data(tmp_path):
    (tmp_path / "empty").mkdir()
    folder_with_text(tmp_path / "text")
    npz_with(tmp_path / "range.npz", images=np.full((9, 8, 8), 7.0))
    npz_with(tmp_path / "nan.npz", images=np.full((9, 8, 8), np.nan))
    npz_with(tmp_path / "grey.npz", images=np.zeros((99, 8, 8), "uint8"))
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    plain.save(tmp_path / "plain.keras")
    return tmp_path


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(train, bad_data, capsys, name):
    arguments, received = BAD[name]
    arguments = [argument.format(tmp=bad_data) for argument in arguments]
    path = bad_data / "runs" / "x"
    assert train.main([*arguments, "--run-dir", str(path)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert received in error
    assert not path.exists()


def test_existing_run_is_not_touched(train, finished, capsys):
    before = {p: p.stat().st_mtime_ns for p in finished.rglob("*")}
    assert train.main(["--run-dir", str(finished)]) == 2
    assert "--resume" in capsys.readouterr().err
    changes = ["--resume", "--run-dir", str(finished), "--latent-dim", "9"]
    assert train.main(changes) == 2
    assert "latent_dim is 9" in capsys.readouterr().err
    assert train.main(["gan-mnist", "--resume", "--run-dir", str(finished)]) == 2
    assert "gan-mnist" in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in finished.rglob("*")} == before


def test_resume_where_there_is_nothing(train, tmp_path, capsys):
    assert train.main(["--resume", "--run-dir", str(tmp_path / "no")]) == 2
    assert (
        "does not exist. Name a folder that train.py wrote" in capsys.readouterr().err
    )
    for content in (b"{", b'{"recipe": "\xe9"}'):  # no JSON, no UTF-8
        (tmp_path / "config.json").write_bytes(content)
        assert train.main(["--resume", "--run-dir", str(tmp_path)]) == 2
        assert "config.json" in capsys.readouterr().err


def test_resume_with_other_images(train, tmp_path, capsys, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8), "uint8")
    source = npz_with(tmp_path / "images.npz", images=images)
    tiny = [*TINY, "--data", f"npz:{source}", "--steps", "1", "--no-export"]
    path = str(tmp_path / "runs" / "run")
    assert train.main([*tiny, "--run-dir", path]) == 0
    npz_with(source, images=images[::-1])
    capsys.readouterr()
    assert train.main(["--resume", "--run-dir", path, "--steps", "2"]) == 2
    said = capsys.readouterr().err
    assert "sha256 of the data is" in said
    monkeypatch.chdir(tmp_path)
    # The command that it names begins another run with the same weights.
    command = shlex.split(said.split("of this one: train.py ")[1])
    assert train.main([*command, "--steps", "1", "--no-export"]) == 0
    said = capsys.readouterr().out
    assert re.match(rf"started from {path} at step 1: (.*) of \1 weights", said)
    config = json.loads((tmp_path / "runs" / "run-2" / "config.json").read_text())
    assert config["settings"]["start_from"] == config["started_from"]["path"] == path
    assert config["started_from"]["step"] == 1
    assert (
        "| started from | run at step 1 |"
        in pathlib.Path("runs/run-2/README.md").read_text()
    )
    first = tf.train.load_checkpoint("runs/run-2/checkpoints/ckpt-0")
    old = tf.train.load_checkpoint(f"{path}/checkpoints/ckpt-1")
    weights = re.compile("(generator|discriminator|averaged_generator)/")
    names = [*filter(weights.match, first.get_variable_to_shape_map())]
    assert names
    for name in names:
        assert np.array_equal(first.get_tensor(name), old.get_tensor(name)), name
    # It goes on without the old run, but not if it has no checkpoint of its own yet.
    shutil.rmtree(path)
    again = ["--resume", "--run-dir", "runs/run-2", "--no-export", "--steps", "2"]
    assert train.main(again) == 0
    shutil.rmtree("runs/run-2/checkpoints")
    assert train.main(again) == 2
    said = capsys.readouterr().err
    assert f"start_from is {path}, which is gone" in said
    assert "Put it back, or begin again in another folder (--run-dir)" in said


def test_resume_with_the_same_images_elsewhere(train, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (70, 8, 8), "uint8")
    source = npz_with(tmp_path / "images.npz", images=images)
    run_dir = ["--run-dir", str(tmp_path / "run"), "--no-export"]
    assert train.main([*TINY, "--data", f"npz:{source}", "--steps", "1", *run_dir]) == 0
    moved = f"npz:{source.rename(tmp_path / 'moved.npz')}"
    assert train.main(["--resume", "--data", moved, "--steps", "2", *run_dir]) == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["data"] == moved


@pytest.mark.parametrize("penalty", [["r1", "--penalty-weight", "0.3"], ["none"]])
def test_resume_with_the_whole_command(penalty, train, tmp_path, capsys):
    begin = [*TINY, "--penalty", *penalty, "--run-dir", str(tmp_path), "--no-export"]
    assert train.main([*begin, "--steps", "1"]) == 0
    before = json.loads((tmp_path / "config.json").read_text())
    for arguments in begin, ["--penalty", penalty[0], *begin[-3:]]:
        assert train.main([*arguments, "--resume", "--steps", "2"]) == 0
        after = json.loads((tmp_path / "config.json").read_text())
        assert after["settings"] == {**before["settings"], "steps": 2}
    trained, ended = capsys.readouterr().out.split("from step 1, in ")
    assert "after training follow model.keras" in trained
    # The second time nothing is left to train, and nothing says that it begins.
    assert f"the run in {tmp_path} ended at step 2; to train on, give more" in ended
    assert "Now follow model.keras, measures: about" in ended
    assert "after training" not in ended and "from step 2" not in ended


def test_unwritable_folder_from_a_real_process(tmp_path):
    (tmp_path / "file").write_text("mine")
    result = run(*TINY, "--steps", 1, "--run-dir", tmp_path / "file" / "run")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert str(tmp_path / "file") in result.stderr.strip().splitlines()[-1]
    assert (tmp_path / "file").read_text() == "mine"


def test_sample_refuses_what_is_no_run(tmp_path, capsys):
    assert sample.main([str(tmp_path), "--out", str(tmp_path / "s.png")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line


def test_unreadable_files_are_left_out_and_listed(train, tmp_path, capsys):
    folder = folder_with_text(tmp_path / "photos")
    rng = np.random.default_rng(0)
    for i in range(70):
        image = Image.fromarray(rng.integers(0, 256, (20, 30, 3), "uint8"))
        image.save(folder / f"{i}.jpg")
    tiny = [*TINY, "--data", f"folder:{folder}", "--steps", "2", "--no-export"]
    with pytest.warns(UserWarning, match="1 of 71 pictures"):
        assert train.main([*tiny, "--run-dir", str(tmp_path / "run")]) == 0
    assert "left out 1 of 71 files" in capsys.readouterr().out
    assert "a.png" in (tmp_path / "run" / "bad_images.txt").read_text()


def test_images_that_are_all_alike_train(train, bad_data):
    path = bad_data / "run"
    tiny = [*TINY, "--data", f"npz:{bad_data}/grey.npz", "--epochs", "1"]
    assert train.main([*tiny, "--no-export", "--run-dir", str(path)]) == 0
    measures = json.loads((path / "evaluation.json").read_text())
    between = {"kernel_distance": 0, "frechet_distance": 0}
    assert measures["between_halves"] == pytest.approx(between)
    assert 0 < measures["measures"]["frechet_distance"] < 1000


def test_so_few_images_that_the_kernel_distance_cannot_be_taken(train, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 1), "uint8")
    np.savez(tmp_path / "few.npz", images=pixels)
    tiny = [*TINY, "--data", f"npz:{tmp_path}/few.npz", "--batch-size", "6"]
    run = str(tmp_path / "run")
    assert train.main([*tiny, "--steps", "1", "--no-export", "--run-dir", run]) == 0
    measures = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert list(measures["measures"]) == ["frechet_distance"]


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import runpy, sys\n"
        "sys.argv = ['train.py', '--help']\n"
        "try:\n"
        "    runpy.run_path('train.py', run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & sys.modules.keys()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == 0, result.stderr
    assert "--resume" in result.stdout


def test_list_names_recipes_and_sources(train, capsys):
    assert train.main(["--list"]) == 0
    shown = capsys.readouterr().out
    sources = ("tfds:NAME[:SPLIT]", "folder:PATH", "pairs:PATH", "outlines")
    for name in ("digits", "gan-mnist", "dcgan-64", *sources):
        assert name in shown
