"""Pix2pix with parts of its loss (Isola et al. 2016, table 1).

Trains L1 alone, a game that sees targets alone (GAN) or sources too (cGAN), and both
with L1. The paper found that L1 alone blurs, that a game without L1 invents, and that
only a discriminator that sees the source makes outputs depend on it.

`--recipe pix2pix-digits`, the default, takes some minutes on two cores and downloads
nothing; a file of settings has other pairs and, with a palette, the paper's scores.

Source: Isola et al. 2016, arXiv 1611.07004, section 4.1 and table 1.
"""

from keras_gan.experiments.ablations import Ablation

_ABLATION = Ablation(
    "ablate-losses",
    "pix2pix-digits",
    "pix2pix",
    {
        "L1": {"adversarial_weight": 0.0},
        "GAN": {"l1_weight": 0.0, "conditional": False},
        "cGAN": {"l1_weight": 0.0},
        "L1 + GAN": {"conditional": False},
        "L1 + cGAN": {},
    },
    {
        "data": "Cityscapes, labels to photo, 256x256",
        "measure": "FCN score: pixel accuracy, class accuracy, class IoU",
        "L1": [0.42, 0.15, 0.11],
        "GAN": [0.22, 0.05, 0.01],
        "cGAN": [0.57, 0.22, 0.16],
        "L1 + GAN": [0.64, 0.20, 0.15],
        "L1 + cGAN": [0.66, 0.23, 0.17],
        "real": [0.80, 0.26, 0.21],
    },
)
add_arguments, run = _ABLATION.add_arguments, _ABLATION.run
