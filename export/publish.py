"""How an export is written, verified and then put in its place."""

import dataclasses
import importlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from google.protobuf.message import DecodeError

from export import deployment
from export.files import refuse_unwritable, staged, writing
from export.formats import DEFAULT_FORM, DEFAULT_FORMATS, FORM_CHOICES, FORMATS, Form
from export.generator import Generator, describe
from export.report import Row, VerificationError, read_report, write_report
from export.verify import unverified, verified
from keras_gan.errors import InputError, did_you_mean

# What is a name for TensorFlow Serving, Triton, YAML and file systems alike.
_NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"


def export_all(
    model_or_run,
    out: str | os.PathLike,
    name: str | None = None,
    formats: Sequence[str] = DEFAULT_FORMATS,
    version: int | None = None,
    overwrite: bool = False,
    form: Form = DEFAULT_FORM,
    progress: Callable[[Iterable[str]], Iterable[str]] = iter,
) -> list[Row]:
    """Writes verified exports `out/name/<version>`, `out/name.onnx`, `out/report.json`.

    Beside a SavedModel go the files of `export.deployment`, for TensorFlow Serving.

    Args:
        model_or_run: a `keras_gan.GAN`, or the path of a run's folder.
        out: folder of the exports.
        name: name of the model: letters, digits, ".", "_" and "-", of which the first
            is a letter or a digit. None takes that of the run's folder or file, with
            "-" for anything else in it, and "model" for a GAN.
        formats: which exports, of `export.formats.FORMATS`.
        version: number of the SavedModel; None takes the next that is free.
        overwrite: replace a file that is there, once the new one is verified.
        form: of the exports whose format leaves a choice.
        progress: takes the formats and yields each when its export begins, such as
            `tqdm.tqdm`.

    Returns:
        A row for each format.

    Raises:
        InputError: for an unknown format, another name, a form that none of them or of
            this model's images has, a generator or form that a format cannot hold, an
            export that exists, a folder that cannot be written, a report that is none,
            no GAN, or weights that are not finite; nothing is written.
        VerificationError: where an export differs from the model. That one is not
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
    targets = {format: FORMATS[format].target(base, version) for format in formats}
    for target in [*targets.values(), report]:
        refuse_unwritable(target)
    for target in targets.values():
        refuse_existing(target, overwrite and target.is_file())
    if "saved-model" in targets:
        deployment.check(Path(out))
    forms = {format: FORMATS[format].form(form) for format in formats}
    if form != DEFAULT_FORM and set(forms.values()) == {DEFAULT_FORM}:
        asked = [n for n, v in vars(form).items() if v != getattr(DEFAULT_FORM, n)]
        able = [n for n, f in FORMATS.items() if set(asked) <= set(f.choices)]
        raise InputError(
            f"{' and '.join(f'{n} is {getattr(form, n)}' for n in asked)}, and "
            f"{' and '.join(formats)} cannot have that. Leave it out, or choose a "
            f"format that can: {', '.join(able) or 'no single one has all of it'}."
        )
    generator = describe(model_or_run, name)
    generators = {format: generator.formed(forms[format]) for format in formats}
    for format, formed in generators.items():
        _module(format).check(formed)
    rows, failures = [], []
    try:
        for format in progress(targets):
            target = targets[format]
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
            f"{target} exists already. Remove it, or choose another name or version."
        )


def _name_of(model_or_run):
    if not isinstance(model_or_run, str | os.PathLike):
        return "model"
    path = Path(model_or_run).resolve()
    name = path.stem if path.is_file() else path.name
    return re.sub("[^A-Za-z0-9._-]+", "-", name).strip("._-") or "model"


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
        generator: what to export; the format's `check` accepts it.
        target: file or folder of the export.
        verify: run the export in a second process first.
        overwrite: replace a file that is there.

    Raises:
        InputError: for a target that exists or cannot be written.
        VerificationError: where the export differs from the model.
    """
    with staged(target) as temporary:
        with writing(target):
            _module(format).write(generator, temporary)
        look = verified if verify else unverified
        row = dataclasses.replace(look(generator, format, temporary), path=target)
        if row.problem is not None:
            raise VerificationError(
                f"the {format} export {target} was not published: {row.problem}.", [row]
            )
        # Another process may have published while this one was verifying.
        refuse_existing(target, overwrite)
        with writing(target):
            os.replace(temporary, target)
    return row


def verify_again(path: str | os.PathLike, model_or_run) -> Row:
    """Compares an export that was written some time ago with a model.

    Args:
        path: the export: folder of a SavedModel's version, ONNX file, ...
        model_or_run: as in `export_all`.

    Returns:
        Its row, with `problem` where it differs.

    Raises:
        InputError: where there is no export of this project, none of one format alone,
            nothing to run it with, or no GAN.
    """
    path = Path(path)
    found = [name for name, format in FORMATS.items() if format.recognizes(path)]
    if not found:
        marks = ", ".join(f"{format.mark} ({name})" for name, format in FORMATS.items())
        what = "is not an export" if path.exists() else "does not exist"
        raise InputError(
            f"{path} {what}. Name a file that ends in, or a folder that holds, one of: "
            f"{marks}."
        )
    if len(found) > 1:
        raise InputError(
            f"{path} holds the marks of several exports ({' and '.join(found)}). Name "
            "the folder or file of one of them."
        )
    (name,) = found
    try:
        metadata = _module(name).metadata(path)
        form = Form(**{choice: metadata[choice] for choice in FORM_CHOICES})
        model = metadata["name"]
    except (OSError, ValueError, KeyError, TypeError, DecodeError) as error:
        raise InputError(
            f"{path} has no description that this project wrote ({error!r}). Export "
            "the run again with python -m export."
        ) from error
    generator = describe(model_or_run, model).formed(form)
    _module(name).check(generator)
    return verified(generator, name, path)


def _module(format):
    return importlib.import_module(FORMATS[format].module)
