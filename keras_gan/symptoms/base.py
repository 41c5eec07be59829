"""What a symptom is, and the numbers in which it shows."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

# Windows of steps that a state lasts before it counts: 250 steps at first. Healthy runs
# pass through any of them in their first 250 steps.
PATIENCE = 5


@dataclasses.dataclass(frozen=True)
class Variety:
    """How much samples differ from each other, beside real ones.

    Args:
        diversity: variance of samples, divided by that of real ones.
        kinds: kinds of samples, divided by those of as many real ones. NaN if there
            are too few to tell.
        sharpness: mean squared Laplacian of samples, reduced to 16 pixels along their
            shorter side, divided by that of real ones. NaN if they are no pictures.

    Example:

    ```python
    from keras_gan.symptoms import Variety

    assert Variety(diversity=0.9, kinds=0.8).kinds == 0.8
    ```
    """

    diversity: float
    kinds: float
    sharpness: float = math.nan


@dataclasses.dataclass(frozen=True)
class Window:
    """The numbers of some steps.

    Args:
        first: its first step; that of all is 1.
        last: its last step.
        means: name -> mean over its steps, of the numbers that the model reports.
        samples: title -> variety of samples at its end, of the model's `outputs`.
        probes: symptom -> the numbers that its `probe` found at its end.

    Example:

    ```python
    from keras_gan.symptoms import Variety, Window

    window = Window(1, 50, {"loss": 0.7}, {"sample": Variety(0.9, 0.8)})
    assert window.means["loss"] == 0.7
    ```
    """

    first: int
    last: int
    means: Mapping[str, float]
    samples: Mapping[str, Variety] = dataclasses.field(default_factory=dict)
    probes: Mapping["Symptom", Mapping[str, float]] = dataclasses.field(
        default_factory=dict
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Symptom:
    """One failure: how the last windows show it, and what people do about it.

    A subclass gives `kind`, `name` and `advice`, and defines `seen` and `describe`.

    Args:
        which: the part of the model that is meant, such as "a to b", if it has several
            of a kind.

    Example:

    ```python
    from keras_gan.symptoms import Symptom, Window


    class TooGood(Symptom):
        kind = "too_good"
        name = "the loss is too good to be true"
        advice = "Look at the data."

        def seen(self, window):
            return window.means["loss"] < 1e-6

        def describe(self, windows):
            return f"it is {windows[-1].means['loss']:.2g}"


    windows = [Window(i, i, {"loss": 0.0}) for i in range(1, 6)]
    assert TooGood().judge(windows)
    ```
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    advice: ClassVar[str]
    # Windows that it is judged on.
    length: ClassVar[int] = PATIENCE

    which: str = ""

    @property
    def title(self) -> str:
        """Its name, and the part of the model that is meant."""
        return f"{self.name} ({self.which})" if self.which else self.name

    def probe(
        self, model: Any, samples: Mapping[str, Any], examples: Mapping[str, Any]
    ) -> Mapping[str, float]:
        """Returns numbers that it needs besides those of the window, by their names.

        `seen` finds them in `Window.probes`. What cannot be taken is NaN.

        Args:
            model: the `GenerativeModel` at the end of a window.
            samples: title -> what `model.samples` made.
            examples: element -> rows that it was made from or is compared with.
        """
        return {}

    def seen(self, window: Window) -> bool:
        """Returns whether one window shows it."""
        raise NotImplementedError

    def judge(self, windows: Sequence[Window]) -> bool | None:
        """Returns whether `length` windows show it; None if that is unclear."""
        seen = [self.seen(window) for window in windows]
        if all(seen):
            return True
        return None if any(seen) else False

    def describe(self, windows: Sequence[Window]) -> str:
        """Returns the numbers that tell."""
        raise NotImplementedError


def mean_of(windows: Sequence[Window], name: str) -> float:
    """Returns the mean of a number over windows."""
    return float(np.mean([window.means[name] for window in windows]))


def range_of(windows: Sequence[Window], name: str) -> str:
    """Returns the least and the greatest value of a number in windows, in words."""
    values = [window.means[name] for window in windows]
    return f"{min(values):.2f} to {max(values):.2f}"


def variety_words(windows: Sequence[Window], output: str) -> str:
    """Returns in words how much samples vary in the first and the last window.

    Args:
        windows: at least one.
        output: title of the samples.
    """
    first, last = (windows[i].samples[output] for i in (0, -1))
    text = (
        f"the images' variance is {last.diversity:.2g} times that of real ones, and "
        f"was {first.diversity:.2g}"
    )
    if math.isnan(last.kinds):
        return text
    return f"{text}; they are of {last.kinds:.0%} as many kinds as real ones"
