"""Networks of the papers, as functions that return Keras models."""

from keras_gan.networks.convolutional import (
    dcgan_discriminator,
    dcgan_generator,
    dcgan_stages,
)
from keras_gan.networks.layers import ConcatenateLabel, Maxout
from keras_gan.networks.mlp import (
    maxout_discriminator,
    mlp_generator,
    set_output_bias,
)
from keras_gan.networks.points import points_discriminator, points_generator

__all__ = [
    "ConcatenateLabel",
    "Maxout",
    "dcgan_discriminator",
    "dcgan_generator",
    "dcgan_stages",
    "maxout_discriminator",
    "mlp_generator",
    "points_discriminator",
    "points_generator",
    "set_output_bias",
]
