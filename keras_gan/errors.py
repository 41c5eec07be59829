"""The one exception that stands for a mistake in what the user gave us."""


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one sentence that names the value received and what is accepted.
    Command lines print it and exit with code 2; scripts see a `ValueError`.
    """
