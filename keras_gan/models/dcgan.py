"""The deep convolutional GAN of Radford et al. 2015."""

from typing import Any, Self

import keras

from keras_gan import checks, seeding
from keras_gan.errors import InputError
from keras_gan.models.gan import GAN
from keras_gan.models.latent_model import MOST_LATENT
from keras_gan.networks import dcgan_discriminator, dcgan_generator
from keras_gan.settings import keras_defaults

MOST_UNITS = 2**16  # channels or units of a layer; more are a slip of the pen


@keras.saving.register_keras_serializable("keras_gan")
class DCGAN(GAN):
    """A `GAN` that builds the paper's two convolutional networks.

    Args:
        image_shape: (height, width, channels); sides of 8 to 256 pixels that strides of
            two reach from 4 to 15 pixels, square or not; 1, 3 or 4 channels.
        latent_dim: size of the latent vector.
        base_filters: channels next to the image; 128 in the paper.
        num_classes: number of classes of a conditional model, or None.
        latent_distribution: "uniform" as in the paper, or "normal".
        latent_bounds: (low, high) of the uniform distribution.
        batch_normalization: of the discriminator; see `dcgan_discriminator`.
        spectral_normalization: of the discriminator; see `dcgan_discriminator`.
        hidden_units: of both networks; see `dcgan_generator`.
        translation: in the discriminator; see `dcgan_discriminator`.
        seed: decides the initial weights and every latent vector of training.

    Raises:
        InputError: for an image shape that the architecture cannot make, or another
            value that is not accepted.

    Example:

    ```python
    from keras_gan import DCGAN, datasets

    digits = datasets.read("digits")
    gan = DCGAN(digits.shape, latent_dim=8, base_filters=4, seed=1)
    gan.compile("adam", "adam", objective="non_saturating")
    gan.fit(digits.batches(256), epochs=1)
    assert gan.generate(4, seed=1).dtype == "uint8"
    ```

    Source: Radford et al. 2015, arXiv 1511.06434.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (64, 64, 3),
        latent_dim: int = 100,
        base_filters: int = 128,
        num_classes: int | None = None,
        latent_distribution: str = "uniform",
        latent_bounds: tuple[float, float] = (-1.0, 1.0),
        batch_normalization: bool = True,
        spectral_normalization: bool = False,
        hidden_units: int | None = None,
        translation: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        image_shape = _checked_shape(image_shape)
        latent_dim = checks.whole_number("latent_dim", latent_dim, 1, MOST_LATENT)
        base_filters = checks.whole_number("base_filters", base_filters, 1, MOST_UNITS)
        if num_classes is not None:
            num_classes = checks.whole_number("num_classes", num_classes, 1)
        if hidden_units is not None:
            hidden_units = checks.whole_number(
                "hidden_units", hidden_units, 1, MOST_UNITS
            )
        if seed is not None:
            seed = checks.whole_number("seed", seed, 0)
        rng = seeding.generator(seed)
        seed = seeding.draw(rng) if seed is None else seed
        self._architecture = {
            "image_shape": image_shape,
            "base_filters": base_filters,
            "batch_normalization": batch_normalization,
            "spectral_normalization": spectral_normalization,
            "hidden_units": hidden_units,
            "translation": translation,
        }
        super().__init__(
            dcgan_generator(
                image_shape,
                latent_dim,
                base_filters,
                num_classes,
                hidden_units,
                seed=seeding.draw(rng),
            ),
            dcgan_discriminator(
                image_shape,
                base_filters,
                num_classes,
                batch_normalization,
                spectral_normalization,
                hidden_units,
                translation,
                seed=seeding.draw(rng),
            ),
            latent_dim,
            latent_distribution,
            latent_bounds,
            value_range=(-1.0, 1.0),
            num_classes=num_classes,
            seed=seed,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), **self._architecture}
        config["policy"] = self.dtype_policy.name
        # The constructor makes the networks, and a tanh output has one range.
        for name in ("generator", "discriminator", "value_range"):
            del config[name]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        config = dict(config)
        with keras_defaults(config.pop("policy")):
            return super().from_config(config)


def _checked_shape(image_shape):
    try:
        shape = [checks.whole_number("a side", side, 1) for side in image_shape]
    except (TypeError, InputError):
        shape = []
    if len(shape) != 3 or shape[2] not in (1, 3, 4):
        raise InputError(
            f"image_shape is {image_shape!r}; it must be whole numbers (height, width, "
            "channels) with 1, 3 or 4 channels."
        )
    return tuple(shape)
