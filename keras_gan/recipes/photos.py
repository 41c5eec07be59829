"""A recipe for a folder of pictures, which chooses its settings by what it sees there.

`RULES` and `NETWORKS` are the table of what is chosen. A run's `config.json` holds the
choice as ordinary settings of the networks' own family, so that nothing chooses again
when the run goes on or is exported.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np

from keras_gan import losses
from keras_gan.datasets import Images, folder
from keras_gan.errors import InputError
from keras_gan.recipes.base import Recipe, parsed_size
from keras_gan.recipes.dcgan import DCGANRecipe
from keras_gan.recipes.options import flag

LEAST_IMAGES = 20  # with fewer, samples are the images themselves
LOOKED_AT = 1000  # pictures of a folder whose size is looked up: seconds, not minutes
SMALLER = 0.05  # share of the pictures that may be smaller than the size chosen
ONE_SHAPE = 0.9  # share of the pictures that makes their shape that of all
LIKE = 1.1  # shapes that differ by less count as one
MOST_PIXELS = 4608  # of an image, about 64x64; 128x128 takes 4.6 times as long
LEAST_SIDE = 8
FEW, MANY = 1_000, 100_000  # images; see `augment`
SHORT = 5_000  # fewer images take half the steps
LEAST_OF_CLASS, MOST_CLASSES = 500, 100  # see `conditional`


@dataclasses.dataclass(frozen=True)
class Seen:
    """What a source of images holds, as far as settings depend on it.

    Args:
        count: images that are trained on.
        height, width: of the images, in pixels; all but a few have as many.
        shape: width over height that most images have, 1 if they differ.
        channels: 1, 3 or 4.
        classes: images of each class, () without labels.

    Example:

    ```python
    from keras_gan.recipes.photos import Seen, choose

    portraits = Seen(count=300, height=600, width=400, shape=2 / 3, channels=3)
    settings = choose(portraits, given={"flip": False})
    assert settings["image_size"] == "72x48"
    assert settings["augment"] == "color,translation,cutout"
    ```
    """

    count: int
    height: int
    width: int
    shape: float
    channels: int
    classes: tuple[int, ...] = ()


def image_size(seen: Seen) -> tuple[int, int]:
    """Returns (height, width) of at most `MOST_PIXELS` that the networks can make.

    No picture is enlarged, but for a few. A size that cuts off a twelfth of the picture
    is as good as one that cuts off nothing and has half as many pixels.

    Raises:
        InputError: for images of less than 8 pixels.
    """
    starts = [
        (start_h * 2**stages, start_w * 2**stages)
        for stages in range(1, 7)
        for start_h in range(4, 16)
        for start_w in range(4, 16)
        # A larger start leaves too few stages to draw with.
        if min(start_h, start_w) <= 8
    ]
    sizes = [
        (height, width)
        for height, width in starts
        if height <= seen.height
        and width <= seen.width
        and height * width <= MOST_PIXELS
    ]
    if not sizes:
        raise InputError(
            f"the images have {seen.width}x{seen.height} pixels (width x height). Give "
            f"images of at least {LEAST_SIDE}x{LEAST_SIDE}."
        )

    def worth(size):
        ratio = size[1] / size[0] / seen.shape
        return math.prod(size) * min(ratio, 1 / ratio) ** 8

    return max(sizes, key=worth)


def _power_of_two(most):
    return 2 ** int(math.log2(max(most, 1)))


def _size_words(seen, chosen):
    height, width = image_size(seen)
    return str(height) if height == width else f"{height}x{width}"


def _pixels(chosen):
    return math.prod(parsed_size(chosen["image_size"]))


def _conditional(seen, chosen):
    classes = len(seen.classes)
    return 2 <= classes <= MOST_CLASSES and min(seen.classes) >= LEAST_OF_CLASS


def _batch_size(seen, chosen):
    most = seen.count // chosen.get("discriminator_steps", 1)
    return min(_power_of_two(most), max(_power_of_two(most / 4), 8), 64)


def _augment(seen, chosen):
    names = ["translation"] if seen.count < MANY else []
    if seen.count < FEW:
        names = ["color", "translation", "cutout"]
    if chosen.get("translation"):  # only one of both may move images
        names = [name for name in names if name != "translation"]
    return ",".join(names) or None


def _augment_target(seen, chosen):
    # Where the logit is no log-odds, its sign does not tell what D has memorised.
    objective = losses.get_objective(chosen.get("objective", "non_saturating"))
    few = seen.count < FEW and chosen["augment"] is not None
    return 0.6 if few and objective.logit_is_log_odds else None


def _penalty_interval(seen, chosen):
    # Replicas with batch norm take no penalty at intervals.
    one_device = chosen.get("strategy", "one-device") == "one-device"
    return 8 if chosen["penalty"] == "r1" and one_device else 1


def _steps(seen, chosen):
    if any(chosen.get(name) is not None for name in ("epochs", "minutes")):
        return None
    return 10_000 if seen.count < SHORT else 20_000 if seen.count < MANY else 40_000


def _evaluate_steps(seen, chosen):
    if chosen.get("evaluate_epochs") is not None:
        return None
    return max(1, (chosen["steps"] or 10_000) // 10)


# Function of what was seen and of the settings before it, those that the user gave
# included. It is not asked for a setting that the user gave.
Rule: TypeAlias = Callable[[Seen, Mapping[str, Any]], Any]

RULES: dict[str, Rule] = {
    # The largest that takes no more than an hour or two on a processor.
    "image_size": _size_words,
    # A class of few images is learned by heart before its label helps, and conditional
    # training collapses earlier (Shahbazi et al. 2022, arXiv 2201.06578).
    "conditional": _conditional,
    # Sides mean something in few photographs; the printed line says how to say so.
    "flip": lambda seen, chosen: True,
    # 64 as of all other recipes, unless an epoch had fewer than four steps; batch norm
    # wants at least 8.
    "batch_size": _batch_size,
    # Zhao et al. 2020, arXiv 2006.10738: all three for 100 images and for a tenth of
    # CIFAR-10, translation for all of it. Color changes brightness of grey images too.
    "augment": _augment,
    # Karras et al. 2020, arXiv 2006.06676. On 2,000 images of CIFAR-10, after 6,000
    # steps, all three on every image were worse than none, and this was between.
    "augment_target": _augment_target,
    # `dcgan-64` takes 3,000 to 4,400 steps in 30 minutes on a core.
    # More images deserve more of them.
    "steps": _steps,
    # A measure takes seconds: ten of them decide which model is best.
    "evaluate_steps": _evaluate_steps,
}

# Class of recipes -> what is chosen for its networks alone, after `RULES`.
NETWORKS: dict[type[Recipe], dict[str, Rule]] = {
    DCGANRecipe: {
        # As `dcgan-64` and `dcgan-cifar10`: 42 million multiplications an image and
        # network at 64x64. Beyond 96x96, half as many channels keep a step on a core
        # below two seconds.
        "base_filters": lambda seen, chosen: 32 if _pixels(chosen) <= 96 * 96 else 16,
        # As `dcgan-cifar10`, whatever the number of images: without R1 the
        # discriminator learns them by heart. R1 is a sum over pixels, so the weight
        # grows with their number: 0.03 at 32x32, and fourfold for twice the side.
        "penalty": lambda seen, chosen: "r1",
        "penalty_weight": lambda seen, chosen: (
            round(0.03 * _pixels(chosen) / 32**2, 4)
            if chosen["penalty"] == "r1"
            else None
        ),
        "penalty_interval": _penalty_interval,
        # At 1e-3 and 64 filters the generator of `dcgan-cifar10` collapsed.
        "generator_learning_rate": lambda seen, chosen: 5e-4,
        "discriminator_learning_rate": lambda seen, chosen: 5e-4,
        "halving_steps": lambda seen, chosen: max(1, (chosen["steps"] or 20_000) // 2),
        "generator_average": lambda seen, chosen: 0.999,
    }
}

# What a new run prints of them.
_SHOWN = (
    *("image_size", "conditional", "flip", "augment", "augment_target"),
    *("translation", "penalty"),
    *("base_filters", "batch_size", "steps", "epochs", "minutes"),
)


def network_of(seen: Seen) -> type[Recipe]:
    """Returns the class of recipes, one of `NETWORKS`, whose networks are trained.

    `PhotosRecipe` is a subclass of it, so that all its settings are options.
    """
    return DCGANRecipe


def choose(seen: Seen, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the rules choose, and what was given, as settings by name.

    Args:
        seen: what the source holds.
        given: settings that the user gave.

    Raises:
        InputError: for images that nothing can be learned from.
    """
    if seen.count < LEAST_IMAGES:
        raise InputError(
            f"there are {seen.count} images to train on. Give at least {LEAST_IMAGES}: "
            "from fewer, a GAN learns nothing but copies of them."
        )
    chosen = dict(given)
    for name, rule in {**RULES, **NETWORKS[network_of(seen)]}.items():
        if name not in given:
            chosen[name] = rule(seen, chosen)
    return chosen


