"""What the project's commands need of their process, whatever they were started with.

Importing `keras_gan` runs this first. A program of a user's own is left as it is: only
`train.py` and `python -m` with `keras_gan`, `export` or `benchmarks` are commands.
"""

import contextlib
import glob
import io
import logging
import os
import pathlib
import re
import signal
import sys
from collections.abc import Iterator

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_COMMANDS = ("train.py", "export", "benchmarks", "keras_gan")
OTHER_BACKEND = (
    "keras_gan trains with TensorFlow and Keras uses {}; set the environment variable "
    "KERAS_BACKEND to tensorflow."
)
_SEVERITIES = b"IWEF"  # information, warning, error, fatal
_LOGGED = re.compile(
    rb"(?:\d{4}-\d\d-\d\d [\d:.]+: ([IWEF]) |([IWEF])\d{4} [\d:.]+ +\d+ )\S+:\d+\] "
)
_ALWAYS_NOISE = (
    b"WARNING: All log messages before absl::InitializeLog()",
    b"To enable the following instructions:",
)
# Errors by their letter, but every start on a machine with a GPU has them.
_HARMLESS = (b"Unable to register cu", b"computation placer already registered")


def is_command() -> bool:
    """Returns whether this process runs one of the project's commands."""
    if sys.argv[:1] == ["-m"]:  # Python imports the package before the command in it
        return any(
            argument.removeprefix("-m").split(".")[0] in _COMMANDS
            for argument in sys.orig_argv
        )
    main = getattr(sys.modules["__main__"], "__file__", None)
    # Without `resolve`, which needs the working directory to exist.
    return main is not None and any(
        pathlib.Path(os.path.realpath(main)).is_relative_to(_ROOT / command)
        for command in _COMMANDS
    )


def has_nvidia_gpu() -> bool:
    """Returns whether this machine shows an NVIDIA GPU to the process."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "NoDevFiles"):
        return False
    return bool(
        glob.glob("/dev/nvidia[0-9]*") or glob.glob("/usr/lib/wsl/lib/nvidia-smi")
    )


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """Prepares a command, and keeps TensorFlow quiet while this block imports it.

    Standard output never ends a command: text that it cannot encode is escaped, and
    what nobody can read any more, in a closed pipe or terminal, is dropped.

    Settings of the user that other programs read do not reach the training: the backend
    of Matplotlib, and Keras's backend, float type, epsilon and image format.

    TensorFlow logs what TF_CPP_MIN_LOG_LEVEL says. Where it is not set, errors are
    shown on a machine with an NVIDIA GPU, and nothing on others, where TensorFlow
    reports that GPU's absence as errors.
    """
    if not is_command():
        if "matplotlib" not in sys.modules:
            _import_matplotlib()
        _refuse_other_backend()
        yield
        return
    _open_standard_streams()
    os.environ.pop("MPLBACKEND", None)  # figures are drawn with Agg
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        print(
            f"KERAS_BACKEND is {backend}; this command uses tensorflow, the only "
            "backend that keras_gan trains with.",
            file=sys.stderr,
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"  # before that of keras.json
    level = os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "2" if has_nvidia_gpu() else "3"
    )
    with _quiet_stderr(int(level) if level.isdigit() else 0):
        yield
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def _import_matplotlib():
    """Imports Matplotlib, as Keras is about to, even if MPLBACKEND would prevent it.

    A notebook sets it for the processes that it starts, whose environment may lack that
    backend. Figures of this project need none.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend is not None:
        os.environ["MPLBACKEND"] = backend
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend  # as its import does


def _refuse_other_backend():
    """Raises ImportError where Keras would look for a backend that is not installed."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow" and "keras" not in sys.modules:
        raise ImportError(OTHER_BACKEND.format(backend))


def _open_standard_streams():
    """Opens what the caller closed, and makes writing to it safe."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file would get its number, and TensorFlow's log.
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        steady = io.TextIOWrapper(
            io.BufferedWriter(_Steady(number, "wb", closefd=False)),
            encoding="utf-8" if stream is None else stream.encoding,
            errors="backslashreplace",
            line_buffering=stream is not None and stream.line_buffering,
            write_through=stream is not None and stream.write_through,
        )
        if stream is not None:
            stream.flush()
        setattr(sys, name, steady)


class _Steady(io.FileIO):
    """A file that drops what it cannot write."""

    def write(self, content):
        try:
            return super().write(content)
        except OSError:
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())
            return len(content)


@contextlib.contextmanager
def _quiet_stderr(level):
    """Holds back what TensorFlow logs below a level.

    It logs some lines before it reads TF_CPP_MIN_LOG_LEVEL (2.21), straight to the file
    descriptor. Another process reads them there, so that the last words of an import
    that aborts are still seen.
    """
    if level == 0:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    lines, writing = os.pipe()
    reader = os.fork()
    if reader == 0:
        os.close(writing)
        _pass_on(lines, level)
    os.close(lines)
    stderr = os.dup(2)
    os.dup2(writing, 2)
    os.close(writing)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        os.waitpid(reader, 0)


def _pass_on(lines, level):
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all
        with open(lines, "rb") as file:
            for line in file:
                if not is_noise(line, level):
                    os.write(2, line)
    finally:
        os._exit(0)


def is_noise(line: bytes, level: int) -> bool:
    """Returns whether a line is one that TensorFlow logs below a level.

    Args:
        line: of standard error.
        level: as TF_CPP_MIN_LOG_LEVEL has it: 1 to 3 hide information, warnings,
            errors.
    """
    if line.startswith(_ALWAYS_NOISE):
        return True
    logged = _LOGGED.match(line)
    if not logged:
        return False
    severity = _SEVERITIES.index(logged[1] or logged[2])
    return severity < level or any(part in line for part in _HARMLESS)
