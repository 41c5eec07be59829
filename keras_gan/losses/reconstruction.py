"""Likelihoods: log p(x|z), what an image is worth to the decoder that describes it.

A likelihood sees images, float32 [batch, ...] in the model's range, and what the
decoder gives: an image, or [image, log scale]. It sums over pixels.
"""

import math
from typing import Self

import keras
import tensorflow as tf

from keras_gan import checks, seeding

BINARIZATIONS = ("random", "fixed")
_LARGEST_LOG = 10.0  # of a scale: beyond it its square is soon not finite


class Likelihood:
    """The distribution of an image x around what the decoder makes of a latent z.

    Subclass it and define `log_prob` to describe other data.

    Example:

    ```python
    import keras
    from keras_gan import losses


    class Laplace(losses.Likelihood):
        def log_prob(self, image, mean, log_scale=None):
            error = keras.ops.abs(image - mean) / 0.1 + keras.ops.log(0.2)
            return -keras.ops.sum(error, axis=[1, 2, 3])


    image = keras.ops.ones([2, 8, 8, 1])
    print(Laplace().log_prob(image, mean=image))
    ```
    """

    # The range that it needs of images; None takes any.
    value_range: tuple[float, float] | None = None
    # Whether the decoder must give a scale beside the mean.
    needs_scale = False
    # Values that a pixel can have, and images then have probabilities, which compare
    # between models; None for densities.
    levels: int | None = None
    # What is wrong with calling the result a likelihood of the images, or None.
    caveat: str | None = None

    def observed(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Returns what is observed of an image, of the same shape: itself.

        Args:
            image: float32 [batch, ...].
            seed: int64 [2], of a random draw.
        """
        return image

    def log_prob(
        self, image: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns log p(x|z) in nats, float32 [batch].

        Args:
            image: what was observed, float32 [batch, ...].
            mean: the decoder's image, float32 [batch, ...].
            log_scale: the decoder's second output, which broadcasts to the image; None
                if it has none.
        """
        raise NotImplementedError

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls(**config)


@keras.saving.register_keras_serializable("keras_gan")
class Bernoulli(Likelihood):
    """Pixels that are 0 or 1; the decoder gives the probability of 1.

    The decoder's last operation should be a sigmoid: other probabilities are clipped.

    Args:
        binarization: how grey images become black and white: "random" draws each pixel
            by its grey value at each use; "fixed" draws it once, so that an image is
            always the same; None takes grey values as they are, and the result is only
            a pseudo-likelihood: no distribution over grey values has it.
        seed: decides the fixed draws.

    Raises:
        InputError: for another binarization.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan import losses

    bernoulli = losses.Bernoulli("random")
    grey = tf.fill([2, 8, 8, 1], 0.5)
    binary = bernoulli.observed(grey, seed=tf.constant([1, 0], "int64"))
    print(bernoulli.log_prob(binary, mean=grey))  # 64 log(1/2), twice
    ```

    Source: Kingma and Welling 2013, arXiv 1312.6114, appendix C.1; random binarization
    Burda et al. 2015, arXiv 1509.00519, section 5.
    """

    value_range = (0.0, 1.0)

    def __init__(self, binarization: str | None = "random", seed: int = 0):
        if binarization is not None:
            checks.one_of("binarization", binarization, BINARIZATIONS)
        self.binarization = binarization
        self.seed = checks.whole_number("seed", seed, 0, 2**31 - 1)
        self.levels = None if binarization is None else 2
        self.caveat = None
        if binarization is None:
            self.caveat = "a pseudo-likelihood: grey values were taken as they are"

    def observed(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if self.binarization is None:
            return image
        if self.binarization == "fixed":
            threshold = _noise_of(image, self.seed)
        else:
            shape = (tf.shape(image)[0], *image.shape[1:])
            threshold = seeding.uniform(shape, seed)
        return tf.cast(threshold < image, "float32")

    def log_prob(
        self, image: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor | None = None
    ) -> tf.Tensor:
        # Keras finds the logits if a sigmoid is the decoder's last operation, so that
        # no pixel saturates. It clips other probabilities to 1e-7.
        return -_sum(keras.ops.binary_crossentropy(image, mean))

    def get_config(self) -> dict:
        return {"binarization": self.binarization, "seed": self.seed}


@keras.saving.register_keras_serializable("keras_gan")
class Gaussian(Likelihood):
    """Pixels with normal errors around the decoder's image; values are densities.

    Args:
        sigma: standard deviation of a pixel in the units of the model's range; 0.2 is
            about the error of good reconstructions in [-1, 1]. None takes the decoder's
            second output as log sigma.

    Raises:
        InputError: for a sigma that is not above 0.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan import losses

    image = tf.zeros([2, 8, 8, 1])
    print(losses.Gaussian(sigma=0.1).log_prob(image, mean=image))
    ```

    Source: Kingma and Welling 2013, arXiv 1312.6114, appendix C.2.
    """

    def __init__(self, sigma: float | None = 0.2):
        self.sigma = sigma if sigma is None else checks.positive("sigma", sigma)

    @property
    def needs_scale(self) -> bool:
        return self.sigma is None

    def log_prob(
        self, image: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor | None = None
    ) -> tf.Tensor:
        log_sigma = _log_scale(self.sigma, log_scale)
        error = ((image - mean) * tf.exp(-log_sigma)) ** 2
        return -_sum(error / 2 + log_sigma + math.log(2 * math.pi) / 2)

    def get_config(self) -> dict:
        return {"sigma": self.sigma}


@keras.saving.register_keras_serializable("keras_gan")
class DiscretizedLogistic(Likelihood):
    """The 256 levels of a pixel, with the probability that a logistic density gives.

    Each level has the mass of its interval, and 0 and 255 that of all beyond them.

    Args:
        scale: of the density in units of the range [-1, 1], with the standard deviation
            of 0.2 by default. None takes the decoder's second output as its logarithm.

    Raises:
        InputError: for a scale that is not above 0.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan import losses

    image = tf.zeros([2, 8, 8, 1])
    print(losses.DiscretizedLogistic(scale=0.05).log_prob(image, mean=image))
    ```

    Source: Kingma et al. 2016, arXiv 1606.04934, section 5.2.
    """

    value_range = (-1.0, 1.0)
    levels = 256

    def __init__(self, scale: float | None = 0.11):
        self.scale = scale if scale is None else checks.positive("scale", scale)

    @property
    def needs_scale(self) -> bool:
        return self.scale is None

    def log_prob(
        self, image: tf.Tensor, mean: tf.Tensor, log_scale: tf.Tensor | None = None
    ) -> tf.Tensor:
        inverse, half = tf.exp(-_log_scale(self.scale, log_scale)), 1 / 255
        above = (image - mean + half) * inverse
        below = (image - mean - half) * inverse
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)), and the
        # first and the last level have one border only.
        up_to = -tf.nn.softplus(-above)
        from_there = -tf.nn.softplus(below)
        between = up_to + from_there + tf.math.log(-tf.math.expm1(-2 * half * inverse))
        first, last = image < half - 1, image > 1 - half
        return _sum(tf.where(first, up_to, tf.where(last, from_there, between)))

    def get_config(self) -> dict:
        return {"scale": self.scale}