@dataclasses.dataclass(frozen=True)
class PhotosRecipe(DCGANRecipe):
    """Settings that `begin` chooses by the data, but for those that somebody gives.

    Example:

    ```python
    import numpy as np
    from keras_gan import recipes

    np.savez("mine.npz", images=np.zeros((300, 40, 40, 3), "uint8"))
    photos = recipes.get("photos").override({"data": "npz:mine.npz", "flip": False})
    recipe, images = photos.begin()
    assert (recipe.image_size, recipe.augment) == ("40", "color,translation,cutout")
    assert images.shape == (40, 40, 1) and not recipe.flip
    print(images.summary)
    ```
    """

    from_data: ClassVar[tuple[str, ...]] = (*RULES, *NETWORKS[DCGANRecipe], "channels")
    # What `override` was given: a value may be the default, and meant.
    _named: ClassVar[frozenset[str]] = frozenset()

    steps: int | None = 10_000  # one of the lengths must have a value

    @property
    def given(self) -> dict[str, Any]:
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        return {
            name: value
            for name, value in super().given.items()
            if name in self._named or value != defaults[name]
        }

    def override(self, changes: Mapping[str, Any]) -> Self:
        made = super().override(changes)
        object.__setattr__(made, "_named", self._named | changes.keys())
        return made

    def begin(self) -> tuple[Recipe, Images]:
        """Returns a recipe with all settings, and the images that it was chosen by.

        Raises:
            InputError: for images that cannot be read or nothing can be learned from.
        """
        given, reader, images = self.given, self, None
        if self.data.startswith("folder:"):
            seen = _looked_at(self.data.removeprefix("folder:"))
        else:
            images = self._read_as_it_is()
            seen = _seen(images)
            channels = self.channels or _channels(images.array)
            reader = dataclasses.replace(self, channels=channels)
        if self.image_size is None and seen is not None:
            size = RULES["image_size"](seen, given)
            reader = dataclasses.replace(reader, image_size=size)
        if images is None or images.shape != _shape_asked_for(reader, images.shape):
            images = reader.read()
        found = _seen(images)
        count = len(images) - round((self.held_out_share or 0) * len(images))
        given |= {"image_size": reader.image_size, "channels": reader.channels}
        found = dataclasses.replace(found, count=count)
        made, settings = network_of(found), choose(found, given)
        made.require_known(settings)
        recipe = made(self.summary, **settings)
        lines = (
            _sight(images, seen),
            _choice(recipe),
            _remedies(recipe, given, found, seen),
        )
        return recipe, dataclasses.replace(images, summary="\n".join(lines))

    def _read_as_it_is(self):
        """Returns the images in their own size, if they have one."""
        try:
            images = self.read()
        except InputError:
            if self.image_size is not None:
                raise
            # A set whose images differ in size says so; any other error comes again.
            images = dataclasses.replace(self, image_size="64").read()
        if len(images.shape) != 3:
            raise InputError(
                f"{self.data!r} gives points, and this recipe takes images. Use a "
                "recipe of points, such as ring."
            )
        return images


