"""The project's commands in environments that others made."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from export import __main__ as export
from keras_gan import process, sample
from keras_gan.evaluate import __main__ as evaluate
from keras_gan.experiments import __main__ as experiments

ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "run"
SETTINGS = [
    *("digits", "--image-size", "8", "--base-filters", "4", "--latent-dim", "8"),
    *("--steps", "3", "--deterministic", "--no-export"),
]


def hostile(folder):
    """Returns an environment in which nothing is as it should be."""
    (folder / "keras").mkdir()
    config = {
        "backend": "jax",
        "epsilon": 0.1,
        "floatx": "float16",
        "image_data_format": "channels_first",
    }
    (folder / "keras" / "keras.json").write_text(json.dumps(config))
    (folder / "matplotlibrc").write_text("text.usetex: True\nfont.size: 0.5\n")
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("TF_", "LC_"))}
    return {
        **kept,
        "COLUMNS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HOME": "/nowhere",
        "KERAS_BACKEND": "",
        "KERAS_HOME": str(folder / "keras"),
        "KERAS_MAX_EPOCHS": "none",
        "KERAS_MAX_STEPS_PER_EPOCH": "1",
        "LANG": "de_DE",
        "LC_ALL": "C",
        "MATPLOTLIBRC": str(folder / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": "/nowhere/matplotlib",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONUTF8": "0",
        "PYTHONWARNINGS": "error",
        "TERM": "dumb",
        "TF_USE_LEGACY_KERAS": "1",
        "TMPDIR": "/nowhere/tmp",
        "TQDM_DISABLE": "1",
    }


def state(path):
    reader = tf.train.load_checkpoint(str(path / "checkpoints" / "ckpt-3"))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.startswith(("generator", "discriminator", "averaged", "step"))
    }


def test_a_hostile_environment_changes_nothing(train, tmp_path, deterministic):
    there, here = tmp_path / "a:b *é", tmp_path / "plain"
    there.mkdir()
    environment = hostile(tmp_path)
    command = [sys.executable, str(ROOT / "train.py"), *SETTINGS, "--run-dir", "run"]
    result = subprocess.run(
        command,
        env=environment,
        cwd=there,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        umask=0o077,
    )
    errors = result.stderr.decode()
    assert (result.returncode, errors) == (0, "")
    assert b"Fr\\xe9chet distance" in result.stdout
    assert train.main([*SETTINGS, "--run-dir", str(here)]) == 0
    expected, found = state(here), state(there / "run")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
    for name in ("evaluation.json", "samples/step_00000003.png", "metrics.csv"):
        assert (there / "run" / name).read_bytes() == (here / name).read_bytes()


def test_settings_that_keras_cannot_read_are_one_sentence(tmp_path):
    (tmp_path / "keras.json").write_text('{"floatx": "bfloat16"}')
    result = subprocess.run(
        [sys.executable, "-m", "keras_gan.sample", "run"],
        env={
            **os.environ,
            "KERAS_HOME": str(tmp_path),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        },
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: Keras cannot be imported (")
    assert str(tmp_path / "keras.json") in line


LONG = 300 * "x"
TOO_LONG = {
    "a new run": ("train", "ring", "--run-dir", LONG),
    "a run to resume": ("train", "--resume", "--run-dir", LONG),
    "a folder": ("train", "--data", f"folder:{LONG}", "--run-dir", "RUN"),
    "a file": ("train", "--data", f"npz:{LONG}", "--run-dir", "RUN"),
    "weights": ("train", "--features", f"inception:{LONG}", "--run-dir", "RUN"),
    "sample": (sample, LONG),
    "sample to": (sample, "GOLDEN", "--out", f"{LONG}.png"),
    "evaluate": (evaluate, LONG),
    "evaluate to": (evaluate, "GOLDEN", "--out", LONG),
    "experiments": (experiments, "nearest", LONG),
    "export": (export, LONG, "--out", "RUN"),
    "export to": (export, "GOLDEN", "--out", LONG),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_name_that_is_too_long_is_one_sentence(name, train, tmp_path, capsys):
    command, *arguments = TOO_LONG[name]
    places = {"RUN": str(tmp_path / "run"), "GOLDEN": str(GOLDEN)}
    arguments = [places.get(argument, argument) for argument in arguments]
    assert (train if command == "train" else command).main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and LONG in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["begin", "resume", "sample"])
def test_a_run_whose_name_is_not_utf8_is_refused(command, train, capsys):
    run = os.fsdecode(b"r\xff")
    code = {
        "begin": lambda: train.main(["ring", "--run-dir", run]),
        "resume": lambda: train.main(["--resume", "--run-dir", run]),
        "sample": lambda: sample.main([run]),
    }[command]()
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and "not a name in UTF-8" in line


LOGGED = {
    "information": b"I0000 00:00:1796.249173    6124 port.cc:153] oneDNN is on\n",
    "warning": b"2024-03-01 10:00:00.123456: W tensorflow/core/gpu_device.cc:34] no\n",
    "error": b"E0000 00:00:1796.249173    6124 cuda_platform.cc:51] cuInit failed\n",
    "fatal": b"F0000 00:00:1796.249173    6124 cpu_feature_guard.cc:99] no AVX\n",
    "other": b"Traceback (most recent call last):\n",
}


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (1, {"warning", "error", "fatal", "other"}),
        (2, {"error", "fatal", "other"}),
        (3, {"fatal", "other"}),
    ],
)
def test_lines_below_the_level_are_held_back(level, shown):
    found = {name for name, line in LOGGED.items() if not process.is_noise(line, level)}
    assert found == shown


def test_an_import_that_aborts_keeps_its_last_words():
    code = (
        "import os\n"
        "from keras_gan.process import _quiet_stderr\n"
        "with _quiet_stderr(3):\n"
        f"    os.write(2, {LOGGED['information'] + LOGGED['fatal']!r})\n"
        "    os.abort()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert result.returncode == -signal.SIGABRT
    assert result.stderr.endswith(LOGGED["fatal"])
    assert LOGGED["information"] not in result.stderr
