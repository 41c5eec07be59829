"""The bound against training samples seen, for many latents (2013, figure 2).

Trains a VAE for each number of latents and needs no run. Curves of training and of
held-out images show whether more latents than the data needs overfit: the paper found
that they do not. The settings are those of a recipe: `vae-digits`, the default, takes
about two minutes on two cores and downloads nothing. `--recipe vae-mnist --samples
10000000` has the paper's networks and data.

Source: Kingma and Welling 2013, arXiv 1312.6114, section 5 and figure 2.
"""

import argparse
import math

import numpy as np
from tqdm import tqdm

from keras_gan import pictures, recipes, seeding
from keras_gan.callbacks.step_callback import StepCallback
from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.evaluators.likelihood import LikelihoodEvaluator, Scored
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.pictures.charts import Figure, plain_style

LATENTS = [3, 5, 10, 20, 200]
# Nats of test images at the end, read off the figure.
PAPER = {
    "data": "MNIST",
    "unit": "nats",
    "read_off_within": 5,
    "test": {"3": -130, "5": -120, "10": -107, "20": -100, "200": -100},
}
_MEASURES = 14  # of each curve
_SCORED = 1000  # images of each kind
_AT_ONCE = 10  # steps, so that small networks do not wait for Python
_LEAST_SHARE = 0.02  # of the samples, where a curve begins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    parser.add_argument(
        "--recipe",
        default="vae-digits",
        help="recipe or file of a VAE, for its data and settings (vae-digits)",
    )
    parser.add_argument("--data", help="source of other images, such as tfds:mnist")
    parser.add_argument("--data-dir", help="where TensorFlow Datasets keeps its files")
    parser.add_argument(
        "--latents",
        type=_latents,
        default=LATENTS,
        help="numbers of latents (3,5,10,20,200)",
    )
    parser.add_argument(
        "--samples",
        type=arguments.at_least(1),
        default=400_000,
        help="training images that each model sees, an image as often as it is seen "
        "(400000)",
    )


def _latents(text):
    return sorted({arguments.at_least(1)(part.strip()) for part in text.split(",")})


def run(options: argparse.Namespace) -> Outcome:
    """Returns the bound of training and held-out images while each model learns.

    Raises:
        InputError: where the recipe is of no VAE or its data cannot be read.
    """
    seeding.make_deterministic()
    recipe = recipe_of(options)
    train, test = recipe.divided(recipe.read())
    if test is None:
        raise InputError(
            f"{options.recipe} holds no images out. Name a recipe with a validation, "
            "such as vae-digits."
        )
    # All before the first is trained, since one may be refused.
    each = {n: recipe.override({"latent_dim": n}) for n in options.latents}
    found = {}
    steps = int(recipe.steps or 0)  # `recipe_of` sets it
    with tqdm(
        total=steps * len(options.latents), unit=" steps", disable=None
    ) as progress:
        for latents, own in each.items():
            progress.set_description(f"{latents} latents")
            found[str(latents)] = bounds(own, train, test, progress)
    paper = paper_figure(recipe.data_words, train.shape)
    measured = {name: {**one, **_ends(one)} for name, one in found.items()}
    return Outcome(
        "elbo-latents",
        "bound of held-out images after "
        f"{recipe.batch_size * steps:,} samples seen: "
        + ", ".join(
            f"{one['test'][-1]:.1f} with {name} latents"
            for name, one in measured.items()
        )
        + " (nats)"
        + (f"; the paper: {_listed(paper['test'])}" if paper else ""),
        _panels(found, paper["test"] if paper else {}),
        {
            "recipe": options.recipe,
            "data": recipe.data_words,
            "measured": measured,
            "paper": paper,
            "protocol": f"lower bound of log p(x) in nats, one sample of the posterior "
            f"for each of {min(_SCORED, len(train))} training and "
            f"{min(_SCORED, len(test))} held-out images, evenly spaced; {steps} steps "
            f"of {recipe.batch_size} images; settings of {options.recipe}; "
            f"seed {options.seed}",
        },
    )


