"""Files and folders that appear whole or not at all."""

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from keras_gan.errors import InputError

_STAGING = ".keras-gan-staging-"
_MADE = ".made"  # in such a folder: which folders its process made
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux


@contextlib.contextmanager
def staging_path(target: Path) -> Iterator[Path]:
    """Gives a path on the file system of `target`, to write to and then move.

    It lies in a hidden folder outside of the folders that a server watches, because a
    polling Triton takes any folder in its repository for a model. What is still there
    at the end is removed, and so are folders made for it that stay empty, and what
    killed processes left behind.

    Args:
        target: where the caller moves the finished file or folder. The last two parts
            of both paths are the same.

    Raises:
        InputError: if there can be no such path.
    """
    place = Path(os.path.abspath(target))
    missing = [folder for folder in place.parents if not folder.exists()]
    try:
        with contextlib.ExitStack() as stack:
            with write_errors_named(target):
                _above(place)[0].mkdir(parents=True, exist_ok=True)
                _sweep(place)
                home = _staging_home(place)
                staged = Path(stack.enter_context(_staging_folder(home)))
                (staged / _MADE).write_bytes(b"\0".join(map(os.fsencode, missing)))
                place.parent.mkdir(parents=True, exist_ok=True)
                staged = staged / place.parent.name / place.name
                staged.parent.mkdir(exist_ok=True)
            yield staged
    finally:
        for parent in missing:
            with contextlib.suppress(OSError):
                parent.rmdir()


def _above(target):
    """Returns folders above `target`, the first of which no server watches.

    A server watches the folder of a model, in which versions are numbered folders, or
    the repository around several models.
    """
    target = target.parent.resolve() / target.name
    version = next((p for p in (target, target.parent) if p.name.isdecimal()), None)
    repository = target.parent if version is None else version.parent.parent
    return [repository.parent, repository, target.parent]


def _staging_home(target):
    """Returns the first folder above a target from which it can be moved there."""
    *others, folder = map(_existing, _above(target))
    mounts = _mount_points()
    for home in others:
        between = [p for p in (folder, *folder.parents) if home in p.parents]
        if (
            home.stat().st_dev == folder.stat().st_dev
            and os.access(home, os.W_OK | os.X_OK)
            and mounts.isdisjoint(between)
        ):
            return home
    return folder


def _existing(folder):
    """Returns a folder, or the nearest one above it that exists."""
    return next(each for each in (folder, *folder.parents) if each.exists())


def _mount_points():
    """Returns the folders that nothing can be moved out of, even on the same device."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:  # not Linux
        return set()
    points = [line.split(" ")[4] for line in lines.splitlines()]
    # A space is written as \\040.
    return {Path(re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), p)) for p in points}


@contextlib.contextmanager
def _staging_folder(home):
    while True:
        # Readable for its owner alone, so it is not what gets published.
        folder = tempfile.mkdtemp(prefix=_STAGING, dir=home)
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(Path(folder, ".lock")))
            except FileNotFoundError:
                continue  # swept by another process before it was locked
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            yield folder
            return


def _sweep(target):
    """Removes what processes left that ended without doing so.

    These are their staging folders, and folders of theirs that are still empty.
    """
    for folder in {
        each for home in _above(target) for each in home.glob(_STAGING + "*")
    }:
        # If it cannot be locked, its process lives, or it is another user's.
        with contextlib.suppress(OSError), locked(folder / ".lock", wait=False):
            _remove_empty(folder / _MADE)
            shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(made):
    """Removes the folders that a file lists, if nothing is in them."""
    if made.exists():
        for folder in made.read_bytes().split(b"\0"):
            with contextlib.suppress(OSError):
                os.rmdir(folder)


@contextlib.contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Keeps other processes out of such blocks with the same path.

    The lock ends with the process, however that ends.

    Args:
        path: of a file that exists while a process is in the block.
        wait: until the other process has left.

    Raises:
        BlockingIOError: if another process is in the block and `wait` is false.
    """
    while True:
        with path.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            try:
                same = os.path.samestat(os.fstat(file.fileno()), path.stat())
            except FileNotFoundError:
                same = False
            if same:  # and not a file that the process before has removed
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return


def exchange(staged: Path, target: Path) -> None:
    """Swaps two folders in one step, so that a reader of `target` never misses it.

    Raises:
        InputError: if the file system cannot do that.
    """
    paths = (_AT_FDCWD, os.fsencode(staged), _AT_FDCWD, os.fsencode(target))
    try:
        failed = ctypes.CDLL(None, use_errno=True).renameat2(*paths, _RENAME_EXCHANGE)
        reason = os.strerror(ctypes.get_errno())
    except AttributeError:
        failed, reason = True, os.strerror(errno.ENOSYS)
    if failed:
        raise InputError(
            f"{target} cannot be replaced in one step: {reason}. Remove it first, or "
            "choose another name."
        )


def write_whole(path: Path, content: str) -> None:
    """Writes a text file that appears whole, or replaces one in one step.

    Raises:
        InputError: if it cannot be written.
    """
    with write_errors_named(path), staging_path(path) as temporary:
        temporary.write_text(content, "utf-8")
        os.replace(temporary, path)


@contextlib.contextmanager
def write_errors_named(target: Path) -> Iterator[None]:
    """Says which file or folder cannot be written, where what is done in it fails.

    Args:
        target: as the user knows it; exceptions name what is beside it for a while.

    Raises:
        InputError: in place of an OSError and of TensorFlow's own errors.
    """
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            f"{target} cannot be written: {_reason(error)}. Mend that, or write to "
            "another folder."
        ) from error


def refuse_unwritable(target: Path) -> None:
    """Raises InputError where a file or folder could not be put in its place.

    It makes nothing, so that it can be asked before any work is done.
    """
    with write_errors_named(target):
        folder = next(folder for folder in target.parents if folder.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
            raise InputError(
                f"{target} cannot be written: {folder} is not a folder, or you may not "
                "write there. Name another folder with --out."
            )


def _reason(error):
    if isinstance(error, OSError):
        return error.strerror or str(error)
    # TensorFlow names its temporary files before the reason, and an operation after it.
    return error.message.rpartition("; ")[2].partition(" [Op:")[0]
