"""Makes a generator forget an object by dropping feature maps (2015, section 6.3.1).

Boxes mark the object in some samples. A logistic regression tells activations of hidden
feature maps inside the boxes from activations outside; every map with a positive weight
is set to zero everywhere, and other samples are drawn with and without these maps.
Dropping as many maps at random shows what the loss of any maps does.

Boxes come from a rule (`--rule loop` or `--rule bright`) or from a person:
`--catalogue 150` draws numbered samples with scales of pixels, `--boxes FILE` takes a
CSV file with the header `sample,left,top,right,bottom`, in whole pixels from the upper
left corner. Numbers belong to a seed and are those of the experiment `arithmetic`.

The maps are the inputs of the generator's transposed convolutions, after batch norm and
ReLU; `--layer 1` is the input of the last one. The paper's "second highest convolution
layer" must be the input of the one before, `--layer 2`: it dropped 200 maps, and in its
figure 1 the last hidden layer has 128 and the second last 256.

Source: Radford et al. 2015, arXiv 1511.06434, section 6.3.1 and figure 6.
"""

import argparse
import collections
import contextlib
import csv
import itertools
import math
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from tqdm import trange

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments
from keras_gan.experiments.concepts import NUMBERS, NumberedSamples
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.models import GAN
from keras_gan.transparency import images_over_white, over_white

NEEDS = ("inference_generator",)  # of the model
PAPER = {"samples": 150, "boxes": 52, "maps_dropped": 200}
_BATCH = 256
_FOLDS = 5
_DRAWS = 5  # of random maps
_SHOWN = 16
_FAINTEST = 64  # of 255, brightest pixel of a picture with strokes
_TILE = 72  # pixels, the least side of a picture with boxes
_RULED_TILE = 128  # of one in the catalogue
_RULER = 18
_BOX_COLOUR = (255, 32, 32)


class Box(NamedTuple):
    """Pixels of an image: rows `top` to `bottom - 1`, columns `left` to `right - 1`.

    Example:

    ```python
    import numpy as np
    from keras_gan.experiments.forget_object import Box, bright

    image = np.zeros((28, 28, 1), "uint8")
    image[4:14, 6:16] = 255
    assert bright(image) == [Box(left=6, top=4, right=16, bottom=14)]
    ```
    """

    left: int
    top: int
    right: int
    bottom: int


COLUMNS = ("sample", *Box._fields)


def loop(image: np.ndarray) -> list[Box]:
    """Returns a box around each closed loop of a bright stroke, stroke included.

    A loop is an area of at least 4 pixels, in an image of 28x28, that the stroke
    separates from the border. The stroke is all that is brighter than half the
    brightest pixel, if that is at least 64: a fainter stroke is one too.

    Args:
        image: uint8 [H, W, C].
    """
    grey = _grey(image)
    if grey.max() < _FAINTEST:
        return []
    stroke = grey > grey.max() / 2
    holes = ndimage.binary_fill_holes(stroke) & ~stroke
    return _boxes(holes, least_share=4 / 28**2, margin_share=3 / 28)


def bright(image: np.ndarray) -> list[Box]:
    """Returns a box around each area of at least 1 % of an image brighter than 0.8.

    Args:
        image: uint8 [H, W, C].
    """
    return _boxes(_grey(image) > 0.8 * 255, least_share=0.01, margin_share=0)


