"""Objectives, penalties and likelihoods, by class or by name.

A user adds one by `OBJECTIVES["mine"] = Mine`, `PENALTIES["mine"] = Mine` or
`LIKELIHOODS["mine"] = Mine`, a subclass of `Objective`, `Penalty` or `Likelihood` that
works without arguments.
"""

import keras

from keras_gan.errors import InputError, did_you_mean
from keras_gan.losses.objectives import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Objective,
    Relativistic,
    Wasserstein,
)
from keras_gan.losses.penalties import R1, R1R2, R2, GradientPenalty, Penalty
from keras_gan.losses.reconstruction import (
    Bernoulli,
    DiscretizedLogistic,
    Gaussian,
    Likelihood,
)

OBJECTIVES: dict[str, type[Objective]] = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "hinge": Hinge,
    "wasserstein": Wasserstein,
    "relativistic": Relativistic,
}
PENALTIES: dict[str, type[Penalty]] = {
    "r1": R1,
    "r2": R2,
    "r1r2": R1R2,
    "gradient_penalty": GradientPenalty,
}
LIKELIHOODS: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "discretized_logistic": DiscretizedLogistic,
}


def _get(identifier, kind, base, classes):
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, str) and identifier in classes:
        return classes[identifier]()
    raise InputError(
        f"{kind} {identifier!r} is not known. Use one of: {', '.join(classes)}, or an "
        f"instance of keras_gan.losses.{base.__name__}."
        f"{did_you_mean(identifier, classes)}"
    )


def get_objective(identifier: str | dict | Objective) -> Objective:
    """Returns the objective of a name or a serialised configuration, or an instance.

    Raises:
        InputError: for anything else.
    """
    return _get(identifier, "objective", Objective, OBJECTIVES)


def get_penalty(identifier: str | dict | Penalty | None) -> Penalty | None:
    """Returns the penalty of a name or a configuration, an instance, or None.

    Raises:
        InputError: for anything else.
    """
    if identifier is None:
        return None
    return _get(identifier, "penalty", Penalty, PENALTIES)


def get_likelihood(identifier: str | dict | Likelihood) -> Likelihood:
    """Returns the likelihood of a name or a serialised configuration, or an instance.

    Raises:
        InputError: for anything else.
    """
    return _get(identifier, "likelihood", Likelihood, LIKELIHOODS)


__all__ = [
    "LIKELIHOODS",
    "OBJECTIVES",
    "PENALTIES",
    "R1",
    "R1R2",
    "R2",
    "Bernoulli",
    "DiscretizedLogistic",
    "Gaussian",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Likelihood",
    "Minimax",
    "NonSaturating",
    "Objective",
    "Penalty",
    "Relativistic",
    "Wasserstein",
    "get_likelihood",
    "get_objective",
    "get_penalty",
]
