"""What was exported and how far it is from the trained model, as numbers."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from export.digests import sha256, write_sums
from export.files import locked, write_errors_named, write_whole
from keras_gan.errors import InputError
from keras_gan.files import json_text


@dataclasses.dataclass(frozen=True)
class ExportResult:
    """One export and the outcome of its verification.

    Args:
        format: name of the format, such as "onnx".
        path: the file or folder.
        bytes: its size.
        parameters: values in the weights of the networks that it holds.
        tolerance: largest difference that is accepted of what `largest_difference` is
            of; None if the export was not run.
        passed: whether verification passed; None where it was not asked for.
        largest_difference: of the first output of `serving_default` from the Keras
            model, absolute, over all batches and classes; None if the export did not
            run or gave values that are not finite.
        differences: the same for each batch size.
        outputs: the same for each output of each signature, such as "sample/image";
            in grey levels for pictures.
        alone_difference: between the first row made alone and within the largest
            batch.
        runtime: library that ran the export.
        runtime_version: its version.
        milliseconds: of one call for each batch size, for orientation.
        warmup_requests: of a SavedModel, for TensorFlow Serving; all were answered.
            None where they were not tried, without tensorflow-serving-api.
        problem: why verification failed, or None.
        sha256: SHA-256 of each file, by its path in the export.
        trained_difference: as `largest_difference`, but from a model that computes in
            half precision as it was trained, in the largest batch. An export holds its
            copy in float32, which `largest_difference` is from. None for other models.
        identical: whether all files have the bytes of a new export of the model; None
            if they were not compared with one.

    Example:

    ```python
    from export import to_onnx

    result = to_onnx("runs/digits", "digits.onnx")
    assert result.passed, result.problem
    print(result.largest_difference, result.milliseconds)
    ```
    """

    format: str
    path: Path
    bytes: int
    parameters: int
    tolerance: float | None = None
    passed: bool | None = None
    largest_difference: float | None = None
    differences: dict[str, float | None] = dataclasses.field(default_factory=dict)
    outputs: dict[str, float | None] = dataclasses.field(default_factory=dict)
    alone_difference: float | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    milliseconds: dict[str, float] = dataclasses.field(default_factory=dict)
    warmup_requests: int | None = None
    problem: str | None = None
    sha256: dict[str, str] = dataclasses.field(default_factory=dict)
    trained_difference: float | None = None
    identical: bool | None = None


class VerificationError(Exception):
    """An export does not compute what the trained model does; it was not published.

    Args:
        message: one sentence with the figure.
        rows: the rows of all exports that were tried, passed ones too.
    """

    def __init__(self, message: str, rows: Sequence[ExportResult]):
        super().__init__(message)
        self.rows = list(rows)


def write_report(rows: Sequence[ExportResult], path: str | os.PathLike) -> None:
    """Writes rows into a JSON list, with paths relative to it.

    Rows about other exports stay as long as these exist. A failed row does not replace
    a passed one, as the export that passed is still in its place.

    Args:
        rows: what `to_saved_model`, `to_onnx` or a `VerificationError` gave.
        path: the file, such as "serving/report.json".

    Raises:
        InputError: if the file is there and holds something else, or cannot be written.
    """
    path = Path(path)
    with locked_report(path) as kept:
        for row in rows:
            kept = _with(kept, _entry(row, path))
        _write(kept, path)


@contextlib.contextmanager
def locked_report(path: Path) -> Iterator[list[dict]]:
    """Gives the rows of a report, which no other process changes during the block.

    They are right even if a process was killed while it published: a row is left out
    if its export does not exist, and so is one of two rows of the same export if it is
    not about the files that are there.

    Raises:
        InputError: as `write_report`.
    """
    with contextlib.ExitStack() as stack:
        with write_errors_named(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_name(f".{path.name}.lock")
            stack.enter_context(locked(lock))
        yield _true(read_report(path), path.parent)


@contextlib.contextmanager
def recorded(row: ExportResult, rows: list[dict], path: Path) -> Iterator[None]:
    """Has the row of an export in the report before the block publishes the export.

    So a process that is killed at any moment leaves no export without a row.

    Args:
        row: about the export, with the path that it will have.
        rows: what `locked_report` gave, whose block this is in.
        path: the report.
    """
    entry = _entry(row, path)
    _write([*rows, entry], path)
    try:
        yield
    finally:
        # A signal may have come just after the export was moved.
        is_there = row.path.exists() and sha256(row.path) == row.sha256
        _write(_with(rows, entry) if is_there else rows, path)


def prune_report(path: Path) -> None:
    """Removes the rows of exports that do not exist.

    Raises:
        InputError: as `write_report`.
    """
    with locked_report(path) as rows:
        if rows != read_report(path):
            _write(rows, path)


def read_report(path: Path) -> list[dict]:
    """Returns the rows of a report, none where there is no file.

    Raises:
        InputError: where the file holds something else.
    """
    try:
        rows = json.loads(path.read_bytes())
        if all({"path", "passed"} <= row.keys() for row in rows):
            return rows
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, TypeError, AttributeError):
        pass
    raise InputError(
        f"{path} is not a report of exports. Remove it, or name another folder."
    )


def _entry(row, report):
    """Returns a row as it stands in the file."""
    relative = Path(os.path.relpath(row.path, report.parent)).as_posix()
    return {**dataclasses.asdict(row), "path": relative}


def _with(rows, new):
    """Returns the rows and a new one, without those that it replaces."""
    kept = [
        row
        for row in rows
        if row["path"] != new["path"]
        or (row["passed"] is not False and new["passed"] is False)
    ]
    return [*kept, new]


def _true(rows, folder):
    """Returns the rows that are about exports that exist, or that failed."""
    published: dict[str, list[dict]] = {}
    for row in rows:
        if row["passed"] is not False:
            published.setdefault(row["path"], []).append(row)
    wrong = []
    for path, same in published.items():
        if not (folder / path).exists():
            wrong += same
        elif len(same) > 1:
            # A process was killed while it replaced one file by another.
            there = sha256(folder / path)
            about = [row for row in same if row.get("sha256") == there] or same
            wrong += [row for row in same if row is not about[-1]]
    return [row for row in rows if not any(row is other for other in wrong)]


def _write(rows, path):
    write_whole(path, json_text(rows))
    write_sums(rows, path.parent)
