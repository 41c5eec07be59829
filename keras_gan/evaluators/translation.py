"""How well a model translates images: against true answers, and there and back."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_gan import metrics
from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.evaluators.base import Evaluator, Quantity
from keras_gan.evaluators.palette import Palette
from keras_gan.evaluators.segmentation import Segmentation
from keras_gan.symptoms.translators import NOISE

_QUICK = 200  # pictures: translating them takes seconds
_THOROUGH = 1000
_BATCH = 32  # pictures of which a measure is taken at a time
_SIDE = 4  # least pixels of a side that the segmentation network reads
# Of equal pictures, whose PSNR is infinite.
MOST_PSNR = 100.0

_PAIRED = {
    "l1": Quantity(
        "L1",
        "lower",
        "Mean absolute difference from the true picture, of values in [-1, 1]. A "
        "blurred picture, or one colour, can have the least.",
        when="training",
    ),
    "psnr": Quantity(
        "PSNR",
        "higher",
        "Peak signal-to-noise ratio in dB, mean over the pictures; 100 of equal ones.",
        when="end",
    ),
    "ssim": Quantity(
        "SSIM",
        "higher",
        "Structural similarity, 1 of equal pictures; windows of 11 pixels, or less in "
        "pictures that are smaller.",
        when="end",
    ),
    "gradient_energy": Quantity(
        "Gradient energy / real",
        None,
        "Mean absolute difference of neighbouring pixels, divided by that of the true "
        "pictures: below 1 if pictures are blurred, above 1 if they are noisy.",
        when="end",
    ),
    "palette_accuracy": Quantity(
        "Class accuracy",
        "higher",
        "Share of the pixels whose nearest colour in the palette is that of the true "
        "picture's.",
        when="training",
    ),
    "palette_mean_iou": Quantity(
        "Mean IoU",
        "higher",
        "Of the same classes: pixels that both have, divided by those that either has; "
        "mean over the classes that occur.",
        when="training",
    ),
    "fcn_pixel_accuracy": Quantity(
        "FCN score: pixel accuracy",
        "higher",
        "Share of the pixels whose class a segmentation network, trained on true "
        "pictures, reads correctly from the translation.",
    ),
    "fcn_class_accuracy": Quantity(
        "FCN score: class accuracy",
        "higher",
        "The same share of each class, mean over the classes.",
    ),
    "fcn_mean_iou": Quantity(
        "FCN score: mean IoU",
        "higher",
        "Intersection over union of the classes read and the true ones.",
    ),
}
_PALETTE = ("palette_accuracy", "palette_mean_iou")
_FCN = ("fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_mean_iou")


class PairedEvaluator(Evaluator):
    """Compares translations with the true pictures that belong to the sources.

    With a palette, one side of the pairs has classes: the side whose pixels are nearer
    to the palette's colours. If that is the target, classes are read from translations
    by the nearest colour. If it is the source, such as the map of a photo, a network
    that learned from true pairs reads them from translations (the FCN score of Isola et
    al. 2016, section 4.1); beside it stands what it reads from true pictures.

    Args:
        source: pictures to translate.
        target: the true picture of each.
        held_out: whether the model has not been trained on them.
        to: the direction, a key of `model.directions`; None takes the first.
        palette: colours that are classes, or None.
        training: other pairs, (sources, targets), for the FCN score; without them it is
            not taken.
        count: the most pairs to measure, evenly spaced.

    Raises:
        InputError: if pairs do not belong together.

    Example:

    ```python
    import numpy as np
    from keras_gan.datasets import Images
    from keras_gan.evaluators import PairedEvaluator, Palette

    source = Images(np.full((4, 8, 8, 3), 100, "uint8"))
    target = Images(np.zeros((4, 8, 8, 3), "uint8"))
    evaluator = PairedEvaluator(
        source, target, held_out=True, palette=Palette.parse("0,0,0; 255,0,0")
    )
    print([*evaluator.measures], evaluator.labelled_side)
    ```
    """

    measures = _PAIRED

    def __init__(
        self,
        source: Images,
        target: Images,
        held_out: bool,
        to: str | None = None,
        palette: Palette | None = None,
        training: tuple[Images, Images] | None = None,
        count: int = _QUICK,
    ):
        if len(source) != len(target) or source.shape[:2] != target.shape[:2]:
            raise InputError(
                f"there are {len(source)} sources of {_words(source)} and "
                f"{len(target)} targets of {_words(target)}. Give one target of the "
                "same height and width for each source."
            )
        self.source = source
        self.target = target
        self.on_held_out = held_out
        self.to = to
        self.palette = palette
        self.training = training
        self.count = count
        self._rows = source.evenly_spaced(count)

    @functools.cached_property
    def _sources(self):
        return self.source.array[self._rows]

    @functools.cached_property
    def _targets(self):
        return self.target.array[self._rows]

    @functools.cached_property
    def labelled_side(self) -> str | None:
        """ "source" or "target", whichever has the palette's classes; None without."""
        palette = self.palette
        if palette is None:
            return None
        sides = {"target": self._targets, "source": self._sources}
        coloured = {k: v for k, v in sides.items() if v.shape[-1] in (1, 3, 4)}
        return min(coloured, key=lambda k: palette.distance(coloured[k]))

    @functools.cached_property
    def _energy(self):
        return _gradient_energy(self._targets)

    @functools.cached_property
    def _segmentation(self):
        sources, targets = self.training
        return Segmentation(targets.array, sources.array, self.palette)

    def available(self, model: keras.Model) -> list[str]:
        absent: set[str] = set()
        if not self._energy:
            absent.add("gradient_energy")
        if self.labelled_side != "target":
            absent.update(_PALETTE)
        readable = min(self.target.shape[:2]) >= _SIDE
        if self.labelled_side != "source" or self.training is None or not readable:
            absent.update(_FCN)
        return [name for name in self.measures if name not in absent]

    def measure(
        self, model: keras.Model, names: Iterable[str] | None = None
    ) -> dict[str, float]:
        names = self.available(model) if names is None else list(names)
        made = model.translate(self._sources, to=self.to)
        found = self._values(made, names)
        return {name: found[name] for name in names}

    def _values(self, made, names):
        """Returns the measures asked for, and those that come with them."""
        found: dict[str, float] = {}
        if "l1" in names:
            found["l1"] = _l1(made, self._targets)
        if "psnr" in names:
            found["psnr"] = _psnr(made, self._targets)
        if "ssim" in names:
            found["ssim"] = _ssim(made, self._targets)
        if "gradient_energy" in names:
            found["gradient_energy"] = _gradient_energy(made) / self._energy
        if {*_PALETTE} & {*names}:
            scores = self._scores(self._targets, self.palette.classes(made))
            found["palette_accuracy"] = scores.pixel_accuracy
            found["palette_mean_iou"] = scores.mean_iou
        if {*_FCN} & {*names}:
            found |= self._fcn_scores(made)
        return found

    def _scores(self, labels, said):
        true = self.palette.classes(labels)
        return metrics.segmentation_scores(
            metrics.confusion(true, said, len(self.palette))
        )

    def _fcn_scores(self, pictures):
        scores = self._scores(self._sources, self._segmentation.classes(pictures))
        return dict(zip(_FCN, scores, strict=True))

    def beside(self, names: Iterable[str]) -> dict[str, float]:
        """Returns the FCN score of the true pictures."""
        asked = [name for name in names if name in _FCN]
        if not asked:
            return {}
        scores = self._fcn_scores(self._targets)
        return {name: scores[name] for name in asked}

    def protocol(self, model: keras.Model) -> str:
        parts = [_scored(len(self._rows), len(self.source), self.on_held_out, "pairs")]
        if self.palette is not None:
            parts.append(
                f"classes by the nearest of {len(self.palette)} colours of the "
                f"{self.labelled_side}, over all pixels together"
            )
        if self.training is not None and self.labelled_side == "source":
            parts.append(
                f"FCN score by a network trained on {len(self.training[0]):,} true "
                "pairs (real: what it reads from true pictures)"
            )
        return ", ".join([*parts, *filter(None, [model.sampling_note])])

    def thorough(self, count: int | None, seed: int) -> "PairedEvaluator":
        return PairedEvaluator(
            self.source,
            self.target,
            self.on_held_out,
            self.to,
            self.palette,
            self.training,
            count or _THOROUGH,
        )


