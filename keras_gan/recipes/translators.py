"""What recipes of models from images to images have, besides their data."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_gan import features
from keras_gan.datasets import Images
from keras_gan.evaluators import (
    LEAST_IMAGES,
    DistributionEvaluator,
    Evaluator,
    default_sample_count,
)
from keras_gan.models import CycleGAN, Pix2Pix
from keras_gan.models.dcgan import MOST_UNITS
from keras_gan.networks.patch import MOST_LAYERS
from keras_gan.optimizers import Adam
from keras_gan.recipes.base import COMPARED
from keras_gan.recipes.options import setting
from keras_gan.recipes.rates import DecayingRates
from keras_gan.recipes.translation import Translation


@dataclasses.dataclass(frozen=True)
class TranslatorRecipe(DecayingRates, Translation):
    """Settings of a game between generators and discriminators of patches.

    Example:

    ```python
    from keras_gan import recipes

    recipe = recipes.get("pix2pix").override({"image_size": 64})
    assert recipe.patch_layers_for((64, 64, 3)) == 2
    ```
    """

    batch_size: int = 1
    base_filters: int = setting(
        64,
        "channels next to the images, in all networks",
        at_least=1,
        at_most=MOST_UNITS,
    )
    patch_layers: int | None = setting(
        None,
        "strided layers of a discriminator, each of which doubles what it sees; 0 "
        "judges single pixels",
        at_least=0,
        at_most=MOST_LAYERS,
        unset="3 from 128 pixels on, 2 from 64, else 1",
    )
    adversarial_weight: float = setting(
        1.0, "of the game in the generators' loss; 0 trains them alone", at_least=0
    )
    generator_learning_rate: float = setting(2e-4, "at the start", above=0)
    discriminator_learning_rate: float = setting(2e-4, "at the start", above=0)
    beta_1: float = setting(
        0.5, "decay of the mean gradient of Adam", at_least=0, below=1
    )
    generator_average: float | None = setting(
        None, "decay of the generators' moving average; 0 is none", at_least=0, below=1
    )

    def distances(
        self, output: str, images: Images, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, Evaluator]:
        """Returns what compares translations with real images, by their title.

        Args:
            output: title of the translations.
            images: real ones of their domain; for fewer than 12 there is nothing.
            inputs: element -> rows that the model makes pictures from.
        """
        most = min([len(images) // 2, *map(len, inputs.values())])
        if most < LEAST_IMAGES:
            return {}
        extractor = features.get(self.features, images)
        count = min(most, COMPARED, default_sample_count(images, extractor))
        evaluator = DistributionEvaluator(
            images, extractor, count, output=output, inputs=inputs
        )
        return {output: evaluator}

    def patch_layers_for(self, shape: tuple[int, ...]) -> int:
        """Returns the strided layers of the discriminator of images.

        Args:
            shape: (height, width, channels) of the images.
        """
        if self.patch_layers is not None:
            return self.patch_layers
        side = min(shape[:2])
        return 3 if side >= 128 else 2 if side >= 64 else 1

    def compile(
        self,
        model: Pix2Pix | CycleGAN,
        facts: Mapping[str, Any],
        objective: Any,
    ) -> None:
        """Compiles a model with new optimizers.

        Args:
            model: not yet compiled.
            facts: of the data.
            objective: of the game, as `compile` of the model takes it.
        """
        counts = [facts.get(f"{name}_images", 0) for name in model.elements]
        rates = self.generator_learning_rate, self.discriminator_learning_rate
        generator, discriminator = (
            Adam(self.decayed(rate, max(counts)), beta_1=self.beta_1) for rate in rates
        )
        model.compile(
            generator,
            discriminator,
            objective,
            generator_average=self.generator_average or None,
            jit_compile=self.jit_compile,
        )
