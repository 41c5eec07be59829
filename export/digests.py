"""Digests of the files of an export."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file of an export, by its path in the export.

    Args:
        path: file or folder of the export. A file goes by its own name.
    """
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    root = path.parent if path.is_file() else path
    return {
        file.relative_to(root).as_posix(): _digest(file)
        for file in files
        if file.is_file()
    }


def _digest(file):
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
