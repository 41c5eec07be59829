"""Generated images as a set, compared with real ones.

Features are taken once, of the real images for all models and of the generated ones for
all measures.
"""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from keras_gan.datasets import Images
from keras_gan.errors import Diverged, InputError, listed
from keras_gan.evaluators.base import Evaluator
from keras_gan.evaluators.measures import LEAST_IMAGES, MEASURES, FeatureComparison
from keras_gan.evaluators.modes import mode_counter_for
from keras_gan.features.extractor import Extracted, Extractor

# On each side, by default. All measures of MNIST then take about 15 s on two cores;
# raw pixels of large images are compared for fewer, at the same cost.
_MOST_IMAGES = 10_000
_MOST_VALUES = 25_000_000
MOST_SPLIT = 2000  # images in a half that is split again: seconds for all measures
SPLITS = 5
_MANY = 1000  # fewer images decide the Fréchet distance more than the model does


class DistributionEvaluator(Evaluator):
    """Compares the images of a model with real ones, which lie in two disjoint halves.

    Generated images are compared with the first half. The same measures between the
    two halves (`baseline`) tell what no model is expected to beat.

    Args:
        images: `datasets.Images`, in memory or memory-mapped; at least 4 for the
            Fréchet distance, 8 for kernel distance, precision and recall, and 12 for
            coverage.
        extractor: from `features.get`.
        count: images in each half, and generated ones; None takes what
            `default_sample_count` says, at most the rows of each input.
        seed: decides which images are taken, and the samples.
        source: the string that `datasets.read` took, for the protocol and to find the
            modes of `ring`, `grid` and `stacked-mnist`; None where there is none.
        data_dir: where TensorFlow Datasets keeps its files.
        output: title of the samples that are measured; None takes the only one of the
            model's `outputs`.
        element: name of the element that the images are of; None takes the one that
            the model's `outputs` says.
        inputs: name of an element -> its rows, for models that make pictures from
            others. As many of them are taken as there are images in a half, the same
            rows if there are as many in all.

    Raises:
        InputError: for fewer than 4 images, or a count below 2 or above half of them
            or above the number of rows of an input.

    Example:

    ```python
    from keras_gan import features
    from keras_gan.evaluators import DistributionEvaluator

    real = DistributionEvaluator(images, features.get("random", images))
    names = ["frechet_distance", "recall"]
    print(real.measure(gan, names))
    print(real.baseline.measure(names))  # no generator is expected to beat these
    print(real.protocol(gan))
    ```
    """

    measures = MEASURES

    def __init__(
        self,
        images: Images,
        extractor: Extractor,
        count: int | None = None,
        seed: int = 0,
        source: str | None = None,
        data_dir: str | None = None,
        output: str | None = None,
        element: str | None = None,
        inputs: Mapping[str, np.ndarray] | None = None,
    ):
        half = len(images) // 2
        if half < 2:
            raise InputError(
                f"there are {len(images)} images, and at least 4 are needed, 2 in each "
                "half. Give more images."
            )
        self.inputs = inputs or {}
        if count is None:
            most = default_sample_count(images, extractor)
            count = min([most, *map(len, self.inputs.values())])
        if not 2 <= count <= half:
            raise InputError(
                f"count is {count}, and there are {len(images)} images. Give a count "
                f"from 2 to {half}, half of them."
            )
        for name, rows in self.inputs.items():
            if len(rows) < count:
                raise InputError(
                    f"count is {count}, and there are {len(rows)} rows of {name} to "
                    f"make pictures from. Give a count of at most {len(rows)}."
                )
        self.images = images
        self.extractor = extractor
        self.output = output
        self.element = element
        self.count = count
        self.seed = seed
        self.source = source
        self.data_dir = data_dir
        chosen = self._shuffled(images)
        # Sorted, for an array that is read from a file.
        self._first = np.sort(chosen[: self.count])
        self._second = np.sort(chosen[self.count : 2 * self.count])
        self._coverage = None if source is None else mode_counter_for(source)

    def _shuffled(self, rows):
        return np.random.default_rng(self.seed).permutation(len(rows))

    @functools.cached_property
    def extracted(self) -> Extracted:
        """`features.Extracted` of the first half."""
        return self.extractor(self.images.array[self._first])

    @functools.cached_property
    def baseline(self) -> FeatureComparison:
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
            comparison = FeatureComparison(
                first, second, sees_blur=self.extractor.sees_blur
            )
            able = [n for n in names if MEASURES[n].better and n in comparison.names]
            found.append(comparison.measure(able))
        return {
            name: (min(f[name] for f in found), max(f[name] for f in found))
            for name in able
        }

    @property
    def names(self) -> list[str]:
        """Names of the measures that can be taken with these features and images."""
        return self._form_of(None).names

    def available(self, model: keras.Model) -> list[str]:
        """Returns the names of the measures that can be taken of a model."""
        return [
            name
            for name in self._form_of(model).names
            if self.count >= MEASURES[name].least
        ]

    def check(self, names: Iterable[str], model: keras.Model | None = None) -> None:
        """Raises InputError for a measure that is not known or cannot be taken.

        Args:
            names: keys of `MEASURES`.
            model: model to measure, or None for any.
        """
        names = list(names)
        if model is not None:
            self._check_model(model)
        self._form_of(model).check(names)
        for name in names:
            least = MEASURES[name].least
            if self.count < least:
                raise InputError(
                    f"{name} needs {least} images in each half, and there are "
                    f"{self.count}. Give at least {2 * least} images and a count of "
                    f"{least} or more, or leave this measure out."
                )

    def _check_model(self, model):
        title, name = self._compared(model)
        element = model.elements[name]
        if not element.fits(tuple(self.images.shape)):
            made, real = (
                "x".join(map(str, s)) for s in (element.shape, self.images.shape)
            )
            raise InputError(
                f"the model makes {title} of shape {made}, and the real images have "
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

    def _compared(self, model):
        """Returns the title of the samples that are measured, and their element."""
        title, titles = self.output, [*model.outputs]
        if title is None and len(titles) == 1:
            (title,) = titles
        name = self.element or model.outputs.get(title)
        if title is None or name not in model.elements:
            wrong = f"output is {self.output!r}"
            if self.element is not None:
                wrong += f" and element {self.element!r}"
            raise InputError(
                f"{wrong}. {type(model).__name__} has samples "
                f"{listed(titles) or 'none'} that can be measured, and elements "
                f"{listed(model.elements)}. Name one of each."
            )
        return title, name

    def _form_of(self, model):
        """Returns a comparison that shows which measures can be taken of a model."""
        asked = model is None or self._labels(model) is not None
        form = self._form
        return FeatureComparison(
            form,
            form,
            self._coverage,
            sees_blur=self.extractor.sees_blur,
            class_accuracy=self.extractor.accuracy if asked else None,
        )

    @functools.cached_property
    def _form(self):
        return self.extractor.form(self.images)

    def compare(self, model: keras.Model) -> FeatureComparison:
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
        """Returns the value of each measure, as `FeatureComparison.measure`."""
        return self.compare(model).measure(names)

    def beside(self, names: Iterable[str]) -> dict[str, float]:
        return self.baseline.measure(names)

    def thorough(self, count: int | None, seed: int) -> "DistributionEvaluator":
        total, half = len(self.images), len(self.images) // 2
        origin = self.source or "the data"
        if half < LEAST_IMAGES:
            raise InputError(
                f"{origin} has {total} images, and at least {2 * LEAST_IMAGES} are "
                "needed, half of them to compare with. Train a run on more images."
            )
        if count is not None and count > half:
            raise InputError(
                f"--samples is {count}, and {origin} has {total} images. Give a number "
                f"from {LEAST_IMAGES} to {half}, half of them."
            )
        return type(self)(
            self.images,
            self.extractor,
            count,
            seed,
            self.source,
            self.data_dir,
            self.output,
            self.element,
            self.inputs,
        )

    def evaluate(self, model: keras.Model) -> dict[str, Any]:
        comparison = self.compare(model)
        values = comparison.measure(self.available(model))
        return {
            "samples": self.count,
            "features": self.extractor.name,
            "measures": values,
            "between_halves": self.beside(values),
            "between_halves_spread": self.spread(values),
            "classes": comparison.classes(),
            "protocol": self.protocol(model),
        }

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
        title, _ = self._compared(model)
        examples = {
            name: part[np.sort(self._shuffled(part)[: self.count])]
            for name, part in self.inputs.items()
        }
        labels = self._labels(model)
        if labels is not None:
            examples["label"] = labels
        samples = model.samples(self.count, self.seed, examples)
        if title not in samples:
            raise InputError(
                f"output is {title!r}, and {type(model).__name__} makes "
                f"{listed(samples)}. Name one of these."
            )
        return samples[title]

    def _labels(self, model):
        """Returns the class asked for of each image, None if none is or any will do."""
        if model.num_classes is None or self.images.labels is None:
            return None
        return self.images.labels[self._first]

    def _compare(self, samples):
        count_modes = self._coverage and functools.partial(
            self._coverage, samples, self.data_dir
        )
        return FeatureComparison(
            self.extracted,
            self.extractor(samples),
            count_modes,
            self.extractor.class_names,
            self.extractor.sees_blur,
        )


def default_sample_count(images: Images, extractor: Extractor) -> int:
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
