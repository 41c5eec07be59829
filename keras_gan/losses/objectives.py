"""Adversarial objectives: what each player of the game minimises.

An objective sees only logits, float32 of any shape, one per image, and returns scalars.
Write l for a logit; D(x) = sigmoid(l), so log D = -softplus(-l) and
log(1 - D) = -softplus(l), which stay finite where the logarithm of a sigmoid does not.
"""

from typing import Self

import keras
from keras import ops
from tensorflow import Tensor


class Objective:
    """The losses of both players, as functions of the discriminator's logits.

    Subclass it and define both methods to play another game.
    """

    # The generator's loss of most games does not depend on the real images, and then
    # the trainer saves a pass of the discriminator over them.
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
                f"label_smoothing is {label_smoothing}; it must be at least 0 and "
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

    Its gradient with respect to the logit is -D(G(z)), which vanishes where the
    discriminator rejects a sample with confidence ("saturates").

    Args:
        label_smoothing: s in [0, 0.5); real images get the target 1 - s, fake ones
            stay at 0 (Salimans et al. 2016, arXiv 1606.03498, section 3.4).

    Source: Goodfellow et al. 2014, arXiv 1406.2661, equation 1 and algorithm 1.
    """

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(-ops.softplus(fake_logits))


@keras.saving.register_keras_serializable("keras_gan")
class NonSaturating(_CrossEntropy):
    """The heuristic game: the generator maximises log D(G(z)).

    Same fixed point as `Minimax`; the gradient with respect to the logit is
    -(1 - D(G(z))), strongest where the discriminator rejects a sample.

    Args:
        label_smoothing: s in [0, 0.5); real images get the target 1 - s, fake ones
            stay at 0 (Salimans et al. 2016, arXiv 1606.03498, section 3.4).

    Source: Goodfellow et al. 2014, arXiv 1406.2661, section 3.
    """

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(ops.softplus(-fake_logits))


@keras.saving.register_keras_serializable("keras_gan")
class LeastSquares(Objective):
    """Squared distance of the logit to 1 (real) and 0 (fake); the generator aims at 1.

    Source: Mao et al. 2017, arXiv 1611.04076, equation 9.
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        real = ops.mean(ops.square(real_logits - 1.0))
        return 0.5 * (real + ops.mean(ops.square(fake_logits)))

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return 0.5 * ops.mean(ops.square(fake_logits - 1.0))


@keras.saving.register_keras_serializable("keras_gan")
class Hinge(Objective):
    """Margins of 1 on both sides for the discriminator; the generator raises its logit.

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

    Source: Arjovsky et al. 2017, arXiv 1701.07875, equation 2.
    """

    losses_have_scale = False

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(fake_logits) - ops.mean(real_logits)

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return -ops.mean(fake_logits)


@keras.saving.register_keras_serializable("keras_gan")
class Relativistic(Objective):
    """Each fake image is compared with the real image at its place in the batch.

    Made to be used with both zero-centred penalties (`penalty="r1r2"`).

    Source: Jolicoeur-Martineau 2018, arXiv 1807.00734; in this pairing form Huang et
    al. 2024, arXiv 2501.05441, equation 2.
    """

    generator_needs_real = True

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(ops.softplus(fake_logits - real_logits))

    def generator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return ops.mean(ops.softplus(real_logits - fake_logits))
