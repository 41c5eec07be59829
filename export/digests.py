"""SHA-256 of the files of an export, in `report.json` and in `SHA256SUMS`."""

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from export.files import write_whole
from keras_gan import model_card, model_files
from keras_gan.errors import InputError

SUMS = "SHA256SUMS"


def sha256(path: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file of an export, by its path in the export.

    Args:
        path: file or folder of the export. A file goes by its own name.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    root = path.parent if path.is_file() else path
    return {
        file.relative_to(root).as_posix(): model_files.sha256(file)
        for file in files
        if file.is_file() and file.name != model_card.FILE  # a user's to change
    }


def check(folder: Path) -> None:
    """Raises InputError if a folder has `SHA256SUMS` of something else than exports."""
    if (folder / SUMS).exists() and not (folder / "report.json").exists():
        raise InputError(
            f"{folder / SUMS} lists other files than exports, because there is no "
            "report.json beside it. Remove it, or name another folder with --out."
        )


def write_sums(rows: Sequence[dict], folder: Path) -> None:
    """Writes `SHA256SUMS` beside a report, for `sha256sum -c SHA256SUMS`.

    Args:
        rows: of `report.json` in the folder. Exports that failed or that are not there
            are left out.
        folder: of the exports.
    """
    lines = [
        f"{digest}  {name}\n"
        for row in rows
        if row["passed"] is not False and (folder / row["path"]).exists()
        for name, digest in _listed(row).items()
    ]
    if lines or (folder / SUMS).exists():
        write_whole(folder / SUMS, "".join(lines))


def problem(path: Path) -> str | None:
    """Returns how an export differs from the digests beside it, or None.

    `SHA256SUMS` and `report.json` are looked for in the folders above the export. Where
    neither lists it, there is nothing to compare.

    Args:
        path: file or folder of the export.
    """
    for folder in path.absolute().parents:
        relative = Path(os.path.relpath(path, folder)).as_posix()
        listed = {SUMS: _sums(folder / SUMS)}
        for row in reported(path, folder):
            listed["report.json"] = _listed(row)
        for source, digests in listed.items():
            wanted = _within(digests, relative, path)
            found = sha256(path) if wanted else {}
            for name in sorted(wanted.keys() | found.keys()):
                if name not in found:
                    return f"{name} is missing, which {folder / source} lists"
                if wanted.get(name) != found[name]:
                    return f"{name} is not the file that {folder / source} lists"
    return None


def reported(path: Path, folder: Path) -> list[dict]:
    """Returns the rows of an export in the report of a folder; failed ones left out.

    Args:
        path: file or folder of the export.
        folder: one of those above it.
    """
    relative = Path(os.path.relpath(path, folder)).as_posix()
    try:
        rows = json.loads((folder / "report.json").read_bytes())
        found = [row for row in rows if row["path"] == relative]
    except (OSError, ValueError, TypeError, KeyError):  # none, or something else
        return []
    return [row for row in found if row.get("passed") is not False]


def _listed(row):
    """Returns the digests of a row of a report by the files' paths beside it."""
    path, files = PurePosixPath(row["path"]), row.get("sha256")
    if not isinstance(files, dict):  # of an older version, or of somebody else
        return {}
    # A file goes by its own name.
    base = path.parent if list(files) == [path.name] else path
    return {str(base / name): digest for name, digest in files.items()}


def _within(digests, relative, path):
    """Returns the digests of one export's files, named as `sha256` names them."""
    base, found = PurePosixPath(relative), {}
    for name, digest in digests.items():
        if path.is_file() and PurePosixPath(name) == base:
            found[path.name] = digest
        elif base in PurePosixPath(name).parents:
            found[str(PurePosixPath(name).relative_to(base))] = digest
    return found


def _sums(file):
    """Returns the digests in a file of `sha256sum`'s by the files' paths beside it."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: digest for digest, _, name in (x.partition("  ") for x in lines)}
