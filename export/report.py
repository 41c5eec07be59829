"""What was exported and how far it is from the trained model, as numbers."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

from export.digests import write_sums
from export.files import staging_path, write_errors_named
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
    from export import verify_again

    result = verify_again("runs/digits/export/golden.onnx", "runs/digits")
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

    Rows that are there already about other exports stay. A failed row does not
    replace a passed one, as the export that passed is still in its place.

    Args:
        rows: what `to_saved_model`, `to_onnx` or a `VerificationError` gave.
        path: the file, such as "serving/report.json".

    Raises:
        InputError: where the file is there and holds something else, or cannot be
            written.
    """
    path = Path(path)
    new = [{**dataclasses.asdict(row), "path": _relative(row, path)} for row in rows]
    passed = {row["path"]: row["passed"] is not False for row in new}
    kept = [
        row
        for row in read_report(path)
        if row["path"] not in passed or (row["passed"] and not passed[row["path"]])
    ]
    with staging_path(path) as temporary, write_errors_named(path):
        temporary.write_text(json_text(kept + new), "utf-8")
        os.replace(temporary, path)
        write_sums(kept + new, path.parent)


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


def _relative(row, report):
    return Path(os.path.relpath(row.path, report.parent)).as_posix()
