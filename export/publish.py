"""How an export is written, verified and then put in its place."""

import dataclasses
import importlib
import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError

from export import deployment
from export.files import staged
from export.formats import DEFAULT_FORM, DEFAULT_FORMATS, FORM_CHOICES, FORMATS, Form
from export.generator import Generator, describe
from export.report import Row, VerificationError, read_report, write_report
from export.verify import unverified, verified
from keras_gan.errors import InputError


def export_all(
    model_or_run,
    out: str | os.PathLike,
    name: str,
    formats: Sequence[str] = DEFAULT_FORMATS,
    version: int | None = None,
    overwrite: bool = False,
    form: Form = DEFAULT_FORM,
) -> list[Row]:
    """Writes verified exports `out/name/<version>`, `out/name.onnx`, `out/report.json`.

    Beside a SavedModel go the files of `export.deployment`, for TensorFlow Serving.

    Args:
        model_or_run: a `keras_gan.GAN`, or the path of a run's folder.
        out: folder of the exports.
        name: name of the model.
        formats: which exports, of `export.formats.FORMATS`.
        version: number of the SavedModel; None takes the next that is free.
        overwrite: replace a file that is there, once the new one is verified.
        form: of the exports whose format leaves a choice.

    Returns:
        A row for each format.

    Raises:
        InputError: for an unknown format, a form that none of them or of this model's
            images has, an export that exists, a report that is none, no GAN, or weights
            that are not finite; nothing is written.
        VerificationError: where an export differs from the model. That one is not
            published, the others are, and the report tells of both.
    """
    for format in formats:
        if format not in FORMATS:
            raise InputError(
                f"format is {format!r}; accepted are {', '.join(FORMATS)}."
            )
    if not name or Path(name).name != name:
        raise InputError(f"name is {name!r}; it must be a plain file name.")
    report = Path(out, "report.json")
    read_report(report)
    base = Path(out, name)
    targets = {format: FORMATS[format].target(base, version) for format in formats}
    for target in targets.values():
        refuse_existing(target, overwrite and target.is_file())
    forms = {format: FORMATS[format].form(form) for format in formats}
    if form != DEFAULT_FORM and set(forms.values()) == {DEFAULT_FORM}:
        raise InputError(
            f"{form} was asked for, and {', '.join(formats)} leaves no such choice."
        )
    generator = describe(model_or_run, name)
    generators = {format: generator.formed(forms[format]) for format in formats}
    rows, failures = [], []
    try:
        for format, target in targets.items():
            try:
                generator = generators[format]
                rows.append(publish(format, generator, target, overwrite=overwrite))
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
            f"{target} exists already; remove it or choose another name or version."
        )


def publish(
    format: str,
    generator: Generator,
    target: Path,
    verify: bool = True,
    overwrite: bool = False,
) -> Row:
    """Writes one export beside its place, verifies it there and moves it.

    Args:
        format: name of the format.
        generator: what to export.
        target: file or folder of the export.
        verify: run the export in a second process first.
        overwrite: replace a file that is there.

    Raises:
        InputError: for a target that exists or cannot be written.
        VerificationError: where the export differs from the model.
    """
    with staged(target) as temporary:
        write = importlib.import_module(FORMATS[format].module).write
        try:
            write(generator, temporary)
        except (OSError, tf.errors.OpError) as error:
            raise InputError(
                f"{target} cannot be written: {_reason(error)}."
            ) from error
        look = verified if verify else unverified
        row = dataclasses.replace(look(generator, format, temporary), path=target)
        if row.problem is not None:
            raise VerificationError(
                f"the {format} export {target} was not published: {row.problem}.", [row]
            )
        # Another process may have published while this one was verifying.
        refuse_existing(target, overwrite)
        os.replace(temporary, target)
    return row


def _reason(error):
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # TensorFlow names its temporary files before the reason, and an operation after it.
    return error.message.rpartition("; ")[2].partition(" [Op:")[0]


def verify_again(path: str | os.PathLike, model_or_run) -> Row:
    """Compares an export that was written some time ago with a model.

    Args:
        path: the export: folder of a SavedModel's version, ONNX file, ...
        model_or_run: as in `export_all`.

    Returns:
        Its row, with `problem` where it differs.

    Raises:
        InputError: where there is no export of this project, or no GAN.
    """
    path = Path(path)
    found = [name for name, format in FORMATS.items() if format.recognizes(path)]
    if not found:
        marks = ", ".join(f"{format.mark} ({name})" for name, format in FORMATS.items())
        raise InputError(f"{path} is no export; accepted are such with {marks}.")
    (name,) = found
    try:
        metadata = importlib.import_module(FORMATS[name].module).metadata(path)
        form = Form(**{choice: metadata[choice] for choice in FORM_CHOICES})
        model = metadata["name"]
    except (OSError, ValueError, KeyError, DecodeError) as error:
        raise InputError(
            f"{path} has no description that this project wrote ({error!r}); an export "
            "of this version is accepted."
        ) from error
    return verified(describe(model_or_run, model).formed(form), name, path)
