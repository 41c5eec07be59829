"""Measures of a model: its images against real ones, all on the same features.

Features are taken once, of the real images for all models and of the generated ones for
all measures.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_gan import metrics
from keras_gan.datasets import Images
from keras_gan.errors import Diverged, InputError, did_you_mean
from keras_gan.evaluators.modes import coverage_of
from keras_gan.features.extractor import Extracted, Extractor

_QUICK = ("frechet_distance", "modes", "high_quality")  # the last two of mixtures
_FINAL = ("kernel_distance", *_QUICK)  # the first one takes seconds
# On each side, for all measures: coverage looks at the fifth neighbour of each image.
LEAST_IMAGES = 6
# On each side, by default. All measures of MNIST then take about 15 s on two cores;
# raw pixels of large images are compared for fewer, at the same cost.
_MOST_IMAGES = 10_000
_MOST_VALUES = 25_000_000
MOST_SPLIT = 2000  # images in a half that is split again: seconds for all measures
SPLITS = 5
_MANY = 1000  # fewer images decide the Fréchet distance more than the model does


class Comparison:
    """Features of generated images beside those of real ones.

    What several measures share is computed once, and nothing that none asks for.

    Args:
        real: `features.Extracted` of real images.
        fake: `features.Extracted` of generated images, or of other real ones.
        count_modes: function without arguments that returns the `metrics.ModeCoverage`
            of the generated images; None where the data have no known modes.
        class_names: one name per column of the probabilities, or None.
        sees_blur: as in `features.Extractor`.
        class_accuracy: share of the generated images that are of the class asked for;
            None if no class was asked for or the features do not know it.

    Example:

    ```python
    from keras_gan import features
    from keras_gan.evaluators import Comparison

    extractor = features.get("pixels", images)
    comparison = Comparison(extractor(images.array), extractor(gan.generate(64)))
    print(comparison.names)
    print(comparison.measure(["frechet_distance", "recall"]))
    ```
    """

    def __init__(
        self,
        real: Extracted,
        fake: Extracted,
        count_modes: Callable[[], metrics.ModeCoverage] | None = None,
        class_names: Sequence[str] | None = None,
        sees_blur: bool = True,
        class_accuracy: float | None = None,
    ):
        self.real = real
        self.fake = fake
        self.count_modes = count_modes
        self.class_names = class_names
        self.sees_blur = sees_blur
        self.class_accuracy = class_accuracy

    @property
    def names(self) -> list[str]:
        """Names of the measures that can be taken."""
        return [name for name, m in MEASURES.items() if m.available(self)]

    def check(self, names: Iterable[str]) -> None:
        """Raises InputError for a measure that is not known or cannot be taken."""
        for name in names:
            if name not in MEASURES:
                known = ", ".join(MEASURES)
                raise InputError(
                    f"measure {name!r} is not known. Expected some of: {known}."
                    f"{did_you_mean(name, MEASURES)}"
                )
            if name not in self.names:
                raise InputError(
                    f"{name} cannot be measured with these features, data and model. "
                    f"Choose from: {', '.join(self.names)}."
                )

    def measure(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """Returns the value of each measure.

        Args:
            names: keys of `MEASURES`; None takes all that these features allow.

        Raises:
            InputError: for a measure that is not known or cannot be taken, or too few
                images for it.
        """
        names = self.names if names is None else list(names)
        self.check(names)
        return {name: MEASURES[name].compute(self) for name in names}

    def classes(self) -> dict | None:
        """Returns how often each class is the most probable one.

        Returns:
            `names`, and the shares `generated` and `real`, a list each; None where the
            features know no classes.
        """
        if self.class_names is None or self.fake.probabilities is None:
            return None

        def shares(extracted):
            said = extracted.probabilities.argmax(axis=1)
            counts = np.bincount(said, minlength=len(self.class_names))
            return (counts / len(said)).tolist()

        return {
            "names": list(self.class_names),
            "generated": shares(self.fake),
            "real": shares(self.real),
        }

    @functools.cached_property
    def kernel_distance(self) -> metrics.KernelDistance:
        return metrics.kernel_distance(self.real.features, self.fake.features)

    @functools.cached_property
    def precision_recall(self) -> metrics.PrecisionRecall:
        return metrics.symmetric_precision_recall(
            self.real.features, self.fake.features
        )

    @functools.cached_property
    def density_coverage(self) -> metrics.DensityCoverage:
        return metrics.density_coverage(self.real.features, self.fake.features)

    @functools.cached_property
    def mode_coverage(self) -> metrics.ModeCoverage:
        if self.count_modes is None:
            raise InputError("the data have no known modes to count.")
        return self.count_modes()


@dataclasses.dataclass(frozen=True)
class Measure:
    """One number about generated images.

    Args:
        title: what it is called in a report.
        better: "lower" or "higher"; None for what only says how exact another is.
        meaning: what it tells, in a sentence.
        compute: function of a `Comparison` for which it is available.
        available: function of a `Comparison` that says whether it can be taken.
        least: images that it needs on each side.

    Example:

    ```python
    from keras_gan.evaluators import MEASURES

    recall = MEASURES["recall"]
    print(recall.title, recall.meaning)
    assert recall.improves(0.5, best=0.4)
    ```
    """

    title: str
    better: str | None
    meaning: str
    # Any, as `available` has looked that what it needs is not None.
    compute: Callable[[Any], float]
    available: Callable[[Comparison], bool] = lambda comparison: True
    least: int = 2

    def improves(self, value: float, best: float | None) -> bool:
        """Returns whether `value` is better than `best`; a NaN never is."""
        if math.isnan(value):
            return False
        if best is None:
            return True
        return value < best if self.better == "lower" else value > best


def _knows_classes(comparison):
    return comparison.fake.probabilities is not None


def _compares_neighbours(comparison):
    return comparison.sees_blur


def _asked_for_classes(comparison):
    return comparison.class_accuracy is not None


def _knows_modes(comparison):
    return comparison.count_modes is not None


MEASURES: dict[str, Measure] = {
    "frechet_distance": Measure(
        "Fréchet distance",
        "lower",
        "How far apart two Gaussians are that fit the features; sees both quality and "
        "variety.",
        lambda c: metrics.frechet_distance(c.real.features, c.fake.features),
    ),
    "kernel_distance": Measure(
        "Kernel distance (KID)",
        "lower",
        "Difference of the two sets under a polynomial kernel, without bias by their "
        "size; near 0, also below, where they do not differ.",
        lambda c: c.kernel_distance.mean,
        least=4,
    ),
    "kernel_distance_std": Measure(
        "its standard deviation",
        None,
        "Of the kernel distance, over the subsets that it is the mean of.",
        lambda c: c.kernel_distance.std,
        least=4,
    ),
    "precision": Measure(
        "Precision",
        "higher",
        "Share of generated samples that lie among real ones and have real ones among "
        "them (symmetric precision).",
        lambda c: c.precision_recall.precision,
        _compares_neighbours,
        least=4,
    ),
    "recall": Measure(
        "Recall",
        "higher",
        "Share of real samples that lie among generated ones and have generated ones "
        "among them (symmetric recall).",
        lambda c: c.precision_recall.recall,
        _compares_neighbours,
        least=4,
    ),
    "coverage": Measure(
        "Coverage",
        "higher",
        "Share of real samples that have a generated one nearby.",
        lambda c: c.density_coverage.coverage,
        _compares_neighbours,
        least=LEAST_IMAGES,
    ),
    "class_score": Measure(
        "Class score",
        "higher",
        "The Inception score of this classifier: 1 where all samples look alike to it, "
        "up to the number of classes where each is surely of one and all are as "
        "frequent.",
        lambda c: metrics.inception_score(c.fake.probabilities),
        _knows_classes,
    ),
    "class_accuracy": Measure(
        "Class accuracy",
        "higher",
        "Share of generated samples that the classifier takes for the class asked for; "
        "beside it, of real ones it did not learn from, that it takes for theirs.",
        lambda c: c.class_accuracy,
        _asked_for_classes,
    ),
    "modes": Measure(
        "Modes hit",
        "higher",
        "Modes of the data with at least one generated sample.",
        lambda c: c.mode_coverage.modes,
        _knows_modes,
    ),
    "high_quality": Measure(
        "High-quality samples",
        "higher",
        "Share of generated samples that lie at a mode.",
        lambda c: c.mode_coverage.high_quality,
        _knows_modes,
    ),
}


class RealImages:
    """Real images in two disjoint halves, ready to compare with those of any model.

    Generated images are compared with the first half. The same measures between the
    two halves (`baseline`) tell what no model is expected to beat.

    Args:
        images: `datasets.Images`, in memory or memory-mapped; at least 4 for the
            Fréchet distance, 8 for kernel distance, precision and recall, and 12 for
            coverage.
        extractor: from `features.get`.
        count: images in each half, and generated ones; None takes `most_images`.
        seed: decides which images are taken, and the samples.
        source: the string that `datasets.read` took, for the protocol and to find the
            modes of `ring`, `grid` and `stacked-mnist`; None where there is none.
        data_dir: where TensorFlow Datasets keeps its files.
        output: title of the samples that are measured; None takes the first of the
            model's `outputs`.
        inputs: name of an element -> its rows, for models that make pictures from
            others. As many of them are taken as there are images in a half, the same
            rows if there are as many in all.

    Raises:
        InputError: for fewer than 4 images, or a count below 2 or above half of them
            or above the number of rows of an input.

    Example:

    ```python
    from keras_gan import features
    from keras_gan.evaluators import RealImages

    real = RealImages(images, features.get("random", images))
    names = ["frechet_distance", "recall"]
    print(real.measure(gan, names))
    print(real.baseline.measure(names))  # no generator is expected to beat these
    print(real.protocol(gan))
    ```
    """

    def __init__(
        self,
        images: Images,
        extractor: Extractor,
        count: int | None = None,
        seed: int = 0,
        source: str | None = None,
        data_dir: str | None = None,
        output: str | None = None,
        inputs: Mapping[str, np.ndarray] | None = None,
    ):
        half = len(images) // 2
        if half < 2:
            raise InputError(
                f"there are {len(images)} images, and at least 4 are needed, 2 in each "
                "half. Give more images."
            )
        if count is None:
            count = most_images(images, extractor)
        if not 2 <= count <= half:
            raise InputError(
                f"count is {count}, and there are {len(images)} images. Give a count "
                f"from 2 to {half}, half of them."
            )
        self.inputs = inputs or {}
        for name, rows in self.inputs.items():
            if len(rows) < count:
                raise InputError(
                    f"count is {count}, and there are {len(rows)} rows of {name} to "
                    f"make pictures from. Give a count of at most {len(rows)}."
                )
        self.images = images
        self.extractor = extractor
        self.output = output
        self.count = count
        self.seed = seed
        self.source = source
        self.data_dir = data_dir
        chosen = self._shuffled(images)
        # Sorted, for an array that is read from a file.
        self._first = np.sort(chosen[: self.count])
        self._second = np.sort(chosen[self.count : 2 * self.count])
        self._coverage = None if source is None else coverage_of(source)

    def _shuffled(self, rows):
        return np.random.default_rng(self.seed).permutation(len(rows))

    @functools.cached_property
    def extracted(self) -> Extracted:
        """`features.Extracted` of the first half."""
        return self.extractor(self.images.array[self._first])

    @functools.cached_property
    def baseline(self) -> Comparison:
        """The second half of the real images beside the first.

        Its class accuracy is that of real images the classifier did not learn from.
        """
        baseline = self._compare(self.images.array[self._second])
        baseline.class_accuracy = self.extractor.accuracy
        return baseline

    def spread(self, names: Iterable[str]) -> dict[str, tuple[float, float]]:
        """Returns how much the measures between real halves depend on the split.

        A difference between two models that is smaller than this is noise.

        Args:
            names: keys of `MEASURES`; those that count modes or right classes, and
                those that no value of is better, are left out.

        Returns:
            The least and the greatest value of each measure over `SPLITS` other splits
            of the same real images; nothing for halves above `MOST_SPLIT` images, where
            it is small and would take long.
        """
        if self.count > MOST_SPLIT:
            return {}
        halves = self.extracted, self.baseline.fake
        features = np.concatenate([half.features for half in halves])
        probabilities = None
        if halves[0].probabilities is not None:
            probabilities = np.concatenate([half.probabilities for half in halves])
        found = []
        for split in range(SPLITS):
            order = np.random.default_rng([self.seed, split]).permutation(len(features))
            first, second = (
                Extracted(
                    features[rows],
                    None if probabilities is None else probabilities[rows],
                )
                for rows in (order[: self.count], order[self.count :])
            )
            comparison = Comparison(first, second, sees_blur=self.extractor.sees_blur)
            able = [n for n in names if MEASURES[n].better and n in comparison.names]
            found.append(comparison.measure(able))
        return {
            name: (min(f[name] for f in found), max(f[name] for f in found))
            for name in able
        }

    @property
    def names(self) -> list[str]:
        """Names of the measures that can be taken with these features and images."""
        return self._with_itself.names

    @property
    def quick(self) -> list[str]:
        """Names of the measures to take during training; the first one decides."""
        return [name for name in _QUICK if name in self.names]

    def final(self, model: keras.Model) -> list[str]:
        """Returns the names of the measures to take of a model that is trained."""
        wanted = [*_FINAL]
        if model.num_classes is not None:
            wanted.append("class_accuracy")
        return [
            name
            for name in wanted
            if name in self.names and self.count >= MEASURES[name].least
        ]

    def check(self, names: Iterable[str], model: keras.Model | None = None) -> None:
        """Raises InputError for a measure that is not known or cannot be taken.

        Args:
            names: keys of `MEASURES`.
            model: model to measure, or None for any.
        """
        names, comparison = list(names), self._with_itself
        if model is not None:
            self._check_model(model)
        if model is not None and self._labels(model) is None:
            comparison.class_accuracy = None
        comparison.check(names)
        for name in names:
            least = MEASURES[name].least
            if self.count < least:
                raise InputError(
                    f"{name} needs {least} images in each half, and there are "
                    f"{self.count}. Give at least {2 * least} images and a count of "
                    f"{least} or more, or leave this measure out."
                )

    def _check_model(self, model):
        element = model.elements[model.outputs[self._title(model)]]
        if not element.fits(tuple(self.images.shape)):
            made, real = (
                "x".join(map(str, s)) for s in (element.shape, self.images.shape)
            )
            raise InputError(
                f"the model makes images of shape {made}, and the real images have "
                f"{real}. Read images of the model's shape."
            )
        for name in model.inputs:
            if name not in self.inputs:
                raise InputError(
                    f"the model makes pictures from {name}, and no rows of it were "
                    f"given. Give them: inputs={{{name!r}: images.array}}."
                )
        labels = self._labels(model)
        if labels is not None and labels.max() >= model.num_classes:
            raise InputError(
                f"the real images have the label {labels.max()}, and the model has "
                f"{model.num_classes} classes, 0 to {model.num_classes - 1}. Read "
                "images of the model's classes."
            )

    def _title(self, model):
        """Returns the title of the samples that are measured."""
        titles = [*model.outputs]
        if self.output is None and titles:
            return titles[0]
        if self.output not in titles:
            raise InputError(
                f"{type(model).__name__} has no samples {self.output!r} that can be "
                f"measured. Expected one of: {', '.join(titles) or 'none'}."
            )
        return self.output

    @functools.cached_property
    def _with_itself(self):
        form = self.extractor.form(self.images)
        return Comparison(
            form,
            form,
            self._coverage,
            sees_blur=self.extractor.sees_blur,
            class_accuracy=self.extractor.accuracy,
        )

    def compare(self, model: keras.Model) -> Comparison:
        """Generates as many images as there are in a half, and takes their features.

        A conditional model is asked for the labels that the first half has.

        Raises:
            Diverged: if weights or samples of the model are not finite.
        """
        comparison = self._compare(self._generate(model))
        labels = self._labels(model)
        if labels is not None and self.extractor.accuracy is not None:
            said = comparison.fake.probabilities.argmax(axis=1)
            comparison.class_accuracy = float(np.mean(said == labels))
        return comparison

    def measure(
        self, model: keras.Model, names: Iterable[str] | None = None
    ) -> dict[str, float]:
        """Returns the value of each measure, as `Comparison.measure`."""
        return self.compare(model).measure(names)

    def protocol(self, model: keras.Model) -> str:
        """Returns in one sentence how the measures of a model come about."""
        origin = "real images" if self.source is None else f"images of {self.source}"
        parts = [
            self.extractor.name,
            f"{self.count:,} generated images against {self.count:,} of the "
            f"{len(self.images):,} {origin} (real: another {self.count:,} of them "
            "against the same)",
        ]
        if not self.extractor.sees_blur:
            parts.append("which can rank blurred images above real ones")
        if self.count < _MANY:
            parts.append(
                "so few images that the kernel distance tells more than the Fréchet "
                "distance, which depends on their number"
            )
        if model.num_classes is not None:
            alike = self.images.labels is not None
            parts.append("labels as theirs" if alike else "classes in turn")
            if alike and self.extractor.accuracy is not None:
                parts.append(
                    "class accuracy: as this classifier says (real: of images it did "
                    "not learn from)"
                )
        if self._coverage is not None:
            parts.append(f"modes: {self._coverage.protocol}")
        if model.sampling_note:
            parts.append(model.sampling_note)
        return ", ".join([*parts, f"seed {self.seed}"])

    def _generate(self, model):
        for name, network in model.networks().items():
            for weight in network.weights:
                if not np.isfinite(keras.ops.convert_to_numpy(weight)).all():
                    raise Diverged(
                        f"the weight {weight.path} of {name} holds NaN or infinite "
                        "values, which make no images. Restore a checkpoint from "
                        "before it diverged."
                    )
        title = self._title(model)
        rows = {name: self.inputs[name] for name in model.inputs}
        examples = {
            name: part[np.sort(self._shuffled(part)[: self.count])]
            for name, part in rows.items()
        }
        labels = self._labels(model)
        if labels is not None:
            examples["label"] = labels
        return model.samples(self.count, self.seed, examples)[title]

    def _labels(self, model):
        """Returns the class asked for of each image, None if none is or any will do."""
        if model.num_classes is None or self.images.labels is None:
            return None
        return self.images.labels[self._first]

    def _compare(self, samples):
        count_modes = self._coverage and functools.partial(
            self._coverage, samples, self.data_dir
        )
        return Comparison(
            self.extracted,
            self.extractor(samples),
            count_modes,
            self.extractor.class_names,
            self.extractor.sees_blur,
        )


def most_images(images: Images, extractor: Extractor) -> int:
    """Returns how many images each half can have at a cost that is always bearable.

    These are 10,000, or as many as have 25 million features, or half the images,
    whichever is least.

    Args:
        images: `datasets.Images`, at least 2.
        extractor: from `features.get`.
    """
    _, width = extractor.form(images).features.shape
    affordable = max(LEAST_IMAGES, _MOST_VALUES // width)
    return min(_MOST_IMAGES, affordable, len(images) // 2)
