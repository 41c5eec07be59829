"""Exceptions whose message is all that a user needs."""


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one sentence that names the value received and what is accepted.
    Command lines print it and exit with code 2; scripts see a `ValueError`.
    """


class Diverged(InputError):
    """Weights, or what they make, are no longer finite."""


class RunError(Exception):
    """A run had to stop; what it had learned is saved.

    The message says why and how to go on. `train.py` prints it and exits with code 1.
    """


def first_line(error: BaseException) -> str:
    """Returns the first line of what an exception says, or its name if it is silent."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