def recipe_of(options: argparse.Namespace) -> recipes.Recipe:
    """Returns the settings of all models but their latents.

    Raises:
        InputError: where there are none of such a name, or they are of no VAE.
    """
    name = options.recipe
    recipe = recipes.named(name)
    changes = {"data": options.data, "data_dir": options.data_dir}
    recipe = recipe.override({k: v for k, v in changes.items() if v is not None})
    steps = math.ceil(options.samples / recipe.batch_size / _AT_ONCE) * _AT_ONCE
    recipe = recipe.override({"steps": steps, "seed": options.seed})
    if not hasattr(recipe, "importance_samples"):
        raise InputError(
            f"{name} is of family {recipe.family}, which has no bound of the "
            "likelihood. Name a recipe of a VAE, such as vae-digits or vae-mnist."
        )
    return recipe


def bounds(
    recipe: recipes.Recipe, train: Images, test: Images, progress: tqdm
) -> dict[str, list]:
    """Trains one model and returns its bounds: `seen`, `train` and `test`.

    Args:
        recipe: all settings.
        train, test: the images.
        progress: bar of all steps.
    """
    model = recipe.build(recipe.facts(train))
    recipe.initialize(model, train)
    model.steps_per_execution = _AT_ONCE
    recorder = _Recorder(recipe, train, test, progress)
    model.fit(
        recipe.batches(train, model, 0, None),
        steps_per_epoch=recipe.steps,
        verbose=0,
        callbacks=[recorder],
    )
    return recorder.found


class _Recorder(StepCallback):
    """Measures the bound at evenly spaced powers of the number of samples seen."""

    def __init__(self, recipe, train, test, progress):
        super().__init__()
        self.found = {"seen": [], "train": [], "test": []}
        self._scored = {
            "train": Scored(train, False, recipe.labelled, _SCORED),
            "test": Scored(test, True, recipe.labelled, _SCORED),
        }
        self._batch, self._progress = recipe.batch_size, progress
        first = max(_AT_ONCE, _LEAST_SHARE * recipe.steps)
        places = np.geomspace(first, recipe.steps, _MEASURES) / _AT_ONCE
        self._steps = {int(place) * _AT_ONCE for place in places.round()}

    def on_train_batch_end(self, batch, logs=None):
        step = self.step_after(batch)
        self._progress.update(_AT_ONCE)
        if step in self._steps:
            self.found["seen"].append(step * self._batch)
            for name, scored in self._scored.items():
                measured = LikelihoodEvaluator(scored).measure(self.model, ["elbo"])
                self.found[name].append(measured["elbo"])


def paper_figure(source: str, shape: tuple[int, ...]) -> dict | None:
    """Returns the paper's bounds if they are of these images, else None.

    Args:
        source: of the images, as `datasets.read` takes it.
        shape: of one image.
    """
    on_mnist = source.split(":")[:2] == ["tfds", "mnist"]
    return PAPER if on_mnist and tuple(shape) == (28, 28, 1) else None


def _ends(curves):
    """Returns what the curves come to: best and last, and how far apart they end."""
    return {
        "best_test": max(curves["test"]),
        "fall_of_test_from_its_best": max(curves["test"]) - curves["test"][-1],
        "train_above_test": curves["train"][-1] - curves["test"][-1],
    }


def _listed(values):
    return ", ".join(f"{value} with {name}" for name, value in values.items())


@plain_style({"axes.spines.right": False, "axes.spines.top": False})
def _panels(found, paper):
    """Draws a panel for each number of latents, as the paper does."""
    figure = Figure((1.2 + 2.6 * len(found), 3.6), dpi=110, layout="constrained")
    row = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (latents, curves) in zip(row, found.items(), strict=True):
        axes.plot(curves["seen"], curves["train"], color="tab:red", label="training")
        axes.plot(curves["seen"], curves["test"], color="tab:blue", label="held out")
        if latents in paper:
            axes.axhline(paper[latents], color="0.4", lw=0.9, ls="--", label="paper")
        axes.set(xscale="log", xlabel="training samples seen")
        axes.set_title(f"{latents} latents", fontsize=11)
        axes.grid(alpha=0.2)
    row[0].set_ylabel("bound, nats")
    row[0].legend(frameon=False, loc="lower right")
    return pictures.rendered(figure)
