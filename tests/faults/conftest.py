"""What the tests of faults share: train.py as a user runs it, and a disk to fill."""

import contextlib
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

ROOT = pathlib.Path(__file__).parents[2]
TINY = [
    *("--image-size", "8", "--base-filters", "4", "--latent-dim", "8"),
    *("--evaluate-epochs", "100", "--no-export"),
]


@pytest.fixture(scope="session")
def tiny():
    """Options of a run that takes seconds."""
    return list(TINY)


@pytest.fixture(scope="session")
def start():
    """Returns a function that starts train.py as a process; none outlives the tests."""
    processes = []

    def start(*arguments, **options):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "train.py"), *map(str, arguments)],
            cwd=ROOT,
            text=True,
            **(pipes | options),
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()


@pytest.fixture(scope="session")
def state_of():
    """Returns a function that reads all values of a folder's newest checkpoint."""

    def state_of(folder):
        reader = tf.train.load_checkpoint(folder)
        return {
            name: reader.get_tensor(name)
            for name in reader.get_variable_to_shape_map()
            if not name.startswith(("seconds", "_CHECKPOINTABLE"))
        }

    return state_of


@pytest.fixture(scope="session")
def assert_same_end(state_of):
    """Returns a function that compares two finished runs bit for bit."""

    def assert_same_end(path, expected):
        ours, theirs = (state_of(p / "checkpoints") for p in (path, expected))
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            np.testing.assert_array_equal(ours[name], value, err_msg=name)
        for name in ("metrics.csv", "measures.csv", "best/best.json"):
            assert (path / name).read_bytes() == (expected / name).read_bytes(), name

    return assert_same_end


@pytest.fixture(scope="session")
def exact():
    """Options of a run that repeats bit for bit and takes some seconds."""
    tiny = ("--image-size", "8", "--base-filters", "4", "--latent-dim", "8")
    length = ("--steps", "500", "--sample-steps", "250", "--checkpoint-steps", "25")
    return [*tiny, *length, "--deterministic", "--no-export"]


@pytest.fixture(scope="session")
def uninterrupted(start, exact, tmp_path_factory):
    """The folder of such a run that nothing happened to."""
    path = tmp_path_factory.mktemp("uninterrupted") / "run"
    process = start(*exact, "--run-dir", path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return path


@pytest.fixture(scope="session")
def wait_for_step():
    """Returns a function that waits for a checkpoint of that step or a later one."""

    def wait_for_step(process, path, step):
        while process.poll() is None:
            names = (p.stem[5:] for p in (path / "checkpoints").glob("ckpt-*.index"))
            if max(map(int, names), default=-1) >= step:
                return
            time.sleep(0.002)
        pytest.fail(f"the run ended before step {step}: {process.communicate()}")

    return wait_for_step


class FullDisk:
    """A file system of its own, full but for some bytes."""

    def __init__(self, folder, room):
        self._ballast = folder / "ballast"
        with (
            self._ballast.open("wb", buffering=0) as file,
            contextlib.suppress(OSError),
        ):
            while True:
                file.write(bytes(4096))
        with self._ballast.open("r+b") as file:
            file.truncate(self._ballast.stat().st_size - room)

    def make_space(self):
        self._ballast.unlink(missing_ok=True)


@pytest.fixture
def full_disk():
    """Returns a function that moves a folder to a full disk of four megabytes.

    `room` bytes of it stay free. At the end the folder is back, with all its files.
    """
    with contextlib.ExitStack() as stack:

        def full_disk(folder, room=0):
            folder.mkdir(exist_ok=True)
            aside = folder.with_name(f"{folder.name}-aside")
            shutil.copytree(folder, aside)
            mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
            result = subprocess.run(mount, capture_output=True, text=True)
            if result.returncode:
                pytest.skip(f"no file system can be mounted: {result.stderr.strip()}")
            stack.callback(_unmount, folder)
            shutil.copytree(aside, folder, dirs_exist_ok=True)
            shutil.rmtree(aside)
            return FullDisk(folder, room)

        yield full_disk


def _unmount(folder):
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
