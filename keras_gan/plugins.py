"""Modules of a user that add sources, losses, recipes and more to a command.

What a command finds by name lies in dictionaries, one in each room. A name in one of
them is added by an assignment, from a script or from a module that `--plugin` imports:

```python
from keras_gan import datasets

datasets.SOURCES["mine"] = datasets.Source("mine", "my own images", read)
```

`docs/extending.md` has an example of each kind.
"""

import contextlib
import importlib
import importlib.util
import pathlib
import sys
import traceback
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any

import keras

from keras_gan.errors import InputError, first_line_of, listed

# Each dictionary, and the class that its entries are of, which lies beside it. They are
# text, since the rooms are on floors above this one, and experiments use it.
_INSTANCES = {
    "keras_gan.datasets.SOURCES": "Source",
    "keras_gan.evaluators.MEASURES": "Measure",
    "keras_gan.evaluators.modes.MODE_COUNTERS": "ModeCounter",
    "keras_gan.experiments.EXPERIMENTS": "Experiment",
    "keras_gan.features.EXTRACTORS": "Kind",
    "keras_gan.recipes.RECIPES": "Recipe",
    "keras_gan.datasets.PAIRED_SOURCES": "Source",
    "export.formats.FORMATS": "Format",
}
_CLASSES = {
    "keras_gan.losses.OBJECTIVES": "Objective",
    "keras_gan.losses.PENALTIES": "Penalty",
    "keras_gan.recipes.FAMILIES": "Recipe",
}

# What `load` was last given: the plugins of this command.
loaded: tuple[str, ...] = ()


def load(names: Iterable[str]) -> None:
    """Imports the plugins of a command, before it looks anything up by name.

    Args:
        names: dotted names of modules, which may lie in the working directory, or paths
            of files that end in .py.

    Raises:
        InputError: for a module that cannot be imported, that adds nothing, or that
            adds something of another kind.
    """
    global loaded
    names = tuple(dict.fromkeys(names))
    for name in names:
        before = _entries()
        is_new = _module_name(name) not in sys.modules
        _import(name)
        added = {
            key: value for key, value in _entries().items() if _new(key, value, before)
        }
        for (place, key), value in added.items():
            _require_kind(name, place, key, value)
        if is_new and not added:
            places = [place.rpartition(".")[2] for place in {**_INSTANCES, **_CLASSES}]
            raise InputError(
                f"--plugin {name} adds nothing. A plugin assigns to one of "
                f"{', '.join(places)}, or registers a class with Keras."
            )
    loaded = names


@contextlib.contextmanager
def remembered(names: Any) -> Iterator[None]:
    """Says in an InputError which plugins a run was trained with, if they are missing.

    They are named and not imported: who gets a run folder from a stranger must not run
    the stranger's code by that.

    Args:
        names: as the run's `config.json` has them; anything else is no name.
    """
    try:
        yield
    except InputError as error:
        names = names if isinstance(names, list | tuple) else []
        missing = [
            name
            for name in names
            if isinstance(name, str) and _module_name(name) not in sys.modules
        ]
        if not missing:
            raise
        raise InputError(
            f"{error} The run was trained with a plugin, which a run folder does not "
            "import by itself; if you trust that code, add "
            f"{listed(f'--plugin {name}' for name in missing)}."
        ) from error


def _entries() -> dict[tuple[str, Any], Any]:
    """Returns (dictionary, key) -> value of all that can be found by name."""
    found = {}
    for place in [*_INSTANCES, *_CLASSES]:
        home, _, attribute = place.rpartition(".")
        if home.startswith("keras_gan."):
            importlib.import_module(home)
        # keras_gan does not import export: its formats are there in commands that do.
        if home in sys.modules:
            entries = getattr(sys.modules[home], attribute)
            found.update({(place, key): value for key, value in entries.items()})
    objects = keras.saving.get_custom_objects()  # of which files of models are made
    found.update({("keras", key): value for key, value in objects.items()})
    return found


def _new(key, value, before):
    return key not in before or before[key] is not value


def _require_kind(plugin, place, key, value):
    """Raises InputError for an entry that the room of a dictionary cannot use."""
    if place == "keras":
        return
    home, _, attribute = place.rpartition(".")
    wanted = {**_INSTANCES, **_CLASSES}[place]
    base = getattr(sys.modules[home], wanted)
    if place in _CLASSES:
        kind, fits = "a subclass", isinstance(value, type) and issubclass(value, base)
    else:
        kind, fits = "an instance", isinstance(value, base)
    if not (fits and isinstance(key, str)):
        raise InputError(
            f"--plugin {plugin} sets {attribute}[{key!r}] to {value!r}. Use text as "
            f"the name and {kind} of {home}.{wanted} as the value."
        )


def _module_name(plugin):
    return pathlib.Path(plugin).stem if plugin.endswith(".py") else plugin


def _import(plugin) -> ModuleType:
    name, path = _module_name(plugin), None
    if plugin.endswith(".py"):
        path = pathlib.Path(plugin).absolute()
        if not path.is_file():
            raise InputError(
                f"--plugin is {plugin}, and there is no such file. Give the path of a "
                ".py file, or the name of a module."
            )
    known = sys.modules.get(name)
    if known is not None and path is not None:
        file = getattr(known, "__file__", None)
        if file is None or not path.samefile(file):
            raise InputError(
                f"--plugin is {plugin}, and another module is named {name} "
                f"({file or 'built into Python'}). Rename the file."
            )
    if known is not None:
        return known
    # What lies beside a plugin can be imported by it. Last, so that it hides nothing.
    folder = str(pathlib.Path.cwd() if path is None else path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        if path is None:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError("it is not a Python file")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise InputError(
            f"--plugin {plugin} cannot be imported{_place(error, path)}: "
            f"{type(error).__name__}: {first_line_of(error)}. Mend the module, or name "
            "another one by its dotted name or the path of its .py file."
        ) from error


def _place(error, path):
    """Returns where in a file the error arose, in words."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if path and f.filename == str(path)]
    return f" (line {lines[-1]})" if lines else ""
