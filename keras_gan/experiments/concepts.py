"""Concepts: means of latent vectors of samples that a person chose by number."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from keras_gan.errors import InputError, did_you_mean, listed
from keras_gan.models import GAN

NUMBERS = 10_000  # samples that have a number
NEIGHBOURS = 8
MOST_NOISE = 1000.0  # far beyond all samples, and within the range of float32


class Term(NamedTuple):
    """One concept in a sum: 1 or -1, and the numbers of its samples.

    Example:

    ```python
    from keras_gan.experiments.concepts import NumberedSamples

    samples = NumberedSamples(gan, seed=0)
    for term in samples.parse("3,7,9 - 1,4,5"):
        print(term.sign, samples.latent(term.numbers).mean(axis=0))
    ```
    """

    sign: int
    numbers: list[int]


class NumberedSamples:
    """The samples of one seed, by number.

    In a conditional model sample n has class n modulo the number of classes.

    Args:
        gan: trained `GAN`.
        seed: decides all samples.
        class_names: of the model's classes, or None.

    Example:

    ```python
    import numpy as np
    from keras_gan.experiments.concepts import NumberedSamples, total

    samples = NumberedSamples(gan, seed=0)
    terms = samples.parse("3,7,9 - 1,4,5 + 2,6,8")
    latent = total(terms, samples.latent)  # of the mean of each group
    picture = gan.render(latent[np.newaxis])
    ```
    """

    def __init__(self, gan: GAN, seed: int, class_names: Sequence[str] | None = None):
        self.model = gan
        self.class_names = tuple(class_names or ())
        # Always as many, so that a number means the same whatever else is asked for.
        self._latent = np.asarray(gan.sample_latent(NUMBERS, seed))

    def latent(self, numbers: Sequence[int]) -> np.ndarray:
        """Returns latent vectors, float32 [N, latent_dim].

        Raises:
            InputError: for a number without a sample.
        """
        if max(numbers) >= NUMBERS:
            raise InputError(
                f"sample {max(numbers)} does not exist. Give numbers from 0 to "
                f"{NUMBERS - 1}."
            )
        return self._latent[np.asarray(numbers)]

    def labels(self, numbers: Sequence[int]) -> np.ndarray | None:
        """Returns classes, int [N], or None of a model without classes."""
        if self.model.num_classes is None:
            return None
        return np.asarray(numbers) % self.model.num_classes

    def images(self, numbers: Sequence[int]) -> np.ndarray:
        """Returns pictures, uint8 [N, H, W, C]."""
        return self.model.render(self.latent(numbers), self.labels(numbers))

    def of_class(self, label: int) -> list[int]:
        """Returns the numbers of the first three samples of a class.

        Raises:
            InputError: where the model has no such class.
        """
        classes = self.model.num_classes
        if classes is None or label >= classes:
            raise InputError(f"class:{label} does not exist. {self._known_classes()}")
        return [label, label + classes, label + 2 * classes]

    def parse(self, expression: str) -> list[Term]:
        """Returns the terms of an expression.

        Args:
            expression: such as "3,7,9 - 1,4,5 + class:2"; a class may be named too.

        Raises:
            InputError: where it has another form, or names what does not exist.
        """
        # The longest name first: one name may begin with another.
        names = sorted(self.class_names, key=len, reverse=True)
        classes = "|".join([*map(re.escape, names), r"\d+"])
        one = rf"(?:class:(?:{classes})|\d+(?:\s*,\s*\d+)*)"
        if not re.fullmatch(rf"\s*[+-]?\s*{one}(?:\s*[+-]\s*{one})*\s*", expression):
            self._refuse_unknown_class(expression)
            raise InputError(
                f"--expression is {expression!r}. Join sample numbers with commas, and "
                'those groups with + and -, such as "3,7,9 - 1,4,5 + 2,6,8". In a '
                'conditional run "class:NAME" stands for a group too.'
            )
        terms = []
        for sign, term in re.findall(rf"([+-]?)\s*({one})", expression):
            numbers, _, label = term.partition(":")
            terms.append(
                Term(
                    -1 if sign == "-" else 1,
                    self.of_class(self._number(label))
                    if label
                    else [int(number) for number in numbers.split(",")],
                )
            )
        return terms

    def _number(self, label):
        if label in self.class_names:
            return self.class_names.index(label)
        return int(label)

    def _refuse_unknown_class(self, expression):
        for label in re.findall(r"class:([^+]*?)\s*(?:$|[+]|\s-)", expression):
            if label not in self.class_names and not label[:1].isdecimal():
                raise InputError(
                    f"class:{label} does not exist. {self._known_classes()}"
                    f"{did_you_mean(label, self.class_names)}"
                )

    def _known_classes(self):
        classes = self.model.num_classes
        if classes is None:
            return "The run is not conditional: give numbers of samples."
        named = f"{listed(self.class_names)}, or " if self.class_names else ""
        return f"Give one of {named}numbers 0 to {classes - 1}."

    def label(self, terms: list[Term]) -> int | None:
        """Returns the class of a sum: its greatest component as one-hot vectors."""
        if self.model.num_classes is None:
            return None
        one_hot = np.eye(self.model.num_classes)
        return int(total(terms, lambda n: one_hot[self.labels(n)]).argmax())


def total(terms: list[Term], values: Callable) -> np.ndarray:
    """Returns the sum of the terms' means.

    Args:
        terms: concepts and their signs.
        values: function from sample numbers to [N, ...], such as
            `NumberedSamples.latent`.

    Returns:
        float64 [...].
    """
    return sum(
        term.sign * values(term.numbers).mean(axis=0, dtype="float64") for term in terms
    )


def neighbours(latent: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """Returns a vector among eight others around it.

    Args:
        latent: float [D].
        noise: bound of the uniform noise in each dimension, 0 to 1000.
        seed: decides the noise.

    Returns:
        float64 [9, D]; the vector itself is in the middle, row 4.

    Source: Radford et al. 2015, arXiv 1511.06434, figure 7.
    """
    rng = np.random.default_rng(seed)
    others = latent + rng.uniform(-noise, noise, (NEIGHBOURS, len(latent)))
    return np.insert(others, NEIGHBOURS // 2, latent, axis=0)
