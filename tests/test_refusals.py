"""Every command answers a folder that is no run, or no place to write, in one sentence.

The sentence says what is wrong with the value, and what to do.
"""

import pathlib
import re
import shutil

import pytest

import export.__main__
from keras_gan import sample
from keras_gan.evaluate import __main__ as evaluate
from keras_gan.experiments import __main__ as experiments

GOLDEN = pathlib.Path(__file__).parent / "golden" / "run"
COMMANDS = {
    "sample": lambda run, out: sample.main([run, "--out", f"{out}.png"]),
    "evaluate": lambda run, out: evaluate.main([run, "--out", out]),
    "experiments": lambda run, out: experiments.main(["nearest", run, "--out", out]),
    "export": lambda run, out: export.__main__.main([run, "--out", out]),
}


def nothing(run):
    return "does not exist. Name a folder that train.py wrote"


def empty(run):
    run.mkdir()
    return "holds no config.json. Name a folder that train.py wrote"


def no_checkpoint(run):
    run.mkdir()
    shutil.copy(GOLDEN / "config.json", run)
    return f"has no checkpoint. Train it first: train.py --resume --run-dir {run}."


def broken_config(run):
    run.mkdir()
    (run / "config.json").write_text("[]")
    return "cannot be read as a run's .* Put back a whole copy"


def refused(code, capsys):
    output = capsys.readouterr()
    assert code == 2
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize("make", [nothing, empty, no_checkpoint, broken_config])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_no_run(command, make, tmp_path, capsys):
    words = make(tmp_path / "run")
    before = sorted(tmp_path.rglob("*"))
    code = COMMANDS[command](str(tmp_path / "run"), str(tmp_path / "out"))
    assert re.search(words, refused(code, capsys))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_run(command, tmp_path, capsys):
    file = tmp_path / "run"
    file.write_text("kept")
    code = COMMANDS[command](str(file), str(tmp_path / "out"))
    words = "Name the folder"
    if command == "export":
        words = "a file that a model's save wrote"
    assert words in refused(code, capsys)
    assert file.read_text() == "kept"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_that_cannot_be_written_to_is_refused_first(command, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("kept")
    # The run does not exist either, so that no work can have been done.
    code = COMMANDS[command]("no run", str(file / "below"))
    assert re.search(rf"{file} is (a file|not a folder)", refused(code, capsys))


def test_no_picture_is_written_over_a_folder(tmp_path, capsys):
    folder = tmp_path / "out.png"
    folder.mkdir()
    code = sample.main([str(GOLDEN), "--out", str(folder)])
    assert "is a folder. Name a file" in refused(code, capsys)
