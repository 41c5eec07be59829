"""How an export is written, verified and then put in its place."""

import dataclasses
import importlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from google.protobuf.message import DecodeError

from export import cards, deployment
from export.exportable import Exportable, ModelOrRun, describe
from export.files import refuse_unwritable, staging_path, write_errors_named
from export.formats import (
    DEFAULT_FORMATS,
    DEFAULT_OPTIONS,
    FORMATS,
    OPTION_CHOICES,
    ExportOptions,
)
from export.report import (
    ExportResult,
    VerificationError,
    read_report,
    write_report,
)
from export.verify import not_verified, verified
from keras_gan.errors import InputError, did_you_mean
from keras_gan.serving import DEFAULT

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
    SavedModel go the files of `export.deployment`, for TensorFlow Serving.

    Args:
        model_or_run: a model of `keras_gan`, or the path of a run's folder.
        out: folder of the exports.
        name: name of the model: letters, digits, ".", "_" and "-", of which the first
            is a letter or a digit. None takes that of the run's folder or file, with
            "-" for anything else in it, and "model" for a model.
        formats: which exports, of `export.formats.FORMATS`.
        version: number of the SavedModel; None takes the next that is free.
        overwrite: replace a file that is there, once the new one is verified.
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
    base = Path(out, name)
    # Before the model is read, which may take long.
    for format in formats:
        _refuse_taken(FORMATS[format].target(base, version), overwrite)
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
    parts: dict[str, dict[Path, Exportable]] = {format: {} for format in formats}
    for format, targets in parts.items():
        for part in FORMATS[format].parts(exportable):
            target = FORMATS[format].target(Path(out, part.name), version)
            _refuse_taken(target, overwrite)
            targets[target] = part.with_options(chosen[format])
            _module(format).check(targets[target])
    rows, failures = [], []
    try:
        for format in progress(parts):
            for target, part in parts[format].items():
                try:
                    rows.append(publish(format, part, target, overwrite=overwrite))
                except VerificationError as error:
                    rows.extend(error.rows)
                    failures.append(str(error))
                else:
                    if format == "saved-model":
                        deployment.write(Path(out), name)
    finally:
        # What was published before a disk was full is in its place.
        if rows:
            write_report(rows, report)
        if any(row.passed for row in rows):
            cards.write(Path(out), exportable)
    if failures:
        raise VerificationError(" ".join(failures), rows)
    return rows


def refuse_existing(target: Path, overwrite: bool = False) -> None:
    """Raises InputError where there is an export already.

    Args:
        target: file or folder of the export.
        overwrite: accept that it will be replaced.
    """
    if target.exists() and not overwrite:
        raise InputError(
            f"{target} exists already. Remove it, or choose another name or version."
        )


def _refuse_taken(target, overwrite):
    """Raises InputError if an export cannot be put there; only files are replaced."""
    refuse_unwritable(target)
    refuse_existing(target, overwrite and target.is_file())


def _name_of(model_or_run):
    if not isinstance(model_or_run, str | os.PathLike):
        return "model"
    path = Path(model_or_run).resolve()
    name = path.stem if path.is_file() else path.name
    return re.sub("[^A-Za-z0-9._-]+", "-", name).strip("._-") or "model"


def publish(
    format: str,
    exportable: Exportable,
    target: Path,
    verify: bool = True,
    overwrite: bool = False,
) -> ExportResult:
    """Writes one export beside its place, verifies it there and moves it.

    Args:
        format: name of the format.
        exportable: what to export; the format's `check` accepts it.
        target: file or folder of the export.
        verify: run the export in a second process first.
        overwrite: replace a file that is there.

    Raises:
        InputError: for a target that exists or cannot be written.
        VerificationError: where the export differs from the model.
    """
    with staging_path(target) as temporary:
        with write_errors_named(target):
            _module(format).write(exportable, temporary)
        look = verified if verify else not_verified
        row = dataclasses.replace(look(exportable, format, temporary), path=target)
        if row.problem is not None:
            raise VerificationError(
                f"the {format} export {target} was not published: {row.problem}.", [row]
            )
        # Another process may have published while this one was verifying.
        refuse_existing(target, overwrite)
        with write_errors_named(target):
            os.replace(temporary, target)
    return row


def verify_again(path: str | os.PathLike, model_or_run: ModelOrRun) -> ExportResult:
    """Compares an export that was written some time ago with a model.

    Args:
        path: the export: folder of a SavedModel's version, ONNX file, ...
        model_or_run: as in `export_all`.

    Returns:
        Its result, with `problem` if it differs.

    Raises:
        InputError: for no export of this project, or one of two formats; for no model,
            or one without the export's function; without what runs the export.
    """
    path = Path(path)
    found = [name for name, format in FORMATS.items() if format.matches(path)]
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
    (name,) = found
    try:
        metadata = _module(name).metadata(path)
        options = ExportOptions(**{name: metadata[name] for name in OPTION_CHOICES})
        model, function = metadata["name"], metadata.get("function", DEFAULT)
    except (OSError, ValueError, KeyError, TypeError, DecodeError) as error:
        raise InputError(
            f"{path} has no description that this project wrote ({error!r}). Export "
            "the run again with python -m export."
        ) from error
    exportable = FORMATS[name].part(describe(model_or_run, model), function)
    exportable = exportable.with_options(options)
    _module(name).check(exportable)
    return verified(exportable, name, path)


def _module(format):
    return importlib.import_module(FORMATS[format].module)