class CycleEvaluator(Evaluator):
    """Measures pictures that were translated there and back, as 8-bit pictures.

    A model can keep all of a picture in a translation that looks wrong, in patterns
    that nobody sees. The picture then comes back, and does not if noise of 2 levels is
    added to the translation.

    Args:
        images: name of an element -> its pictures, of two elements.
        held_out: whether the model has not been trained on them.
        answers: name of an element -> function of uint8 pictures of the other one that
            returns the right translations, if they are known.
        count: the most pictures of each to measure, evenly spaced.
        seed: decides the noise.

    Example:

    ```python
    import numpy as np
    from keras_gan.datasets import Images
    from keras_gan.evaluators import CycleEvaluator

    images = Images(np.zeros((4, 8, 8, 1), "uint8"))
    invert = {"b": lambda pictures: 255 - pictures}
    evaluator = CycleEvaluator({"a": images, "b": images}, True, answers=invert)
    print([*evaluator.measures])
    ```

    Source: Zhu et al. 2017, arXiv 1703.10593; Chu et al. 2017, arXiv 1712.02950.
    """

    def __init__(
        self,
        images: Mapping[str, Images],
        held_out: bool,
        answers: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
        count: int = _QUICK,
        seed: int = 0,
    ):
        self.images = dict(images)
        self.on_held_out = held_out
        self.answers = dict(answers or {})
        self.count = count
        self.seed = seed
        first, second = self.images
        # Element -> what it is translated to.
        self._others = {first: second, second: first}
        self.measures = {}
        for name, other in self._others.items():
            if other in self.answers:
                self.measures[f"answer_psnr_{other}"] = Quantity(
                    f"PSNR to the right answer, {name} to {other}",
                    "higher",
                    "In dB, mean over the pictures; 100 of equal ones.",
                    when="training",
                )
        for name, other in self._others.items():
            way = f"{name} to {other} to {name}"
            self.measures[f"cycle_l1_{name}"] = Quantity(
                f"Cycle error, {way}",
                "lower",
                "Mean absolute difference, of values in [-1, 1].",
                when="end",
            )
            self.measures[f"noisy_cycle_l1_{name}"] = Quantity(
                f"The same with noise of {NOISE:g}/255",
                None,
                f"Added to {other}. If it is far greater, the picture was hidden in "
                "patterns that nobody sees.",
                when="end",
            )

    def measure(
        self, model: keras.Model, names: Iterable[str] | None = None
    ) -> dict[str, float]:
        names = [*self.measures] if names is None else list(names)
        found: dict[str, float] = {}
        for name, other in self._others.items():
            images = self.images[name]
            rows = images.array[images.evenly_spaced(self.count)]
            own = {f"answer_psnr_{other}", f"cycle_l1_{name}", f"noisy_cycle_l1_{name}"}
            if not own & {*names}:
                continue
            made = model.translate(rows, to=other)
            if other in self.answers:
                found[f"answer_psnr_{other}"] = _psnr(made, self.answers[other](rows))
            if f"cycle_l1_{name}" in names:
                back = model.translate(made, to=name)
                found[f"cycle_l1_{name}"] = _l1(back, rows)
            if f"noisy_cycle_l1_{name}" in names:
                back = model.translate(noisy(made, self.seed), to=name)
                found[f"noisy_cycle_l1_{name}"] = _l1(back, rows)
        return {name: found[name] for name in names}

    def protocol(self, model: keras.Model) -> str:
        parts = [
            _scored(
                min(self.count, len(images)),
                len(images),
                self.on_held_out,
                f"pictures {name}",
            )
            for name, images in self.images.items()
        ]
        parts.append("through 8-bit pictures")
        return ", ".join(
            [*parts, *filter(None, [model.sampling_note]), f"seed {self.seed}"]
        )

    def thorough(self, count: int | None, seed: int) -> "CycleEvaluator":
        return CycleEvaluator(
            self.images, self.on_held_out, self.answers, count or _THOROUGH, seed
        )


