"""Numbers from two sets of samples or features; none knows what a GAN is."""

from keras_gan.metrics.frechet import frechet_distance

__all__ = ["frechet_distance"]
