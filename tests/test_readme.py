"""The README's own code, run as a reader would run it."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SCRIPT, ONNX_CLIENT = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(script, folder):
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def check(folder):
    assert (folder / "serving" / "digits" / "1" / "saved_model.pb").exists()
    images = run(f"{ONNX_CLIENT}\nprint(image.shape, image.min(), image.max())", folder)
    shape, low, high = re.fullmatch(r"(\(.*\)) (\S+) (\S+)\n", images).groups()
    assert shape == "(16, 32, 32, 1)"
    assert -1 <= float(low) < float(high) <= 1


def test_script_and_client_after_one_epoch(tmp_path):
    run(SCRIPT.replace("epochs=20", "epochs=1"), tmp_path)
    check(tmp_path)


def test_the_script_of_the_page_on_vaes(tmp_path):
    (script,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "vae.md").read_text(), re.DOTALL
    )
    printed = run(f"{script}\nprint(vae.generate(16, seed=1).shape)", tmp_path)
    assert printed.splitlines()[-1] == "(16, 16, 16, 1)"


@pytest.mark.slow
def test_script_character_for_character(tmp_path):
    output = run(f"{SCRIPT}\nprint(gan.generate(64, seed=0).mean())", tmp_path)
    check(tmp_path)
    assert len(list((tmp_path / "samples").glob("*.png"))) == 21
    # The digits' mean grey level is 79; untrained networks stay at 127.
    assert np.isclose(float(output.split()[-1]), 79, atol=30)
