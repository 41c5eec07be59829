"""CycleGAN without its games, its cycles or its identity (Zhu et al. 2017, table 4).

Trains the cycles alone, the games alone, both, and both with the identity term. Without
the games nothing says what the other side looks like; without the cycles an output need
not belong to its input; without the identity term colours may change places.

`--recipe cyclegan-digits`, the default, takes some minutes on two cores and downloads
nothing; there the right answers are known.

Source: Zhu et al. 2017, arXiv 1703.10593, section 5.1.4 and table 4.
"""

from keras_gan.experiments.ablations import Ablation

_ABLATION = Ablation(
    "ablate-cycle",
    "cyclegan-digits",
    "cyclegan",
    {
        "cycles alone": {"adversarial_weight": 0.0, "identity_weight": 0.0},
        "games alone": {"cycle_weight": 0.0, "identity_weight": 0.0},
        "both": {"identity_weight": 0.0},
        "both and identity": {},
    },
    {
        "data": "Cityscapes, labels to photo, 128x128",
        "measure": "FCN score: pixel accuracy, class accuracy, class IoU",
        "cycles alone": [0.22, 0.07, 0.02],
        "games alone": [0.51, 0.11, 0.08],
        "both": [0.52, 0.17, 0.11],
    },
)
add_arguments, run = _ABLATION.add_arguments, _ABLATION.run
