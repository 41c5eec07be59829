"""Writing files so that nobody ever sees an incomplete one."""

import contextlib
import itertools
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence

import tqdm

from keras_gan.errors import InputError

# Exceptions that `json.loads` raises for bytes that are not JSON.
JSON_ERRORS = (json.JSONDecodeError, UnicodeDecodeError)
# Endings of a picture that a command writes where --out says.
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_PATTERN = frozenset("*?[\\")


@contextlib.contextmanager
def without_pattern(path: str | os.PathLike) -> Iterator[str]:
    """Gives a path of the same file or folder that TensorFlow can read.

    TensorFlow reads a path as a pattern, so it finds nothing in `exp[1]`. If the path
    has characters of patterns, this gives the path of a symbolic link instead.

    Args:
        path: of an existing file or folder.
    """
    if _PATTERN.isdisjoint(os.fspath(path)):
        yield os.fspath(path)
        return
    # If TMPDIR has characters of patterns itself, use /tmp.
    plain = _PATTERN.isdisjoint(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=None if plain else "/tmp") as folder:
        link = pathlib.Path(folder, "link")
        link.symlink_to(os.path.abspath(path))
        yield str(link)


@contextlib.contextmanager
def atomic_path(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a temporary path for a file, and renames the file to `path` afterwards.

    Args:
        path: of the final file. An existing file is replaced; after an exception it
            stays.
    """
    # In a folder of its own, so that two processes can write the same file at once.
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
        part = pathlib.Path(folder) / path.name
        yield part
        part.replace(path)


def write_atomically(path: pathlib.Path, content: bytes | str) -> None:
    """Writes a file atomically: it appears complete or not at all.

    Args:
        path: of the file; an existing file is replaced.
        content: bytes, or text that is written as UTF-8.
    """
    with atomic_path(path) as part:
        part.write_bytes(content if isinstance(content, bytes) else content.encode())


def set_aside(path: pathlib.Path, files: Iterable[pathlib.Path] | None = None) -> None:
    """Renames files of another training, and reports it on standard error.

    Args:
        path: file or folder; the new name has a number: `metrics.1.csv`.
        files: files in the folder `path` to move into the new one, while the others
            stay; None renames `path` as a whole.
    """
    for number in itertools.count(1):
        free = path.with_name(f"{path.stem}.{number}{path.suffix}")
        if not free.exists():
            break
    if files is None:
        path.rename(free)
    else:
        free.mkdir()
        for file in files:
            file.rename(free / file.name)
    tqdm.tqdm.write(
        f"{path} held files of another training. They are now in {free}.",
        file=sys.stderr,
    )


def json_text(content: object) -> str:
    """Returns readable JSON, in the format of all files of this project.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    # File names may hold bytes that are not UTF-8; backslashreplace makes JSON escapes.
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def require_folder(path: pathlib.Path) -> None:
    """Checks, before the work begins, that a user's path can be an output folder.

    Raises:
        InputError: if it is a file, lies within a file, may not be written, or is not a
            possible path (too long, for example).
    """
    remedy = "Name another folder with --out."
    try:
        path.exists()
        found = next(p for p in (path, *path.absolute().parents) if p.exists())
    except OSError as error:
        raise InputError(
            f"{path} cannot be a folder to write to: {error.strerror}. {remedy}"
        ) from error
    if not found.is_dir():
        raise InputError(
            f"{path} cannot be a folder to write to: {found} is a file. {remedy}"
        )
    if not os.access(found, os.W_OK | os.X_OK):
        raise InputError(
            f"{path} cannot be written: you may not write to {found}. {remedy}"
        )


def require_file(out: str, endings: Sequence[str]) -> pathlib.Path:
    """Checks, before the work begins, that a file can be written where a user said.

    Args:
        out: what --out was given.
        endings: of the name, such as (".png", ".jpg").

    Returns:
        Its path.

    Raises:
        InputError: for another ending, a folder, or a folder that does not exist.
    """
    path = pathlib.Path(out)
    if path.suffix.lower() not in endings:
        *others, last = endings
        known = f"{', '.join(others)} or {last}" if others else last
        raise InputError(f"--out is {out}. Give a name that ends in {known}.")
    if not path.absolute().parent.is_dir():
        raise InputError(
            f"--out is {out}, and {path.parent} is not a folder. Make it, or name "
            "another."
        )
    if path.is_dir():
        raise InputError(f"--out is {out}, which is a folder. Name a file to write.")
    return path


def write_all(
    folder: pathlib.Path, contents: dict[str, bytes | str]
) -> list[pathlib.Path]:
    """Writes files into the folder that a user named with --out.

    Args:
        folder: created if it does not exist.
        contents: content of each file by its name, as in `write_atomically`.

    Returns:
        Paths of the files.

    Raises:
        InputError: if the folder cannot be written.
    """
    paths = [folder / name for name in contents]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, contents.values(), strict=True):
            write_atomically(path, content)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}. Name another folder with "
            "--out."
        ) from error
    return paths
