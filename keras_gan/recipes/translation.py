"""What recipes of image translation have: pairs, or two sources of images."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from keras_gan import datasets
from keras_gan.datasets import Images, Paired, Unpaired, pairs, storage
from keras_gan.datasets.examples import Examples
from keras_gan.errors import InputError
from keras_gan.recipes.base import MEASURED, Recipe, parsed_size, sha256_of
from keras_gan.recipes.options import setting


@dataclasses.dataclass(frozen=True)
class Translation(Recipe):
    """Settings of a run on pictures that are cut at random and mirrored.

    `PairedSource` and `TwoSources` say where the pictures lie. `image_size` is the size
    of what networks see.

    Raises:
        InputError: for sizes that contradict each other.

    Example:

    ```python
    from keras_gan.recipes import PairedSource
    from keras_gan.recipes.translation import Translation

    recipe = PairedSource("windows of 28x28 pixels", steps=1, image_size=28)
    assert isinstance(recipe, Translation)
    data = recipe.read()
    print(data.stored["source"].shape, data.shapes["source"])
    ```
    """

    load_size: int | str | None = setting(
        None,
        "SIDE or HEIGHTxWIDTH at which pictures are kept, of which training cuts "
        "windows of --image-size",
        check=lambda value: parsed_size(value, "load_size"),
        unset="286/256 of --image-size; with --crop, as the source has it",
    )
    crop: bool = setting(
        False, "cut windows out of the pictures as they are, not nearly whole ones"
    )
    flip: bool = setting(True, "mirror half of the pictures, left to right")

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.load_size, int):
            object.__setattr__(self, "load_size", str(self.load_size))
        self._sizes()

    def _sizes(self):
        """Returns the size at which pictures are kept, and that of the windows."""
        loaded = self.load_size
        return pairs.sizes(
            self.image_shape_asked_for(),
            None if loaded is None else parsed_size(loaded, "load_size"),
            self.crop,
        )

    def facts(self, data: Examples) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        for name, images in data.items():
            facts[f"{name}_images"] = len(images)
            facts[f"{name}_shape"] = list(data.shapes[name])
            facts[f"{name}_levels"] = list(images.levels) if images.levels else None
            facts |= sha256_of(data.stored[name].array, f"{name}_sha256")
        return facts

    def examples(self, data: Examples) -> dict[str, np.ndarray]:
        return data.arrays

    def batches(
        self,
        data: Examples,
        model: keras.Model,
        first_step: int,
        context: tf.distribute.InputContext | None,
    ) -> tf.data.Dataset:
        return data.batches(
            self.examples_per_step,
            model.value_ranges(),
            self.seed,
            first_step=first_step,
            context=context,
        )

    def held_out_batches(self, data: Examples, model: Any) -> tf.data.Dataset:
        return data.in_order(self.batch_size, model.value_ranges(), most=MEASURED)


@dataclasses.dataclass(frozen=True)
class PairedSource(Translation):
    """Settings of a run on pairs: a source picture and the target that belongs to it.

    Facts of the data are `source_shape`, `target_shape` and the like.

    Example:

    ```python
    from keras_gan import recipes

    recipe = recipes.PairedSource("pairs", steps=1, image_size=32, load_size=32)
    data = recipe.read()
    print(recipe.words_of(data), recipe.facts(data)["target_shape"])
    ```
    """

    sources: ClassVar[tuple[str, ...]] = ("data",)

    data: str = setting(
        "outlines", "source of the pairs, such as pairs:maps/train", location=True
    )
    direction: str = setting(
        "a-to-b",
        "a is the left half of a picture, or the first sub-folder by name",
        choices=pairs.DIRECTIONS,
    )

    def read(
        self, source: str | None = None, *, facts: Mapping[str, Any] | None = None
    ) -> Paired:
        """Returns the pairs.

        Args:
            source: another one than `data`, read in the same way. With facts its images
                get the channels and the levels of the run's.
            facts: as of `Recipe.read`.

        Raises:
            InputError: if it cannot be read.
        """
        source = source or self.data
        channels: dict[str, int | None] = dict.fromkeys(Paired.names, self.channels)
        levels: dict[str, tuple[float, float] | None] = {}
        if source != self.data and facts is not None:
            channels = {name: facts[f"{name}_shape"][-1] for name in Paired.names}
            levels = {
                name: facts[f"{name}_levels"] and tuple(facts[f"{name}_levels"])
                for name in Paired.names
            }
        stored, window = self._sizes()
        return datasets.read_pairs(
            source,
            window,
            channels,
            stored,
            self.direction,
            crop=self.crop,
            flip=self.flip,
            data_dir=self.data_dir,
            memory_budget=self.memory_budget,
            fit=self.fit,
            levels=levels,
        )

    def read_held_out(self, data: Paired) -> Paired:
        held_out = self.read(self.validation, facts=self.facts(data))
        if held_out.shapes != data.shapes:
            raise InputError(
                f"validation is {self.validation}, whose pairs are "
                f"{_words(held_out.shapes)}, and those of {self.data} are "
                f"{_words(data.shapes)}. Give --image-size and --channels that fit "
                "both."
            )
        return held_out

    def words_of(self, data: Paired) -> str:
        return f"{len(data):,} pairs of {_words(data.shapes)}"


@dataclasses.dataclass(frozen=True)
class TwoSources(Translation):
    """Settings of a run on pictures a and pictures b, of which none belong together.

    Facts of the data are `a_shape`, `b_shape` and the like. A share in `validation` is
    held out of each.

    Example:

    ```python
    from keras_gan import recipes

    recipe = recipes.TwoSources("domains", steps=1, image_size=32)
    data = recipe.read()
    print(recipe.words_of(data), recipe.facts(data)["a_shape"])
    ```
    """

    sources: ClassVar[tuple[str, ...]] = ("data_a", "data_b")

    data_a: str = setting(
        "digits-half", "source of images a, such as folder:horses", location=True
    )
    data_b: str = setting(
        "digits-inverted", "source of images b, such as folder:zebras", location=True
    )

    def read(self, *, facts: Mapping[str, Any] | None = None) -> Unpaired:
        stored, window = self._sizes()

        def images(source: str) -> Images:
            return datasets.read(
                source,
                stored,
                self.channels,
                self.data_dir,
                self.memory_budget,
                self.fit,
            )

        with storage.within(self.memory_budget):
            return datasets.unpaired(
                images(self.data_a), images(self.data_b), window, self.crop, self.flip
            )

    def words_of(self, data: Unpaired) -> str:
        return " and ".join(
            f"{len(images):,} images {name} of {'x'.join(map(str, data.shapes[name]))}"
            for name, images in data.items()
        )


def _words(shapes):
    return " and ".join("x".join(map(str, shape)) for shape in shapes.values())
