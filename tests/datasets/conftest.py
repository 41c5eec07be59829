import os
import subprocess
import sys
from pathlib import Path

import pytest


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes seconds, needs the real data sets")


@pytest.fixture(scope="session")
def real_data():
    """Folder of real images that is not part of the project."""
    beside_project = Path(__file__).parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("KERAS_GAN_TEST_DATA", beside_project))
    if not (folder / "prepare_tfds.py").exists():
        pytest.skip(f"no real images in {folder}; set KERAS_GAN_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def tfds_dir(real_data, tmp_path_factory):
    """Folder in which TensorFlow Datasets finds mnist and utkface64."""
    folder = tmp_path_factory.mktemp("tfds")
    script = [sys.executable, str(real_data / "prepare_tfds.py")]
    subprocess.run(
        [*script, "--data-dir", str(folder), "--datasets", "mnist", "faces"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return str(folder)
