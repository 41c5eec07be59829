"""`python train.py`, `keras-gan train`: arguments and exit codes of a training."""

import argparse
import itertools
import pathlib
import sys
import time
from typing import TYPE_CHECKING, Any

import keras_gan_options

if TYPE_CHECKING:
    from tqdm import tqdm

    from keras_gan.recipes import Recipe
    from keras_gan.runs import Run
    from keras_gan.training import Afterwards

DEFAULT = "digits"  # the recipe of a newcomer
SIGNAL_EXIT = 128
EXPORT_IMPORTS = 2  # time of the default exports, in times of the imports


def main(arguments: list[str] | None = None, prog: str | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: without the program's name; None reads `sys.argv`.
        prog: name of the program in its help.

    Returns:
        0; 1 if training had to stop or an export differs from the model; 2 if what was
        asked for cannot be done; 128 and its number after a signal.
    """
    began = time.monotonic()
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    # The first word decides which options there are.
    has_word = bool(arguments) and not arguments[0].startswith("-")
    word, rest = (arguments[0], arguments[1:]) if has_word else (None, arguments)
    parser = parser_of_every_recipe(prog)
    options, _ = parser.parse_known_args(rest)
    if options.help and word is None and not options.resume:
        parser.print_help()
        return 0
    # All imports of this project are inside functions: they take seconds, for which
    # --help should not wait.
    try:
        from keras_gan.errors import InputError, KerasGANError, sentence

        try:
            from export import formats  # noqa: F401  a plugin may add one
            from keras_gan import plugins

            plugins.load(options.plugin)
            if options.list:
                return list_choices()
            path, name, recipe, run = chosen(word, options)
            settings = settings_given(parser, rest, word or name, recipe)
            if options.help:
                parser.print_help()
                return 0
            if run is None:
                recipe = recipe.override(settings)
            else:
                recipe = run.with_changes(settings).recipe
            return train(recipe, path, name, options, began)
        except (KerasGANError, OSError) as error:
            print(f"error: {sentence(error)}", file=sys.stderr)
            return 2 if isinstance(error, InputError | OSError) else 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return SIGNAL_EXIT + 2


def parser_of_every_recipe(prog: str | None) -> argparse.ArgumentParser:
    """Returns a parser of the options that do not depend on the recipe."""
    # Without abbreviations, which would mean another option for another recipe.
    parser = argparse.ArgumentParser(
        prog=prog,
        usage="%(prog)s [RECIPE or FILE] [OPTION ...]",
        description="Trains a recipe, shows how it learns, and exports it. RECIPE is "
        "one of those that --list shows, by default digits; FILE is a TOML file of "
        "settings, or the config.json of a run.",
        epilog="RECIPE --help shows the settings of that recipe, all of which are "
        "options too.",
        add_help=False,
        allow_abbrev=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this help")
    parser.add_argument("--list", action="store_true", help="recipes and data sources")
    parser.add_argument("--run-dir", help="where to write (default runs/RECIPE)")
    parser.add_argument("--resume", action="store_true", help="go on with a run")
    parser.add_argument("--no-export", action="store_true", help="only train")
    keras_gan_options.add_plugin(parser)
    return parser


def chosen(
    word: str | None, options: argparse.Namespace
) -> tuple[str | pathlib.Path, str, "Recipe", "Run | None"]:
    """Returns what the first word and --resume choose.

    Args:
        word: a recipe or a file of settings; None takes the run's own recipe, or
            digits.
        options: those of every recipe.

    Returns:
        The folder of the run, the name of the recipe, the recipe, and the `Run` to go
        on with or None.
    """
    from keras_gan import InputError, recipes, runs

    path = options.run_dir
    if path is None:
        path = default_folder(word, options.resume)
    run = runs.Run.open(path) if options.resume else None
    if word is not None and recipes.is_file(word):
        name, recipe, given = recipes.load(word)
        if run is not None:
            run = run.with_changes(given)
    elif run is None:
        name = word or DEFAULT
        recipe = recipes.get(name)
    elif word not in (None, run.recipe_name):
        raise InputError(
            f"the recipe is {word} and the run in {path} has {run.recipe_name}; name "
            "that or none."
        )
    if run is not None:
        name, recipe = run.recipe_name, run.recipe
    return path, name, recipe, run


def default_folder(word: str | None, resume: bool) -> pathlib.Path:
    """Returns the folder of a run if --run-dir does not name it."""
    file = pathlib.Path(word or DEFAULT).absolute()
    if file.suffix.lower() == ".toml":
        return pathlib.Path("runs", file.stem)
    if file.name != "config.json":
        return pathlib.Path("runs", file.name)
    if resume:
        return file.parent
    # The settings of a run, begun again beside it.
    folders = (f"{file.parent.name}-{number}" for number in itertools.count(2))
    folder = pathlib.Path("runs", file.parent.name)
    while folder.exists():
        folder = pathlib.Path("runs", next(folders))
    return folder


def settings_given(
    parser: argparse.ArgumentParser, arguments: list[str], name: str, recipe: "Recipe"
) -> dict[str, Any]:
    """Returns the settings among the options that the user gave.

    Args:
        parser: the one of every recipe, which gets the options of this one.
        arguments: of the command line, without the recipe.
        name: of the recipe, or its file.
        recipe: `Recipe` whose values are the defaults.

    Raises:
        InputError: for an option that this recipe does not have.
    """
    from keras_gan import InputError, recipes
    from keras_gan.errors import did_you_mean, listed
    from keras_gan.recipes.options import add_options, flag, settings_of

    parser.description, parser.epilog = f"{name}: {recipe.summary}", None
    add_options(parser, recipe)
    given, unknown = parser.parse_known_args(arguments)
    known = settings_of(type(recipe))
    if not unknown:
        return {name: value for name, value in vars(given).items() if name in known}
    option = unknown[0].partition("=")[0]
    if not option.startswith("-"):
        raise InputError(
            f"{option!r} is not an option. A recipe or a file comes first: "
            f"{parser.prog} {option} --run-dir ..."
        )
    others = [
        other
        for other, one in recipes.RECIPES.items()
        if option.replace("--no-", "--") in map(flag, settings_of(type(one)))
    ]
    if others:
        raise InputError(
            f"{option} is not an option of {name}. It is one of {listed(others)}; "
            f"{parser.prog} {name} --help shows those of {name}."
        )
    raise InputError(
        f"{option} is not an option of {name}; {parser.prog} {name} --help shows all."
        f"{did_you_mean(option, map(flag, known))}"
    )


def list_choices() -> int:
    """Prints recipes and data sources, one line each."""
    from keras_gan import datasets, recipes

    print("recipes:")
    for name, recipe in recipes.RECIPES.items():
        print(f"  {name:<20} {recipe.summary}")
    print("data sources:")
    for source in datasets.SOURCES.values():
        print(f"  {source.usage:<20} {source.description}")
    print("sources of pairs:")
    for source in datasets.PAIRED_SOURCES.values():
        print(f"  {source.usage:<20} {source.description}")
    return 0


def train(
    recipe: "Recipe",
    path: str | pathlib.Path,
    name: str,
    options: argparse.Namespace,
    began: float,
) -> int:
    """Trains one run and exports it; returns the exit code."""
    from keras_gan import training

    imports = time.monotonic() - began
    exports = None if options.no_export else exports_of(imports)
    trained = training.train(
        recipe,
        path,
        options.resume,
        name=name,
        afterwards=exports,
        imports=imports,
    )
    if trained.signal is not None:
        return SIGNAL_EXIT + trained.signal
    return trained.afterwards or 0


def exports_of(imports: float) -> "Afterwards":
    """Returns the exports as `training.train` takes what follows training.

    Args:
        imports: seconds that the imports of this process took. The exports are verified
            in processes that import the same, so they take longer on a busy machine.
    """
    from export.formats import DEFAULT_FORMATS
    from keras_gan.training import Afterwards

    return Afterwards(
        words=f"exports ({', '.join(DEFAULT_FORMATS)}), each verified",
        parts=DEFAULT_FORMATS,
        seconds=EXPORT_IMPORTS * imports,
        work=export,
    )


def export(run: "Run", bar: "tqdm") -> int:
    """Writes and verifies the files to serve; returns the exit code."""
    from export import VerificationError, export_all

    def shown(formats):
        for one in formats:
            bar.set_description(one)
            yield one
            bar.update()

    try:
        # A run that went on for longer replaces its own ONNX file.
        rows = export_all(run.path, run.path / "export", overwrite=True, progress=shown)
    except VerificationError as error:
        bar.write(f"error: {error}", file=sys.stderr)
        return 1
    for row in rows:
        bar.write(
            f"{row.format}: {row.path}, largest difference from the model "
            f"{row.largest_difference:.1e}"
        )
    return 0
