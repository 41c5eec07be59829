"""Gradient penalties: terms added to the discriminator's loss.

A penalty is called with `discriminate`, the function from images to logits, and the
images of the step, float32 [batch, ...]; it returns a scalar.
"""

import copy
from typing import Self

import keras
import tensorflow as tf
from keras.optimizers import schedules
from keras.optimizers.schedules import LearningRateSchedule

from keras_gan import seeding


def _squared_gradient_norms(discriminate, images):
    """Returns the squared norm of each image's logit gradient, float32 [batch]."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        # The gradient of the sum holds the gradient of each image, because the logit
        # of an image does not depend on other images (no batch normalisation).
        logits = tf.cast(discriminate(images), "float32")
        total = tf.reduce_sum(logits)
    gradients = tape.gradient(total, images)
    return tf.reduce_sum(tf.square(gradients), axis=range(1, len(images.shape)))


class Penalty:
    """A term of the discriminator's loss that depends on its gradient at images.

    Args:
        weight: factor of the term; must be above 0. A schedule of
            `keras.optimizers.schedules` changes it with the discriminator's updates.

    Example:

    ```python
    import tensorflow as tf
    from keras_gan import losses


    class SmallLogits(losses.Penalty):
        def __call__(self, discriminate, real, fake, seed):
            return self.weight * tf.reduce_mean(tf.square(discriminate(real)))


    gan.compile("adam", "adam", penalty=SmallLogits(0.001))
    ```
    """

    def __init__(self, weight: float | LearningRateSchedule = 1.0):
        if not (isinstance(weight, LearningRateSchedule) or weight > 0):
            raise ValueError(f"weight is {weight}. Use a number above 0.")
        self.weight = weight

    def __call__(self, discriminate, real, fake, seed):
        """Returns the scalar penalty.

        Args:
            discriminate: function from images to logits.
            real: float32 [batch, ...] real images.
            fake: float32 [batch, ...] generated images.
            seed: int [2], decides the random numbers of the penalty.
        """
        raise NotImplementedError

    def at(self, update: tf.Tensor) -> Self:
        """Returns the penalty of one update, whose weight is a number or a tensor.

        Args:
            update: of the discriminator, an integer from 0 on.
        """
        if not isinstance(self.weight, LearningRateSchedule):
            return self
        now = copy.copy(self)
        now.weight = self.weight(update)
        return now

    def get_config(self) -> dict:
        scheduled = isinstance(self.weight, LearningRateSchedule)
        weight = schedules.serialize(self.weight) if scheduled else self.weight
        return {"weight": weight}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        if isinstance(config.get("weight"), dict):
            config = {**config, "weight": schedules.deserialize(config["weight"])}
        return cls(**config)


@keras.saving.register_keras_serializable("keras_gan")
class R1(Penalty):
    """Zero-centred penalty at the real images: weight / 2 * E |grad D(x)|^2.

    Example:

    ```python
    from keras_gan import losses

    gan.compile("adam", "adam", penalty=losses.R1(weight=0.3), penalty_interval=4)
    ```

    Source: Mescheder et al. 2018, arXiv 1801.04406, equation 9.
    """

    def __call__(self, discriminate, real, fake, seed):
        norms = _squared_gradient_norms(discriminate, real)
        return self.weight / 2 * tf.reduce_mean(norms)


@keras.saving.register_keras_serializable("keras_gan")
class R2(Penalty):
    """Zero-centred penalty at the generated images: weight / 2 * E |grad D(G(z))|^2.

    Example:

    ```python
    from keras_gan import losses

    gan.compile("adam", "adam", penalty=losses.R2(weight=0.3))
    ```

    Source: Mescheder et al. 2018, arXiv 1801.04406, equation 10.
    """

    def __call__(self, discriminate, real, fake, seed):
        norms = _squared_gradient_norms(discriminate, fake)
        return self.weight / 2 * tf.reduce_mean(norms)


@keras.saving.register_keras_serializable("keras_gan")
class R1R2(Penalty):
    """`R1` and `R2` together, with one weight.

    Example:

    ```python
    from keras_gan import losses

    penalty = losses.R1R2(weight=0.1)
    gan.compile("adam", "adam", objective="relativistic", penalty=penalty)
    ```

    Source: Huang et al. 2024, arXiv 2501.05441, section 2.2.
    """

    def __call__(self, discriminate, real, fake, seed):
        norms = [_squared_gradient_norms(discriminate, x) for x in (real, fake)]
        return sum(self.weight / 2 * tf.reduce_mean(of_images) for of_images in norms)


@keras.saving.register_keras_serializable("keras_gan")
class GradientPenalty(Penalty):
    """Pulls gradient norms to 1 at points between real and generated images (WGAN-GP).

    Example:

    ```python
    from keras_gan import losses

    penalty = losses.GradientPenalty(weight=10.0)
    gan.compile("adam", "adam", objective="wasserstein", penalty=penalty)
    ```

    Source: Gulrajani et al. 2017, arXiv 1704.00028, equation 3.
    """

    def __init__(self, weight: float | LearningRateSchedule = 10.0):
        super().__init__(weight)

    def __call__(self, discriminate, real, fake, seed):
        shape = [tf.shape(real)[0]] + [1] * (len(real.shape) - 1)
        fraction = seeding.uniform(shape, seed)
        between = fraction * real + (1.0 - fraction) * fake
        # The norm has no derivative at a gradient of exactly zero.
        norms = tf.sqrt(_squared_gradient_norms(discriminate, between) + 1e-12)
        return self.weight * tf.reduce_mean(tf.square(norms - 1.0))
