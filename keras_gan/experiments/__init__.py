"""The papers' experiments on one's own runs: `python -m keras_gan.experiments`.

An experiment is a module with

- a docstring, whose first line is its summary in the list of all;
- `add_arguments(parser)`, which adds what it takes (most take `arguments.run`) to the
  options that all have, `--seed` and `--out`;
- `run(options)`, which returns an `Outcome`.
"""

from keras_gan.experiments import (
    arithmetic,
    deduplicate,
    features_svm,
    figure1,
    forget_object,
    guided_backprop,
    interpolate,
    nearest,
    one_nn,
    parzen,
)
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun

EXPERIMENTS = {
    "parzen": parzen,
    "nearest": nearest,
    "interpolate": interpolate,
    "arithmetic": arithmetic,
    "features-svm": features_svm,
    "guided-backprop": guided_backprop,
    "forget-object": forget_object,
    "one-nn": one_nn,
    "figure1": figure1,
    "deduplicate": deduplicate,
}

__all__ = ["EXPERIMENTS", "Outcome", "TrainedRun"]
