"""Where the images of a source are kept."""

import contextlib
import contextvars
import math
import os
import re
import tempfile
import weakref
from collections.abc import Iterator

import numpy as np

from keras_gan.errors import InputError

MEMORY_BUDGET = "4GiB"
_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}


class _Account:
    """What is left of a memory budget while arrays that were allocated exist."""

    def __init__(self, size: int):
        self.left = size

    def take(self, array: np.ndarray) -> np.ndarray:
        self.left -= array.nbytes
        weakref.finalize(array, self._give_back, array.nbytes).atexit = False
        return array

    def _give_back(self, size):
        self.left += size


_account: contextvars.ContextVar[_Account] = contextvars.ContextVar("memory_budget")


def bytes_of(budget: str) -> int:
    """Return the bytes of a memory budget.

    Args:
        budget: a number and MB, GB, MiB or GiB, such as "500MiB" or "1.5 GB".

    Raises:
        InputError: for anything else.
    """
    match = re.fullmatch(rf"(\d+\.?\d*) ?({'|'.join(_UNITS)})", str(budget))
    if not match:
        raise InputError(
            f"memory_budget is {budget!r}. Use a number and one of "
            f"{', '.join(_UNITS)}, such as 500MiB."
        )
    return int(float(match[1]) * _UNITS[match[2]])


@contextlib.contextmanager
def within(budget: str) -> Iterator[None]:
    """Set the memory budget of the images that are read in this block.

    All arrays of the block share the budget. In another such block, its budget holds
    for both.

    Raises:
        InputError: if `bytes_of` does not accept the budget.
    """
    own = _Account(bytes_of(budget))
    token = _account.set(_account.get(own))
    try:
        yield
    finally:
        _account.reset(token)


def allocate(shape: tuple[int, ...], replaced: np.ndarray | None = None) -> np.ndarray:
    """Return an unfilled uint8 array, on disk if it exceeds the memory budget.

    Args:
        shape: [N, H, W, C].
        replaced: an array of `allocate` that the new one replaces. Its memory does not
            count.

    Returns:
        An array in memory, or a `np.memmap` over an unnamed file in the folder of
        temporary files (TMPDIR). The file is deleted together with the array.

    Raises:
        InputError: if that folder does not have enough space.
    """
    size = math.prod(shape)
    account = _open_account()
    freed = 0
    if replaced is not None and not isinstance(replaced, np.memmap):
        freed = replaced.nbytes
    if size <= account.left + freed:
        return account.take(np.empty(shape, np.uint8))
    with tempfile.TemporaryFile() as file:
        try:
            # Reserve the space now: a write to a memmap on a full disk would kill the
            # process.
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise InputError(
                f"the images take {size:,} bytes, more than the memory budget, and "
                f"{tempfile.gettempdir()} has no room for them ({error.strerror}). "
                "Raise --memory-budget, or name another folder as TMPDIR."
            ) from error
        return np.memmap(file, np.uint8, "w+", shape=shape)


def spool() -> tempfile.SpooledTemporaryFile:
    """Return an unnamed file; it stays in memory up to the memory budget."""
    return tempfile.SpooledTemporaryFile(max(1, _open_account().left))  # 0: no limit


def write(file: tempfile.SpooledTemporaryFile, array: np.ndarray) -> None:
    """Append an array to a file of `spool`.

    Raises:
        InputError: if the folder of temporary files does not have enough space.
    """
    try:
        file.write(np.ascontiguousarray(array).data)
    except OSError as error:
        raise InputError(
            "the images take more than the memory budget, and "
            f"{tempfile.gettempdir()} has no room for them ({error.strerror}). "
            "Raise --memory-budget, or name another folder as TMPDIR."
        ) from error


def _open_account():
    return _account.get(None) or _Account(bytes_of(MEMORY_BUDGET))
