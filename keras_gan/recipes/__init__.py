"""Named settings that are known to work, and settings in a file.

A module here is a family, or what several share: it has the class of its recipes and,
in `RECIPES`, those with a name. A user adds a recipe by `RECIPES["mine"] = recipe`, and
a family by a subclass of `Recipe` with a name of its own in `family`.
"""

import dataclasses
import importlib
import json
import os
import pathlib
import pkgutil
import tomllib
from collections.abc import Mapping
from typing import Any

from keras_gan import plugins
from keras_gan.errors import InputError, did_you_mean, listed
from keras_gan.files import JSON_ERRORS
from keras_gan.recipes.base import FAMILIES, OneSource, Recipe
from keras_gan.recipes.options import settings_of
from keras_gan.recipes.translation import PairedSource, TwoSources

FORMAT = 2  # of config.json; 1 had neither a format nor a family

RECIPES: dict[str, Recipe] = {}
for _module in pkgutil.iter_modules(__path__):
    _imported = importlib.import_module(f"{__name__}.{_module.name}")
    RECIPES.update(getattr(_imported, "RECIPES", {}))

__all__ = [
    "FAMILIES",
    "FORMAT",
    "RECIPES",
    "OneSource",
    "PairedSource",
    "Recipe",
    "TwoSources",
    "class_of",
    "from_config",
    "get",
    "is_file",
    "load",
    "name_of",
    "named",
]


def get(name: str) -> Recipe:
    """Returns the recipe of that name.

    Raises:
        InputError: where there is none.
    """
    if name not in RECIPES:
        raise InputError(
            f"recipe {name!r} is not known. Use one of {', '.join(RECIPES)}, a "
            "settings file that ends in .toml, or the config.json of a run."
            f"{did_you_mean(name, RECIPES)}"
        )
    return RECIPES[name]


def name_of(recipe: Recipe) -> str:
    """Returns the name of the recipe that these settings began as, else the family."""
    for name, known in RECIPES.items():
        if type(known) is type(recipe) and known.summary == recipe.summary:
            return name
    return recipe.family


def named(word: str) -> Recipe:
    """Returns the recipe of that name, or the settings of a file.

    Raises:
        InputError: as of `get` and `load`.
    """
    return load(word)[1] if is_file(word) else get(word)


def is_file(word: str) -> bool:
    """Returns whether a word of the command line names a file of settings."""
    return pathlib.Path(word).suffix.lower() in (".toml", ".json")


def load(path: str | os.PathLike) -> tuple[str, Recipe, dict[str, Any]]:
    """Returns a name for the settings of a file, all of them, and those that it gives.

    Args:
        path: a TOML file with `recipe`, or `family`, and any of its settings; or the
            `config.json` of a run.

    Raises:
        InputError: if the file cannot be read or used.
    """
    path = pathlib.Path(path)
    as_json = path.suffix.lower() == ".json"
    try:
        text = path.read_bytes().decode()
        content = json.loads(text) if as_json else tomllib.loads(text)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, *JSON_ERRORS) as error:
        kind = "JSON" if as_json else "TOML"
        raise InputError(f"{path} cannot be read as {kind}: {error}.") from error
    if as_json:
        try:
            recipe = from_config(content, path)
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(
                f"{path} cannot be read as the config.json of a run ({error!r})."
            ) from error
        name, values = str(content.get("recipe", recipe.family)), content["settings"]
    else:
        try:
            recipe, name, values = _from_toml(path, content), path.stem, content
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
    settings = settings_of(type(recipe))
    return name, recipe, {n: getattr(recipe, n) for n in settings if n in values}


def _from_toml(path, content):
    values = dict(content)
    recipe, family = values.pop("recipe", None), values.pop("family", None)
    if not isinstance(recipe or family, str) or None not in (recipe, family):
        raise InputError(
            f"recipe is {recipe!r} and family {family!r}; give one of them, such as "
            'recipe = "digits" for the settings of that recipe, or family = "gan" for '
            "the defaults of that family."
        )
    began = get(recipe) if family is None else None
    made = type(began) if family is None else _family(family)
    made.require_known(values)
    for name, one in settings_of(made).items():
        if one.optional and values.get(name) == "none":  # TOML has no null
            values[name] = None
    if began is not None:
        return began.override(values)
    return made(**{"summary": f"settings of {path.name}", **values})


def _family(name):
    if name not in FAMILIES:
        raise InputError(
            f"family {name!r} is not known. Use one of {', '.join(FAMILIES)}, or "
            "import the module of your own family first."
            f"{did_you_mean(name, FAMILIES)}"
        )
    return FAMILIES[name]


def class_of(config: Mapping[str, Any], file: pathlib.Path) -> type[Recipe]:
    """Returns the class of the recipe that a run's `config.json` holds.

    Args:
        config: content of the file.
        file: its path, for the message.

    Raises:
        InputError: if no family has that name, or a newer version wrote the file.
        AttributeError, KeyError, TypeError: if it is not the content of such a file.
    """
    written, settings = config.get("format", 1), config["settings"]
    if not isinstance(written, int) or not isinstance(settings, dict):
        raise TypeError("format must be a number and settings an object")
    if written > FORMAT:
        raise _newer(config, file, f"its format is {written}, not {FORMAT}")
    with plugins.remembered(config.get("plugins")):
        # A file of format 1 knows the name of its recipe alone.
        if "family" not in config:
            return type(get(config["recipe"]))
        return _family(config["family"])


def from_config(config: Mapping[str, Any], file: pathlib.Path) -> Recipe:
    """Returns the settings that a run's `config.json` holds.

    Settings that are younger than the file have their defaults.

    Args:
        config: content of the file.
        file: its path, for the message.

    Raises:
        InputError: if they cannot be used, or a newer version wrote them.
        AttributeError, KeyError, TypeError: if it is not the content of such a file.
    """
    made, settings = class_of(config, file), config["settings"]
    known = {field.name for field in dataclasses.fields(made)}
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise _newer(config, file, f"it has {listed(unknown)}")
    with plugins.remembered(config.get("plugins")):
        try:
            return made(**{"summary": "", **settings})
        except InputError as error:
            raise InputError(f"{file}: {error}") from error


def _newer(config, file, reason):
    versions = config.get("versions")
    wrote = versions.get("keras_gan") if isinstance(versions, dict) else None
    return InputError(
        f"{file} was written by a newer version of keras_gan"
        f"{f' ({wrote})' if wrote else ''}: {reason}. Install that version to use it."
    )
