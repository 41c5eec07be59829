"""Random changes of what the discriminator sees, as settings of a recipe."""

import dataclasses
from typing import Any

from keras_gan import augmentation
from keras_gan.errors import InputError
from keras_gan.recipes.gan import GANRecipe
from keras_gan.recipes.options import setting


@dataclasses.dataclass(frozen=True)
class Augmented(GANRecipe):
    """Settings of a GAN whose discriminator may see images that are changed at random.

    Example:

    ```python
    import dataclasses
    from keras_gan import networks
    from keras_gan.recipes.augment import Augmented
    from keras_gan.recipes.gan import AdamRecipe


    @dataclasses.dataclass(frozen=True)
    class Mine(Augmented, AdamRecipe):
        def build_model(self, image_shape, num_classes):
            return self.build_between(
                *(networks.mlp_generator, networks.maxout_discriminator),
                *(image_shape, num_classes),
                value_range=(0.0, 1.0),
                **self.augmentation_options(),
            )


    mine = Mine("few images", augment="translation", steps=1000)
    gan = mine.build({"image_shape": (8, 8, 1), "num_classes": None})
    assert gan.augmentation_p == 1
    ```
    """

    augment: str | None = setting(
        None,
        "change at random what the discriminator sees, such as "
        f"{','.join(augmentation.AUGMENTATIONS)}",
        check=augmentation.get,
    )
    augment_target: float | None = setting(
        None,
        "change images only as often as keeps the mean sign of D(x) here, such as 0.6",
        above=-1,
        below=1,
        unset="change all images",
    )

    def __post_init__(self):
        super().__post_init__()
        if self.augment_target is not None and self.augment is None:
            raise InputError(
                f"augment_target is {self.augment_target} and augment is none; name "
                "augmentations too."
            )

    def augmentation_options(self) -> dict[str, Any]:
        """Returns the arguments of `GAN` for these settings."""
        return {
            "augmentation": self.augment,
            "augmentation_target": self.augment_target,
        }
