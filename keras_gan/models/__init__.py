"""The models of the project."""

from keras_gan.models.autoencoder import VAE, Autoencoder
from keras_gan.models.dcgan import DCGAN
from keras_gan.models.gan import GAN

__all__ = ["DCGAN", "GAN", "VAE", "Autoencoder"]