def noisy(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Returns images with Gaussian noise of `NOISE` levels, uint8 of the same shape.

    Args:
        images: uint8 of any shape.
        seed: decides the noise.
    """
    noise = np.random.default_rng(seed).standard_normal(images.shape, "float32")
    return np.rint(images + NOISE * noise).clip(0, 255).astype("uint8")


def _words(images):
    return "x".join(map(str, images.shape))


def _scored(count, total, held_out, what):
    """Returns which pictures are measured, as a part of a sentence."""
    return f"{count:,} of {total:,} {'held-out ' if held_out else ''}{what}" + (
        "" if held_out else " seen in training"
    )


def _batches(*arrays: np.ndarray) -> Iterable[Any]:
    """Yields some rows of each array at a time."""
    for start in range(0, len(arrays[0]), _BATCH):
        yield [array[start : start + _BATCH] for array in arrays]


def _l1(made, true):
    """Returns the mean absolute difference of uint8 images, of values in [-1, 1]."""
    total = sum(
        np.abs(one.astype("int16") - other).sum(dtype="int64")
        for one, other in _batches(made, true)
    )
    return float(total / true.size / 127.5)


def _psnr(made, true):
    values = [
        tf.minimum(tf.image.psnr(one, other, 255), MOST_PSNR)
        for one, other in _batches(made, true)
    ]
    return float(np.mean(np.concatenate(values)))


def _ssim(made, true):
    size = min(11, *true.shape[1:3])
    values = [
        tf.image.ssim(one, other, 255, filter_size=size)
        for one, other in _batches(made, true)
    ]
    return float(np.mean(np.concatenate(values)))


def _gradient_energy(images):
    """Returns the mean absolute difference of neighbouring pixels, in levels."""
    total = count = 0
    for (part,) in _batches(images):
        wide = part.astype("int16")
        for axis in (1, 2):
            differences = np.abs(np.diff(wide, axis=axis))
            total += differences.sum(dtype="int64")
            count += differences.size
    return float(total / max(count, 1))
