"""Run folders: everything that a run needs to be repeated, resumed and used.

```
config.json      recipe, settings, facts of the data, versions, names of plugins, and
                 with whose weights it started
files.json       each file of a folder of pictures, and a sum of its pixels
bad_images.txt   files that could not be read, where there are any
metrics.csv      means of the losses through training
measures.csv     measures of the images, where they are taken during training
tensorboard/     the same for TensorBoard
findings.json    failures that were seen during training
divergences.json each time that training went back, where there was one
samples/         grids of the same latent vectors through time
training.gif     those grids as an animation
checkpoints/     all state of training, and the config.json that it belongs to
best/            the same of the best model by a measure, with best.json
model.keras      the model at the end, for `keras.models.load_model`
evaluation.json  a few measures at the end
README.md        model card, by training and by `python -m keras_gan.evaluate`
README.png       its picture
metrics.json     all measures, and
report.html      a page of all that is known, both by `python -m keras_gan.evaluate`
experiments/     pictures and figures of `python -m keras_gan.experiments`
export/          files to serve, with report.json
lock             held by the process that trains
```
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import platform
import shlex
import zlib
from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import Any

import keras

from keras_gan import plugins, recipes
from keras_gan.errors import InputError, did_you_mean, listed
from keras_gan.files import JSON_ERRORS, json_text, write_atomically
from keras_gan.recipes.options import changeable, flag, locations
from keras_gan.version import __version__

_LOCK = "lock"
_BAD_IMAGES = "bad_images.txt"
_FILES = "files.json"
_PACKAGES = ("keras", "tensorflow", "tensorflow-datasets", "numpy")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run folder and what its `config.json` says.

    Example:

    ```python
    from keras_gan.runs import Run

    run = Run.open("runs/digits")
    print(run.recipe.summary, run.data["image_shape"])
    gan = run.load()
    gan.generate(4, seed=0, labels=[0, 1, 2, 3])
    ```
    """

    path: pathlib.Path
    recipe_name: str
    recipe: recipes.Recipe
    data: dict
    versions: dict
    plugins: tuple[str, ...] = ()  # of the command that wrote it last; never imported
    # With whose weights it began: `path` as it was given, their `step` and `sha256`.
    started_from: dict | None = None

    @classmethod
    def new(
        cls,
        path: str | os.PathLike,
        recipe_name: str,
        recipe: recipes.Recipe,
        data: Any,
    ) -> "Run":
        """Returns a run that is not written yet.

        Args:
            path: folder that `require_empty` accepts.
            recipe_name: name of the recipe that the settings began as.
            recipe: all settings.
            data: what `read` of the recipe gave.

        Raises:
            InputError: if the run could not be opened again by its family.
        """
        path = pathlib.Path(path)
        made = type(recipe)
        if recipes.FAMILIES.get(getattr(made, "family", "")) is not made:
            raise InputError(
                f"{made.__name__} has no family of its own, by which its runs are "
                'opened again. Write family: ClassVar[str] = "..." into the class.'
            )
        versions = {name: metadata.version(name) for name in _PACKAGES}
        versions["python"] = platform.python_version()
        versions["keras_gan"] = __version__
        facts = recipe.facts(data)
        return cls(path, recipe_name, recipe, facts, versions, plugins.loaded)

    @classmethod
    def open(cls, path: str | os.PathLike) -> "Run":
        """Returns the run in a folder.

        Raises:
            InputError: where there is none, or its `config.json` was edited.
        """
        path = pathlib.Path(path)
        _require_utf8(path)
        try:
            config = json.loads((path / "config.json").read_bytes())
            _refuse_edited(path, config)
            recipe = recipes.from_config(config, path / "config.json")
            data, versions = config["data"], config["versions"]
            known = plugins.loaded or tuple(config.get("plugins", ()))
            began = config.get("started_from")
            if began is not None:
                began = {name: began[name] for name in ("path", "step", "sha256")}
            return cls(path, config["recipe"], recipe, data, versions, known, began)
        except FileNotFoundError:
            what = "holds no config.json" if path.exists() else "does not exist"
            raise InputError(
                f"{path} is not the folder of a run: it {what}. Name a folder that "
                "train.py wrote, such as runs/digits."
            ) from None
        except NotADirectoryError:
            raise InputError(
                f"{path} is a file. Name the folder of a run, which train.py wrote, "
                "such as runs/digits."
            ) from None
        except OSError as error:
            raise InputError(
                f"{path / 'config.json'} cannot be read: {error.strerror}. Name a "
                "folder that train.py wrote and you may read."
            ) from error
        except (KeyError, TypeError, AttributeError, *JSON_ERRORS) as error:
            raise InputError(
                f"{path / 'config.json'} cannot be read as a run's ({error!r}). Put "
                f"back a whole copy, such as {_copy_of_config(path)}, or name the "
                "folder of another run."
            ) from error

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Makes the folder and keeps other processes from training in it.

        The lock ends with the process, however that ends.

        Raises:
            InputError: where another process has it, or the folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / _LOCK).open("a")
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"another process is training in {self.path}. Wait until it ends, "
                    "or name another folder with --run-dir."
                ) from None
            yield

    def write(self) -> None:
        """Writes `config.json`, and the copy that belongs to the checkpoints.

        Raises:
            InputError: where that cannot be done.
        """
        config = {
            "format": recipes.FORMAT,
            "family": self.recipe.family,
            "recipe": self.recipe_name,
            "settings": dataclasses.asdict(self.recipe),
            "data": self.data,
            "versions": self.versions,
            "plugins": self.plugins,
            "started_from": self.started_from,
        }
        text = json_text(config)
        try:
            # In this order a run that dies between the two is still a run.
            for file in (self.path / "config.json", _copy_of_config(self.path)):
                file.parent.mkdir(exist_ok=True)
                write_atomically(file, text)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error):
        return InputError(
            f"{self.path} cannot be written: {error.strerror}. Mend that, or name "
            "another folder with --run-dir."
        )

    def with_changes(self, changes: dict) -> "Run":
        """Returns the run with settings that may change on a resume.

        Those are how long and where it trains, where its data lies, and what happens
        where it diverges.

        Raises:
            InputError: for a change of anything else.
        """
        accepted = changeable(type(self.recipe))
        allowed = {n: value for n, value in changes.items() if n in accepted}
        # What else changes by these, such as a decay that ends if minutes are given.
        follows = self.recipe.override(allowed)
        for name, value in changes.items():
            if name not in accepted and value != getattr(self.recipe, name, None):
                left = [name]
                if value == getattr(follows, name, None):
                    left = [n for n, one in allowed.items() if one is not None]
                cause = "" if left == [name] else f" because of {listed(left)}"
                raise InputError(
                    f"{name} is {value!r}{cause}, and the run in {self.path} has "
                    f"{getattr(self.recipe, name, None)!r}. A resumed run can change "
                    f"only {', '.join(accepted)}: leave {listed(left)} out, or begin "
                    "another run with its weights (--start-from "
                    f"{shlex.quote(str(self.path))} --run-dir ...)."
                )
        # A run goes on with what it holds out, wherever its data lies now.
        kept = {"validation": self.recipe.validation}
        recipe = self.recipe.override({**kept, **allowed})
        return dataclasses.replace(self, recipe=recipe)

    def resumed_as(self, recipe: recipes.Recipe) -> "Run":
        """Returns the run with a recipe that differs in what a resume may change.

        Raises:
            InputError: if it is of another family or differs in anything else.
        """
        if recipe.family != self.recipe.family:
            raise InputError(
                f"the recipe is of family {recipe.family} and the run in {self.path} "
                f"of {self.recipe.family}; a resumed run keeps its family."
            )
        given = recipe.given.items()
        return self.with_changes(
            {n: v for n, v in given if v != getattr(self.recipe, n, None)}
        )

    def fingerprint(self) -> int:
        """Returns a number that tells whether workers do the same on the same data.

        Where the data lies may differ from one machine to the next.
        """
        settings = dataclasses.asdict(self.recipe)
        for name in locations(type(self.recipe)):
            del settings[name]
        return zlib.crc32(json.dumps([settings, self.data]).encode())

    def read_data(self, *source: str) -> Any:
        """Returns the data, read as they were when the run began.

        Args:
            *source: another source, of a recipe of `OneSource`.

        Raises:
            InputError: if it cannot be read.
        """
        try:
            with plugins.remembered(self.plugins):
                return self.recipe.read(*source, facts=self.data)
        except InputError as error:
            moved = [] if source else self._moved()
            if moved:
                raise InputError(
                    f"{error} If the data of the run in {self.path} moved, name their "
                    f"new place: train.py --resume --run-dir {self.path} "
                    f"{' '.join(moved)}."
                ) from error
            raise

    def _moved(self):
        """Returns the options that name sources whose files are not there."""
        found = []
        for name in self.recipe.sources:
            kind, _, place = (getattr(self.recipe, name) or "").partition(":")
            if kind in ("folder", "npz", "pairs") and not pathlib.Path(place).exists():
                found.append(f"{flag(name)} {kind}:PATH")
        return found

    def check_data(self, data: Any) -> None:
        """Checks that the data are those that the run began with.

        Args:
            data: what `read` of the recipe gave.

        Raises:
            InputError: where they are not.
        """
        files = self._files()
        if files and data.digests and list(files.values()) != list(data.digests):
            now = dict(zip(data.files or (), data.digests, strict=True))
            raise InputError(
                f"the pictures are not those that the run in {self.path} began with: "
                f"{_difference(files, now)}. A run goes on with the same pictures: put "
                f"them back, or {self._another()}"
            )
        facts = self.recipe.facts(data)
        for name, value in self.data.items():
            # Images in a file have no sum, those in memory have one.
            if facts.get(name, value) != value:
                raise InputError(
                    f"{name} of the data is {facts[name]} and was {value} when the run "
                    f"in {self.path} began. A run goes on with the same images: put "
                    f"them back, or {self._another()}"
                )

    def _another(self):
        """Returns how another run goes on with these weights, on the data of now."""
        path = pathlib.Path(self.path)
        command = ["train.py", str(path / "config.json"), "--start-from", str(path)]
        for name in self.recipe.sources:
            source = getattr(self.recipe, name)
            command += [] if source is None else [flag(name), source]
        for plugin in self.plugins:
            command += ["--plugin", plugin]
        return f"begin another run with the weights of this one: {shlex.join(command)}"

    def labels(self, classes: Iterable[str]) -> list[int]:
        """Returns the labels of classes that a user named.

        Args:
            classes: names of classes of the run or, if no class has such a name,
                numbers from 0.

        Raises:
            InputError: for a class that the run does not have.
        """
        names = self.data.get("class_names", [])
        count = self.data.get("num_classes")
        if count is None:
            raise InputError(
                f"the run in {self.path} has no classes, as it was trained without "
                "--conditional. Leave the labels out."
            )
        return [self._label(str(text), names, count) for text in classes]

    def _label(self, text, names, count):
        if text in names:
            return names.index(text)
        if text.isdecimal() and int(text) < count:
            return int(text)
        known = f"numbers 0 to {count - 1}"
        if names:
            known = f"{listed(names)}, and {known}"
        raise InputError(
            f"the run in {self.path} has no class {text!r}. Give one of {known}."
            f"{did_you_mean(text, names)}"
        )

    def build(self) -> keras.Model:
        """Returns a compiled model with this run's settings and new weights."""
        return self.recipe.build(self.data)

    def load(self, best: bool = False) -> keras.Model:
        """Returns the model of this run, compiled, with its newest checkpoint.

        Args:
            best: take the best model by the run's measure instead.

        Raises:
            InputError: if there is no checkpoint yet.
        """
        from keras_gan.checkpoints import restore_newest

        model = self.build()
        folder = self.path / ("best" if best else "checkpoints")
        if restore_newest(model, folder) is None:
            advice = (
                "Leave --best out; only a run that measures its images while it trains "
                "(--evaluate-steps) keeps its best model."
                if best
                else f"Train it first: train.py --resume --run-dir {self.path}."
            )
            raise InputError(f"{folder} has no checkpoint. {advice}")
        return model

    def write_json(self, name: str, content: dict) -> None:
        """Writes a JSON file into the folder, whole or not at all."""
        write_atomically(self.path / name, json_text(content))

    def write_files(self, data: Any) -> None:
        """Writes what tells later which file of the data has changed."""
        if data.digests is not None:
            listed = dict(zip(data.files or (), data.digests, strict=True))
            self.write_json(_FILES, listed)

    def _files(self):
        try:
            return json.loads((self.path / _FILES).read_bytes())
        except (OSError, *JSON_ERRORS):
            return {}  # of an older run, or of another source

    def write_skipped(self, skipped: Iterable[tuple[str, str]]) -> None:
        """Lists the files that could not be read, and why, in `bad_images.txt`."""
        # Names of files may hold line ends, and bytes that no text has.
        lines = (f"{file!r}: {reason}\n" for file, reason in skipped)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / _BAD_IMAGES, "".join(lines))
        except OSError as error:
            raise self._unwritable(error) from error


