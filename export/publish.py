"""How an export is written, verified and then put in its place."""

import contextlib
import dataclasses
import errno
import functools
import importlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from export import cards, deployment, digests, reproducible
from export.exportable import Exportable, ModelOrRun, describe
from export.files import (
    exchange,
    refuse_unwritable,
    staging_path,
    write_errors_named,
)
from export.formats import (
    DEFAULT_FORMATS,
    DEFAULT_OPTIONS,
    FORMATS,
    ExportOptions,
)
from export.report import (
    ExportResult,
    VerificationError,
    locked_report,
    read_report,
    recorded,
    write_report,
)
from export.verify import not_verified, verified
from keras_gan.errors import InputError, did_you_mean

# What is a name for TensorFlow Serving, Triton, YAML and file systems alike.
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"


def export_all(
    model_or_run: ModelOrRun,
    out: str | os.PathLike,
    name: str | None = None,
    formats: Sequence[str] = DEFAULT_FORMATS,
    version: int | None = None,
    overwrite: bool = False,
    options: ExportOptions = DEFAULT_OPTIONS,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> list[ExportResult]:
    """Writes verified exports `out/name/<version>`, `out/name.onnx`, `out/report.json`.

    Of a model with several main functions a SavedModel holds all, and formats with one
    function in a file give `out/name.FUNCTION.onnx` for each but the default. Beside a
    SavedModel go the files of `export.deployment`, for TensorFlow Serving. Several
    processes may export into one folder at once.

    Args:
        model_or_run: a model of `keras_gan`, or the path of a run's folder.
        out: folder of the exports.
        name: name of the model: letters, digits, ".", "_" and "-", of which the first
            is a letter or a digit. None takes that of the run's folder or file, with
            "-" for anything else in it, and "model" for a model.
        formats: which exports, of `export.formats.FORMATS`.
        version: number of the export in the formats with versions; None takes the one
            after the highest that is there. A version is never replaced.
        overwrite: replace what is there in formats without versions, in one step and
            once the new one is verified.
        options: of the exports whose format leaves a choice.
        progress: takes the formats and yields each when its export begins, such as
            `tqdm.tqdm`.

    Returns:
        The result of each export.

    Raises:
        InputError: nothing is written:
            - for an unknown format or another name,
            - for an option that no format or no image of the model has,
            - for a model or an option that a format cannot hold,
            - for an export that exists or a folder that cannot be written,
            - for a `report.json` of something else,
            - for no model, or weights that are not finite.
        VerificationError: if an export differs from the model. That one is not
            published, the others are, and the report tells of both.
    """
    for format in formats:
        if format not in FORMATS:
            raise InputError(
                f"format is {format!r}. Expected one of: {', '.join(FORMATS)}."
                f"{did_you_mean(format, FORMATS)}"
            )
    if name is None:
        name = _name_of(model_or_run)
    if not re.fullmatch(_NAME, name):
        raise InputError(
            f"name is {name!r}. Give a name of letters, digits, '.', '_' and '-' that "
            "begins with a letter or a digit."
        )
    report = Path(out, "report.json")
    read_report(report)
    digests.check(Path(out))
    if version is not None and not any(FORMATS[n].versions for n in formats):
        able = [name for name, format in FORMATS.items() if format.versions]
        raise InputError(
            f"version is {version}, and there are no versions of "
            f"{' and '.join(formats)} exports. Leave the version out, or choose a "
            f"format that has them: {' and '.join(able)}."
        )
    base = Path(out, name)
    # Before the model is read, which may take long.
    for format in formats:
        _refuse_taken(format, FORMATS[format].target(base, version), overwrite)
    refuse_unwritable(report)
    if "saved-model" in formats:
        deployment.check(Path(out))
    chosen = {format: FORMATS[format].options(options) for format in formats}
    if options != DEFAULT_OPTIONS and set(chosen.values()) == {DEFAULT_OPTIONS}:
        default = vars(DEFAULT_OPTIONS)
        asked = [n for n, v in vars(options).items() if v != default[n]]
        able = [n for n, f in FORMATS.items() if set(asked) <= set(f.choices)]
        raise InputError(
            f"{' and '.join(f'{n} is {getattr(options, n)}' for n in asked)}, and "
            f"{' and '.join(formats)} cannot have that. Leave it out, or choose a "
            f"format that can: {', '.join(able) or 'no single one has all of it'}."
        )
    exportable = describe(model_or_run, name)
    parts: dict[str, list] = {format: [] for format in formats}
    for format, exports in parts.items():
        module = _module(format)
        for part in FORMATS[format].parts(exportable):
            part = part.with_options(chosen[format])
            target = functools.partial(
                FORMATS[format].target, Path(out, part.name), version
            )
            _refuse_taken(format, target(), overwrite)
            module.check(part)
            if hasattr(module, "check_target"):
                module.check_target(part, target())
            exports.append((part, target))
    rows, failures = [], []
    for format in progress(parts):
        for part, target in parts[format]:
            try:
                rows.append(
                    publish(*(format, part, target), overwrite=overwrite, report=report)
                )
            except VerificationError as error:
                write_report(error.rows, report)
                rows.extend(error.rows)
                failures.append(str(error))
            else:
                module = _module(format)
                if hasattr(module, "write_beside"):
                    with locked_report(report):
                        module.write_beside(Path(out), name)
    if any(row.passed for row in rows):
        cards.write(Path(out), exportable)
    if failures:
        raise VerificationError(" ".join(failures), rows)
    return rows


def refuse_existing(format: str, target: Path, overwrite: bool = False) -> None:
    """Raises InputError if there is something that the export may not replace.

    Args:
        format: name of the format.
        target: file or folder of the export.
        overwrite: accept a file, or a folder that is an export in this format.
    """
    versions = FORMATS[format].versions
    replaceable = target.is_file() or FORMATS[format].matches(target)
    if not target.exists() or (overwrite and replaceable and not versions):
        return
    if versions:
        remedy = "A version is never replaced. Choose another one, or none for the next"
    elif replaceable:
        remedy = "Replace it with --overwrite (overwrite=True), or choose another name"
    else:
        remedy = f"It is not an export of the format {format}. Choose another name"
    raise InputError(f"{target} exists already. {remedy}.")


def _refuse_taken(format, target, overwrite):
    """Raises InputError if an export cannot be put there."""
    refuse_unwritable(target)
    refuse_existing(format, target, overwrite)


def _name_of(model_or_run):
    if not isinstance(model_or_run, str | os.PathLike):
        return "model"
    path = Path(model_or_run).resolve()
    name = path.stem if path.is_file() else path.name
    return re.sub("[^A-Za-z0-9._-]+", "-", name).strip("._-") or "model"


def publish(
    format: str,
    exportable: Exportable,
    target: Callable[[], Path],
    verify: bool = True,
    overwrite: bool = False,
    report: Path | None = None,
) -> ExportResult:
    """Writes one export outside of what servers watch, verifies it and moves it.

    Args:
        format: name of the format.
        exportable: what to export; the format's `check` accepts it.
        target: gives the file or folder of the export. It is asked again at the end,
            as another process may have taken the next free version.
        verify: run the export in a second process first.
        overwrite: replace what is there, if the format has no versions.
        report: file in which the row of the export is to be.

    Raises:
        InputError: for a target that exists or cannot be written.
        VerificationError: if the export differs from the model.
    """
    planned = target()
    with staging_path(planned) as temporary:
        with write_errors_named(planned):
            reproducible.write(format, exportable, temporary)
        look = verified if verify else not_verified
        row = dataclasses.replace(look(exportable, format, temporary), path=planned)
        if row.problem is not None:
            raise VerificationError(
                f"the {format} export {planned} was not published: {row.problem}.",
                [row],
            )
        with _rows_of(report) as rows:
            while True:
                row = dataclasses.replace(row, path=target())
                refuse_existing(format, row.path, overwrite)
                try:
                    _place(format, temporary, row, rows, report)
                    return row
                except OSError as error:
                    # `to_saved_model` in another process may have taken the version.
                    if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                        with write_errors_named(row.path):
                            raise


def _rows_of(report):
    return contextlib.nullcontext() if report is None else locked_report(report)


def _place(format, temporary, row, rows, report):
    """Moves an export to the path in its row, and has the row in the report."""
    replaces = row.path.is_dir() and not FORMATS[format].versions
    module = _module(format)
    move = getattr(module, "place", exchange if replaces else os.replace)
    record = contextlib.nullcontext()
    if report is not None:
        record = recorded(row, rows, report)
    with record:
        move(temporary, row.path)


def _module(format):
    return importlib.import_module(FORMATS[format].module)
