"""One line says everything about a setting: checks, options and help follow from it."""

import dataclasses
import re
from typing import ClassVar

import pytest

from keras_gan import InputError, recipes
from keras_gan.recipes.base import Recipe
from keras_gan.recipes.options import setting, settings_of
from keras_gan_command import train as command


@dataclasses.dataclass(frozen=True)
class Toy(Recipe):
    steps: int | None = 1
    share: float = setting(0.5, "of it", at_least=0, below=1)
    weight: float | None = setting(None, "of it", above=0)
    size: int = setting(4, "of it", at_least=2, at_most=8, changeable=True)
    kind: str | None = setting(None, "of it", choices={"good": 1, "better": 2})
    plain: int = 3


@dataclasses.dataclass(frozen=True)
class Child(Toy):
    size: int = 8


@pytest.mark.parametrize(
    ("name", "accepted", "refused", "said"),
    [
        (
            "share",
            [0, 0.0, 0.999],
            [-0.1, 1, float("nan"), "0.5", True, None],
            "a finite number at least 0 and below 1",
        ),
        (
            "weight",
            [None, 1e-9, 3],
            [0, -1.0, float("inf"), 10**400, [1.0]],
            "a finite number above 0",
        ),
        ("size", [2, 8], [1, 9, 2.0, "4", False, None], "a whole number from 2 to 8"),
        ("kind", [None, "good"], ["goood", 1, ""], "good or better"),
        ("deterministic", [True, False], [1, "yes", None], "true or false"),
        ("steps", [1], [0, 1.5, True], "a whole number at least 1"),
    ],
)
def test_values_are_checked(name, accepted, refused, said):
    for value in accepted:
        assert getattr(Toy("toy").override({name: value}), name) == value
    for value in refused:
        message = re.escape(f"{name} is {value!r}; it must be {said}.")
        with pytest.raises(InputError, match=message):
            Toy("toy").override({name: value})
    with pytest.raises(InputError, match="Did you mean 'good'"):
        Toy("toy", kind="goood")


def test_a_subclass_gives_another_default_and_keeps_the_rest():
    assert Child("child").size == 8
    with pytest.raises(InputError, match="from 2 to 8"):
        Child("child", size=9)
    assert settings_of(Child)["size"] == settings_of(Toy)["size"]
    assert "plain" not in settings_of(Child)
    assert "summary" not in settings_of(Child)


def options_in(text):
    found = re.findall(r"^  (?:-h, )?(--[a-z0-9-]+)", text, re.MULTILINE)
    general = {"--help", "--list", "--run-dir", "--resume", "--no-export", "--plugin"}
    return set(found) - general


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_help_of_a_recipe_shows_its_own_options_and_defaults(train, capsys, name):
    assert train.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    recipe = recipes.get(name)
    settings = settings_of(type(recipe))
    expected = {f"--{one.replace('_', '-')}" for one in settings}
    assert options_in(text) == expected
    shown = {"batch_size", "latent_dim", *recipe.sources} & {*settings}
    for one in shown - {*recipe.from_data}:
        flag = f"--{one.replace('_', '-')}"
        (said,) = re.findall(rf"\n  {flag} .*?default\s+(\S+)\)", text, re.DOTALL)
        assert said == str(getattr(recipe, one))
    for one in recipe.from_data:
        pattern = rf"\n  --{one.replace('_', '-')}\b(?!-)(.*?)(\n  --|$)"
        (option, _) = re.search(pattern, text, re.DOTALL).groups()
        assert " ".join(option.split()).endswith("default chosen by the data)")


def test_general_help_shows_no_settings(train, capsys):
    assert train.main(["--help"]) == 0
    assert options_in(capsys.readouterr().out) == set()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (
            ["gan-mnist", "--base-filters", "8"],
            "It is one of cyclegan, cyclegan-digits, digits",
        ),
        (["digits", "--no-marginal-bias"], "It is one of gan-mnist-paper"),
        (["digits", "--batch-sise=8"], "Did you mean '--batch-size'"),
        (["--epoch", "8"], "Did you mean '--epochs'"),
        (["--epochs", "8", "dcgan-mnist"], "'dcgan-mnist' is not an option"),
        (["digits", "gan-mnist"], "comes first"),
    ],
)
def test_an_option_that_there_is_not(
    train, tmp_path, monkeypatch, capsys, arguments, named
):
    monkeypatch.chdir(tmp_path)
    assert train.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert list(tmp_path.iterdir()) == []


def test_none_takes_a_setting_away():
    recipe = recipes.get("dcgan-cifar10")
    arguments = ["--halving-steps", "none", "--penalty", "none", "--image-size", "16"]
    parser = command.parser_of_every_recipe("train")
    given = command.settings_given(parser, arguments, "dcgan-cifar10", recipe)
    assert given == {"halving_steps": None, "penalty": None, "image_size": "16"}
    changed = recipe.override(given)
    assert (changed.halving_steps, changed.penalty_weight) == (None, None)
    assert changed.image_shape_asked_for() == (16, 16)


def test_a_word_for_a_number_is_refused_by_its_option(train, capsys):
    with pytest.raises(SystemExit) as end:
        train.main(["digits", "--batch-size", "many"])
    assert end.value.code == 2
    said = "--batch-size: 'many' is not accepted; it must be a whole number from 1 to"
    assert said in capsys.readouterr().err


def test_two_families_cannot_have_one_name():
    with pytest.raises(InputError, match=r"'gan' of .*Other is taken by DCGANRecipe"):

        class Other(Recipe):
            family: ClassVar[str] = "gan"

    assert recipes.FAMILIES["gan"].__name__ == "DCGANRecipe"
