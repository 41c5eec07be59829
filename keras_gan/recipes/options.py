"""A setting of a recipe: one line says its default, its meaning and what it accepts.

The checks of a recipe, the options of the command line with their help, what a resumed
run may change and what may differ from one worker to the next derive from that line.
"""

import argparse
import dataclasses
import functools
import numbers
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterator
from typing import Any

from keras_gan.errors import InputError, did_you_mean

_KINDS = {
    bool: (bool, "true or false"),
    int: (numbers.Integral, "a whole number"),
    float: (numbers.Real, "a finite number"),
    str: (str, "text"),
}


_BY_DATA = "chosen by the data"


def setting(default: Any, meaning: str, **what: Any) -> Any:
    """Returns a dataclass field that is a setting.

    A subclass gives it another default without repeating the rest:
    `latent_dim: int = 2`.

    Args:
        default: the value if nobody gives one.
        meaning: one line for the help.
        **what: arguments of `Setting`.
    """
    return dataclasses.field(
        default=default, metadata={"setting": Setting(meaning, **what)}
    )


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a setting means and accepts.

    Args:
        meaning: one line for the help.
        at_least, at_most: bounds that are accepted themselves.
        above, below: bounds that are not.
        choices: the accepted texts, any collection; a dictionary may grow later.
        check: function of a value that raises InputError if it cannot be used.
        unset: what None stands for, in words.
        changeable: a resumed run may change it.
        location: it says where data lies, which differs from one machine to another and
            may change on a resume.
        kinds: accepted types, from the annotation of the field.
        optional: whether the annotation accepts None.

    Example:

    ```python
    from keras_gan.recipes.options import Setting

    setting = Setting("images of an update", at_least=1, kinds=(int,))
    assert setting.parse("128") == 128
    setting.require("batch_size", 128)
    print(setting.accepted())
    ```
    """

    meaning: str
    _: dataclasses.KW_ONLY
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Collection[str] = ()
    check: Callable[[Any], object] | None = None
    unset: str = "none"
    changeable: bool = False
    location: bool = False
    kinds: tuple[type, ...] = ()
    optional: bool = False

    def require(self, name: str, value: Any) -> None:
        """Checks a value.

        Args:
            name: of the setting, for the message.
            value: what was given.

        Raises:
            InputError: if it is not accepted.
        """
        if value is None and self.optional:
            return
        if not any(_is(value, kind) for kind in self.kinds) or not self._within(value):
            raise InputError(
                f"{name} is {value!r}; it must be {self.accepted()}."
                f"{did_you_mean(value, self.choices)}"
            )
        if self.check is not None:
            self.check(value)

    def _within(self, value):
        if self.choices:
            return value in self.choices
        if isinstance(value, str | bool):
            return True
        return (
            # NaN is no number, and infinity is none that training can use.
            (int in self.kinds or abs(value) <= sys.float_info.max)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def accepted(self) -> str:
        """Returns what is accepted, in words."""
        if self.choices:
            return self.bounds()
        kinds = " or ".join(_KINDS[kind][1] for kind in self.kinds)
        return f"{kinds} {self.bounds()}".strip()

    def bounds(self) -> str:
        """Returns which texts or numbers are accepted, in words."""
        if self.choices:
            return " or ".join(self.choices)
        if self.at_least is not None and self.at_most is not None:
            return f"from {self.at_least} to {self.at_most}"
        bounds = {
            "at least": self.at_least,
            "above": self.above,
            "at most": self.at_most,
            "below": self.below,
        }
        return " and ".join(f"{w} {n}" for w, n in bounds.items() if n is not None)

    def parse(self, text: str) -> Any:
        """Returns the value that a user wrote; "none" is None if that is accepted.

        Raises:
            argparse.ArgumentTypeError: if it is another kind of value.
        """
        if text == "none" and self.optional:
            return None
        kind = str if str in self.kinds else self.kinds[0]
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not accepted; it must be {self.accepted()}"
            ) from None


def _is(value, kind):
    # A bool is an integer to Python, and never meant as one here.
    return isinstance(value, _KINDS[kind][0]) and isinstance(value, bool) == (
        kind is bool
    )


def settings_of(recipe_class: type) -> dict[str, Setting]:
    """Returns the settings of a class of recipes by name, in the order of its fields.

    A field that was not made by `setting`, here or in a parent class, is none.
    """
    return _settings_of(recipe_class)


@functools.cache
def _settings_of(recipe_class):
    hints = typing.get_type_hints(recipe_class)
    found = {}
    for field in dataclasses.fields(recipe_class):
        parents = (
            vars(c).get("__dataclass_fields__", {}) for c in recipe_class.__mro__
        )
        declared = (fields[field.name] for fields in parents if field.name in fields)
        says = (f.metadata["setting"] for f in declared if "setting" in f.metadata)
        said = next(says, None)
        if said is not None:
            hint = hints[field.name]
            union = (
                isinstance(hint, types.UnionType)
                or typing.get_origin(hint) is typing.Union
            )
            members = typing.get_args(hint) if union else (hint,)
            found[field.name] = dataclasses.replace(
                said,
                kinds=tuple(m for m in members if m is not type(None)),
                optional=type(None) in members,
            )
    return found


def changeable(recipe_class: type) -> list[str]:
    """Returns the settings that a resumed run may change."""
    settings = settings_of(recipe_class).items()
    return [name for name, s in settings if s.changeable or s.location]


def locations(recipe_class: type) -> list[str]:
    """Returns the settings that say where data lies."""
    return [name for name, s in settings_of(recipe_class).items() if s.location]


def flag(name: str) -> str:
    """Returns the option of a setting."""
    return "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser, recipe: Any) -> None:
    """Adds an option for each setting of a recipe.

    What is not given does not appear in the parsed options.

    Args:
        parser: of the command line.
        recipe: `Recipe` whose values the help names as defaults.
    """
    group = parser.add_argument_group(
        "settings", "Each replaces a setting of the recipe."
    )
    settings = settings_of(type(recipe)).items()
    # Where the data lies comes first: it is what a user sets first.
    for name, one in sorted(settings, key=lambda item: not item[1].location):
        default = getattr(recipe, name)
        if name in recipe.from_data:
            default, one = None, dataclasses.replace(one, unset=_BY_DATA)
        text = "; ".join(_notes(one, default))
        help = f"{one.meaning} ({text})".replace("%", "%%")
        if one.kinds == (bool,):
            kind: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        else:
            metavar = "|".join(k.__name__.upper() for k in one.kinds)
            kind = {"type": one.parse, "metavar": metavar}
        group.add_argument(flag(name), help=help, default=argparse.SUPPRESS, **kind)


def _notes(one, default) -> Iterator[str]:
    if bounds := one.bounds():
        yield f"{bounds} or none" if one.optional and default is not None else bounds
    if default is None:
        yield f"default {one.unset}"
    elif isinstance(default, bool):
        yield f"default {'yes' if default else 'no'}"
    else:
        yield f"default {default}"