def _log_scale(given, output):
    """Returns the logarithm of a scale that is given, or that a decoder gives."""
    if given is not None:
        return tf.constant(math.log(given), "float32")
    return tf.clip_by_value(tf.cast(output, "float32"), -_LARGEST_LOG, _LARGEST_LOG)


def _sum(values):
    """Returns sums over all pixels of an image."""
    return tf.reduce_sum(values, axis=[*range(1, values.shape.rank)])


def _noise_of(image, seed):
    """Returns numbers in [0, 1) that an image has by its levels and the seed alone.

    Integers below 2^32 are mixed as in Murmur hashing: a stateless draw of TensorFlow
    has one seed for the whole batch, and would depend on the place in it.
    """

    def mixed(bits):
        for factor in (0x45D9F3B, 0x2C1B3C6D):
            bits = (bits ^ tf.bitwise.right_shift(bits, 16)) * factor % 2**32
        return bits ^ tf.bitwise.right_shift(bits, 16)

    shape = tf.shape(image)
    levels = tf.cast(tf.round(tf.reshape(image, [shape[0], -1]) * 255), "int64")
    place = tf.range(1, tf.shape(levels, "int64")[1] + 1)
    of_place = mixed(place * 0x9E3779B1 % 2**32 + seed)
    of_image = mixed(tf.reduce_sum(levels * of_place, axis=1) % 2**32)
    bits = mixed(of_place ^ of_image[:, tf.newaxis])
    numbers = tf.cast(tf.bitwise.right_shift(bits, 8), "float32") * 2.0**-24
    return tf.reshape(numbers, shape)
