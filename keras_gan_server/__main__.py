"""Serves exported ONNX files over HTTP: keras-gan serve serving/

keras-gan serve serving/digits.onnx --port 8000
curl -o seven.png 'localhost:8000/models/digits/sample?seed=7'
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from keras_gan_server.errors import UnusableFile

_INSTALL = 'pip install ".[server]"'


def main(arguments: list[str] | None = None, prog: str | None = None) -> int:
    """Runs the command line until a signal ends it.

    Args:
        arguments: without the program's name; None reads `sys.argv`.
        prog: the program's name in its help.

    Returns:
        Its exit code: 2 if there is nothing to serve.
    """
    options = _parser(prog).parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        from keras_gan_server.run import run

        run(options)
        return 0
    except UnusableFile as error:
        print(f"error: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(
            f"error: {error.name} is not installed, and the server needs it. Run: "
            f"{_INSTALL}",
            file=sys.stderr,
        )
    return 2


def _parser(prog):
    parser = argparse.ArgumentParser(
        prog=prog or "python -m keras_gan_server",
        description="Serves exported ONNX files over HTTP; /docs shows what to ask.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="ONNX file that keras-gan export wrote, or folder of them",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--port", type=_whole(0, 65535), default=8000, help="0: any")
    parser.add_argument(
        "--threads",
        type=_whole(1, 1024),
        default=max(1, _cores() - 1),
        help="that compute one batch; of this machine's, one is left for HTTP",
    )
    parser.add_argument(
        "--max-rows",
        type=_whole(1, 65536),
        default=64,
        help="rows of a request and of a batch; a picture counts as one for each "
        "128 x 128 pixels",
    )
    parser.add_argument(
        "--max-queue",
        type=_whole(1, 2**20),
        default=4096,
        help="rows that may wait for a model",
    )
    parser.add_argument(
        "--max-body-mb", type=_number(0), default=16, help="megabytes of a request"
    )
    parser.add_argument(
        "--max-delay-ms",
        type=_number(-1),
        default=2,
        help="milliseconds that a request waits for others to share its batch",
    )
    parser.add_argument(
        "--timeout", type=_number(0), default=30, help="seconds of a request"
    )
    parser.add_argument(
        "--poll",
        type=_number(0),
        default=2,
        help="seconds from one look for new versions to the next",
    )
    parser.add_argument(
        "--drain",
        type=_number(-1),
        default=5,
        help="seconds after SIGTERM in which requests are still answered, while "
        "/health/ready says 503",
    )
    return parser


def _cores():
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _whole(least, most):
    def number(text):
        if not (text.isdecimal() and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(
                f"{text} is not a whole number from {least} to {most}"
            )
        return int(text)

    return number


def _number(above):
    def number(text):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not above < value < float("inf"):
            what = "a number above 0" if above == 0 else "a number of at least 0"
            raise argparse.ArgumentTypeError(f"{text} is not {what}")
        return value

    return number


if __name__ == "__main__":
    sys.exit(main())
