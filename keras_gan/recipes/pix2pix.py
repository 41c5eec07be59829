"""Pix2pix: its settings, and the recipes with a name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from keras_gan import losses, networks, seeding
from keras_gan.datasets import Paired
from keras_gan.evaluators import Evaluator, PairedEvaluator, Palette
from keras_gan.models import Pix2Pix
from keras_gan.recipes.options import setting
from keras_gan.recipes.translation import PairedSource
from keras_gan.recipes.translators import TranslatorRecipe
from keras_gan.settings import keras_defaults


@dataclasses.dataclass(frozen=True)
class Pix2PixRecipe(TranslatorRecipe, PairedSource):
    """Settings of a `Pix2Pix` with a U-Net and a discriminator of patches.

    Example:

    ```python
    from keras_gan.recipes.pix2pix import Pix2PixRecipe

    recipe = Pix2PixRecipe("small", base_filters=2, image_size="32", steps=100)
    shapes = {"source_shape": (32, 32, 1), "target_shape": (32, 32, 3)}
    model = recipe.build(shapes)
    assert model.networks()["generator"].output_shape == (None, None, None, 3)
    ```

    Source: Isola et al. 2016, arXiv 1611.07004.
    """

    family: ClassVar[str] = "pix2pix"

    objective: str = setting(
        "non_saturating", "the game of every patch", choices=losses.OBJECTIVES
    )
    l1_weight: float = setting(
        100.0, "of the mean absolute difference from the target", at_least=0
    )
    conditional: bool = setting(True, "show the discriminator the source too")
    depth: int | None = setting(
        None,
        "how often the generator halves images",
        at_least=1,
        unset="down to one pixel",
    )
    skips: bool = setting(True, "connect encoder and decoder of the generator")
    dropout: float = setting(
        0.5,
        "share of features that the generator drops in training",
        at_least=0,
        below=1,
    )

    palette: str | None = setting(
        None,
        'colours that are classes, such as "0,0,0; 255,0,0" or a JSON file of them: '
        "their accuracy and IoU are measured, and the FCN score",
        check=Palette.parse,
        changeable=True,
    )

    @property
    def colours(self) -> Palette | None:
        """The palette, if there is one."""
        return None if self.palette is None else Palette.parse(self.palette)

    def evaluators(self, data: Paired, held_out: Paired | None) -> dict[str, Evaluator]:
        measured = data if held_out is None else held_out
        source, target = measured["source"], measured["target"]
        pairs = PairedEvaluator(
            source,
            target,
            held_out=held_out is not None,
            palette=self.colours,
            training=(data["source"], data["target"]),
        )
        inputs = {"source": source.array}
        return {**self.distances("output", target, inputs), "pairs": pairs}

    def build(self, facts: Mapping[str, Any]) -> Pix2Pix:
        source, target = tuple(facts["source_shape"]), tuple(facts["target_shape"])
        rng = seeding.generator(self.seed)
        with keras_defaults(self.dtype_policy):
            model = Pix2Pix(
                networks.unet(
                    (None, None, source[2]),
                    (None, None, target[2]),
                    self.base_filters,
                    depth=networks.unet_depth(source, target, self.depth),
                    skips=self.skips,
                    dropout=self.dropout,
                    seed=seeding.draw(rng),
                ),
                networks.patch_discriminator(
                    target,
                    source if self.conditional else None,
                    layers=self.patch_layers_for(target),
                    base_filters=self.base_filters,
                    seed=seeding.draw(rng),
                ),
                self.l1_weight,
                self.adversarial_weight,
                seed=self.seed,
            )
        with keras_defaults():
            self.compile(model, facts, self.objective)
        return model


RECIPES: dict[str, Pix2PixRecipe] = {
    "pix2pix": Pix2PixRecipe(
        "pairs of images as Isola et al. 2016, such as pairs:maps/train",
        data="pairs:pairs",
        image_size="256",
        epochs=200,
    ),
    "pix2pix-64": Pix2PixRecipe(
        "small pix2pix at 64x64, for ten minutes on one core",
        data="pairs:pairs",
        image_size="64",
        base_filters=16,
        generator_learning_rate=5e-4,
        discriminator_learning_rate=5e-4,
        generator_average=0.998,
        decay_share=0.5,
        steps=24_000,
    ),
    "pix2pix-digits": Pix2PixRecipe(
        "outlines of digits to digits, on those that come with scikit-learn",
        data="outlines",
        validation="0.1",
        image_size="32",
        load_size="32",
        flip=False,
        base_filters=16,
        batch_size=4,
        epochs=10,
    ),
}
