"""Objectives and penalties, by class or by name.

A user adds one by `OBJECTIVES["mine"] = Mine` or `PENALTIES["mine"] = Mine`, a subclass
of `Objective` or `Penalty` that works without arguments.
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


def _get(identifier, kind, base, classes):
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, base):
        return identifier
    if isinstance(identifier, str) and identifier in classes:
        return classes[identifier]()
    raise InputError(
        f"{kind} {identifier!r} is not known; accepted are {', '.join(classes)} and "
        f"instances of keras_gan.losses.{base.__name__}."
        f"{did_you_mean(identifier, classes)}"
    )


def get_objective(identifier: str | dict | Objective) -> Objective:
    """Returns the objective for a name, a serialised configuration or an instance.

    Raises:
        InputError: for anything else.
    """
    return _get(identifier, "objective", Objective, OBJECTIVES)


def get_penalty(identifier: str | dict | Penalty | None) -> Penalty | None:
    """Returns the penalty for a name, a configuration, an instance, or None for none.

    Raises:
        InputError: for anything else.
    """
    if identifier is None:
        return None
    return _get(identifier, "penalty", Penalty, PENALTIES)


__all__ = [
    "OBJECTIVES",
    "PENALTIES",
    "R1",
    "R1R2",
    "R2",
    "GradientPenalty",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Objective",
    "Penalty",
    "Relativistic",
    "Wasserstein",
    "get_objective",
    "get_penalty",
]
