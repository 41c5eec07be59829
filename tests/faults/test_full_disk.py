"""A full file system while a run writes a checkpoint, a picture, a log, an export."""

import csv
import shutil

import pytest
from PIL import Image

import export
from keras_gan import runs
from keras_gan.errors import InputError


@pytest.fixture(scope="module")
def begun(train, tiny, tmp_path_factory):
    """A run of 28 steps, its first epoch."""
    path = tmp_path_factory.mktemp("begun") / "run"
    more = ("--steps", "28", "--evaluate-epochs", "1", "--run-dir", str(path))
    assert train.main([*tiny, *more]) == 0
    return path


@pytest.fixture
def run_dir(begun, tmp_path):
    return shutil.copytree(begun, tmp_path / "run")


def resume(train, run_dir, *arguments):
    return train.main(["--resume", "--run-dir", str(run_dir), *arguments])


# Folder of the run, bytes that stay free, and who fails.
WRITERS = {
    "checkpoint": ("checkpoints", 8192, "Checkpoint failed"),
    "picture": ("samples", 0, "SampleGrid failed"),
    "log": ("tensorboard", 0, "TensorBoardPoints failed"),
    "all": (".", 65536, " failed"),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("picture", "log")))
        for name in WRITERS
    ],
)
def test_a_full_disk_ends_the_run_with_a_sentence_and_nothing_lost(
    name, train, run_dir, full_disk, capsys
):
    folder, room, culprit = WRITERS[name]
    disk = full_disk(run_dir / folder, room)
    more = ("--steps", "56", "--no-export")
    assert resume(train, run_dir, *more) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: ") and culprit in last, last
    assert "No space left on device" in last
    assert int(runs.load(run_dir).step) >= 28

    disk.make_space()
    assert resume(train, run_dir, *more) == 0
    assert int(runs.load(run_dir).step) == 56
    Image.open(run_dir / "samples" / "step_00000056.png").load()
    with (run_dir / "metrics.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["56"]


def test_a_row_that_a_full_disk_had_no_room_for_is_written_on_resume(
    train, begun, tmp_path
):
    path = shutil.copytree(begun, tmp_path / "run")
    whole = (path / "measures.csv").read_bytes()
    (path / "measures.csv").unlink()
    assert resume(train, path, "--steps", "29", "--no-export") == 0
    assert (path / "measures.csv").read_bytes().startswith(whole)


EXPORTS = {"saved_model": export.to_saved_model, "model.onnx": export.to_onnx}


@pytest.mark.parametrize("name", EXPORTS)
def test_a_full_disk_leaves_no_half_an_export(name, begun, tmp_path, full_disk):
    folder = tmp_path / "out"
    disk = full_disk(folder, room=4096)
    with pytest.raises(InputError, match="No space left on device"):
        EXPORTS[name](begun, folder / name, verify=False)
    assert [file.name for file in folder.iterdir()] == ["ballast"]
    disk.make_space()
    EXPORTS[name](begun, folder / name, verify=False)
    assert [file.name for file in folder.iterdir()] == [name]


def test_no_room_for_images_beyond_the_memory_budget(
    train, tmp_path, full_disk, monkeypatch, capsys
):
    full_disk(tmp_path / "tmp", room=65536)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    run_dir = ["--run-dir", str(tmp_path / "run"), "--steps", "1"]
    sizes = ["--image-size", "64", "--memory-budget", "0MB"]
    assert train.main(["digits", *sizes, *run_dir]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "7,360,512 bytes" in last and "TMPDIR" in last
    assert not (tmp_path / "run").exists()
