"""A trained run as the experiments see it: its GAN and the real images around it."""

import dataclasses
import functools
import re

import numpy as np

from keras_gan import datasets, runs
from keras_gan.datasets.tfds_images import PATTERN
from keras_gan.errors import InputError
from keras_gan.models import GAN


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """A run folder's settings and its trained model."""

    run: runs.Run
    gan: GAN

    @classmethod
    def load(cls, path) -> "TrainedRun":
        """Returns the run in a folder, with its newest checkpoint.

        Raises:
            InputError: where there is no run or it has no checkpoint yet.
        """
        return cls(runs.Run.open(path), runs.load(path))

    @functools.cached_property
    def training_images(self) -> np.ndarray:
        """The images that the run was trained on, uint8 [N, H, W, C].

        Raises:
            InputError: where they cannot be read or are no longer the same.
        """
        images = self._read(self.run.recipe.data)
        self.run.check_data(images)
        return images.array

    def test_images(self) -> np.ndarray | None:
        """Returns the split `test` of the run's set, uint8 [N, H, W, C].

        None where the source has no splits or the run may have trained on that one.
        """
        name, split = self._tfds_split()
        if not re.fullmatch(r"(train|validation)(\[[^]]*\])?", split):
            return None
        return self._read_if_there(f"tfds:{name}:test")

    def rest_of_split(self) -> np.ndarray | None:
        """Returns the images that `train[:NUMBER]` left out, uint8 [N, H, W, C].

        None where the run trained on another kind of split.
        """
        name, split = self._tfds_split()
        part = re.fullmatch(r"(\w+)\[:(\d+%?)\]", split)
        if not part:
            return None
        return self._read_if_there(f"tfds:{name}:{part[1]}[{part[2]}:]")

    def tfds_name(self) -> str:
        """Returns `mnist` for `tfds:mnist:3.0.1:train`, "" for other sources."""
        return self._tfds_split()[0].partition(":")[0]

    def report(
        self,
        measured: dict,
        paper,
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
        weights = self.gan.inference_generator.weights
        normalized = any(weight.name == "moving_mean" for weight in weights)
        averaged = self.gan.averaged_generator is not None
        parts = [
            *protocol,
            *([classes] if self.gan.num_classes is not None else []),
            "averaged generator" if averaged else "generator as trained",
            "moving averages in batch norm" if normalized else "no batch norm",
            f"seed {seed}",
        ]
        return {
            "recipe": self.run.recipe_name,
            "data": self.run.recipe.data,
            "step": int(self.gan.step),
            "measured": measured,
            "paper": paper,
            "protocol": ", ".join(parts),
        }

    def _tfds_split(self):
        kind, _, argument = self.run.recipe.data.partition(":")
        match = PATTERN.fullmatch(argument)
        if kind != "tfds" or not match:
            return "", ""
        return match["name"], match["split"] or "train"

    def _read(self, source):
        recipe = self.run.recipe
        return datasets.read(
            source, recipe.image_shape_asked_for(), recipe.channels, recipe.data_dir
        )

    def _read_if_there(self, source):
        # The run's own split could be read, so that this one's absence is the reason.
        try:
            return self._read(source).array
        except InputError:
            return None


def pixels(images: np.ndarray) -> np.ndarray:
    """Returns uint8 images [N, ...] as rows of values in [0, 1], float64 [N, D]."""
    return images.reshape(len(images), -1) / 255
