"""What the commands `evaluate` and `compare` have in common."""

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from tqdm import tqdm

import keras_gan_options
from keras_gan import features
from keras_gan.errors import InputError
from keras_gan.evaluators import LEAST_IMAGES, Evaluator, together
from keras_gan.experiments import TrainedRun, arguments
from keras_gan.recipes.options import settings_of


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Adds the options that say how thoroughly to measure."""
    keras_gan_options.add_plugin(command)
    command.add_argument(
        "--features",
        help=f"{', '.join(kind.usage for kind in features.EXTRACTORS.values())} "
        "(default classifier if the data has labels, else random; points: pixels)",
    )
    command.add_argument(
        "--samples",
        type=arguments.at_least(LEAST_IMAGES),
        help="generated images, real ones beside them, and as many in the other half "
        "of the real ones (default 10000, or half the images where they are fewer)",
    )
    command.add_argument(
        "--palette",
        metavar="COLOURS",
        help="colours that are classes, for runs of pix2pix (default: the run's own)",
    )
    command.add_argument(
        "--seed", type=arguments.seed, default=0, help="same seed, same files"
    )


def evaluator_of(
    trained: TrainedRun, data: Any, held_out: Any, options: argparse.Namespace
) -> Evaluator:
    """Returns what measures a run as thoroughly as the options ask for.

    Args:
        trained: the run.
        data: real images, or what else its recipe reads.
        held_out: those that it is not trained on, or None.
        options: those that `add_arguments` adds.

    Raises:
        InputError: if nothing measures it, or for options that do not fit the data.
    """
    run, model = trained.run, trained.model
    recipe = run.recipe
    if options.features is not None or settings_of(type(recipe))["features"].optional:
        recipe = recipe.override({"features": options.features})
    if options.palette is not None:
        if not hasattr(recipe, "palette"):
            raise InputError(
                f"--palette is {options.palette!r}, and the run in {run.path} is of "
                f"family {recipe.family}, which has none. Leave it out."
            )
        recipe = recipe.override({"palette": options.palette})
    evaluator = together(recipe.evaluators(data, held_out))
    if evaluator is None:
        raise InputError(
            f"the run in {run.path} is of family {recipe.family}, which has nothing to "
            f"measure {recipe.words_of(data)} with. Name a run on more data, or of "
            "another family."
        )
    evaluator = evaluator.thorough(options.samples, options.seed)
    evaluator.check(evaluator.final(model), model)
    return evaluator


@contextlib.contextmanager
def part(bar: tqdm, name: str) -> Iterator[None]:
    """Shows on a bar which part of the work is being done."""
    bar.set_description(name)
    yield
    bar.update()


def in_columns(lines: Sequence[Sequence[str]]) -> str:
    """Returns lines of words as text in columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
