"""Proof that an export computes what the trained model does."""

import dataclasses
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from export.exportable import Exportable
from export.formats import FORMATS
from export.precision import PRECISIONS
from export.report import ExportResult
from keras_gan.files import without_pattern
from keras_gan.serving import DEFAULT, Spec

BATCH_SIZES = (1, 3, 64)  # the last is less for large images

_WORKER = Path(__file__).with_name("_worker")


def not_verified(exportable: Exportable, format: str, path: Path) -> ExportResult:
    """Returns the result of an export that nobody ran."""
    files = [file for file in [path, *path.rglob("*")] if file.is_file()]
    return ExportResult(
        format=format,
        path=path,
        bytes=sum(file.stat().st_size for file in files),
        parameters=exportable.parameters,
    )


def verified(exportable: Exportable, format: str, path: Path) -> ExportResult:
    """Returns the result of an export after running it.

    A fresh process that can import neither keras_gan nor Keras loads it and calls each
    signature with 1, 3 and 64 rows, or 8 of large images, and if images may have any
    size with some of another; the outputs are compared with those of the Keras model.

    Args:
        exportable: what was exported.
        format: name of the format.
        path: the export.
    """
    row = not_verified(exportable, format, path)

    def failed(problem):
        return dataclasses.replace(row, passed=False, problem=problem)

    signatures = exportable.signatures
    most = min(signature.most_rows for signature in signatures.values())
    sizes = [min(size, most) for size in BATCH_SIZES]
    cases = {name: each.cases(sizes[-1]) for name, each in signatures.items()}
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        named: dict[str, Any] = {
            f"{s}/{number}/{name}": x
            for s, each in cases.items()
            for number, rows in enumerate(each)
            for name, x in rows.items()
        }
        np.savez(arrays[0], **named)
        process = _run_worker(format, path, *arrays, sizes)
        if process.returncode != 0:
            lines = process.stderr.strip().splitlines() or ["no message"]
            return failed(f"it does not run: {lines[-1]}")
        outcome = json.loads(process.stdout.splitlines()[-1])
        with np.load(arrays[1]) as file:
            outputs = dict(file)
    imported = outcome.pop("imported")
    if imported:
        return failed(f"it needs {', '.join(imported)} to run")
    stored_values = outcome.pop("stored_values", 0)
    if stored_values > row.parameters:
        return failed(
            f"it stores {stored_values} values of weights where the model has "
            f"{row.parameters}"
        )
    precision = exportable.options.precision
    compared = _compared(signatures, precision, cases, outputs, sizes)
    return dataclasses.replace(row, **compared, **outcome)


def tolerance(spec: Spec, precision: str, expected: np.ndarray) -> float:
    """Returns the largest difference from the model that an output may have.

    It is in the output's own unit, or in parts of half its range, or of the largest
    value if it has none; for uint8 it is in grey levels.

    Args:
        spec: of the output.
        precision: of the export's weights.
        expected: what the model gives.
    """
    accepted = max(PRECISIONS[precision].tolerance, spec.rounding)
    if expected.dtype == "uint8":
        # A value halfway between two levels may be rounded either way.
        return max(1.0, np.ceil(accepted * 255 / 2))
    if spec.unit is not None:
        return accepted * spec.unit
    if spec.pixels is None:
        return accepted * float(np.abs(expected).max())
    return accepted * (spec.pixels.high - spec.pixels.low) / 2


def _run_worker(format, path, inputs, outputs, sizes=BATCH_SIZES):
    sizes = ",".join(map(str, sizes))
    loader = FORMATS[format].loader or format
    with without_pattern(path) as readable:
        return subprocess.run(
            [sys.executable, _WORKER, loader, readable, inputs, outputs, sizes],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": _search_path(),
                # The reference runs on the CPU; a GPU rounds otherwise.
                "CUDA_VISIBLE_DEVICES": "-1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
        )


def _search_path():
    """Returns where this process imports from, but not the project or what is here."""
    hidden = {Path.cwd(), Path(__file__).resolve().parents[1]}
    # `pip install --target` puts this project beside the runtimes.
    hidden.discard(Path(tf.__file__).resolve().parents[1])
    return os.pathsep.join(p for p in sys.path if Path(p).resolve() not in hidden)


def _compared(signatures, precision, cases, outputs, sizes):
    """Returns what a result says about the outputs, named as the worker's are."""
    problems, largest = [], {}
    shown = f"{DEFAULT}/{next(iter(signatures[DEFAULT].outputs))}"
    for signature, number, name, expected in _expected(signatures, cases, sizes):
        key, output = f"{signature}/{number}/{name}", f"{signature}/{name}"
        found = [_decoded(outputs.get(f"{key}/{size}")) for size in sizes]
        differences = list(map(_difference, found, expected))
        alone = _difference(found[0], found[-1][:1])
        spec = signatures[signature].outputs[name]
        accepted = tolerance(spec, precision, expected[-1])
        if output == shown and number == 0:
            of_shown, shown_alone, shown_accepted = differences, alone, accepted
        worst = float(np.max(differences))
        largest[output] = float(np.max([worst, largest.get(output, 0.0)]))
        which = f"its {output}"
        if number > 0:
            which += f", of images of shape {expected[-1].shape[1:]},"
        # Written so that NaN is a problem too.
        if not worst <= accepted:
            problems.append(
                f"{which} differs from the Keras model's by {worst:.3g}, more than "
                f"{accepted:g}"
            )
        elif not alone <= accepted:
            problems.append(
                f"a row of {which} made alone and the same within a batch differ by "
                f"{alone:.3g}, more than {accepted:g}"
            )
    return {
        "passed": not problems,
        "tolerance": _finite(shown_accepted),
        "largest_difference": _finite(largest[shown]),
        "differences": {
            str(size): _finite(value)
            for size, value in zip(sizes, of_shown, strict=True)
        },
        "alone_difference": _finite(shown_alone),
        "outputs": {name: _finite(value) for name, value in largest.items()},
        "problem": problems[0] if problems else None,
    }


def _expected(signatures, cases, sizes):
    """Yields signature, number of the case, output and the model's, by batch size."""
    for name, signature in signatures.items():
        for number, rows in enumerate(cases[name]):
            made = []
            for size in sizes:
                batch = [tf.constant(rows[key][:size]) for key in signature.inputs]
                with tf.device("/CPU:0"):
                    made.append(signature.function(*batch))
            for output in made[0]:
                yield (
                    *(name, number, output),
                    [_decoded(values[output].numpy()) for values in made],
                )


def _decoded(values):
    """Returns encoded pictures as uint8, other arrays as they are."""
    if values is None or values.dtype.kind not in "OS":
        return values
    return np.stack([np.asarray(Image.open(io.BytesIO(png))) for png in values])


def _difference(values, expected):
    if values is None or (values.shape, values.dtype) != (
        expected.shape,
        expected.dtype,
    ):
        return float("nan")
    # Grey levels are unsigned, and their difference is not.
    return float(np.max(np.abs(values.astype("float64") - expected)))


def _finite(value):
    # JSON has no NaN.
    return value if np.isfinite(value) else None
