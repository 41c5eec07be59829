"""Proof that an export holds what the trained model gives, and computes the same."""

import dataclasses
import importlib
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
from google.protobuf.message import DecodeError
from PIL import Image

from export import compare, digests, reproducible
from export.exportable import Exportable, ModelOrRun, describe
from export.formats import DEFAULT_OPTIONS, FORMATS, OPTION_CHOICES, ExportOptions
from export.precision import PRECISIONS
from export.report import ExportResult
from keras_gan.errors import InputError
from keras_gan.files import without_pattern
from keras_gan.serving import DEFAULT, Spec

BATCH_SIZES = (1, 3, 64)  # the last is less for large images

# Inputs that a server must expect and that no example has.
_OUTSIDE = {
    "int64": (np.iinfo("int64").min, -1, 2**40, np.iinfo("int64").max),
    "float32": (np.nan, np.inf, -np.inf, -1.0),
}

# Numbers that are far too large, of which graphs keep 100 spreads, make roundings grow.
_OUTSIDE_ROUNDING = 10

# What a report says that is the same on each machine.
_FACTS = ("format", "bytes", "parameters", "tolerance")

_WORKER = Path(__file__).with_name("_worker")


def not_verified(exportable: Exportable, format: str, path: Path) -> ExportResult:
    """Returns the result of an export that nobody ran."""
    sums = digests.sha256(path)
    root = path.parent if path.is_file() else path
    return ExportResult(
        format=format,
        path=path,
        bytes=sum((root / name).stat().st_size for name in sums),
        parameters=exportable.parameters,
        sha256=sums,
    )


def verify_again(
    path: str | os.PathLike,
    model_or_run: ModelOrRun,
    runtime: str | os.PathLike | None = None,
) -> ExportResult:
    """Proves that an export that was written some time ago is one of a model.

    It is compared with the digests beside it, then with a new export of the model, file
    by file, and only then run.

    Args:
        path: the export: ONNX file, folder of a version, or folder of a model, of
            which the newest version is taken.
        model_or_run: as in `export_all`.
        runtime: folder of the npm package onnxruntime-web, which a page that holds a
            copy of it is compared with.

    Returns:
        Its result, with `problem` if it differs.

    Raises:
        InputError: for no export of this project, or one of two formats; for no model,
            or one without the export's function; without what runs the export.
    """
    path, name = _found(Path(os.path.abspath(path)))
    module = importlib.import_module(FORMATS[name].module)
    problem = digests.problem(path)
    if problem is not None:
        # Not even its description is read.
        return ExportResult(name, path, 0, 0, passed=False, problem=problem)
    try:
        metadata = module.metadata(path)
        usual = vars(DEFAULT_OPTIONS)  # of files from before there was the option
        options = ExportOptions(
            **{n: metadata.get(n, usual[n]) for n in OPTION_CHOICES}
        )
        model, function = metadata["name"], metadata.get("function", DEFAULT)
    except (
        *(OSError, ValueError, KeyError, TypeError, AttributeError),
        DecodeError,
    ) as error:
        raise InputError(
            f"{path} has no description that this project wrote ({error!r}). Export "
            "the run again with python -m export."
        ) from error
    if (path / "runtime").exists():
        options = dataclasses.replace(options, runtime=_required(path, runtime))
    exportable = FORMATS[name].part(describe(model_or_run, model), function)
    exportable = exportable.with_options(options)
    module.check(exportable)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, path.name)
        reproducible.write(name, exportable, written)
        problem = compare.difference(path, written)
        identical = compare.identical(path, written)
        versions = _other_versions(metadata, module.metadata(written))
    row = not_verified(exportable, name, path)
    problem = problem + versions if problem else _misreported(row)
    if problem is None:
        row = verified(exportable, name, path)
        problem = row.problem or _misreported(row)
    passed = problem is None
    return dataclasses.replace(row, passed=passed, problem=problem, identical=identical)


def verified(exportable: Exportable, format: str, path: Path) -> ExportResult:
    """Returns the result of an export after running it.

    A fresh process that can import neither keras_gan nor Keras loads it and calls each
    signature with 1, 3 and 64 rows, or 8 of large images, then with labels and numbers
    out of range, and if images may have any size with some of another. The outputs are
    compared with those of the Keras model.

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
    cases = {name: _cases(each, sizes[-1]) for name, each in signatures.items()}
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder, "inputs.npz"), Path(folder, "outputs.npz")
        named: dict[str, Any] = {
            f"{s}/{case}/{name}": x
            for s, each in cases.items()
            for case, rows in each.items()
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
    trained = _trained_difference(exportable, cases, outputs, sizes[-1])
    return dataclasses.replace(row, **compared, **outcome, trained_difference=trained)


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


def _found(path: Path) -> tuple[Path, str]:
    """Returns the path of an export, of several versions the newest, and its format."""
    found = formats_of(path)
    if not found and (newest := _newest_version(path)):
        path, found = newest, formats_of(newest)
    if not found:
        markers = ", ".join(f"{x.marker} ({name})" for name, x in FORMATS.items())
        what = "is not an export" if path.exists() else "does not exist"
        raise InputError(
            f"{path} {what}. Name a file that ends in, or a folder that holds, one of: "
            f"{markers}."
        )
    if len(found) > 1:
        raise InputError(
            f"{path} holds the marks of several exports ({' and '.join(found)}). Name "
            "the folder or file of one of them."
        )
    return path, found[0]


def formats_of(path: Path) -> list[str]:
    """Returns the names of the formats of which a path looks like an export."""
    return [name for name, format in FORMATS.items() if format.matches(path)]


def _newest_version(path):
    """Returns the folder of the highest number in a model's folder, or None."""
    numbered = (folder for folder in path.glob("*") if folder.name.isdecimal())
    exports = (folder for folder in numbered if formats_of(folder))
    return max(exports, key=lambda folder: int(folder.name), default=None)


