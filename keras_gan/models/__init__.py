"""The models of the project."""

from keras_gan.models.autoencoder import VAE, Autoencoder
from keras_gan.models.cyclegan import CycleGAN
from keras_gan.models.dcgan import DCGAN
from keras_gan.models.gan import GAN
from keras_gan.models.pix2pix import Pix2Pix

__all__ = ["DCGAN", "GAN", "VAE", "Autoencoder", "CycleGAN", "Pix2Pix"]