def _looked_at(path):
    """Returns what a folder holds by the sizes of its files, or None.

    None if not one can be read, which reading all of them explains.
    """
    files = folder.pictures_below(path)
    rows = np.linspace(0, len(files) - 1, min(len(files), LOOKED_AT)).round()
    sizes = []
    for row in rows.astype(int):
        try:
            sizes.append(folder.size_of(files[row]))
        except InputError:
            continue  # reading counts and lists such files
    return of_sizes(len(files), sizes) if sizes else None


def of_sizes(count: int, sizes: list[tuple[int, int]]) -> Seen:
    """Returns what pictures of such sizes are like; their colours are unknown.

    Args:
        count: of the pictures.
        sizes: (height, width) of some of them.
    """
    heights, widths = np.array(sizes).T
    shape = float(np.median(widths / heights))
    alike = np.abs(np.log(widths / heights / shape)) < math.log(LIKE)
    if alike.mean() < ONE_SHAPE:
        shape = 1.0  # some stand and some lie: the middle of each
    few = int(SMALLER * len(sizes))
    height, width = (int(np.sort(each)[few]) for each in (heights, widths))
    return Seen(count, height, width, shape, 3)


def _seen(images):
    height, width, channels = images.shape
    classes = ()
    if images.labels is not None:
        classes = np.bincount(images.labels, minlength=images.num_classes or 0)
    counts = tuple(int(count) for count in classes)
    return Seen(len(images), height, width, width / height, channels, counts)


