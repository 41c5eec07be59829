"""Networks of the papers, as functions that return Keras models."""

from keras_gan.networks.autoencoders import (
    LearnedScale,
    convolutional_encoder,
    mlp_decoder,
    mlp_encoder,
    with_learned_scale,
)
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
    "LearnedScale",
    "Maxout",
    "convolutional_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dcgan_stages",
    "maxout_discriminator",
    "mlp_decoder",
    "mlp_encoder",
    "mlp_generator",
    "points_discriminator",
    "points_generator",
    "set_output_bias",
    "with_learned_scale",
]
