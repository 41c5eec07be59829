"""Proof that an export computes what the trained model does."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from export.generator import Generator
from export.report import Row

BATCH_SIZES = (1, 3, 64)
TOLERANCE = 1e-5

_WORKER = Path(__file__).with_name("_verify_worker.py")


def unverified(generator: Generator, format: str, path: Path) -> Row:
    """Returns the row of an export that nobody ran."""
    files = [file for file in [path, *path.rglob("*")] if file.is_file()]
    return Row(
        format=format,
        path=path,
        bytes=sum(file.stat().st_size for file in files),
        parameters=generator.network.count_params(),
        tolerance=TOLERANCE,
    )


def verified(generator: Generator, format: str, path: Path) -> dict:
    """Returns what `Row` says about verification, after running the export.

    A fresh process that can import neither keras_gan nor Keras loads it and makes the
    images of 1, 3 and 64 rows; they are compared with those of the Keras model.

    Args:
        generator: what was exported.
        format: name of the format.
        path: the export.
    """
    inputs = generator.examples(max(BATCH_SIZES))
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder, "inputs.npz"), Path(folder, "images.npz")
        np.savez(arrays[0], **inputs)
        process = _run_worker(format, path, *arrays)
        if process.returncode != 0:
            lines = process.stderr.strip().splitlines() or ["no message"]
            return {"passed": False, "problem": f"it does not run: {lines[-1]}"}
        outcome = json.loads(process.stdout.splitlines()[-1])
        with np.load(arrays[1]) as file:
            images = {size: file[str(size)] for size in BATCH_SIZES}
    if outcome["imported"]:
        return {
            "passed": False,
            "problem": f"it needs {', '.join(outcome['imported'])} to run",
        }
    if outcome["stored_values"] > generator.network.count_params():
        return {
            "passed": False,
            "problem": f"it stores {outcome['stored_values']} values of weights where "
            f"the generator has {generator.network.count_params()}",
        }
    return {
        **_compared(generator, inputs, images),
        "runtime": outcome["runtime"],
        "runtime_version": outcome["runtime_version"],
        "milliseconds": outcome["milliseconds"],
    }


def _run_worker(format, path, *arrays):
    sizes = ",".join(str(size) for size in BATCH_SIZES)
    return subprocess.run(
        # Isolated: neither the working directory nor PYTHONPATH can be imported from.
        [sys.executable, "-I", _WORKER, format, path, *arrays, sizes],
        capture_output=True,
        text=True,
        # The reference runs on the CPU; a GPU rounds otherwise.
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def _compared(generator, inputs, images):
    differences = {}
    for size in BATCH_SIZES:
        rows = {name: tf.constant(values[:size]) for name, values in inputs.items()}
        with tf.device("/CPU:0"):
            expected = generator.serve(**rows)["image"].numpy()
        differences[str(size)] = _difference(images[size], expected)
    largest = float(np.max(list(differences.values())))
    smallest_batch, *_, largest_batch = BATCH_SIZES
    alone = _difference(images[smallest_batch], images[largest_batch][:smallest_batch])
    problem = None
    # Written so that NaN is a problem too.
    if not largest <= TOLERANCE:
        problem = (
            f"its images differ from the Keras model's by {largest:.3g}, more than "
            f"{TOLERANCE:g}"
        )
    elif not alone <= TOLERANCE:
        problem = (
            f"an image made alone and the same within a batch differ by {alone:.3g}, "
            f"more than {TOLERANCE:g}"
        )
    return {
        "passed": problem is None,
        "largest_difference": _finite(largest),
        "differences": {size: _finite(value) for size, value in differences.items()},
        "alone_difference": _finite(alone),
        "problem": problem,
    }


def _difference(images, expected):
    if images.shape != expected.shape or images.dtype != expected.dtype:
        return float("nan")
    return float(np.max(np.abs(images - expected)))


def _finite(value):
    # JSON has no NaN.
    return value if np.isfinite(value) else None
