"""A family of the tests: a model that learns the mean image, and its recipe."""

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from keras_gan import recipes, serving
from keras_gan.evaluators import DistributionEvaluator
from keras_gan.features.pixels import Pixels
from keras_gan.latents import Prior
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange
from keras_gan.recipes.options import setting


@keras.saving.register_keras_serializable("tests")
class MeanImage(GenerativeModel):
    """Paints the mean image from any latent vector."""

    reported = ("loss",)
    headline: ClassVar = {"loss": "loss"}
    outputs: ClassVar = {"mean": "image"}
    prior = Prior(2)

    def __init__(self, painter, **kwargs):
        super().__init__(**kwargs)
        self.painter = painter
        self.image = ImageElement(painter.output_shape[1:], PixelRange(-1, 1))

    @property
    def elements(self):
        return {"image": self.image}

    def networks(self):
        return {"painter": self.painter}

    def compile(self, optimizer, **kwargs):
        super().compile(**kwargs)
        self.set_optimizers(optimizer=(optimizer, [self.painter]))

    def train_step(self, data):
        image = self.seen(data)["image"]
        latent = self.prior.draw(tf.shape(image)[0], self.step_seed())
        weights = self.painter.trainable_variables
        with tf.GradientTape() as tape:
            painted = tf.cast(self.painter(latent, training=True), "float32")
            loss = tf.reduce_mean((image - painted) ** 2)
            scaled = self.scaled(loss, self.optimizer)
        self.optimizer.apply(tape.gradient(scaled, weights), weights)
        self.step.assign_add(1)
        return self.report({"loss": loss})

    def samples(self, count, seed=0, examples=None):
        latent = self.prior.draw(count, tf.constant([seed, -1], "int64"))
        painted = tf.cast(self.painter(latent), "float32").numpy()
        return {"mean": self.image.pixels.to_uint8(painted)}

    def signatures(self, networks):
        image = serving.image(self.image.shape, (-1, 1))
        return serving.latent_to_image(networks["painter"], self.prior, image)


def painter(shape, seed):
    """Returns a network from two numbers to an image."""
    init = keras.initializers.GlorotUniform(seed)
    size = shape[0] * shape[1] * shape[2]
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(size, "tanh", kernel_initializer=init),
            keras.layers.Reshape(shape),
        ]
    )


@dataclasses.dataclass(frozen=True)
class MeanImageRecipe(recipes.OneSource):
    """Settings of a run of `MeanImage`."""

    family: ClassVar[str] = "tests-mean-image"

    learning_rate: float = setting(0.03, "of the painter", above=0)

    def build(self, facts):
        model = MeanImage(painter(facts["image_shape"], self.seed), seed=self.seed)
        model.compile(keras.optimizers.Adam(self.learning_rate))
        return model

    def evaluators(self, images, held_out):
        return {"samples": DistributionEvaluator(images, Pixels(), count=32)}
