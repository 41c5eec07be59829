"""Pix2pix with discriminators of small to large patches (Isola et al. 2016, table 2).

A discriminator of single pixels gets colours right and no texture; small patches leave
tiling artefacts; one that sees the whole picture is harder to train and no better. In
pictures of 32 pixels, such as the digits, 34 and 70 pixels are the whole picture.

`--recipe pix2pix-digits`, the default, takes some minutes on two cores and downloads
nothing; a file of settings has other pairs and, with a palette, the paper's scores.

Source: Isola et al. 2016, arXiv 1611.07004, section 4.4 and table 2.
"""

from keras_gan.experiments.ablations import Ablation

_ABLATION = Ablation(
    "ablate-patches",
    "pix2pix-digits",
    "pix2pix",
    {
        "1 pixel": {"patch_layers": 0},
        "16 pixels": {"patch_layers": 1},
        "34 pixels": {"patch_layers": 2},
        "70 pixels": {"patch_layers": 3},
    },
    {
        "data": "Cityscapes, labels to photo, 256x256",
        "measure": "FCN score: pixel accuracy, class accuracy, class IoU",
        "1 pixel": [0.39, 0.15, 0.10],
        "16 pixels": [0.65, 0.21, 0.17],
        "70 pixels": [0.66, 0.23, 0.17],
        "286 pixels, all of the picture": [0.42, 0.16, 0.11],
    },
)
add_arguments, run = _ABLATION.add_arguments, _ABLATION.run