Rule = Callable[[np.ndarray], list[Box]]
RULES: dict[str, Rule] = {"loop": loop, "bright": bright}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    count = arguments.at_least(1)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--catalogue",
        type=count,
        default=150,
        metavar="N",
        help="draw samples 0 to N - 1, to mark boxes in (150)",
    )
    what.add_argument("--boxes", metavar="FILE", help="CSV file of boxes")
    what.add_argument("--rule", choices=RULES, help="finds the boxes")
    parser.add_argument(
        "--samples", type=count, default=150, help="samples that a rule marks (150)"
    )
    parser.add_argument(
        "--test", type=count, default=1000, help="other samples to draw (1000)"
    )
    parser.add_argument(
        "--layer",
        type=count,
        help="hidden feature maps, counted back from the image (2, or 1 if there are "
        "no others)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns a sheet to mark, or what is left of an object without its feature maps.

    Raises:
        InputError: where the run's generator has no such convolutional layer; for boxes
            that cannot be, or where there are none.
    """
    return run_on(TrainedRun.load(options.run, options.best, needs=NEEDS), options)


def run_on(trained: TrainedRun, options: argparse.Namespace) -> Outcome:
    """Does what `run` does on a run that is loaded already."""
    maps = HiddenMaps(trained.model, options.layer)
    samples = NumberedSamples(trained.model, options.seed)
    if options.boxes is None and options.rule is None:
        return _catalogue(trained, samples, options)
    rule = RULES.get(options.rule)
    boxes = (
        read_boxes(options.boxes, trained.model.image_shape)
        if rule is None
        else find_boxes(rule, samples.images(range(options.samples)))
    )
    if not boxes:
        raise InputError(
            f"{options.boxes} holds no box. Write at least one line "
            f"{','.join(COLUMNS)} into it."
            if rule is None
            else f"the rule {options.rule} finds nothing in {options.samples} samples. "
            "Give another rule, more --samples, or boxes in a file with --boxes."
        )
    return _forget(trained, samples, maps, boxes, rule, options)


def _forget(trained, samples, maps, boxes, rule, options):
    numbers = sorted(boxes)
    activations = maps.activations(samples.latent(numbers), samples.labels(numbers))
    masks = np.stack(
        [
            positions_inside(boxes[number], trained.model.image_shape, maps.shape)
            for number in numbers
        ]
    )
    rng = np.random.default_rng(options.seed)
    fit = fit_object(activations, masks, rng)
    dropped = np.flatnonzero(fit.weights > 0)
    # New samples: numbers above those that were marked.
    first = numbers[-1] + 1 if rule is None else options.samples
    if first + options.test > NUMBERS:
        raise InputError(
            f"--test is {options.test}, and only {NUMBERS - first} of the {NUMBERS} "
            "samples come after the marked ones. Give at most that many, or mark "
            "samples of lower numbers."
        )
    new = range(first, first + options.test)

    def draw(without):
        with maps.dropped(without):
            return samples.images(numbers), samples.images(new)

    before, after = draw([]), draw(dropped)
    pixels = np.stack(
        [
            positions_inside(boxes[number], trained.model.image_shape)
            for number in numbers
        ]
    )
    controls = []
    for _ in trange(_DRAWS, desc="random maps", disable=None):
        drawn = draw(rng.choice(maps.shape[-1], len(dropped), replace=False))
        controls.append((drawn, _change(before[0], drawn[0], pixels)))
    measured = {
        "marked_samples": len(numbers),
        "boxes": sum(map(len, boxes.values())),
        "maps": maps.shape[-1],
        "maps_dropped": len(dropped),
        "auc": fit.auc,
        "pixel_change": {
            "dropped": _change(before[0], after[0], pixels),
            "random": _mean([change for _, change in controls]),
        },
        "share_with_object": None
        if rule is None
        else {
            "before": share(rule, before[1]),
            "dropped": share(rule, after[1]),
            "random": [share(rule, drawn[1]) for drawn, _ in controls],
        },
    }
    return Outcome(
        "forget-object",
        _summary(measured),
        _picture(before, after, controls[0][0], boxes, rule, len(dropped)),
        trained.report(
            measured,
            PAPER,
            options.seed,
            f"boxes of {'a file' if rule is None else f'the rule {options.rule}'} in "
            f"{len(numbers)} samples",
            f"activations after ReLU of the {'x'.join(map(str, maps.shape))} maps that "
            f"the generator's convolution {maps.layer} from the image reads",
            f"{fit.inside} positions inside boxes and {fit.outside} random ones "
            "outside in the same samples",
            "logistic regression with L2, C 1",
            "no AUC: too few samples have positions inside and outside"
            if fit.auc is None
            else f"AUC by cross-validation over samples in up to {_FOLDS} folds",
            "pixel change is the mean absolute one in [0, 1] of these samples",
            *(
                []
                if rule is None
                else [f"share with the object over {options.test} other samples"]
            ),
            f"random is {_DRAWS} draws of as many maps",
        ),
    )


class HiddenMaps:
    """Hidden feature maps of a GAN's generator, and the generator without some of them.

    Args:
        gan: trained `GAN`.
        layer: 1 for the maps that the last transposed convolution reads, 2 for those
            that the one before it reads, and so on; None for 2 where there is one.

    Raises:
        InputError: where there is no such layer.

    Example:

    ```python
    from keras_gan.experiments.forget_object import HiddenMaps

    maps = HiddenMaps(gan, layer=1)
    print(maps.activations(gan.sample_latent(4, seed=0)).shape)
    with maps.dropped([0]):
        without = gan.generate(4, seed=0)
    ```
    """

    def __init__(self, gan: GAN, layer: int | None = None):
        generator = gan.inference_generator
        readers = [
            each
            for each in generator.layers
            if isinstance(each, keras.layers.Conv2DTranspose)
        ]
        if not readers:
            raise InputError(
                "the run's generator has no convolutional layer, which this "
                "experiment needs. Name a run of a DCGAN recipe, such as digits."
            )
        self.layer = layer or min(2, len(readers))
        if self.layer > len(readers):
            raise InputError(
                f"--layer is {layer}, and the run's generator has {len(readers)} such "
                f"layers. Give a number from 1 to {len(readers)}."
            )
        self._reader = readers[-self.layer]
        self._network = keras.Model(generator.inputs, self._reader.input)
        *sides, count = self._reader.input.shape[1:]
        # In a conditional model the one-hot label comes after the maps.
        self.shape = (*sides, count - (gan.num_classes or 0))

    def activations(
        self, latent: np.ndarray, labels: np.ndarray | None = None
    ) -> np.ndarray:
        """Returns the maps, float32 [N, h, w, maps].

        Args:
            latent: float32 [N, latent_dim].
            labels: int [N] of a conditional model, or None.
        """
        inputs = [latent] if labels is None else [latent, labels]
        parts = []
        for start in range(0, len(latent), _BATCH):
            batch = [tf.constant(part[start : start + _BATCH]) for part in inputs]
            values = self._network(batch, training=False)[..., : self.shape[-1]]
            parts.append(tf.cast(values, "float32").numpy())
        return np.concatenate(parts)

    @contextlib.contextmanager
    def dropped(self, maps: Sequence[int]) -> Iterator[None]:
        """Lets the GAN draw without some maps, as if they were zero everywhere.

        Args:
            maps: their numbers, int [M].
        """
        # Maps that nobody reads are the same as maps of zeros.
        kernel = self._reader.kernel.numpy()  # [h, w, outputs, inputs]
        without = kernel.copy()
        without[..., maps] = 0
        self._reader.kernel.assign(without)
        try:
            yield
        finally:
            self._reader.kernel.assign(kernel)


def read_boxes(
    path: str | os.PathLike, image_shape: tuple[int, ...]
) -> dict[int, list[Box]]:
    """Returns boxes by sample number from a CSV file.

    Args:
        path: with the header sample,left,top,right,bottom.
        image_shape: (height, width, ...) in pixels.

    Raises:
        InputError: where it cannot be read, or a box does not lie in the image.
    """
    boxes = collections.defaultdict(list)
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as text: {error}. Give a CSV file with the header "
            f"{','.join(COLUMNS)}."
        ) from error
    height, width = image_shape[:2]
    reader = csv.DictReader(lines, skipinitialspace=True)
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InputError(
            f"{path} begins with {','.join(reader.fieldnames or ()) or 'no header'}. "
            f"Its first line must be {','.join(COLUMNS)}."
        )
    for row in reader:
        try:
            sample, *edges = (int(row[name]) for name in COLUMNS)
            box = Box(*edges)
            fits = (
                0 <= box.left < box.right <= width
                and 0 <= box.top < box.bottom <= height
                and sample >= 0
                and None not in row  # where DictReader puts a line's surplus
            )
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise InputError(
                f"line {reader.line_num} of {path} is {lines[reader.line_num - 1]!r}. "
                "Write whole numbers: a sample from 0 up, left < right from 0 to "
                f"{width}, and top < bottom from 0 to {height}."
            )
        boxes[sample].append(box)
    return dict(boxes)


def find_boxes(rule: Rule, images: np.ndarray) -> dict[int, list[Box]]:
    """Returns the boxes that a rule finds, by number of the image.

    Args:
        rule: one of `RULES`.
        images: uint8 [N, H, W, C].
    """
    found = {number: rule(image) for number, image in enumerate(images)}
    return {number: boxes for number, boxes in found.items() if boxes}


def share(rule: Rule, images: np.ndarray) -> float:
    """Returns the share of images in which a rule finds its object."""
    return len(find_boxes(rule, images)) / len(images)


def positions_inside(
    boxes: list[Box], image_shape: tuple[int, ...], map_shape: tuple[int, ...] = ()
) -> np.ndarray:
    """Returns which positions of a feature map have their centre in a box.

    Args:
        boxes: in pixels.
        image_shape: (height, width, ...) in pixels.
        map_shape: (height, width, ...) of the map, by default that of the image.

    Returns:
        bool [map height, map width].
    """
    sides = zip(map_shape[:2] or image_shape[:2], image_shape[:2], strict=True)
    y, x = ((np.arange(n) + 0.5) * side / n for n, side in sides)
    inside = np.zeros((len(y), len(x)), bool)
    for box in boxes:
        rows, columns = (
            (box.top < y) & (y < box.bottom),
            (box.left < x) & (x < box.right),
        )
        inside |= rows[:, None] & columns
    return inside


class Fit(NamedTuple):
    """A logistic regression that tells activations inside boxes from those outside.

    Args:
        weights: of each map, float [maps].
        auc: area under the ROC curve on samples that a fit has not seen, by
            cross-validation over samples, 0.5 for chance; None where some of the
            samples alone have no positions both inside and outside.
        inside, outside: positions that took part.

    Example:

    ```python
    import numpy as np
    from keras_gan.experiments.forget_object import fit_object

    rng = np.random.default_rng(0)
    masks = rng.random((8, 4, 4)) < 0.3
    activations = masks[..., None] + rng.normal(size=(8, 4, 4, 2))
    fit = fit_object(activations, masks, rng)
    print(fit.auc, fit.weights)
    ```
    """

    weights: np.ndarray
    auc: float | None
    inside: int
    outside: int


def fit_object(
    activations: np.ndarray, masks: np.ndarray, rng: np.random.Generator
) -> Fit:
    """Fits activations at all positions inside boxes against random ones outside.

    These are as many, or all where there are fewer, from the same samples.

    Args:
        activations: float [N, h, w, maps].
        masks: bool [N, h, w], true inside boxes.
        rng: NumPy generator.

    Raises:
        InputError: where no position is inside, or none outside.
    """
    inside, outside = np.argwhere(masks), np.argwhere(~masks)
    if not len(inside) or not len(outside):
        raise InputError(
            f"the boxes hold {len(inside)} of {masks.size} positions of the feature "
            "maps, and at least one inside and one outside are needed. Draw "
            f"{'smaller' if len(inside) else 'larger'} boxes, or choose another "
            "--layer."
        )
    outside = rng.permutation(outside)[: len(inside)]
    places = np.concatenate([inside, outside])
    features, samples = activations[tuple(places.T)], places[:, 0]
    targets = np.arange(len(places)) < len(inside)
    regression = LogisticRegression(max_iter=1000)
    weights = regression.fit(features, targets).coef_[0]
    auc = _auc(regression, features, targets, samples)
    return Fit(weights, auc, len(inside), len(outside))


def _auc(regression, features, targets, samples):
    folds = min(_FOLDS, len(np.unique(samples)))
    if folds < 2:
        return None
    splits = list(GroupKFold(folds).split(features, targets, samples))
    # Few or small boxes may leave one kind of position to learn from.
    if any(len(np.unique(targets[learned])) < 2 for learned, _ in splits):
        return None
    scores = cross_val_predict(
        regression, features, targets, cv=splits, method="decision_function"
    )
    return float(roc_auc_score(targets, scores))


def _grey(image):
    return images_over_white(image[None])[0].mean(axis=-1)


def _boxes(mask, least_share, margin_share):
    height, width = mask.shape
    margin = round(margin_share * min(mask.shape))
    areas, _ = ndimage.label(mask)
    sizes = np.bincount(areas.ravel())[1:]
    boxes = []
    for (rows, columns), size in zip(ndimage.find_objects(areas), sizes, strict=True):
        if size >= least_share * mask.size:
            left, top = max(columns.start - margin, 0), max(rows.start - margin, 0)
            right = min(columns.stop + margin, width)
            boxes.append(Box(left, top, right, min(rows.stop + margin, height)))
    return boxes


def _change(before, after, inside):
    difference = np.abs(after / 255 - before / 255).mean(axis=-1)
    return {
        "inside": difference[inside].mean(),
        "outside": difference[~inside].mean() if (~inside).any() else None,
    }


def _mean(changes):
    return {
        side: None
        if changes[0][side] is None
        else float(np.mean([change[side] for change in changes]))
        for side in changes[0]
    }


def _summary(measured):
    shares = measured["share_with_object"]
    if shares is None:
        change = measured["pixel_change"]["dropped"]
        what = f"pixels change by {change['inside']:.3f} inside boxes"
    else:
        what = (
            f"{shares['before']:.1%} of samples have the object, "
            f"{shares['dropped']:.1%} without these maps, "
            f"{np.mean(shares['random']):.1%} without random ones"
        )
    return f"{measured['maps_dropped']} of {measured['maps']} maps dropped; {what}"


def _picture(before, after, control, boxes, rule, count):
    shown = [boxes[number] for number in sorted(boxes)[:_SHOWN]]
    marks = shown, [rule(x) if rule else [] for x in before[1][:_SHOWN]]
    rows = []
    for i, kind in enumerate(("marked samples", "other samples")):
        for title, images, marked in (
            (kind, before[i], marks[i]),
            (f"without {count} maps", after[i], itertools.repeat([])),
            (f"without {count} random maps", control[i], itertools.repeat([])),
        ):
            marked_images = np.stack(
                [_marked(*pair) for pair in zip(images[:_SHOWN], marked, strict=False)]
            )
            rows.append(pictures.hstack((title, pictures.sheet(marked_images, _SHOWN))))
    return pictures.vstack(*rows)


def _marked(image, boxes):
    """The image in RGB, enlarged so that lines of boxes are thinner than its pixels."""
    picture, factor = _enlarged(image, _TILE)
    draw = ImageDraw.Draw(picture)
    for box in boxes:
        left, top, right, bottom = (edge * factor for edge in box)
        draw.rectangle((left, top, right - 1, bottom - 1), outline=_BOX_COLOUR)
    return np.asarray(picture)


def _catalogue(trained, samples, options):
    numbers = range(options.catalogue)
    ruled = np.stack([_ruled(image) for image in samples.images(numbers)])
    return Outcome(
        "catalogue",
        f"{len(numbers)} numbered samples of seed {options.seed}; next, --boxes FILE "
        f"with the header {','.join(COLUMNS)}",
        pictures.sheet(ruled, None, trained.numbered(numbers)),
        trained.report(
            {"samples": len(numbers)}, None, options.seed, "numbered samples"
        ),
    )


def _ruled(image):
    """The image in RGB, enlarged, with a scale of its pixels above and on the left."""
    picture, factor = _enlarged(image, _RULED_TILE)
    size = [
        side + 3 * _RULER // 2 for side in picture.size
    ]  # the last number sticks out
    canvas = Image.new("RGB", size, "white")
    canvas.paste(picture, (_RULER, _RULER))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(9)
    for axis, side in enumerate(image.shape[1::-1]):
        step = 2 ** math.ceil(math.log2(side / 8))  # 5 to 9 numbers along a side
        for edge in range(0, side + 1, step):
            at = np.array([_RULER, _RULER])
            at[axis] += edge * factor
            end = at - 4 * (np.arange(2) != axis)
            draw.line([*at, *end], "black")
            draw.text(tuple(end), str(edge), "black", font, anchor=("mb", "rm")[axis])
    return np.asarray(canvas)


def _enlarged(image, least):
    """An RGB picture whose sides are at least so many pixels, and its whole factor."""
    factor = math.ceil(least / min(image.shape[:2]))
    height, width = (side * factor for side in image.shape[:2])
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture = over_white(picture).convert("RGB")
    picture = picture.resize((width, height), Image.Resampling.NEAREST)
    return picture, factor
