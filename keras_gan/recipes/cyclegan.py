"""CycleGAN: its settings, and the recipes with a name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from keras_gan import datasets, losses, networks, seeding
from keras_gan.datasets import Unpaired
from keras_gan.errors import InputError
from keras_gan.evaluators import CycleEvaluator, Evaluator
from keras_gan.models import CycleGAN
from keras_gan.recipes.options import setting
from keras_gan.recipes.translation import TwoSources
from keras_gan.recipes.translators import TranslatorRecipe
from keras_gan.settings import keras_defaults

_SMALL = 256  # pixels; from this size on the paper's generators have nine blocks


@dataclasses.dataclass(frozen=True)
class CycleGANRecipe(TranslatorRecipe, TwoSources):
    """Settings of a `CycleGAN` of residual generators and discriminators of patches.

    Example:

    ```python
    from keras_gan.recipes.cyclegan import CycleGANRecipe

    recipe = CycleGANRecipe(
        "small", base_filters=2, image_size="32", batch_size=1, steps=100
    )
    shapes = {"a_shape": (32, 32, 3), "b_shape": (32, 32, 3)}
    model = recipe.build(shapes)
    assert model.image_size == (32, 32)
    ```

    Source: Zhu et al. 2017, arXiv 1703.10593.
    """

    family: ClassVar[str] = "cyclegan"

    objective: str | None = setting(
        None,
        "the game of every patch",
        choices=losses.OBJECTIVES,
        unset="least squares as in the paper",
    )
    cycle_weight: float = setting(
        10.0, "of the difference from an image that came back", at_least=0
    )
    identity_weight: float = setting(
        5.0, "of the change of an image that is of the target already", at_least=0
    )
    pool_size: int = setting(
        50, "earlier images that each discriminator sees again", at_least=0
    )
    blocks: int | None = setting(
        None,
        "residual blocks of each generator",
        at_least=0,
        unset="9 from 256 px, else 6",
    )

    def __post_init__(self):
        super().__post_init__()
        if 0 < self.pool_size < self.batch_size:
            raise InputError(
                f"pool_size is {self.pool_size} and batch_size {self.batch_size}. Use "
                "a pool of at least a batch, or 0."
            )

    def evaluators(
        self, data: Unpaired, held_out: Unpaired | None
    ) -> dict[str, Evaluator]:
        measured = data if held_out is None else held_out
        rows = {name: images.array for name, images in measured.items()}
        cycle = CycleEvaluator(measured, held_out is not None, self._answers())
        return {
            **self.distances("a_to_b", measured["b"], rows),
            **self.distances("b_to_a", measured["a"], rows),
            "cycle": cycle,
        }

    def _answers(self):
        """Returns element -> function of the other's images that gives the answers."""
        answer = datasets.ANSWERS.get(self.data_b)
        if answer is None or self.data_a not in ("digits", "digits-half"):
            return {}
        return {"b": answer.forward, "a": answer.back}

    def build(self, facts: Mapping[str, Any]) -> CycleGAN:
        shapes = {name: tuple(facts[f"{name}_shape"]) for name in "ab"}
        free = {name: (None, None, shape[2]) for name, shape in shapes.items()}
        height, width, _ = shapes["a"]
        blocks = self.blocks
        if blocks is None:
            blocks = 6 if min(height, width) < _SMALL else 9
        rng = seeding.generator(self.seed)
        with keras_defaults(self.dtype_policy):
            generators = [
                networks.residual_translator(
                    free[source],
                    free[target],
                    self.base_filters,
                    blocks,
                    seed=seeding.draw(rng),
                )
                for source, target in ("ab", "ba")
            ]
            discriminators = [
                networks.patch_discriminator(
                    shapes[name],
                    layers=self.patch_layers_for(shapes[name]),
                    base_filters=self.base_filters,
                    normalization="instance",
                    seed=seeding.draw(rng),
                )
                for name in "ab"
            ]
            model = CycleGAN(
                *(generators[0], generators[1], discriminators[0], discriminators[1]),
                cycle_weight=self.cycle_weight,
                identity_weight=self.identity_weight,
                adversarial_weight=self.adversarial_weight,
                pool_size=self.pool_size,
                image_size=(height, width),
                seed=self.seed,
            )
        with keras_defaults():
            self.compile(model, facts, self.objective)
        return model


RECIPES: dict[str, CycleGANRecipe] = {
    "cyclegan": CycleGANRecipe(
        "two folders of unpaired images as Zhu et al. 2017",
        data_a="folder:a",
        data_b="folder:b",
        image_size="256",
        epochs=200,
        decay_share=0.5,
    ),
    "cyclegan-digits": CycleGANRecipe(
        "white digits to coloured ones and back, whose right answer is known",
        data_a="digits-half",
        data_b="digits-tinted",
        validation="0.1",
        image_size="32",
        load_size="32",
        flip=False,
        channels=3,
        base_filters=8,
        blocks=2,
        batch_size=4,
        epochs=5,
    ),
}
