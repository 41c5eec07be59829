"""What training, the callback `Evaluate` and the command `evaluate` ask of a measure.

A family says in `Recipe.evaluators` what measures its models. Each is an `Evaluator`,
and `together` makes one of several: what asks for measures always has one to ask.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from keras_gan.errors import InputError, did_you_mean

# When a quantity is taken: by the command alone, or at the end of a training too, or
# also while it trains.
WHEN = ("evaluate", "end", "training")


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A number about a model, and how to read it.

    Args:
        title: what it is called in a report.
        better: "lower" or "higher"; None for what only says how exact another is.
        meaning: what it tells, in a sentence.
        when: "evaluate" takes it by the command `evaluate` alone, "end" at the end of a
            training too, "training" also while it trains.

    Example:

    ```python
    from keras_gan.evaluators import Quantity

    error = Quantity("Squared error", "lower", "Of a pixel in [0, 1].", when="end")
    assert error.improves(0.5, best=0.6)
    ```
    """

    title: str
    better: str | None
    meaning: str
    _: dataclasses.KW_ONLY
    when: str = "evaluate"

    def __post_init__(self):
        if self.when not in WHEN:
            raise InputError(
                f"when is {self.when!r} for {self.title!r}. Use one of: "
                f"{', '.join(WHEN)}."
            )

    def improves(self, value: float, best: float | None) -> bool:
        """Returns whether `value` is better than `best`; a NaN never is."""
        if math.isnan(value):
            return False
        if best is None:
            return True
        return value < best if self.better == "lower" else value > best


