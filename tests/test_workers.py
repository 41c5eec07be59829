"""Two real processes of train.py that train one model over the loopback interface."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
RUN = [
    *("digits", "--image-size", "16", "--base-filters", "8", "--latent-dim", "8"),
    *("--conditional", "--batch-normalization", "--no-export", "--deterministic"),
    *("--generator-learning-rate", "2e-4", "--discriminator-learning-rate", "2e-4"),
    *("--sample-steps", "5", "--checkpoint-steps", "1000"),
]
# The command itself, which also leaves all state of training where the test finds it.
WORKER = """
import sys
__file__ = sys.argv[1] + "/train.py"  # whose noise keras_gan keeps from the screen
sys.path.insert(0, sys.argv[1])
import numpy as np
from keras_gan import GAN
from keras_gan_command.train import main

fit = GAN.fit

def fit_and_tell(self, *args, **kwargs):
    fit(self, *args, **kwargs)
    state = self.training_state().values()
    np.savez(sys.argv[2], *[v.numpy() for variables in state for v in variables])

GAN.fit = fit_and_tell
sys.exit(main(sys.argv[3:]))
"""


def free_ports():
    with socket.create_server(("", 0)) as a, socket.create_server(("", 0)) as b:
        return [a.getsockname()[1], b.getsockname()[1]]


def start(folder, *arguments, both=((), ())):
    addresses = [f"127.0.0.1:{port}" for port in free_ports()]
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        state = str(folder / f"state{index}.npz")
        command = [sys.executable, "-c", WORKER, str(ROOT), state, *arguments]
        processes.append(
            subprocess.Popen(
                [*command, "--strategy", "multi-worker", *both[index]],
                env={**os.environ, "TF_CONFIG": config},
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def end(processes):
    """Returns both exit codes and both last lines of stderr."""
    try:
        texts = [process.communicate(timeout=500)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [p.returncode for p in processes], [t.strip().splitlines() for t in texts]


def noise(lines):
    """Returns what a process says beside the progress line and what it waits for."""
    shown = ("epoch ", "0%|", "waiting for all workers of TF_CONFIG")
    return [line for line in lines if line and not line.strip().startswith(shown)]


def states(folder):
    both = [np.load(folder / f"state{index}.npz") for index in range(2)]
    return [[state[name] for name in state.files] for state in both]


def assert_equal(first, second):
    assert len(first) == len(second) > 30
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def wait_for(path, processes):
    deadline = time.monotonic() + 400
    while not path.exists():
        assert all(process.poll() is None for process in processes)
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_stopped_by_a_signal_to_either_they_go_on_exactly(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    length = ("--steps", "70")
    codes, errors = end(start(tmp_path, *RUN, *length, "--run-dir", str(whole)))
    assert codes == [0, 0], errors
    assert list(map(noise, errors)) == [[], []]
    expected, other = states(tmp_path)
    assert_equal(expected, other)

    arguments = [*RUN, *length]
    for step, victim, number in ((10, 1, signal.SIGTERM), (40, 0, signal.SIGINT)):
        processes = start(tmp_path, *arguments, "--run-dir", str(parts))
        wait_for(parts / "samples" / f"step_{step:08d}.png", processes)
        processes[victim].send_signal(number)
        codes, errors = end(processes)
        assert codes == [128 + number] * 2, errors
        assert_equal(*states(tmp_path))
        arguments = ["--resume"]
    codes, errors = end(start(tmp_path, *arguments, "--run-dir", str(parts)))
    assert codes == [0, 0], errors
    for found in states(tmp_path):
        assert_equal(found, expected)
    metrics = [(run / "metrics.csv").read_text() for run in (whole, parts)]
    assert metrics[0] == metrics[1]
    assert len(list((parts / "tensorboard").rglob("events.*"))) == 3  # by chiefs alone
    assert (parts / "checkpoints" / "ckpt-70.index").exists()


@pytest.mark.slow
def test_both_equal_one_device_and_tell_of_each_others_mistakes(tmp_path):
    length = ("--steps", "20")
    both, one = tmp_path / "both", tmp_path / "one"
    codes, errors = end(start(tmp_path, *RUN, *length, "--run-dir", str(both)))
    assert codes == [0, 0], errors
    script = [sys.executable, "-c", WORKER, str(ROOT), str(tmp_path / "one.npz")]
    subprocess.run([*script, *RUN, *length, "--run-dir", str(one)], check=True)
    alone = np.load(tmp_path / "one.npz")
    for a, name in zip(states(tmp_path)[0], alone.files, strict=True):
        # Adam makes whole steps of the roundings of a gradient near zero, which moved
        # one weight in twenty by 2e-4 and more. These steps move weights by 4e-3.
        assert np.median(abs(a - alone[name])) < 1e-4, name

    other = tmp_path / "other"
    different = ((), ("--batch-size", "32"))
    codes, errors = end(start(tmp_path, *RUN, "--run-dir", str(other), both=different))
    assert codes == [2, 2]
    assert all("settings" in lines[-1] for lines in errors)
    assert not other.exists()
    missing = ((), ("--data", "folder:nowhere"))
    codes, errors = end(start(tmp_path, *RUN, "--run-dir", str(other), both=missing))
    assert codes == [2, 2]
    assert "another worker" in errors[0][-1]
    assert "nowhere" in errors[1][-1]
    assert not other.exists()


@pytest.mark.slow
def test_a_worker_that_dies_ends_the_other(tmp_path):
    processes = start(tmp_path, *RUN, "--run-dir", str(tmp_path / "run"))
    wait_for(tmp_path / "run" / "samples" / "step_00000005.png", processes)
    processes[1].kill()
    codes, errors = end(processes)
    assert codes == [1, -signal.SIGKILL]
    assert any("another worker was lost" in line for line in errors[0])
