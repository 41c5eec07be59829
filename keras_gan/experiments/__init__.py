"""The papers' experiments on one's own runs: `python -m keras_gan.experiments`.

Each is a module that has what an `Experiment` holds. A user adds one by
`EXPERIMENTS["mine"] = Experiment("What it shows.", add_arguments, run)`.
"""

import argparse
import dataclasses
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Self

from keras_gan.experiments import (
    ablate_cycle,
    ablate_losses,
    ablate_patches,
    active_units,
    arithmetic,
    deduplicate,
    directions,
    elbo_latents,
    features_svm,
    figure1,
    forget_object,
    guided_backprop,
    interpolate,
    likelihood_and_quality,
    manifold,
    nearest,
    one_nn,
    parzen,
    samples_by_latents,
)
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment that the command line can run.

    Args:
        description: its first line is the summary in the list of all.
        add_arguments: function of the parser, to which it adds what the experiment
            takes (most take `arguments.run`) beside `--seed` and `--out`.
        run: function `(options) -> Outcome`.

    Example:

    ```python
    from keras_gan.experiments import EXPERIMENTS

    for name, experiment in EXPERIMENTS.items():
        print(f"{name:16} {experiment.description.splitlines()[0]}")
    ```
    """

    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Outcome]

    @classmethod
    def of(cls, module: ModuleType) -> Self:
        """Returns the experiment of a module, whose docstring describes it."""
        return cls(inspect.getdoc(module) or "", module.add_arguments, module.run)


EXPERIMENTS: dict[str, Experiment] = {
    "parzen": Experiment.of(parzen),
    "nearest": Experiment.of(nearest),
    "interpolate": Experiment.of(interpolate),
    "directions": Experiment.of(directions),
    "arithmetic": Experiment.of(arithmetic),
    "features-svm": Experiment.of(features_svm),
    "guided-backprop": Experiment.of(guided_backprop),
    "forget-object": Experiment.of(forget_object),
    "one-nn": Experiment.of(one_nn),
    "figure1": Experiment.of(figure1),
    "deduplicate": Experiment.of(deduplicate),
    "manifold": Experiment.of(manifold),
    "samples-by-latents": Experiment.of(samples_by_latents),
    "elbo-latents": Experiment.of(elbo_latents),
    "likelihood-and-quality": Experiment.of(likelihood_and_quality),
    "active-units": Experiment.of(active_units),
    "ablate-losses": Experiment.of(ablate_losses),
    "ablate-patches": Experiment.of(ablate_patches),
    "ablate-cycle": Experiment.of(ablate_cycle),
}

__all__ = ["EXPERIMENTS", "Experiment", "Outcome", "TrainedRun"]
