"""Run folders that are shared, moved, edited or read from a disk without writing."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from keras_gan import runs


@pytest.fixture(scope="module")
def finished(train, tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("finished") / "run"
    assert train.main([*tiny, "--steps", "20", "--run-dir", str(path)]) == 0
    return path


def test_a_second_run_on_a_folder_is_refused(
    train, start, exact, wait_for_step, tmp_path, capsys
):
    path = tmp_path / "run"
    first = start(*exact, "--steps", "100000", "--run-dir", path)
    wait_for_step(first, path, 25)
    assert train.main(["--resume", "--run-dir", str(path)]) == 2
    assert "another process is training" in capsys.readouterr().err
    assert train.main(["--run-dir", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert first.poll() is None
    first.kill()
    first.communicate()
    # The lock has died with its process, and the file itself locks nothing.
    assert (path / "lock").exists()
    step = int(runs.load(path).step)
    more = ("--resume", "--steps", str(step + 1), "--no-export")
    assert train.main([*more, "--run-dir", str(path)]) == 0


@pytest.mark.slow
def test_of_two_runs_that_begin_at_once_one_trains(start, tiny, tmp_path):
    path = tmp_path / "run"
    both = [start(*tiny, "--steps", "20", "--run-dir", path) for _ in range(2)]
    errors = [process.communicate()[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], errors
    refusal = errors[codes.index(2)].strip().splitlines()[-1]
    assert refusal.startswith("error: ") and str(path) in refusal
    assert int(runs.load(path).step) == 20


def test_a_moved_run_goes_on(train, finished, tmp_path, monkeypatch):
    shutil.copytree(finished, tmp_path / "elsewhere" / "renamed")
    monkeypatch.chdir(tmp_path)
    more = ("--resume", "--steps", "30", "--no-export")
    assert train.main([*more, "--run-dir", "elsewhere/renamed"]) == 0
    assert int(runs.load("elsewhere/renamed").step) == 30
    assert int(runs.load(finished).step) == 20


EDITS = {
    "recipe": ("recipe", None, "dcgan-mnist"),
    "base_filters": ("settings", "base_filters", 8),
    "seed": ("settings", "seed", 1),
    "generator_learning_rate": ("settings", "generator_learning_rate", 0.5),
    "penalty": ("settings", "penalty", None),
    "beta_1": ("settings", "beta_1", "gone"),
    "image_shape": ("data", "image_shape", [16, 16, 1]),
    "sha256": ("data", "sha256", "0"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_config_is_refused_and_what_differs_named(
    name, train, finished, tmp_path, capsys
):
    path = shutil.copytree(finished, tmp_path / "run")
    config = json.loads((path / "config.json").read_text())
    part, key, value = EDITS[name]
    if key is None:
        config[part] = value
    elif value == "gone":
        del config[part][key]
    else:
        config[part][key] = value
    (path / "config.json").write_text(json.dumps(config))
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    resume = ["--resume", "--steps", "30", "--run-dir", str(path), "--no-export"]
    assert train.main(resume) == 2
    assert f"was edited: {name} is" in capsys.readouterr().err
    after = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    assert after == before


def test_data_that_cannot_be_written_is_enough(train, tiny, tmp_path):
    rng = np.random.default_rng(0)
    data = tmp_path / "data"
    data.mkdir()
    pixels = rng.integers(0, 256, (70, 8, 8), "uint8")
    np.savez(data / "images.npz", images=pixels)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(data / f"{i}.png")
    options = ["mount", "--bind", "-o", "ro", str(data), str(data)]
    mounted = subprocess.run(options, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.strip()}")
    try:
        with pytest.raises(OSError, match="Read-only"):
            (data / "probe").touch()
        for source in (f"folder:{data}", f"npz:{data}/images.npz"):
            run = ["--run-dir", str(tmp_path / source[:3]), "--steps", "2"]
            assert train.main([*tiny, "--data", source, *run]) == 0
    finally:
        subprocess.run(["umount", "--lazy", str(data)], check=True)


def test_a_data_folder_whose_name_is_no_text(train, tiny, tmp_path):
    photos = tmp_path / os.fsdecode(b"photos \xff \xc3\xa9")
    photos.mkdir()
    for i in range(64):
        Image.new("L", (8, 8), i).save(photos / f"{i}.png")
    options = ["--run-dir", str(tmp_path / "run"), "--no-export"]
    data = ["--data", f"folder:{photos}", "--steps", "1"]
    assert train.main([*tiny, *data, *options]) == 0
    assert train.main(["--resume", "--steps", "2", *options]) == 0
    assert runs.Run.open(tmp_path / "run").recipe.data == f"folder:{photos}"
