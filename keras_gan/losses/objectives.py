"""Adversarial objectives: what each player of the game minimises.

An objective sees only logits, float32 of any shape, one per image, and returns scalars.
Write l for a logit; D(x) = sigmoid(l), so log D = -softplus(-l) and
log(1 - D) = -softplus(l). These stay finite even if the sigmoid rounds to 0 or 1.
"""

import math
from typing import Self

import keras
from keras import ops
from tensorflow import Tensor


class Objective:
    """The losses of both players, as functions of the discriminator's logits.

    Subclass it and define both methods to play another game.

    Example:

    ```python
    import keras
    from keras_gan import losses


    class Linear(losses.Objective):
        def discriminator_loss(self, real_logits, fake_logits):
            return keras.ops.mean(fake_logits - real_logits)

        def generator_loss(self, real_logits, fake_logits):
            return -keras.ops.mean(fake_logits)


    gan.compile("adam", "adam", objective=Linear())
    ```
    """

    # In most games the generator's loss does not depend on the real images. Then the
    # trainer saves a pass of the discriminator over them.
    generator_needs_real = False
    # Whether sigmoid of the logit is the probability D(x) that an image is real.
    logit_is_log_odds = False
    # Whether a change of the losses tells how large it is. A critic's values drift
    # though nothing is wrong.
    losses_have_scale = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Returns the scalar that the discriminator minimises."""
        raise NotImplementedError

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Returns the scalar that the generator minimises.

        `real_logits` is None unless the class sets `generator_needs_real`.
        """
        raise NotImplementedError

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict) -> Self:
        return cls(**config)


class _CrossEntropy(Objective):
    """The discriminator of the 2014 paper: a classifier of real against fake."""

    logit_is_log_odds = True

    def __init__(self, label_smoothing=0.0):
        if not 0.0 <= label_smoothing < 0.5:
            raise ValueError(
                f"label_smoothing is {label_smoothing}. Use a number of at least 0 and "
                "below 0.5."
            )
        self.label_smoothing = label_smoothing

    def discriminator_loss(self, real_logits, fake_logits):
        # Cross-entropy to the target 1 - s is softplus(-l) + s * l.
        real = ops.softplus(-real_logits) + self.label_smoothing * real_logits
        return ops.mean(real) + ops.mean(ops.softplus(fake_logits))

    def get_config(self):
        return {"label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable("keras_gan")
class Minimax(_CrossEntropy):
    """The zero-sum game: the generator minimises log(1 - D(G(z))).

    Its gradient with respect to the logit is -D(G(z)). It vanishes ("saturates") if the
    discriminator rejects a sample with confidence.

    Args:
        label_smoothing: s in [0, 0.5); real images get the target 1 - s, fake ones
            stay at 0 (Salimans et al. 2016, arXiv 1606.03498, section 3.4).

    Example:

    ```python
    from keras_gan import losses

    gan.compile("adam", "adam", objective=losses.Minimax(label_smoothing=0.1))
    assert losses.get_objective("minimax").logit_is_log_odds
    ```

    Source: Goodfellow et al. 2014, arXiv 1406.2661, equation 1 and algorithm 1.
    """

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(-ops.softplus(fake_logits))


@keras.saving.register_keras_serializable("keras_gan")
class NonSaturating(_CrossEntropy):
    """The heuristic game: the generator maximises log D(G(z)).

    It has the same fixed point as `Minimax`. Its gradient with respect to the logit is
    -(1 - D(G(z))), which is strongest if the discriminator rejects a sample.

    Args:
        label_smoothing: s in [0, 0.5); real images get the target 1 - s, fake ones
            stay at 0 (Salimans et al. 2016, arXiv 1606.03498, section 3.4).

    Example:

    ```python
    from keras_gan import losses

    gan.compile("adam", "adam", objective=losses.NonSaturating(label_smoothing=0.1))
    assert losses.get_objective("non_saturating").logit_is_log_odds
    ```

    Source: Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(ops.softplus(-fake_logits))


@keras.saving.register_keras_serializable("keras_gan")
class LeastSquares(Objective):
    """Squared distance of the logit to 1 (real) and 0 (fake); the generator aims at 1.

    Example:

    ```python
    import numpy as np
    from keras_gan import losses

    game = losses.LeastSquares()
    gan.compile("adam", "adam", objective=game)
    assert game.discriminator_loss(np.ones((4, 1)), np.zeros((4, 1))) == 0
    ```

    Args:
        scale: factor of both losses, above 0: 0.5 as Mao et al., 1 as Zhu et al. 2017,
            arXiv 1703.10593, whose weights of other losses count on it.

    Source: Mao et al. 2017, arXiv 1611.04076, equation 9.
    """

    def __init__(self, scale: float = 0.5):
        if not 0 < scale < math.inf:
            raise ValueError(f"scale is {scale}. Use a number above 0.")
        self.scale = scale

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = ops.mean(ops.square(real_logits - 1.0))
        return self.scale * (real + ops.mean(ops.square(fake_logits)))

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return self.scale * ops.mean(ops.square(fake_logits - 1.0))

    def get_config(self) -> dict:
        return {"scale": self.scale}


@keras.saving.register_keras_serializable("keras_gan")
class Hinge(Objective):
    """Margins of 1 for the discriminator; the generator maximises the fakes' logits.

    Example:

    ```python
    import numpy as np
    from keras_gan import losses

    game = losses.Hinge()
    gan.compile("adam", "adam", objective=game)
    assert game.discriminator_loss(np.ones((4, 1)), -np.ones((4, 1))) == 0
    ```

    Source: Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957,
    equations 16 and 17.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = ops.mean(ops.relu(1.0 - real_logits))
        return real + ops.mean(ops.relu(1.0 + fake_logits))

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -ops.mean(fake_logits)


@keras.saving.register_keras_serializable("keras_gan")
class Wasserstein(Objective):
    """Difference of the mean critic values; needs a penalty or spectral normalisation.

    Example:

    ```python
    from keras_gan import losses

    game, penalty = losses.Wasserstein(), losses.GradientPenalty(10.0)
    gan.compile("adam", "adam", objective=game, penalty=penalty, discriminator_steps=5)
    ```

    Source: Arjovsky et al. 2017, arXiv 1701.07875, equation 2.
    """

    losses_have_scale = False

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(fake_logits) - ops.mean(real_logits)

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -ops.mean(fake_logits)


@keras.saving.register_keras_serializable("keras_gan")
class Relativistic(Objective):
    """Compares each fake image with the real image at the same place in the batch.

    Use it with both zero-centred penalties (`penalty="r1r2"`).

    Example:

    ```python
    from keras_gan import losses

    game, penalty = losses.Relativistic(), losses.R1R2(0.1)
    gan.compile("adam", "adam", objective=game, penalty=penalty)
    ```

    Source: Jolicoeur-Martineau 2018, arXiv 1807.00734; in this pairing form Huang et
    al. 2024, arXiv 2501.05441, equation 2.
    """

    generator_needs_real = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(ops.softplus(fake_logits - real_logits))

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(ops.softplus(real_logits - fake_logits))
