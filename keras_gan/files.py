"""Writing files so that nobody reads half of one."""

import contextlib
import itertools
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterable, Iterator

import tqdm

from keras_gan.errors import InputError

# What `json.loads` raises for bytes that are no JSON.
NOT_JSON = (json.JSONDecodeError, UnicodeDecodeError)


_PATTERN = frozenset("*?[\\")


@contextlib.contextmanager
def without_pattern(path: str | os.PathLike) -> Iterator[str]:
    """Gives a path of the same file or folder for TensorFlow to read.

    TensorFlow takes what it reads as a pattern: it finds nothing in `exp[1]`. Where a
    path could be one, this gives that of a symbolic link.

    Args:
        path: of something that exists.
    """
    if _PATTERN.isdisjoint(os.fspath(path)):
        yield os.fspath(path)
        return
    # Where TMPDIR could be a pattern itself, there is always /tmp.
    plain = _PATTERN.isdisjoint(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=None if plain else "/tmp") as folder:
        link = pathlib.Path(folder, "link")
        link.symlink_to(os.path.abspath(path))
        yield str(link)


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a path beside `path` to write a file to, which is then renamed.

    Args:
        path: where it goes; what is there is replaced, or stays after an exception.
    """
    # A folder of its own, so that two processes that write the same file do no harm.
    with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
        part = pathlib.Path(folder) / path.name
        yield part
        part.replace(path)


def write_whole(path: pathlib.Path, content: bytes | str) -> None:
    """Writes a file beside its place and renames it: it appears whole or not at all.

    Args:
        path: where it goes; what is there is replaced.
        content: bytes, or text that is written as UTF-8.
    """
    with replacing(path) as part:
        part.write_bytes(content if isinstance(content, bytes) else content.encode())


def set_aside(path: pathlib.Path, files: Iterable[pathlib.Path] | None = None) -> None:
    """Renames what another training left, and says so.

    Args:
        path: file or folder, which gets a number: `metrics.1.csv`.
        files: in a folder whose other files stay, those that move.
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
        f"{path} held files of another training; they are in {free} now.",
        file=sys.stderr,
    )


def json_text(content: object) -> str:
    """Returns JSON for people to read too, as all files of this project have it.

    Raises:
        ValueError: for NaN and infinity, which JSON does not have.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    # Names of files may hold bytes that UTF-8 has not; JSON's escapes look like these.
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def require_folder(path: pathlib.Path) -> None:
    """Checks before the work that a folder to write can be at a path that a user gave.

    Raises:
        InputError: where it is a file, or no path, such as one that is too long.
    """
    try:
        is_file = path.exists() and not path.is_dir()
    except OSError as error:
        raise InputError(
            f"{path} cannot be a folder to write to: {error.strerror}."
        ) from error
    if is_file:
        raise InputError(f"{path} is a file; a folder is accepted.")


def write_all(
    folder: pathlib.Path, contents: dict[str, bytes | str]
) -> list[pathlib.Path]:
    """Writes files into a folder that a user named by --out, one after the other.

    Args:
        folder: it is made if it is not there.
        contents: by the file's name; each is written as by `write_whole`.

    Returns:
        Paths of the files.

    Raises:
        InputError: where the folder cannot be written.
    """
    paths = [folder / name for name in contents]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in zip(paths, contents.values(), strict=True):
            write_whole(path, content)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}; name another folder with "
            "--out."
        ) from error
    return paths