class Evaluator:
    """Measures a model.

    A subclass defines `measures`, `measure` and `protocol`, and what else differs.

    Example:

    ```python
    from keras_gan.evaluators import Evaluator, Quantity


    class Contrast(Evaluator):
        measures = {"contrast": Quantity("Contrast", "higher", "Of 16 samples.")}

        def measure(self, model, names=None):
            (images,) = model.samples(16, seed=0).values()
            return {"contrast": float(images.std() / 255)}

        def protocol(self, model):
            return "16 samples, seed 0"


    assert Contrast().evaluate(gan)["measures"]["contrast"] > 0
    ```
    """

    # Name -> what it is, in the order in which tables show them.
    measures: Mapping[str, Quantity]
    # Whether some are taken on images that the model should not be trained on.
    on_held_out = False

    def measure(
        self, model: keras.Model, names: Iterable[str] | None = None
    ) -> dict[str, float]:
        """Returns the value of each measure.

        Args:
            model: a `GenerativeModel`.
            names: those to take, of `available`; None takes all of these.

        Raises:
            Diverged: if weights or samples of the model are not finite.
        """
        raise NotImplementedError

    def protocol(self, model: keras.Model) -> str:
        """Returns in one sentence how the measures of a model come about.

        Values with different protocols do not compare.
        """
        raise NotImplementedError

    def available(self, model: keras.Model) -> list[str]:
        """Returns the names of the measures that can be taken of a model."""
        return [*self.measures]

    def quick(self, model: keras.Model) -> list[str]:
        """Returns the names of the measures to take during training.

        The first one is shown in the progress line and decides which model is best.
        """
        names = self.available(model)
        return [name for name in names if self.measures[name].when == "training"]

    def final(self, model: keras.Model) -> list[str]:
        """Returns the names of the measures to take of a model that is trained."""
        names = self.available(model)
        at_end = [name for name in names if self.measures[name].when == "end"]
        return [*at_end, *self.quick(model)]

    def check(self, names: Iterable[str], model: keras.Model) -> None:
        """Raises InputError for a measure that is not known or cannot be taken."""
        available = self.available(model)
        for name in names:
            if name not in self.measures:
                raise InputError(
                    f"measure {name!r} is not known. Expected some of: "
                    f"{', '.join(self.measures)}.{did_you_mean(name, self.measures)}"
                )
            if name not in available:
                raise InputError(
                    f"{name} cannot be measured of this model. Choose from: "
                    f"{', '.join(available)}."
                )

    def beside(self, names: Iterable[str]) -> dict[str, float]:
        """Returns the same measures between halves of the real data.

        No model is expected to beat them. Those that have no such value are left out.
        """
        return {}

    def spread(self, names: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Returns the least and the greatest value of `beside` over other halves."""
        return {}

    def thorough(self, count: int | None, seed: int) -> "Evaluator":
        """Returns the evaluator that the command `evaluate` takes in place of this one.

        Args:
            count: samples to measure; None takes as many as are affordable.
            seed: decides what is drawn.

        Raises:
            InputError: for a count that is not possible.
        """
        return self

    def evaluate(self, model: keras.Model) -> dict[str, Any]:
        """Returns all that is measured of a model, for `metrics.json`.

        Returns:
            `measures`, `between_halves` (see `beside`), `between_halves_spread` and
            `protocol`; an evaluator may add facts of its own.
        """
        values = self.measure(model)
        return {
            "measures": values,
            "between_halves": self.beside(values),
            "between_halves_spread": self.spread(values),
            "protocol": self.protocol(model),
        }


def together(evaluators: Mapping[str, Evaluator]) -> Evaluator | None:
    """Returns one evaluator that measures all that several do.

    One alone is returned as it is. Measures keep their names, but if evaluators share
    one, each has it under its own name, as `a_to_b_frechet_distance`.

    Args:
        evaluators: by their names; none gives None.

    Raises:
        InputError: if two measures would have one name.
    """
    if len(evaluators) < 2:
        return next(iter(evaluators.values()), None)
    return _Together(evaluators)


class _Together(Evaluator):
    """Several evaluators as one."""

    def __init__(self, evaluators):
        self._evaluators = evaluators
        self.on_held_out = any(one.on_held_out for one in evaluators.values())
        shared = Counter(name for one in evaluators.values() for name in one.measures)
        # Name -> the evaluator's name and its own name of the measure.
        self._origins, self.measures = {}, {}
        for key, one in evaluators.items():
            for own, quantity in one.measures.items():
                name = own
                if shared[own] > 1:
                    title = f"{key.replace('_', ' ')}: {quantity.title}"
                    name = f"{key}_{own}"
                    quantity = dataclasses.replace(quantity, title=title)
                if name in self.measures:
                    raise InputError(
                        f"two measures of {' and '.join(evaluators)} are called "
                        f"{name}. Give one of the evaluators another name."
                    )
                self._origins[name] = key, own
                self.measures[name] = quantity

    def _merged(self, values):
        """Returns measure -> value; `values` is a function of an evaluator's name."""
        found = {key: values(key) for key in self._evaluators}
        origins = self._origins.items()
        return {n: found[key][own] for n, (key, own) in origins if own in found[key]}

    def _own(self, names, key):
        """Returns those of some names that are of an evaluator, as it calls them."""
        return [own for n in names for k, own in [self._origins[n]] if k == key]

    def available(self, model):
        able = {key: one.available(model) for key, one in self._evaluators.items()}
        return [n for n, (key, own) in self._origins.items() if own in able[key]]

    def check(self, names, model):
        names = list(names)
        super().check([n for n in names if n not in self.measures], model)
        for key, one in self._evaluators.items():
            one.check(self._own(names, key), model)

    def measure(self, model, names=None):
        names = self.available(model) if names is None else list(names)

        def values(key):
            own = self._own(names, key)
            return self._evaluators[key].measure(model, own) if own else {}

        found = self._merged(values)
        return {name: found[name] for name in names}

    def beside(self, names):
        names = list(names)
        return self._merged(
            lambda key: self._evaluators[key].beside(self._own(names, key))
        )

    def spread(self, names):
        names = list(names)
        return self._merged(
            lambda key: self._evaluators[key].spread(self._own(names, key))
        )

    def protocol(self, model):
        return "; ".join(
            f"{key.replace('_', ' ')}: {one.protocol(model)}"
            for key, one in self._evaluators.items()
        )

    def thorough(self, count, seed):
        return _Together(
            {k: one.thorough(count, seed) for k, one in self._evaluators.items()}
        )

    def evaluate(self, model):
        """Facts that several evaluators have are in a dictionary by their names."""
        found = {key: one.evaluate(model) for key, one in self._evaluators.items()}
        merged = {
            fact: self._merged(lambda key, fact=fact: found[key][fact])
            for fact in ("measures", "between_halves", "between_halves_spread")
        }
        facts = {}
        for key, one in found.items():
            for fact, value in one.items():
                if fact not in merged and fact != "protocol":
                    facts.setdefault(fact, {})[key] = value
        for fact, values in facts.items():
            if len(values) == 1:
                (facts[fact],) = values.values()
        return {**facts, **merged, "protocol": self.protocol(model)}


def number(value: Any) -> str:
    """Returns a value as a person reads it: numbers with four digits."""
    if value is None:
        return "–"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
