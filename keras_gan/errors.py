"""Exceptions whose message is all that a user needs."""

import difflib
from collections.abc import Iterable


class KerasGANError(Exception):
    """What all errors of this project that a user can act on have in common."""


class InputError(KerasGANError, ValueError):
    """What the user gave cannot be used.

    The message is one sentence that names the value received and what is accepted.
    Command lines print it and exit with code 2; scripts see a `ValueError`.
    """


class Diverged(KerasGANError):
    """Weights, or what they make, are no longer finite.

    Nothing that the user gave is at fault, so it is no `InputError`.
    """


class RunError(KerasGANError):
    """A run had to stop; what it had learned is saved.

    The message says why and how to go on. `train.py` prints it and exits with code 1.
    """


def sentence(error: KerasGANError | OSError) -> str:
    """Returns what a command says of an error: an exception's own sentence, or a path.

    Args:
        error: what ended the command. The system raises OSError for a path that is too
            long, or that this user may not read or write.
    """
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename} cannot be used: {error.strerror}; name another path."
    return str(error)


def first_line_of(error: BaseException) -> str:
    """Returns the first line of what an exception says, or its name if it is silent."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


def listed(names: Iterable[str], most: int = 10) -> str:
    """Returns names with commas; of a long list the first ones and how many follow."""
    names = list(map(str, names))
    if len(names) <= most + 1:  # one more takes no more room than its count
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for a name that is close to a known one, or ""."""
    by_lower = {str(one).lower(): one for one in known}
    close = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    return f" Did you mean {by_lower[close[0]]!r}?" if close else ""