def _misreported(row):
    """Returns what a report says of an export that is not so, or None.

    What is not known before the export was run is None in the row until then.
    """
    known = {name: getattr(row, name) for name in _FACTS}
    for folder in row.path.absolute().parents:
        for entry in digests.reported(row.path, folder):
            for name, value in known.items():
                if value is not None and entry.get(name, value) != value:
                    return (
                        f"{folder / 'report.json'} says that its {name} is "
                        f"{entry[name]}, and it is {value}"
                    )
    return None


def _required(path, runtime):
    if runtime is None:
        raise InputError(
            f"{path} holds a copy of onnxruntime-web, and nothing to compare it with "
            "was given. Name the npm package with --runtime."
        )
    return os.fspath(runtime)


def _other_versions(theirs, ours):
    """Returns words about the versions that wrote an export, if they are others."""
    others = [
        f"{name.removesuffix('_version')} {theirs.get(name)} (here {version})"
        for name, version in ours.items()
        if name.endswith("_version") and theirs.get(name) != version
    ]
    if not others:
        return ""
    return f"; it says that it was written by {', '.join(others)}"


def _cases(signature, count):
    """Returns what is tried by name: examples, other sizes, values out of range."""
    cases = dict(zip(("examples", "other size"), signature.cases(count), strict=False))
    rows = {name: each.copy() for name, each in cases["examples"].items()}
    tried = 0
    for name, spec in signature.inputs.items():
        values = () if spec.image else _OUTSIDE.get(spec.dtype, ())
        for value in values:
            # Of a vector one value, as of many the network may make no numbers.
            place = (tried % count, *(0 for _ in spec.shape))
            rows[name][place] = value
            tried += 1
    if tried:
        cases["outside"] = {name: each[:tried] for name, each in rows.items()}
    return cases


def _trained_difference(exportable, cases, outputs, size):
    """Returns how far images are from those of the model as it was trained."""
    if not exportable.trained:
        return None
    signature = exportable.trained[DEFAULT]
    rows = cases[DEFAULT]["examples"]
    with tf.device("/CPU:0"):
        made = signature.function(*(tf.constant(rows[key]) for key in signature.inputs))
    output = next(iter(signature.outputs))
    found = outputs.get(f"{DEFAULT}/examples/{output}/{size}")
    return _finite(_difference(found, made[output].numpy()))


def _compared(signatures, precision, cases, outputs, sizes):
    """Returns what a result says about the outputs, named as the worker's are."""
    problems, largest = [], {}
    shown = f"{DEFAULT}/{next(iter(signatures[DEFAULT].outputs))}"
    for signature, case, name, expected in _expected(signatures, cases, sizes):
        key, output = f"{signature}/{case}/{name}", f"{signature}/{name}"
        found = [_decoded(outputs.get(f"{key}/{size}")) for size in sizes]
        if case == "outside":
            found, expected = _numbers(found, expected, cases[signature][case])
        differences = list(map(_difference, found, expected))
        alone = _difference(found[0], found[-1][:1])
        spec = signatures[signature].outputs[name]
        accepted = tolerance(spec, precision, expected[-1])
        if case == "outside":
            accepted *= _OUTSIDE_ROUNDING
        if output == shown and case == "examples":
            of_shown, shown_alone, shown_accepted = differences, alone, accepted
        worst = float(np.max(differences))
        if case != "outside":
            largest[output] = float(np.max([worst, largest.get(output, 0.0)]))
        which = f"its {output}"
        if case == "other size":
            which += f", of images of shape {expected[-1].shape[1:]},"
        if case == "outside":
            which += ", of labels or numbers out of range,"
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
    """Yields signature, name of the case, output and the model's, by batch size."""
    for name, signature in signatures.items():
        for case, rows in cases[name].items():
            made = []
            for size in sizes:
                batch = [tf.constant(rows[key][:size]) for key in signature.inputs]
                with tf.device("/CPU:0"):
                    made.append(signature.function(*batch))
            for output in made[0]:
                yield (
                    *(name, case, output),
                    [_decoded(values[output].numpy()) for values in made],
                )


def _numbers(found, expected, rows):
    """Returns both with 0 where the model itself is not asked for a number.

    That is where it gives NaN or infinity, and in the grey levels of a row with one,
    as each processor makes another level of NaN.
    """
    usual = np.all(
        [np.isfinite(x).reshape(len(x), -1).all(1) for x in rows.values()], 0
    )

    def numbers(values, where):
        if values is None or values.shape != where.shape:
            return values
        return np.where(where, values, np.zeros_like(values))

    wheres = []
    for values in expected:
        where = np.isfinite(values)
        if values.dtype == "uint8" and usual.ndim:
            where[~usual[: len(values)]] = False
        wheres.append(where)
    return [list(map(numbers, each, wheres)) for each in (found, expected)]


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
