"""One recipe trained in several variants, measured and drawn side by side."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from keras_gan import examples, pictures, recipes, seeding
from keras_gan.callbacks.step_callback import StepCallback
from keras_gan.errors import InputError
from keras_gan.evaluators import together
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.pictures.grids import columns

_SHOWN = 6  # rows of the picture


@dataclasses.dataclass(frozen=True)
class Ablation:
    """Variants of one recipe, and what the paper measured of them.

    Args:
        name: of the experiment.
        recipe: name of the recipe whose settings the variants change.
        family: of recipes that have these settings.
        variants: name -> settings that differ.
        paper: name of a variant -> the paper's figures; and "data" and "measure", what
            they are of.

    Example:

    ```python
    from keras_gan.experiments.ablations import Ablation

    variants = {"one block": {"blocks": 1}, "six blocks": {"blocks": 6}}
    paper = {"data": "maps", "measure": "L1", "one block": [0.3], "six blocks": [0.2]}
    mine = Ablation("ablate-blocks", "cyclegan-digits", "cyclegan", variants, paper)
    ```
    """

    name: str
    recipe: str
    family: str
    variants: Mapping[str, Mapping[str, Any]]
    paper: Mapping[str, Any]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the options of this experiment."""
        parser.add_argument(
            "--recipe",
            default=self.recipe,
            help=f"recipe of family {self.family}, or file of its settings "
            f"({self.recipe})",
        )
        parser.add_argument(
            "--steps",
            type=arguments.at_least(1),
            help="steps of each variant, instead of the length that the recipe has",
        )

    def run(self, options: argparse.Namespace) -> Outcome:
        """Returns what each variant comes to.

        Raises:
            InputError: where the recipe is of another family or its data cannot be
                read.
        """
        seeding.make_deterministic()
        recipe = self._recipe_of(options)
        each = {name: recipe.override(own) for name, own in self.variants.items()}
        whole = recipe.read()
        facts, (data, held_out) = recipe.facts(whole), recipe.divided(whole)
        # All before the first is trained, since one may be refused.
        for own in each.values():
            own.build(facts)
        per_epoch = recipe.steps_per_epoch(data)
        steps = recipe.steps or recipe.epochs * per_epoch
        evaluator = together(recipe.evaluators(data, held_out))
        assert evaluator is not None  # each family of translators has some
        measured, shown = {}, {}
        with tqdm(total=steps * len(each), unit=" steps", disable=None) as progress:
            for name, own in each.items():
                progress.set_description(name)
                model = own.build(facts)
                model.fit(
                    own.batches(data, model, 0, None),
                    steps_per_epoch=steps,
                    verbose=0,
                    callbacks=[_Advance(progress)],
                )
                measured[name] = evaluator.measure(model, evaluator.final(model))
                rows = recipe.examples(data if held_out is None else held_out)
                some = examples.spread(model, rows, _SHOWN, None)
                shown[name] = model.samples(_SHOWN, 0, some)
        titles = {name: evaluator.measures[name].title for name in measured[name]}
        return Outcome(
            self.name,
            f"{_table(measured, titles)}\n{_table_of(self.paper)}",
            _picture(shown, model.outputs),
            {
                "recipe": options.recipe,
                "data": recipe.data_words,
                "variants": {name: dict(own) for name, own in self.variants.items()},
                "measured": measured,
                "paper": self.paper,
                "protocol": f"{steps} steps of {recipe.batch_size} of each variant, "
                f"settings of {options.recipe}, seed {options.seed}; "
                f"{evaluator.protocol(model)}",
            },
        )

    def _recipe_of(self, options):
        name = options.recipe
        recipe = recipes.named(name)
        if recipe.family != self.family:
            raise InputError(
                f"{name} is of family {recipe.family}, and {self.name} needs "
                f"{self.family}. Name such a recipe, such as {self.recipe}."
            )
        if options.steps is not None:
            recipe = recipe.override({"steps": options.steps})
        if recipe.minutes is not None:
            raise InputError(
                f"{name} trains for {recipe.minutes} minutes, and variants compare at "
                "equal steps. Give --steps."
            )
        return recipe.override({"seed": options.seed})


class _Advance(StepCallback):
    """Moves a bar by each step."""

    def __init__(self, bar):
        super().__init__()
        self._bar, self._step = bar, 0

    def on_train_batch_end(self, batch, logs=None):
        step = self.step_after(batch)
        self._bar.update(step - self._step)
        self._step = step


def _table(measured, titles):
    """Returns a line for each variant, with its measures under each other."""
    widest = max(map(len, measured))
    lines = [
        f"{name:{widest}}  "
        + ", ".join(f"{titles[key]} {value:.4g}" for key, value in values.items())
        for name, values in measured.items()
    ]
    return "\n".join(["measures of each variant:", *lines])


def _table_of(paper):
    """Returns the paper's table in the same form."""
    rows = {name: row for name, row in paper.items() if isinstance(row, list)}
    widest = max(map(len, rows))
    lines = [
        f"{name:{widest}}  {', '.join(map(str, row))}" for name, row in rows.items()
    ]
    return "\n".join([f"the paper ({paper['data']}; {paper['measure']}):", *lines])


def _picture(shown, outputs):
    """Draws what was translated once, and what each variant makes of it."""
    first = next(iter(shown.values()))
    titled: dict[str, tuple[np.ndarray, tuple[str, ...]]] = {}
    for title, images in first.items():
        if title not in outputs and not title.endswith("cycled"):
            titled[title] = images, ()
    for name, samples in shown.items():
        for title in outputs:
            several = len(outputs) > 1
            label = f"{name}: {title.replace('_', ' ')}" if several else name
            titled[label] = samples[title], ()
    return pictures.hstack(*columns(titled).items())
