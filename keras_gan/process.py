"""Prepares the process of the project's commands, whatever environment they start in.

Importing `keras_gan` runs this first. It changes only commands: `train.py`, `keras-gan`
and `python -m` with `keras_gan`, `export` or `benchmarks`. It leaves programs of users
as they are.
"""

import contextlib
import gc
import glob
import io
import logging
import os
import pathlib
import re
import signal
import sys
import warnings
from collections.abc import Iterator

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_COMMANDS = ("train.py", "keras_gan_command", "export", "benchmarks", "keras_gan")
OTHER_BACKEND = (
    "keras_gan trains with TensorFlow, but Keras uses {}. Set the environment variable "
    "KERAS_BACKEND to tensorflow."
)
# Limits that would end a run early. If one is not a number, Keras cannot be imported.
_KERAS_LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH", "KERAS_NNX_ENABLED")
# What Keras raises if keras.json has a value that it does not know.
_IMPORT_ERRORS = (AssertionError, AttributeError, OSError, TypeError, ValueError)
_SEVERITIES = b"IWEF"  # information, warning, error, fatal
_LOGGED = re.compile(
    rb"(?:\d{4}-\d\d-\d\d [\d:.]+: ([IWEF]) |([IWEF])\d{4} [\d:.]+ +\d+ )\S+:\d+\] "
)
_ALWAYS_NOISE = (
    b"WARNING: All log messages before absl::InitializeLog()",
    b"To enable the following instructions:",
)
# Logged as errors at every start on a machine with a GPU, but harmless.
_HARMLESS = (b"Unable to register cu", b"computation placer already registered")


def is_command() -> bool:
    """Returns whether this process runs one of the project's commands."""
    if sys.argv[:1] == ["-m"]:  # so while Python imports the package of the command
        return any(
            argument.removeprefix("-m").split(".")[0] in _COMMANDS
            for argument in sys.orig_argv
        )
    main = getattr(sys.modules["__main__"], "__file__", None)
    if main is None:
        return False
    # Not `Path.resolve`, which fails if the working directory does not exist.
    path = pathlib.Path(os.path.realpath(main))
    # pip installs the script `keras-gan` in a folder of the environment.
    return path.name == "keras-gan" or any(
        path.is_relative_to(_ROOT / command) for command in _COMMANDS
    )


def has_nvidia_gpu() -> bool:
    """Returns whether this process may see an NVIDIA GPU."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1", "NoDevFiles"):
        return False
    return bool(
        glob.glob("/dev/nvidia[0-9]*") or glob.glob("/usr/lib/wsl/lib/nvidia-smi")
    )


@contextlib.contextmanager
def prepared() -> Iterator[None]:
    """Prepares a command, and keeps TensorFlow quiet while this block imports it.

    Printing never ends a command: text that standard output cannot encode is escaped,
    and text for a closed pipe or terminal is dropped.

    These settings of the user's environment do not affect training: the backend of
    Matplotlib; Keras's backend, float type, epsilon, image format and limits of epochs;
    Python's option that turns warnings into errors.

    TF_CPP_MIN_LOG_LEVEL decides what TensorFlow logs. By default, errors are shown on a
    machine with an NVIDIA GPU. On other machines nothing is shown, because TensorFlow
    reports the missing GPU as errors.
    """
    if not is_command():
        if "matplotlib" not in sys.modules:
            _import_matplotlib()
        _refuse_other_backend()
        yield
        return
    _open_standard_streams()
    _keep_warnings_from_being_errors()
    os.environ.pop("MPLBACKEND", None)  # figures are drawn with Agg
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    for name in _KERAS_LIMITS:
        os.environ.pop(name, None)
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        print(
            f"KERAS_BACKEND is {backend}, but keras_gan trains with tensorflow only. "
            "This command uses tensorflow.",
            file=sys.stderr,
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"  # overrides keras.json
    level = os.environ.setdefault(
        "TF_CPP_MIN_LOG_LEVEL", "2" if has_nvidia_gpu() else "3"
    )
    # Imports make millions of objects and hardly any garbage. To look for it again and
    # again took a fifth of the time of a start.
    gc.disable()
    with _quiet_stderr(int(level) if level.isdigit() else 0):
        keras = _import_keras()
        yield
    gc.freeze()
    gc.enable()
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def _keep_warnings_from_being_errors():
    """Ignores `PYTHONWARNINGS=error` and `-W error`, which are meant for tests.

    Without this, warnings that libraries cause by themselves would end a command.
    """
    if any(action == "error" for action, *_ in warnings.filters):
        kept = [entry for entry in warnings.filters if entry[0] != "error"]
        warnings.filters[:] = kept
        warnings.simplefilter("default", append=True)  # makes Python see the change
        os.environ.pop("PYTHONWARNINGS", None)  # for processes that this one starts


def _import_keras():
    """Returns Keras, or ends the command with a sentence if it cannot be imported."""
    try:
        import keras
    except _IMPORT_ERRORS as error:
        home = os.environ.get("KERAS_HOME") or os.path.join("~", ".keras")
        print(
            f"error: Keras cannot be imported ({type(error).__name__}: {error}). It "
            f"reads its settings in {os.path.join(home, 'keras.json')}: correct them "
            "or delete the file.",
            file=sys.stderr,
        )
        sys.exit(2)
    return keras


def _import_matplotlib():
    """Imports Matplotlib before Keras does, even if MPLBACKEND would make that fail.

    A notebook sets MPLBACKEND for the processes that it starts, whose environment may
    lack that backend. Figures of this project do not need it.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend is not None:
        os.environ["MPLBACKEND"] = backend
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend  # as Matplotlib's import does


def _refuse_other_backend():
    """Raises ImportError if Keras would import a backend other than TensorFlow."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow" and "keras" not in sys.modules:
        raise ImportError(OTHER_BACKEND.format(backend))


def _open_standard_streams():
    """Opens standard streams that the caller closed, and makes writing to them safe."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next opened file would get this number, and TensorFlow would
            # write its log into that file.
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
    """Hides what TensorFlow logs below a level.

    TensorFlow 2.21 logs some lines before it reads TF_CPP_MIN_LOG_LEVEL, directly to
    the file descriptor. Another process filters the descriptor, so that the last lines
    still appear if the import aborts.
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
