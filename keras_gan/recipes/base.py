"""What all recipes have: where the data lies, how long a run is, what it writes."""

import dataclasses
import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import keras
import numpy as np
import tensorflow as tf

from keras_gan import datasets, distribution, features
from keras_gan.datasets import Images, conversion, storage
from keras_gan.errors import InputError, did_you_mean
from keras_gan.evaluators import (
    DistributionEvaluator,
    Evaluator,
    default_sample_count,
    mode_counter_for,
)
from keras_gan.recipes.options import setting, settings_of

_MOST_EXAMPLES = 2**20  # of a batch
_MOST_PIXELS = 4096  # of a side
COMPARED = 2000  # images and samples: cheap enough to measure during training
MEASURED = 2000  # held-out examples: D(x) of them is exact to a hundredth

# By its name, which config.json holds: the class of a family's recipes.
FAMILIES: dict[str, type["Recipe"]] = {}


def parsed_size(size: int | str, name: str = "image_size") -> tuple[int, int]:
    """Returns (height, width) of a size in the form of `image_size`.

    Args:
        size: SIDE or HEIGHTxWIDTH.
        name: of the setting.

    Raises:
        InputError: for anything else.
    """
    sides = str(size).lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() for side in sides):
        raise InputError(
            f"{name} is {size!r}. Use one number of pixels, such as 64, or "
            "HEIGHTxWIDTH, such as 48x64."
        )
    # Text of thousands of digits is no number to Python.
    if max(map(len, sides)) > 5 or not all(1 <= int(s) <= _MOST_PIXELS for s in sides):
        raise InputError(
            f"{name} is {size!r}; sides must be from 1 to {_MOST_PIXELS} pixels."
        )
    return int(sides[0]), int(sides[-1])


def sha256_of(array: np.ndarray, name: str = "sha256") -> dict[str, str]:
    """Returns a fact of the data: the digest of an array in memory.

    Args:
        array: of any shape.
        name: of the fact. There is none of an array in a file: reading a set that does
            not fit into memory once more would take minutes.
    """
    if isinstance(array, np.memmap):
        return {}
    return {name: hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()}


