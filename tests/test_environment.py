"""The project's commands in environments that others made."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import process

ROOT = pathlib.Path(__file__).parents[1]
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
        "KERAS_HOME": str(folder / "keras"),
        "LANG": "de_DE",
        "LC_ALL": "C",
        "MATPLOTLIBRC": str(folder / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": "/nowhere/matplotlib",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PYTHONUTF8": "0",
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


def test_a_folder_whose_name_is_a_pattern(train, tmp_path):
    from export import export_all
    from keras_gan import runs, sample

    path = tmp_path / "exp[1] *?{a,b}"
    assert train.main([*SETTINGS, "--run-dir", str(path)]) == 0
    resume = ["--resume", "--run-dir", str(path), "--steps", "4", "--no-export"]
    assert train.main(resume) == 0
    assert int(runs.load(path).step) == 4
    assert int(runs.load(path, best=True).step) > 0
    picture = tmp_path / "[x].png"
    assert sample.main([str(path), "--out", str(picture)]) == 0
    assert picture.exists()
    rows = export_all(path, path / "out[2]", formats=["saved-model"])
    assert all(row.passed for row in rows)


@pytest.mark.parametrize("level", [2, 3])
def test_only_noise_is_held_back(level):
    noise = (
        b"WARNING: All log messages before absl::InitializeLog() is called ...\n",
        b"I0000 00:00:1796011800.175079    4766 port.cc:153] oneDNN custom ...\n",
        b"2026-11-30 04:03:57.123456: I tensorflow/core/util/port.cc:153] oneDNN\n",
        b"E0000 00:00:1.1 12 cuda_dnn.cc:1] Unable to register cuDNN factory\n",
    )
    assert all(process.is_noise(line, level) for line in noise)
    error = b"E0000 00:00:1796.17 4766 cuda_executor.cc:12] failed call to cuInit\n"
    assert process.is_noise(error, level) == (level == 3)
    for line in (
        b"Traceback (most recent call last):\n",
        b"F0000 00:00:1.1 2 a.cc:1] x\n",
    ):
        assert not process.is_noise(line, level)
