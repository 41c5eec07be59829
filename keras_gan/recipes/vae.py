"""Autoencoders and variational ones: their settings, and the recipes with a name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import keras
import numpy as np

from keras_gan import losses, networks, seeding
from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.evaluators import Evaluator
from keras_gan.evaluators.likelihood import (
    LikelihoodEvaluator,
    ReconstructionEvaluator,
    Scored,
)
from keras_gan.losses.reconstruction import BINARIZATIONS
from keras_gan.models import VAE, Autoencoder
from keras_gan.models.autoencoder import ESTIMATORS
from keras_gan.models.dcgan import MOST_UNITS
from keras_gan.models.latent_model import MOST_LATENT
from keras_gan.optimizers import Adam
from keras_gan.recipes.base import OneSource
from keras_gan.recipes.options import setting
from keras_gan.recipes.rates import DecayingRates
from keras_gan.settings import keras_defaults

_OPTIMIZERS = ("adam", "adagrad")


@dataclasses.dataclass(frozen=True)
class AutoencoderRecipe(DecayingRates, OneSource):
    """Settings of an `Autoencoder` between any two networks.

    A subclass makes them: `build_networks`, and their likelihood: `build_likelihood`.

    Example:

    ```python
    from keras_gan import losses, networks
    from keras_gan.recipes.vae import AutoencoderRecipe


    class Mine(AutoencoderRecipe):
        def build_networks(self, image_shape, num_classes):
            encoder = networks.mlp_encoder(
                image_shape, self.latent_dim, variational=False
            )
            return encoder, networks.mlp_decoder(image_shape, self.latent_dim)

        def build_likelihood(self):
            return losses.Bernoulli("fixed")


    mine = Mine("fixed black and white", latent_dim=4, steps=1000)
    model = mine.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    conditional: bool = setting(False, "give both networks the labels of the data too")
    latent_dim: int = setting(20, "size of a code", at_least=1, at_most=MOST_LATENT)
    optimizer: str = setting("adam", "of both networks", choices=_OPTIMIZERS)
    learning_rate: float = setting(1e-3, "at the start", above=0)
    halving_steps: int | None = setting(
        None, "steps in which the learning rate halves, over and over", at_least=1
    )

    @property
    def labelled(self) -> bool:
        return self.conditional

    def override(self, changes: Mapping[str, Any]) -> Self:
        """A tenth of another source is held out, unless something else is asked for.

        One way in which rates fall replaces the recipe's.
        """
        if changes.get("data", self.data) != self.data:
            changes = {"validation": "0.1", **changes}
        ways = ("halving_steps", "decay_share")
        if changes.keys() & set(ways):
            changes = {**dict.fromkeys(ways), **changes}
        return super().override(changes)

    def evaluators(
        self, images: Images, held_out: Images | None
    ) -> dict[str, Evaluator]:
        scored = self.scored(images, held_out)
        return {"reconstruction": ReconstructionEvaluator(scored, images)}

    def scored(self, images: Images, held_out: Images | None) -> Scored:
        """Returns the images that the model is asked about: held-out ones if any."""
        if held_out is None:
            return Scored(images, held_out=False, labelled=self.labelled)
        return Scored(held_out, held_out=True, labelled=self.labelled)

    def build(self, facts: Mapping[str, Any]) -> Autoencoder:
        image_shape, num_classes = tuple(facts["image_shape"]), facts.get("num_classes")
        likelihood = self.build_likelihood()
        with keras_defaults(self.dtype_policy):
            encoder, decoder = self.build_networks(image_shape, num_classes)
            if likelihood.needs_scale:
                decoder = networks.with_learned_scale(decoder)
            model = self.build_model(
                encoder,
                decoder,
                self.latent_dim,
                likelihood.value_range or (-1.0, 1.0),
                num_classes,
                seed=self.seed,
            )
        with keras_defaults():
            model.compile(
                self.build_optimizer(facts.get("images", 0)),
                likelihood,
                jit_compile=self.jit_compile,
                **self.bound(),
            )
        return model

    def build_model(self, *args: Any, **kwargs: Any) -> Autoencoder:
        """Returns the model, not yet compiled; arguments as of its class."""
        return Autoencoder(*args, **kwargs)

    def build_networks(
        self, image_shape: tuple[int, ...], num_classes: int | None
    ) -> tuple[keras.Model, keras.Model]:
        """Returns encoder and decoder, which gives an image alone."""
        raise NotImplementedError

    def build_likelihood(self) -> losses.Likelihood:
        """Returns the likelihood of the images."""
        raise NotImplementedError

    def build_optimizer(self, examples: int) -> keras.optimizers.Optimizer:
        """Returns a new optimizer.

        Args:
            examples: images of the data.
        """
        rate = self.decayed(self.learning_rate, examples)
        if self.halving_steps is not None:
            rate = keras.optimizers.schedules.ExponentialDecay(
                rate, self.halving_steps, decay_rate=0.5
            )
        if self.optimizer == "adagrad":
            return keras.optimizers.Adagrad(rate)
        return Adam(rate, epsilon=1e-4)  # as Burda et al. 2015

    def bound(self) -> dict[str, Any]:
        """Returns further arguments of `compile`."""
        return {}


@dataclasses.dataclass(frozen=True)
class VAERecipe(AutoencoderRecipe):
    """Settings of a `VAE` between any two networks; a subclass makes them.

    Example:

    ```python
    from keras_gan import losses, networks
    from keras_gan.recipes.vae import VAERecipe


    class Mine(VAERecipe):
        def build_networks(self, image_shape, num_classes):
            encoder = networks.mlp_encoder(image_shape, self.latent_dim)
            return encoder, networks.mlp_decoder(image_shape, self.latent_dim)

        def build_likelihood(self):
            return losses.Bernoulli()


    mine = Mine("a tighter bound", latent_dim=4, importance_samples=5, steps=1000)
    vae = mine.build({"image_shape": (8, 8, 1), "num_classes": None})
    assert vae.estimator == "sampled"
    ```
    """

    beta: float = setting(1.0, "weight of the divergence from the prior", above=0)
    beta_warmup_steps: int = setting(0, "steps in which beta rises from 0", at_least=0)
    importance_samples: int = setting(
        1, "samples of the posterior in the bound", at_least=1
    )
    estimator: str | None = setting(
        None,
        "of the divergence: closed_form for one sample, sampled for any number",
        choices=ESTIMATORS,
        unset="what fits",
    )

    def build_model(self, *args: Any, **kwargs: Any) -> VAE:
        return VAE(*args, **kwargs)

    def evaluators(
        self, images: Images, held_out: Images | None
    ) -> dict[str, Evaluator]:
        return {
            "likelihood": LikelihoodEvaluator(self.scored(images, held_out)),
            **super().evaluators(images, held_out),
            **self.distances(images, output="sample"),
        }

    def bound(self) -> dict[str, Any]:
        return {
            "beta": self.beta,
            "beta_warmup_steps": self.beta_warmup_steps,
            "importance_samples": self.importance_samples,
            "estimator": self.estimator,
        }


@dataclasses.dataclass(frozen=True)
class FullyConnected(AutoencoderRecipe):
    """Networks of tanh layers, whatever is trained between them.

    Example:

    ```python
    from keras_gan.recipes.vae import FullyConnected

    recipe = FullyConnected("small", hidden_layers=2, hidden_units=8, steps=1000)
    encoder, decoder = recipe.build_networks((8, 8, 1), None)
    assert decoder(encoder(images.array[:2] / 255)).shape == (2, 8, 8, 1)
    ```
    """

    likelihood: str = setting(
        "bernoulli", "what the decoder says of pixels", choices=losses.LIKELIHOODS
    )
    binarization: str | None = setting(
        None,
        "how a Bernoulli likelihood makes pixels black or white: random draws them "
        "each time, fixed once; grey takes them as they are",
        choices=(*BINARIZATIONS, "grey"),
        unset="random",
    )
    hidden_layers: int = setting(1, "in each network", at_least=1, at_most=100)
    hidden_units: int = setting(500, "of each layer", at_least=1, at_most=MOST_UNITS)
    initial_stddev: float | None = setting(
        None, "of the initial weights", above=0, unset="Glorot's"
    )
    weight_decay: float = setting(
        0.0, "factor of half the squared weights in the loss", at_least=0
    )
    steps_per_execution: int = 10

    def build_networks(
        self, image_shape: tuple[int, ...], num_classes: int | None
    ) -> tuple[keras.Model, keras.Model]:
        rng = seeding.generator(self.seed)
        sizes = image_shape, self.latent_dim, (self.hidden_units,) * self.hidden_layers
        common: dict[str, Any] = {
            "stddev": self.initial_stddev,
            "weight_decay": self.weight_decay,
            "num_classes": num_classes,
        }
        zero_to_one = self.build_likelihood().value_range == (0, 1)
        return networks.mlp_encoder(
            *sizes,
            variational=isinstance(self, VAERecipe),
            seed=seeding.draw(rng),
            **common,
        ), networks.mlp_decoder(
            *sizes,
            output_activation="sigmoid" if zero_to_one else "tanh",
            seed=seeding.draw(rng),
            **common,
        )

    def build_likelihood(self) -> losses.Likelihood:
        if self.likelihood == "bernoulli":
            how = self.binarization or "random"
            return losses.Bernoulli(None if how == "grey" else how)
        if self.binarization is not None:
            raise InputError(
                f"binarization is {self.binarization!r} and likelihood "
                f"{self.likelihood!r}; only bernoulli makes pixels black or white. "
                "Leave binarization out."
            )
        return _learning_its_scale(self.likelihood)

    def initialize(self, model: Autoencoder, images: Images) -> None:
        """Starts a Bernoulli decoder at the mean image, as Burda et al. 2015 do."""
        if self.likelihood == "bernoulli":
            networks.set_output_bias(model.decoder, _mean_image(images))


@dataclasses.dataclass(frozen=True)
class MLPAutoencoderRecipe(FullyConnected):
    """An autoencoder of fully connected networks.

    Example:

    ```python
    from keras_gan.recipes.vae import MLPAutoencoderRecipe

    recipe = MLPAutoencoderRecipe("small", latent_dim=4, hidden_units=8, steps=1000)
    model = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    ```
    """

    family: ClassVar[str] = "autoencoder-mlp"


@dataclasses.dataclass(frozen=True)
class MLPVAERecipe(FullyConnected, VAERecipe):
    """A VAE of fully connected networks, as in Kingma and Welling 2013.

    Example:

    ```python
    from keras_gan.recipes.vae import MLPVAERecipe

    recipe = MLPVAERecipe("small", latent_dim=4, hidden_units=8, steps=1000)
    vae = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    assert vae.generate(4, seed=1).shape == (4, 8, 8, 1)
    ```
    """

    family: ClassVar[str] = "vae-mlp"


@dataclasses.dataclass(frozen=True)
class ConvolutionalVAERecipe(VAERecipe):
    """A VAE whose decoder is DCGAN's generator.

    Example:

    ```python
    from keras_gan.recipes.vae import ConvolutionalVAERecipe

    recipe = ConvolutionalVAERecipe("small", latent_dim=4, base_filters=4, steps=1000)
    vae = recipe.build({"image_shape": (8, 8, 1), "num_classes": None})
    assert vae.reconstruct(vae.generate(4)).shape == (4, 8, 8, 1)
    ```
    """

    family: ClassVar[str] = "vae-convolutional"

    likelihood: str = setting(
        "gaussian",
        "what the decoder says of pixels, with a scale that it learns",
        choices=("gaussian", "discretized_logistic"),
    )
    base_filters: int = setting(
        32, "channels next to the image", at_least=1, at_most=MOST_UNITS
    )

    def __post_init__(self):
        super().__post_init__()
        if self.image_size is not None:
            networks.dcgan_stages(*self.image_shape_asked_for())

    def build_networks(
        self, image_shape: tuple[int, ...], num_classes: int | None
    ) -> tuple[keras.Model, keras.Model]:
        rng = seeding.generator(self.seed)
        height, width, channels = image_shape
        return networks.convolutional_encoder(
            (height, width, channels),
            self.latent_dim,
            self.base_filters,
            num_classes=num_classes,
            seed=seeding.draw(rng),
        ), networks.dcgan_generator(
            (height, width, channels),
            self.latent_dim,
            self.base_filters,
            num_classes=num_classes,
            seed=seeding.draw(rng),
        )

    def build_likelihood(self) -> losses.Likelihood:
        return _learning_its_scale(self.likelihood)


def _learning_its_scale(name):
    """Returns a likelihood by its name, with the decoder's scale if it takes one."""
    scaled = {
        "gaussian": losses.Gaussian,
        "discretized_logistic": losses.DiscretizedLogistic,
    }
    return scaled[name](None) if name in scaled else losses.get_likelihood(name)


def _mean_image(images):
    """Returns the mean image in [0, 1], read a part of the images at a time."""
    parts = np.array_split(images.array, -(-len(images) // 10_000))
    total = sum(part.sum(axis=0, dtype="float64") for part in parts)
    return total / len(images) / 255


_MNIST: dict[str, Any] = {
    "data": "tfds:mnist",
    "validation": "tfds:mnist:test",
    "batch_size": 100,
}
RECIPES: dict[str, AutoencoderRecipe] = {
    "vae-digits": MLPVAERecipe(
        "small VAE on the 1,797 digits that come with scikit-learn",
        data="digits",
        validation="0.1",
        image_size="16",
        latent_dim=10,
        hidden_units=256,
        batch_size=64,
        epochs=300,
        halving_steps=3000,
        sample_steps=280,
        evaluate_steps=1400,
    ),
    "vae-mnist": MLPVAERecipe(
        "networks and settings of Kingma and Welling 2013 on MNIST",
        epochs=200,
        optimizer="adagrad",
        learning_rate=0.02,
        initial_stddev=0.01,
        weight_decay=1 / 60_000,  # the prior N(0, I) of the weights, for each image
        **_MNIST,
    ),
    "vae-mnist-iwae": MLPVAERecipe(
        "importance-weighted autoencoder of Burda et al. 2015 on MNIST",
        importance_samples=5,
        latent_dim=50,
        hidden_layers=2,
        hidden_units=200,
        epochs=200,
        decay_share=0.5,
        **_MNIST,
    ),
    "ae-mnist": MLPAutoencoderRecipe(
        "the networks of vae-mnist on MNIST without a prior",
        epochs=50,
        **_MNIST,
    ),
    "vae-64": ConvolutionalVAERecipe(
        "convolutional VAE at 64x64, for a folder of images",
        data="folder:images",
        validation="0.1",
        image_size="64",
        latent_dim=64,
        batch_size=64,
        epochs=100,
        halving_steps=10_000,
    ),
}
