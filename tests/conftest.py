"""What the tests of all rooms share."""

import functools
import gc
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A GPU is shared by the processes that run tests and those that tests start.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# Each core has a process that runs tests. With more threads than that, most of the
# processor's time goes into threads of NumPy's OpenBLAS that wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_ROOT = Path(__file__).parents[1]

# Imports make millions of objects that stay: there is nothing to collect among them,
# now or later. Tracing makes many that soon go.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def without_models_of_other_files():
    """Frees what the tests of a file made, before memory grows by all of them."""
    yield
    gc.collect()


@pytest.fixture(scope="session")
def real_data():
    """Folder of real images that is not part of the project."""
    beside_project = _ROOT.parent / "shared" / "data"
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


@pytest.fixture(scope="session")
def train():
    """train.py as a module, for what does not need a process of its own."""
    spec = importlib.util.spec_from_file_location("train", _ROOT / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.fixture
def without_gpu_kernel():
    """Returns a function from a graph to its operations that no GPU can compute.

    The wheel of TensorFlow for Linux lists its kernels for GPUs on any machine.
    """

    def missing(graph):
        graph = graph.as_graph_def()
        nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
        # These are no computations.
        skipped = {"Placeholder", "Const", "NoOp", "Identity", "IdentityN"}
        skipped |= {"PartitionedCall", "StatefulPartitionedCall"}
        nodes = [node for node in nodes if node.op not in skipped]
        return {(node.op, node.name) for node in nodes if not _has_kernel(node, "GPU")}

    return missing


def _has_kernel(node, device):
    """Whether TensorFlow was built with a kernel for the types of an operation."""

    def takes(kernel):
        for constraint in kernel.constraint:
            given = node.attr[constraint.name]
            types = {given.type, *given.list.type} - {0}
            if not types <= {*constraint.allowed_values.list.type}:
                return False
        return kernel.device_type in (device, "DEFAULT")

    return any(map(takes, _kernels_of(node.op)))


@functools.cache  # TensorFlow searches all its kernels each time
def _kernels_of(op):
    from tensorflow.python.framework.kernels import get_registered_kernels_for_op

    return get_registered_kernels_for_op(op).kernel
