"""Folders as people have them: every file is read rightly, or left out and named."""

import contextlib
import io
import os
import re
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_gan import datasets

# Not a test: a script that makes files.
CORPUS = runpy.run_path(str(Path(__file__).with_name("broken_images.py")))

KINDS_ASKED_FOR = 40
MUTATIONS = 2000
COLOURS = {"halves": (CORPUS["RED"], CORPUS["BLUE"]), "white": ((255,) * 3,) * 2}


def read(folder, size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return datasets.read(f"folder:{folder}", size)


@contextlib.contextmanager
def at_most_more_memory(most):
    """Checks that a block needs at most so many bytes more than there were in use."""
    process = Path("/proc/self")
    (process / "clear_refs").write_text("5")  # the peak counts from here
    before = resident(process, "VmRSS")
    yield
    assert resident(process, "VmHWM") - before < most


def resident(process, name):
    kilobytes = re.search(rf"{name}:\s+(\d+) kB", (process / "status").read_text())
    return int(kilobytes[1]) * 1024


def test_every_kind_of_file(tmp_path):
    good, bad = CORPUS["write"](tmp_path)
    assert len(good) + len(bad) >= KINDS_ASKED_FOR
    with at_most_more_memory(300 * 2**20):  # the bomb alone has 400 million pixels
        images = read(tmp_path, (CORPUS["SIDE"], CORPUS["SIDE"]))

    skipped = {
        os.path.relpath(file, tmp_path): reason for file, reason in images.skipped
    }
    assert set(skipped) == bad
    assert all(skipped.values())
    assert len(images) == len(good)
    for name, pixels in zip(
        sorted(good, key=lambda n: tmp_path / n), images.array, strict=True
    ):
        left, right = COLOURS[good[name]]
        for colour, column in ((left, 3), (right, 12)):
            error = np.abs(pixels[:, column].astype(int) - colour).max()
            assert error <= 12, name


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp"])
def test_random_mutations_of_valid_files(tmp_path, suffix):
    rng = np.random.default_rng(0)
    content = io.BytesIO()
    picture = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
    picture.save(content, Image.registered_extensions()[f".{suffix}"])
    (tmp_path / f"0.{suffix}").write_bytes(content.getvalue())
    valid = np.frombuffer(content.getvalue(), np.uint8)
    count = MUTATIONS // 5
    for i in range(count):
        file = valid.copy()
        places = rng.integers(len(file), size=rng.integers(1, 8))
        file[places] = rng.integers(0, 256, len(places))
        if i % 4 == 0:
            file = file[: rng.integers(len(file))]
        (tmp_path / f"mutation {i}.{suffix}").write_bytes(file.tobytes())
    with at_most_more_memory(500 * 2**20):
        images = read(tmp_path, (24, 24))
    assert len(images) + len(images.skipped) == count + 1
    assert images.array.shape[1:] == (24, 24, 3)
    assert images.array.dtype == np.uint8
    assert images.skipped  # mutations that no decoder can miss


def photographs(folder, good, bad):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(good):
        pixels = rng.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    names = [f"bad {i}.png" for i in range(bad - 1)] + [os.fsdecode(b"\xff\n.png")]
    for name in names:
        (folder / name).write_bytes(b"not a picture")


@pytest.mark.parametrize(
    ("good", "bad", "policy", "code"),
    [(95, 5, "skip", 0), (94, 6, "skip", 2), (99, 1, "fail", 2)],
)
def test_bad_files_are_listed_and_too_many_stop_the_run(
    train, tiny, tmp_path, capsys, good, bad, policy, code
):
    photographs(tmp_path / "photos", good, bad)
    data = ["--data", f"folder:{tmp_path / 'photos'}", "--run-dir", f"{tmp_path}/run"]
    options = [*tiny, *data, "--on-bad-image", policy, "--steps", "1"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert train.main(options) == code
    lines = (tmp_path / "run" / "bad_images.txt").read_text().splitlines()
    assert len(lines) == bad
    assert all("cannot identify image file" in line for line in lines)
    errors = capsys.readouterr().err
    assert (f"{bad} of {good + bad} files" in errors) == (code == 2)
    if code == 2:  # and once they are gone the same command works
        for file in (tmp_path / "photos").iterdir():
            if not file.stem.isdigit():
                file.unlink()
        assert train.main(options) == 0