def _difference(before, now):
    """Returns how two dictionaries from files to their sums differ, in words."""
    gone = {file: before[file] for file in before if file not in now}
    new = {file: now[file] for file in now if file not in before}
    places = {digest: file for file, digest in new.items()}
    renamed = [(f, places[d]) for f, d in gone.items() if d in places]
    parts = {
        "renamed": [f"{old!r} to {new!r}" for old, new in renamed],
        "missing": [repr(f) for f in gone if f not in dict(renamed)],
        "added": [repr(f) for f in new if f not in dict(renamed).values()],
        "changed": [repr(f) for f in now if f in before and now[f] != before[f]],
    }
    return "; ".join(
        f"{len(files):,} {word} ({listed(files, most=3)})"
        for word, files in parts.items()
        if files
    )


def _copy_of_config(path):
    return path / "checkpoints" / "config.json"


def _refuse_edited(path, config):
    """Raises InputError where a config is not the one of the checkpoints."""
    made = recipes.class_of(config, path / "config.json")
    try:
        copy = json.loads(_copy_of_config(path).read_bytes())
    except (FileNotFoundError, *JSON_ERRORS):
        return  # an older run, or a copy that nobody needs

    def values(one):
        family = one.get("family", made.family)
        return {
            "recipe": one["recipe"],
            "family": family,
            **one["settings"],
            **one["data"],
        }

    now, before = values(config), values(copy)
    # An older version wrote the copy if a run died while a newer one resumed it.
    defaults = {field.name: field.default for field in dataclasses.fields(made)}
    accepted = changeable(made)
    for name in [*before, *now]:
        if name not in accepted and now.get(name) != before.get(
            name, defaults.get(name)
        ):
            raise InputError(
                f"{path / 'config.json'} was edited: {name} is {now.get(name)!r}, and "
                f"{before.get(name)!r} belongs to the checkpoints. Put it back, or "
                "begin another run."
            )


def _require_utf8(path):
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{str(path)!r} is not a name in UTF-8, which TensorFlow needs. Name "
            "another folder, or set the environment variable LC_ALL to C.UTF-8."
        ) from None


def require_empty(path: pathlib.Path) -> None:
    """Checks that a run can begin in a folder: it does not exist or is empty.

    What a run leaves that never began does not count.

    Raises:
        InputError: if it holds something, or its name is not one for TensorFlow.
    """
    _require_utf8(path)
    left = {_LOCK, _BAD_IMAGES}
    if path.exists() and (
        not path.is_dir() or {file.name for file in path.iterdir()} - left
    ):
        raise InputError(
            f"{path} exists already. Add --resume to go on with a run, or name another "
            "folder with --run-dir."
        )


def load(path: str | os.PathLike, best: bool = False) -> keras.Model:
    """Returns the model of a run folder, compiled, with its newest checkpoint.

    Args:
        path: run folder.
        best: take the best model by the run's measure instead.

    Raises:
        InputError: if there is no run or it has no checkpoint yet.
    """
    return Run.open(path).load(best)
