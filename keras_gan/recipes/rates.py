"""Learning rates that fall towards the end of a run."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from keras.optimizers.schedules import LearningRateSchedule

from keras_gan.errors import InputError
from keras_gan.optimizers import LinearDecay
from keras_gan.recipes.base import Recipe
from keras_gan.recipes.options import setting


@dataclasses.dataclass(frozen=True)
class DecayingRates(Recipe):
    """Settings of a run whose learning rates may fall linearly to 0 at its end.

    The rate is a function of the step that a checkpoint holds, so a resumed run goes on
    with the rate that it had. A run that is made longer gets the rates of the longer
    run.

    Example:

    ```python
    from keras_gan import recipes

    recipe = recipes.get("vae-mnist").override({"decay_share": 0.5, "steps": 1000})
    schedule = recipe.decayed(0.1, examples=60_000)
    assert abs(float(schedule(750)) - 0.05) < 1e-6
    ```
    """

    decay_share: float | None = setting(
        None,
        "last share of the run in which learning rates fall linearly to 0",
        above=0,
        at_most=1,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.decay_share is not None and self.minutes is not None:
            raise InputError(
                f"decay_share is {self.decay_share} and minutes {self.minutes}; the "
                "rates need the length of the run in steps. Give steps or epochs, or "
                "leave decay_share out."
            )

    def override(self, changes: Mapping[str, Any]) -> Self:
        """A length in minutes ends the decay of a recipe that has one."""
        if changes.get("minutes") is not None:
            changes = {"decay_share": None, **changes}
        return super().override(changes)

    def decayed(self, rate: float, examples: int) -> float | LearningRateSchedule:
        """Returns a rate that falls as `decay_share` says.

        Args:
            rate: at the start.
            examples: of the data, with those that `validation` holds out.
        """
        steps = self.total_steps(examples)
        if self.decay_share is None or not steps:  # nobody says how long the run is
            return rate
        return LinearDecay(rate, steps, self.decay_share)
