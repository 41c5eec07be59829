"""The models of some files, each in its newest version that works."""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path

from keras_gan_server.batching import Batcher
from keras_gan_server.errors import UnusableFile
from keras_gan_server.limits import Limits
from keras_gan_server.metrics import Metrics
from keras_gan_server.model import Model

_log = logging.getLogger("keras_gan_server")


class Registry:
    """Loads files, and loads them again when they change.

    A new version is loaded and run once beside the old one, and then takes its place.
    If it does not work, or its file is gone, the old one stays, and `problems` says so.

    Args:
        paths: ONNX files, or folders of them. A file that is added to a folder later is
            served too.
        threads: that ONNX Runtime computes one batch with.
        limits: of each model's queue.
        metrics: get the versions and the outcomes of loading.

    Raises:
        UnusableFile: if a file cannot be served, or there is none.

    Example:

    ```python
    from pathlib import Path
    from keras_gan_server.limits import Limits
    from keras_gan_server.metrics import Metrics
    from keras_gan_server.registry import Registry

    folder = Path("runs/digits/export")
    registry = Registry([folder], 1, Limits(), Metrics())
    assert [*registry.models] == ["golden"]
    assert registry.poll() == []  # nothing has changed
    registry.stop()
    ```
    """

    def __init__(
        self, paths: Iterable[Path], threads: int, limits: Limits, metrics: Metrics
    ):
        self._paths, self._threads = list(paths), threads
        self._limits, self._metrics = limits, metrics
        self.models: dict[str, Model] = {}
        self.batchers: dict[str, Batcher] = {}
        self.problems: dict[str, str] = {}
        self._seen: dict[Path, tuple | None] = {}
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        files = self._files()
        for path in self._paths:
            if not path.exists():
                raise UnusableFile(
                    f"{path} does not exist. Give ONNX files that keras-gan export "
                    "wrote, or a folder of them."
                )
        if not files:
            folders = ", ".join(map(str, self._paths))
            raise UnusableFile(
                f"{folders} holds no file that ends in .onnx. Write one with keras-gan "
                "export RUN --format onnx."
            )
        for name in {file.name for file in files}:
            same = [str(file) for file in files if file.name == name]
            if len(same) > 1:
                raise UnusableFile(
                    f"{' and '.join(same)} have the same name, which is the model's. "
                    "Rename one, or serve it on another port."
                )
        for file in files:
            self._seen[file] = _state(file)
            self._serve(Model(file, self._threads))

    def watch(self, seconds: float) -> None:
        """Looks for changes in the background, every so many seconds."""

        def look():
            while not self._stopping.wait(seconds):
                try:
                    self.poll()
                except Exception:  # such as no memory; the next look may go well
                    _log.exception("looking for new versions failed")

        self._watcher = threading.Thread(target=look, name="watcher", daemon=True)
        self._watcher.start()

    def poll(self) -> list[str]:
        """Loads what has changed; returns the names of models that were replaced."""
        replaced = []
        for file in sorted({*self._files(), *self._seen}):
            state = _state(file)
            if state == self._seen.get(file):
                continue
            name = file.name.removesuffix(".onnx")
            try:
                model = Model(file, self._threads)
            except UnusableFile as error:
                self._seen[file] = state
                self.problems = {**self.problems, name: str(error)}
                self._metrics.loads.labels(name, "failed").inc()
                kept = " The version before stays." if name in self.models else ""
                _log.error("%s%s", error, kept)
                continue
            self._seen[file] = state
            self.problems = {n: x for n, x in self.problems.items() if n != name}
            if name in self.models and self.models[name].version == model.version:
                continue
            self._serve(model)
            replaced.append(name)
        return replaced

    def stop(self) -> None:
        """Answers what waits, and ends all threads."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        for batcher in self.batchers.values():
            batcher.stop()

    def _serve(self, model):
        """Lets all requests from now on see this version."""
        name, before = model.name, self.models.get(model.name)
        if before is None:
            self.batchers[name] = Batcher(name, self._limits, self._metrics)
        else:
            self._metrics.version.remove(name, before.version)
        # A new dict, because requests may be reading the old one.
        self.models = {**self.models, name: model}
        self._metrics.version.labels(name, model.version).set(1)
        self._metrics.loads.labels(name, "ok").inc()
        _log.info("serves %s, version %s", name, model.version[:12])

    def _files(self):
        files = []
        for path in self._paths:
            files += sorted(path.glob("*.onnx")) if path.is_dir() else [path]
        return [file for file in files if not file.name.startswith(".")]


def _state(file):
    """Returns what changes with a file's content; None if it is not there."""
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size
