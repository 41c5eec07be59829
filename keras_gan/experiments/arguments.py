"""Types of options that several experiments share."""

import argparse
from collections.abc import Callable


def at_least(least: int) -> Callable[[str], int]:
    """Returns a type of whole numbers from `least` up."""

    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no whole number of at least {least}"
            )
        return int(text)

    return whole


def seed(text: str) -> int:
    """A whole number from 0 to 2147483647."""
    value = at_least(0)(text)
    if value >= 2**31:
        raise argparse.ArgumentTypeError(f"{text} is greater than 2147483647")
    return value


def sample_numbers(text: str) -> list[int]:
    """Numbers of samples, such as 3,7,9."""
    return [at_least(0)(part.strip()) for part in text.split(",")]


def run(parser: argparse.ArgumentParser) -> None:
    """Adds the trained run that an experiment is about."""
    parser.add_argument("run", metavar="RUN", help="run folder of train.py")
    parser.add_argument(
        "--best", action="store_true", help="take the best model, not the newest"
    )