def _share_of(validation):
    """Returns the share that is held out, None if that is a source."""
    try:
        share = float(validation)
    except ValueError:
        return None
    if not 0 < share < 1:
        raise InputError(
            f"validation is {validation!r}. Give a share between 0 and 1, such as 0.1, "
            "or a source."
        )
    return share


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of a run that do not depend on the kind of model.

    A recipe is everything that a run depends on except where it is written. Each
    setting is also an option of the command line and a key of a settings file, and a
    run's `config.json` holds them all.

    A class of recipes that can be trained has a name, `family`, by which `config.json`
    finds it again: `family: ClassVar[str] = "mine"`. It defines `build`, and what else
    differs of the methods below. `OneSource` has those of data that are one set of
    images; a family with other data has settings for its sources, names them in
    `sources`, and defines what `read`, `facts`, `examples` and the batches are.

    Args:
        summary: the recipe in one line.

    Raises:
        InputError: for a value that no run can have.

    Example:

    ```python
    from keras_gan import recipes

    recipe = recipes.get("digits").override({"image_size": 8, "base_filters": 4})
    images = recipe.read()
    model = recipe.build(recipe.facts(images))
    print(recipe.summary, model.count_params())
    ```
    """

    family: ClassVar[str]
    # Names of the settings that each hold a source of the data.
    sources: ClassVar[tuple[str, ...]] = ()
    # Names of the settings that `begin` chooses by the data unless somebody gives them.
    from_data: ClassVar[tuple[str, ...]] = ()

    summary: str
    data_dir: str | None = setting(
        None,
        "where TensorFlow Datasets keeps its files",
        unset="TFDS_DATA_DIR or ~/tensorflow_datasets",
        location=True,
    )
    memory_budget: str = setting(
        storage.MEMORY_BUDGET,
        "most memory for the images, such as 500MiB or 2GB; what exceeds it is read "
        "from a temporary file",
        check=storage.bytes_of,
        changeable=True,
    )
    on_bad_image: str = setting(
        "skip",
        "skip leaves out files that cannot be read, up to one in twenty; fail none",
        choices=("skip", "fail"),
    )
    image_size: int | str | None = setting(
        None,
        "SIDE or HEIGHTxWIDTH in pixels",
        check=parsed_size,
        unset="as the source has it",
    )
    channels: int | None = setting(
        None,
        "1 grey, 3 colour, 4 with alpha",
        at_least=1,
        unset="as the source has it",
    )
    fit: str = setting(
        "crop",
        "what happens to a picture of another shape",
        choices=conversion.FITS,
    )
    data_licence: str | None = setting(
        None,
        "licence of the data, for the model card, such as cc-by-4.0",
        unset="not stated",
        changeable=True,
    )
    validation: str | None = setting(
        None,
        "held out and measured while it trains: a share such as 0.1, or another source "
        "such as tfds:mnist:test",
        check=_share_of,
    )
    batch_size: int = setting(
        128,
        "examples of each update, on all replicas together",
        at_least=1,
        at_most=_MOST_EXAMPLES,
    )
    epochs: int | None = setting(
        None, "train for this many passes over the data", at_least=1, changeable=True
    )
    steps: int | None = setting(
        None, "train for this many steps instead", at_least=1, changeable=True
    )
    minutes: float | None = setting(
        None, "train for this long instead", above=0, changeable=True
    )
    seed: int = setting(
        0,
        "decides weights, latent vectors and the order of the data",
        at_least=0,
        at_most=2**31 - 1,
    )
    start_from: str | None = setting(
        None,
        "a trained run, or a file NAME.keras, with whose weights this one starts; its "
        "data, sizes and classes may be others",
        unset="new weights",
    )
    mixed_precision: str | None = setting(
        None,
        "precision of the layers; float16 is slow on a processor without --jit on",
        choices=("bfloat16", "float16"),
        unset="float32",
    )
    jit: str = setting(
        "auto",
        "compile with XLA; auto does with one GPU",
        choices=("auto", "on", "off"),
    )
    steps_per_execution: int = setting(
        1,
        "at most this many steps run before callbacks see one, and a signal waits for "
        "them; pays if a step takes milliseconds",
        at_least=1,
    )
    strategy: str = setting(
        "one-device",
        "where it trains; multi-worker reads TF_CONFIG",
        choices=distribution.STRATEGIES,
        changeable=True,
    )
    deterministic: bool = setting(False, "repeat bit for bit, somewhat slower")
    checkpoint_steps: int | None = setting(
        None, "steps between checkpoints", at_least=1, unset="every five minutes"
    )
    sample_steps: int | None = setting(
        None,
        "steps between sample grids",
        at_least=1,
        unset="100, from step 1,000 on 500",
    )
    evaluate_epochs: int | None = setting(
        None,
        "epochs between measures of the samples",
        at_least=1,
        unset="at the end alone",
    )
    evaluate_steps: int | None = setting(
        None, "steps between them instead", at_least=1, unset="at the end alone"
    )
    features: str | None = setting(
        "random",
        "what measures compare: random, classifier, inception or pixels",
        unset="classifier if the data has labels, else random; points: pixels",
    )
    divergence_steps: int = setting(
        100,
        "steps between looks for values that are not finite",
        at_least=1,
        changeable=True,
    )
    divergence_retries: int = setting(
        0,
        "how many times a run that diverged goes back to its newest checkpoint with "
        "half the learning rates",
        at_least=0,
        changeable=True,
    )

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "family" not in vars(cls):
            return
        known = FAMILIES.setdefault(cls.family, cls)
        if known.__qualname__ != cls.__qualname__:
            raise InputError(
                f"family {cls.family!r} of {cls.__qualname__} is taken by "
                f"{known.__qualname__}; choose another name."
            )
        FAMILIES[cls.family] = cls  # a notebook defines its class again

    def __post_init__(self):
        for name, one in settings_of(type(self)).items():
            one.require(name, getattr(self, name))
        if isinstance(self.image_size, int):
            object.__setattr__(self, "image_size", str(self.image_size))
        if self.jit == "on" and self.strategy != "one-device":
            raise InputError(
                f"jit is on and strategy is {self.strategy}; XLA compiles for "
                "one-device only, so jit must be off or auto."
            )
        lengths = [self.epochs, self.steps, self.minutes]
        if sum(length is not None for length in lengths) != 1:
            raise InputError(
                f"epochs is {self.epochs}, steps {self.steps}, minutes {self.minutes}; "
                "exactly one of them decides how long a run is."
            )
        if self.evaluate_epochs is not None and self.evaluate_steps is not None:
            raise InputError(
                f"evaluate_epochs is {self.evaluate_epochs} and evaluate_steps "
                f"{self.evaluate_steps}; give one of them."
            )

    @property
    def examples_per_step(self) -> int:
        """Examples of the data that one step uses."""
        return self.batch_size

    @property
    def dtype_policy(self) -> str:
        """Keras's name of `mixed_precision`.

        It must be in force while networks are built, from which they take it.
        """
        return f"mixed_{self.mixed_precision}" if self.mixed_precision else "float32"

    @property
    def jit_compile(self) -> bool | str:
        """What `compile` calls `jit`."""
        return "auto" if self.jit == "auto" else self.jit == "on"

    @property
    def labelled(self) -> bool:
        """Whether the model learns the labels of the data too."""
        return False

    def image_shape_asked_for(self) -> tuple[int, int] | None:
        """Returns (height, width) of `image_size`, or None where it is not set."""
        return None if self.image_size is None else parsed_size(self.image_size)

    @classmethod
    def require_known(cls, names: Iterable[str]) -> None:
        """Checks that the recipes of this class have settings of these names.

        Raises:
            InputError: for the first one that they do not have.
        """
        fields = {field.name for field in dataclasses.fields(cls)}
        for name in names:
            if name not in fields:
                raise InputError(
                    f"{name} is no setting of this recipe; it has "
                    f"{', '.join(sorted(fields - {'summary'}))}."
                    f"{did_you_mean(name, fields)}"
                )

    def override(self, changes: Mapping[str, Any]) -> Self:
        """Returns this recipe with other values for some settings.

        Another length or interval of measures replaces the recipe's.

        Raises:
            InputError: for a setting that the recipe does not have.
        """
        self.require_known(changes)
        for group in (
            ("epochs", "steps", "minutes"),
            ("evaluate_epochs", "evaluate_steps"),
        ):
            if changes.keys() & set(group):
                changes = {**dict.fromkeys(group), **changes}
        return dataclasses.replace(self, **changes)

    def steps_per_execution_for(self, *boundaries: int | None) -> int:
        """Returns how many steps run at a time, at most `steps_per_execution`.

        Args:
            boundaries: steps at whose multiples something happens: the length of an
                epoch, of the run, the step that it begins at; None and 0 are none.
        """
        if self.strategy != "one-device":
            return 1  # TensorFlow fails at conditions of several steps on replicas
        own = (self.sample_steps, self.checkpoint_steps, self.evaluate_steps)
        lengths = (*boundaries, *own)
        common = math.gcd(*(length for length in lengths if length))
        return max(n for n in range(1, self.steps_per_execution + 1) if common % n == 0)

    @property
    def data_words(self) -> str:
        """The sources of the data, for a message."""
        values = (getattr(self, name) for name in self.sources)
        return " and ".join(value for value in values if value is not None)

    @property
    def given(self) -> dict[str, Any]:
        """Settings by name, without those of `from_data` that nobody gave."""
        return {name: getattr(self, name) for name in settings_of(type(self))}

    def begin(self) -> tuple["Recipe", Any]:
        """Returns the recipe of a new run, and its data as `read` gives them.

        It is this recipe, unless the data decide some of its settings.

        Raises:
            InputError: if they cannot be read.
        """
        return self, self.read()

    def read(self, *, facts: Mapping[str, Any] | None = None) -> Any:
        """Returns the data.

        It has a length; `steps_per_epoch(count)`; `split(share, seed)`, if `validation`
        may be a share; `summary`, a sentence or None; `skipped`, (file, reason) of what
        could not be read; and `files` and `digests` as `Images` has them, or None.

        Args:
            facts: of the run that goes on, as `facts` returned them.

        Raises:
            InputError: if it cannot be read.
        """
        raise NotImplementedError

    def read_held_out(self, data: Any) -> Any:
        """Returns the data of the source that `validation` names.

        Args:
            data: what `read` gave.

        Raises:
            InputError: if it cannot be read or does not fit.
        """
        raise InputError(
            f"validation is {self.validation!r}. Give a share between 0 and 1, such as "
            "0.1: this recipe takes no other source."
        )

    @property
    def held_out_share(self) -> float | None:
        """The share of the data that `validation` holds out, None if it is a source."""
        return None if self.validation is None else _share_of(self.validation)

    def divided(self, data: Any) -> tuple[Any, Any]:
        """Returns what to train on, and what `validation` holds out or None.

        Args:
            data: what `read` gave.

        Raises:
            InputError: if nothing can be held out, or the other source does not fit.
        """
        if self.validation is None:
            return data, None
        if self.held_out_share is None:
            return data, self.read_held_out(data)
        return self._split(data)

    def trained_on(self, data: Any) -> Any:
        """Returns the first part of `divided`, without reading another source."""
        return data if self.held_out_share is None else self._split(data)[0]

    def _split(self, data):
        with storage.within(self.memory_budget):
            return data.split(self.held_out_share, self.seed)

    def check_data(self, data: Any, replicas: int) -> None:
        """Checks that there are labels if need be, and examples for one step.

        Args:
            data: what `read` gave.
            replicas: devices that share a batch.

        Raises:
            InputError: if not.
        """
        if self.labelled:
            data.require_labels("--conditional")
        self.steps_per_epoch(data)
        if self.batch_size % replicas:
            raise InputError(
                f"--batch-size is {self.batch_size}, of all replicas together, and "
                f"there are {replicas}; a multiple of their number is accepted."
            )

    def steps_per_epoch(self, data: Any) -> int:
        """Returns the steps of one pass over the data."""
        return data.steps_per_epoch(self.examples_per_step)

    def total_steps(self, examples: int) -> int | None:
        """Returns the steps of the run, None if a time decides how many they are.

        Args:
            examples: of the data, with those that `validation` holds out.
        """
        if self.epochs is None:
            return self.steps
        trained_on = examples - round((self.held_out_share or 0) * examples)
        return self.epochs * (trained_on // self.examples_per_step)

    def words_of(self, data: Any) -> str:
        """Returns how many examples of what the data has, in words."""
        return f"{len(data)} examples"

    def facts(self, data: Any) -> dict[str, Any]:
        """Returns the facts of the data that a run depends on, for `config.json`.

        A model with classes needs `num_classes` and `class_names`; experiments on
        images need `image_shape`.
        """
        raise NotImplementedError

    def examples(self, data: Any) -> dict[str, np.ndarray]:
        """Returns name of an element of the model -> all its rows in the data.

        Args:
            data: what `read` gave.
        """
        raise NotImplementedError

    def batches(
        self,
        data: Any,
        model: keras.Model,
        first_step: int,
        context: tf.distribute.InputContext | None,
    ) -> tf.data.Dataset:
        """Returns what `fit` trains on, from a step on.

        Args:
            data: what `read` gave.
            model: what `build` gave.
            first_step: steps that the model has taken.
            context: `tf.distribute.InputContext` of the worker.
        """
        raise NotImplementedError

    def held_out_batches(self, data: Any, model: Any) -> tf.data.Dataset:
        """Returns what `evaluate` measures: each example once, up to 2,000.

        Args:
            data: what `divided` held out.
            model: what `build` gave.
        """
        raise NotImplementedError

    def build(self, facts: Mapping[str, Any]) -> keras.Model:
        """Returns a compiled model with new weights.

        Args:
            facts: those of the data, as `facts` returns them.

        Raises:
            InputError: for settings that the model does not accept.
        """
        raise NotImplementedError

    def initialize(self, model: keras.Model, data: Any) -> None:
        """Sets what the networks take from the data before the first step."""

    def evaluators(self, data: Any, held_out: Any) -> dict[str, Evaluator]:
        """Returns what measures the model, by name.

        The first measure of the first one that is taken during training is shown in
        the progress line and decides which model is best.

        Args:
            data: what the model trains on.
            held_out: what `divided` held out, or None.
        """
        return {}


@dataclasses.dataclass(frozen=True)
class OneSource(Recipe):
    """Settings of a run on one set of images, with labels or without.

    Example:

    ```python
    from keras_gan import recipes

    recipe = recipes.get("digits").override({"image_size": 8})
    assert isinstance(recipe, recipes.OneSource)
    images = recipe.read()
    assert images.shape == (8, 8, 1)
    print(recipe.words_of(images))
    ```
    """

    sources: ClassVar[tuple[str, ...]] = ("data",)

    data: str = setting(
        "digits", "source of the images, such as folder:photos/", location=True
    )
    flip: bool = setting(False, "mirror half of the training images, left to right")

    def read(
        self, source: str | None = None, *, facts: Mapping[str, Any] | None = None
    ) -> Images:
        """Returns the images.

        Args:
            source: another one than `data`, read in the same way. With facts its images
                get the size, the channels and the levels of the run's.
            facts: as of `Recipe.read`.

        Raises:
            InputError: if it cannot be read.
        """
        source = source or self.data
        size, channels, levels = self.image_shape_asked_for(), self.channels, None
        facts = facts or {"levels": None}
        if source != self.data and len(facts.get("image_shape", ())) == 3:
            height, width, channels = facts["image_shape"]
            size = height, width
            levels = facts.get("levels") and tuple(facts["levels"])
        if "levels" not in facts and source.startswith("folder:"):
            # An older run had three channels, and white was the greatest 16-bit number.
            channels, levels = channels or 3, (0, 65535)
        return datasets.read(
            source,
            size,
            channels,
            self.data_dir,
            self.memory_budget,
            self.fit,
            levels,
        )

    def read_held_out(self, data: Images) -> Images:
        held_out = self.read(self.validation)
        if held_out.shape != data.shape:
            raise InputError(
                f"validation is {self.validation}, whose images are "
                f"{'x'.join(map(str, held_out.shape))}, and those of {self.data} are "
                f"{'x'.join(map(str, data.shape))}. Give --image-size and --channels "
                "that fit both."
            )
        if self.labelled:
            held_out.require_labels("--validation of a conditional recipe")
        return held_out

    def words_of(self, data: Images) -> str:
        return f"{len(data)} images of {'x'.join(map(str, data.shape))}"

    def facts(self, data: Images) -> dict[str, Any]:
        facts = {
            "images": len(data),
            "image_shape": list(data.shape),
            "num_classes": data.num_classes if self.labelled else None,
            "class_names": list(data.class_names or ()) if self.labelled else [],
            "levels": list(data.levels) if data.levels else None,
        }
        return facts | sha256_of(data.array)

    def distances(
        self, data: Images, output: str | None = None
    ) -> dict[str, DistributionEvaluator]:
        """Returns what compares samples with the images, by its name in `evaluators`.

        Args:
            data: images to compare with; for fewer than 4 there is nothing.
            output: title of the samples if the model has several outputs.
        """
        if len(data) < 4:
            return {}  # two halves of one image each have no covariance
        coverage = mode_counter_for(self.data)
        count = COMPARED if coverage is None else coverage.samples
        extractor = features.get(self.features, data)
        samples = DistributionEvaluator(
            data,
            extractor,
            count=min(count, default_sample_count(data, extractor)),
            source=self.data,
            data_dir=self.data_dir,
            output=output,
        )
        return {"samples": samples}

    def examples(self, data: Images) -> dict[str, np.ndarray]:
        if self.labelled:
            return {"image": data.array, "label": data.require_labels()}
        return {"image": data.array}

    def batches(
        self,
        data: Images,
        model: keras.Model,
        first_step: int,
        context: tf.distribute.InputContext | None,
    ) -> tf.data.Dataset:
        return data.batches(
            self.examples_per_step,
            model.value_ranges().get("image"),
            self.labelled,
            self.seed,
            first_step=first_step,
            context=context,
            flip=self.flip,
        )

    def held_out_batches(self, data: Images, model: Any) -> tf.data.Dataset:
        return data.in_order(
            self.batch_size,
            model.value_ranges().get("image"),
            self.labelled,
            most=MEASURED,
        )
