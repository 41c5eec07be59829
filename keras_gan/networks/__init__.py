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
from keras_gan.networks.layers import (
    ConcatenateLabel,
    InstanceNormalization,
    Maxout,
    ReflectionPadding,
    StatelessBatchNormalization,
)
from keras_gan.networks.mlp import (
    maxout_discriminator,
    mlp_generator,
    set_output_bias,
)
from keras_gan.networks.patch import patch_discriminator
from keras_gan.networks.points import points_discriminator, points_generator
from keras_gan.networks.residual import (
    residual_discriminator,
    residual_filters,
    residual_generator,
)
from keras_gan.networks.residual_translator import residual_translator
from keras_gan.networks.unet import unet, unet_depth

__all__ = [
    "ConcatenateLabel",
    "InstanceNormalization",
    "LearnedScale",
    "Maxout",
    "ReflectionPadding",
    "StatelessBatchNormalization",
    "convolutional_encoder",
    "dcgan_discriminator",
    "dcgan_generator",
    "dcgan_stages",
    "maxout_discriminator",
    "mlp_decoder",
    "mlp_encoder",
    "mlp_generator",
    "patch_discriminator",
    "points_discriminator",
    "points_generator",
    "residual_discriminator",
    "residual_filters",
    "residual_generator",
    "residual_translator",
    "set_output_bias",
    "unet",
    "unet_depth",
    "with_learned_scale",
]