def _channels(array):
    """Returns the channels that tell something, None if all do."""
    count = array.shape[-1]
    blocks = [array[start : start + 1024] for start in range(0, len(array), 1024)]
    if count == 4 and all((block[..., 3] == 255).all() for block in blocks):
        count = 3
    colours = 1 if count < 3 else 3
    if count == 3 and all(
        (block[..., :1] == block[..., 1:colours]).all() for block in blocks
    ):
        count = 1
    return None if count == array.shape[-1] else count


def _shape_asked_for(reader, shape):
    size = reader.image_shape_asked_for() or shape[:2]
    return (*size, reader.channels or shape[2])


def _sight(images, seen):
    """Returns in words what was seen."""
    height, width, channels = images.shape
    words = [images.summary] if images.summary else []
    if images.files is None:  # of a folder, the summary says all this
        colours = {1: "grey", 3: "colour", 4: "colour with alpha"}[channels]
        equal = " (all channels are equal)" if seen.channels > channels == 1 else ""
        words.insert(
            0,
            f"{len(images):,} images of {seen.width}x{seen.height} pixels (width x "
            f"height), read as {width}x{height} in {colours}{equal}.",
        )
    if len(classes := _seen(images).classes) > 1:
        words.append(
            f"The smallest of {len(classes)} classes has {min(classes):,} images."
        )
    return f"saw: {' '.join(words)}"


def _choice(recipe):
    """Returns the most important settings, as the options that would give them."""
    words = []
    for name in _SHOWN:
        value = getattr(recipe, name, None)
        if value is True:
            words.append(flag(name))
        elif value:  # not what is off
            words.append(f"{flag(name)} {value}")
    return f"chose: {' '.join(words)} (all others are in config.json)"


def _remedies(recipe, given, found, seen):
    """Returns in words what a user may know better than the data tell."""
    words = ["--minutes 30 trains that long"]
    if recipe.flip and "flip" not in given:
        words.append(
            "--no-flip if left and right mean something, as in digits and letters"
        )
    height, width = found.height, found.width
    if seen is not None and min(seen.height // height, seen.width // width) >= 2:
        finer = str(2 * height) if height == width else f"{2 * height}x{2 * width}"
        words.append(f"--image-size {finer} for finer pictures and slower steps")
    if len(found.classes) > 1:
        if recipe.conditional:
            words.append("--no-conditional to ignore the classes")
        else:
            words.append(
                f"--conditional to learn the classes (chosen if all of them have "
                f"{LEAST_OF_CLASS} images)"
            )
    return f"change with: {'; '.join(words)}."


RECIPES: dict[str, PhotosRecipe] = {
    "photos": PhotosRecipe(
        "a folder of pictures: chooses every setting that you leave out",
        data="folder:images",
    ),
}
