"""Removing versions that have served their time."""

import importlib
import os
from pathlib import Path

from export.files import staging_path, write_errors_named
from export.formats import FORMATS
from export.report import locked_report, prune_report
from keras_gan.errors import InputError


def prune(out: str | os.PathLike, keep: int) -> list[Path]:
    """Removes the oldest versions of each model in a folder of exports.

    A version disappears from the folder in one step. Those that `models.config` or
    `config.pbtxt` names stay.

    Args:
        out: folder of the exports.
        keep: how many of the highest numbers stay, at least 1.

    Returns:
        The folders that were removed.

    Raises:
        InputError: for another number, for a folder that has no versions, or if one
            cannot be removed.
    """
    out = Path(out)
    if keep < 1:
        raise InputError(f"keep is {keep}. Give a whole number from 1.")
    report = out / "report.json"
    versions = _versions(out)
    if not any(versions.values()):
        raise InputError(
            f"{out} holds no versions of a model. Name the folder that was given to "
            "the export as --out."
        )
    with locked_report(report):
        # Before any is removed, as a configuration may be unreadable.
        removed = [
            folder
            for (format, model), folders in _versions(out).items()
            for folder in _without_pinned(format, model, folders[:-keep])
        ]
        for folder in removed:
            with staging_path(folder) as hidden, write_errors_named(folder):
                os.rename(folder, hidden)
    prune_report(report)
    return removed


def _without_pinned(format, model, folders):
    module = importlib.import_module(FORMATS[format].module)
    pinned = module.pinned_versions(model)
    return [folder for folder in folders if int(folder.name) not in pinned]


def _versions(out):
    """Returns the folders of versions by format and model, in their order."""
    found = {}
    for name, format in FORMATS.items():
        if format.versions:
            for model in sorted(out.glob(str(format.target(Path("*"), 1).parent))):
                numbered = [each for each in model.glob("*") if each.name.isdecimal()]
                folders = [each for each in numbered if format.matches(each)]
                found[name, model] = sorted(folders, key=lambda each: int(each.name))
    return found
