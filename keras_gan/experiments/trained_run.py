"""A trained run as the experiments see it: its model and the real images around it."""

import dataclasses
import functools
import os
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_gan import datasets, pictures, runs
from keras_gan.datasets.tfds_images import PATTERN
from keras_gan.errors import InputError
from keras_gan.evaluators.likelihood import Scored
from keras_gan.pixels import PixelRange

# What it means for a model that an attribute is not there, if its name does not say so.
_LACKING = {
    "generate": "has no prior, so it generates no images",
    "sample_latent": "has no prior, so it draws no latent vectors",
    "inference_generator": "has no generator",
    "reconstruct": "reconstructs no images",
    "codes": "encodes no images",
    "directions": "translates no images",
    "log_likelihood": "has no likelihood",
}


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run folder's settings and its trained model.

    Example:

    ```python
    from keras_gan.experiments import TrainedRun

    trained = TrainedRun.load("runs/digits")
    print(trained.run.recipe.summary, trained.training_images.shape)
    labels = [3] * 4
    assert trained.model.generate(4, seed=0, labels=labels).shape == (4, 8, 8, 1)
    ```
    """

    run: runs.Run
    model: keras.Model

    @classmethod
    def load(
        cls,
        path: str | os.PathLike,
        best: bool = False,
        points: bool = False,
        needs: Sequence[str] = (),
        instead: str = "digits",
    ) -> "TrainedRun":
        """Returns the run in a folder, with its newest checkpoint.

        Args:
            path: the run folder.
            best: take the best model by the run's measure instead.
            points: take a run on any data, not on one set of images only.
            needs: attributes that its model must have, such as "discriminator".
            instead: a recipe to name whose models have them.

        Raises:
            InputError: if there is no run, it has no such checkpoint, it is on points
                and images are needed, or its model lacks what is needed.
        """
        run = runs.Run.open(path)
        if not points and len(run.data.get("image_shape", ())) != 3:
            gives = "points" if "image_shape" in run.data else "no one set of images"
            raise InputError(
                f"the run in {path} is on {run.recipe.data_words}, which gives "
                f"{gives}. Name a run on images, such as one of the recipe {instead}."
            )
        trained = cls(run, run.load(best))
        lacking = trained.lacks(*needs)
        if lacking:
            raise InputError(
                f"the run in {path} is of family {run.recipe.family}, whose model "
                f"{_LACKING.get(lacking[0], f'has no {lacking[0]}')}. Name another "
                f"run, such as one of the recipe {instead}."
            )
        return trained

    def lacks(self, *needs: str) -> list[str]:
        """Returns those of some attributes that the model does not have."""
        return [name for name in needs if not hasattr(self.model, name)]

    @functools.cached_property
    def training_set(self) -> Any:
        """What the run was trained on: `datasets.Images` of a recipe of one source.

        Raises:
            InputError: if it cannot be read or is no longer the same.
        """
        return self.run.recipe.trained_on(self._data)

    @functools.cached_property
    def held_out(self) -> Any:
        """What the run was not trained on but measured on, or None.

        Raises:
            InputError: if it cannot be read or is no longer the same.
        """
        recipe = self.run.recipe
        return None if recipe.validation is None else recipe.divided(self._data)[1]

    def scored(self, count: int) -> Scored:
        """Returns the images that a likelihood is asked about: held-out ones if any.

        Args:
            count: the most to take.

        Raises:
            InputError: if they cannot be read or are no longer the same.
        """
        labelled, held_out = self.run.recipe.labelled, self.held_out
        if held_out is None:
            return Scored(self.training_set, False, labelled, count)
        return Scored(held_out, True, labelled, count)

    @functools.cached_property
    def _data(self):
        data = self.run.read_data()
        self.run.check_data(data)
        return data

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, in pixels and channels."""
        return tuple(self.run.data["image_shape"])

    @property
    def training_images(self) -> np.ndarray:
        """The images of `training_set`, uint8 [N, H, W, C]."""
        return self.training_set.array

    def test_set(self) -> datasets.Images | None:
        """Returns the split `test` of the run's set, labelled where the set is.

        None where the source has no splits or the run may have trained on that one.
        """
        name, split = self._tfds_split()
        if not re.fullmatch(r"(train|validation)(\[[^]]*\])?", split):
            return None
        return self._read_if_there(f"tfds:{name}:test")

    def test_images(self) -> np.ndarray | None:
        """Returns the images of `test_set`, uint8 [N, H, W, C], or None."""
        images = self.test_set()
        return None if images is None else images.array

    def rest_set(self) -> datasets.Images | None:
        """Returns what `train[:NUMBER]` left out, labelled where the set is.

        None where the run trained on another kind of split.
        """
        name, split = self._tfds_split()
        part = re.fullmatch(r"(\w+)\[:(\d+%?)\]", split)
        if not part:
            return None
        return self._read_if_there(f"tfds:{name}:{part[1]}[{part[2]}:]")

    def rest_of_split(self) -> np.ndarray | None:
        """Returns the images of `rest_set`, uint8 [N, H, W, C], or None."""
        images = self.rest_set()
        return None if images is None else images.array

    def tfds_name(self) -> str:
        """Returns `mnist` for `tfds:mnist:3.0.1:train`, "" for other sources."""
        return self._tfds_split()[0].partition(":")[0]

    def class_captions(self, labels: np.ndarray) -> list[str]:
        """Returns the name of each class, or its number if the font cannot write it."""
        names = self.run.data.get("class_names")
        captions = pictures.captions(names, self.model.num_classes)
        return [captions[label] for label in labels]

    def numbered(self, numbers: Sequence[int]) -> list[str]:
        """Returns captions of numbered samples, with their classes if there are any."""
        if self.model.num_classes is None:
            return [str(number) for number in numbers]
        classes = self.class_captions(np.asarray(numbers) % self.model.num_classes)
        return [
            f"{number}: {name}" for number, name in zip(numbers, classes, strict=True)
        ]

    def report(
        self,
        measured: dict,
        paper: dict | None,
        seed: int,
        *protocol: str,
        classes: str = "classes in turn",
    ) -> dict:
        """Returns the content of a JSON file about this run.

        Args:
            measured: figures.
            paper: the paper's figure, or None where there is none.
            seed: of the samples.
            *protocol: how the figures came about, in parts of one sentence.
            classes: of the pictures, for the protocol of a conditional model.
        """
        parts = [
            *protocol,
            *([classes] if self.model.num_classes is not None else []),
            self.model.sampling_note,
        ]
        return self.discriminator_report(measured, paper, seed, *parts)

    def discriminator_report(
        self, measured: dict, paper: dict | None, seed: int, *protocol: str
    ) -> dict:
        """Returns the same for figures in which no sample has a part."""
        return {
            "recipe": self.run.recipe_name,
            "data": self.run.recipe.data_words,
            "step": int(self.model.step),
            "measured": measured,
            "paper": paper,
            "protocol": ", ".join([*protocol, f"seed {seed}"]),
        }

    def _tfds_split(self):
        kind, _, argument = self.run.recipe.data_words.partition(":")
        match = PATTERN.fullmatch(argument)
        if kind != "tfds" or not match:
            return "", ""
        return match["name"], match["split"] or "train"

    def _read_if_there(self, source):
        # The run's own split could be read, so that this one's absence is the reason.
        try:
            return self.run.read_data(source)
        except InputError:
            return None


def scaled(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Returns uint8 images as float32 with (low, high) in place of 0 and 255."""
    return PixelRange(*value_range).to_float(images)
