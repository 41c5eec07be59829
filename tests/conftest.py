"""What the tests of all rooms share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_ROOT = Path(__file__).parents[1]


@pytest.fixture
def run_python():
    """Returns a function that runs code in a fresh process and gives its output."""

    def run(code, *arguments):
        # After the path of this process, so that both import the same keras_gan.
        path = os.pathsep.join([*filter(None, sys.path), str(_ROOT)])
        result = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr[-4000:]
        return result.stdout

    return run


@pytest.fixture(scope="module")
def deterministic():
    """Makes a module's trainings repeat bit for bit, on a busy machine too."""
    import tensorflow as tf
    from tensorflow.python.framework import config

    from keras_gan import seeding

    seeding.make_deterministic()
    yield
    # The public interface can only turn it on.
    config.disable_op_determinism()
    tf.config.optimizer.set_experimental_options({"constant_folding": True})
