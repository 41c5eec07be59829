"""Features of images, which the measures of `keras_gan.metrics` compare.

A user adds features by `EXTRACTORS["mine"] = Kind("mine", "what they see", make)`.
"""

import dataclasses
from collections.abc import Callable

from keras_gan.datasets import Images
from keras_gan.errors import InputError, did_you_mean
from keras_gan.features.classifier import Classifier, can_learn
from keras_gan.features.extractor import Extracted, Extractor
from keras_gan.features.inception import Inception
from keras_gan.features.pixels import Pixels
from keras_gan.features.random import RandomNetwork

__all__ = [
    "EXTRACTORS",
    "Classifier",
    "Extracted",
    "Extractor",
    "Inception",
    "Kind",
    "Pixels",
    "RandomNetwork",
    "get",
]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of features that `get` accepts.

    Args:
        usage: the form of the string.
        description: one line for a list of all kinds.
        make: function `(argument, images) -> Extractor`.

    Example:

    ```python
    from keras_gan import features

    for kind in features.EXTRACTORS.values():
        print(f"{kind.usage:20} {kind.description}")
    ```
    """

    usage: str
    description: str
    make: Callable[[str, Images], Extractor]


EXTRACTORS: dict[str, Kind] = {
    "classifier": Kind(
        "classifier[:FILE]",
        "a small network trained on the labelled images themselves, once per data set, "
        "or one that was trained before",
        Classifier.make,
    ),
    "inception": Kind(
        "inception[:WEIGHTS]",
        "InceptionV3 trained on ImageNet, downloaded or from a weights file",
        Inception.make,
    ),
    "pixels": Kind("pixels", "raw pixels, or the coordinates of points", Pixels.make),
    "random": Kind(
        "random",
        "a network with random weights; needs neither labels nor training",
        RandomNetwork.make,
    ),
}


def get(name: str | None, images: Images) -> Extractor:
    """Returns the extractor of a name, for images like the training images.

    Args:
        name: a string of one of the forms in `EXTRACTORS`. None takes `pixels` for
            points; for images, it takes `classifier` if they have labels of at least
            two classes, else `random`.
        images: the training images; `classifier` learns from them.

    Raises:
        InputError: if the name is not known or the extractor cannot be made.
    """
    if name is None:
        unlabelled = "random" if images.array.ndim == 4 else "pixels"
        name = "classifier" if can_learn(images) else unlabelled
    kind, colon, argument = name.partition(":")
    usages = ", ".join(entry.usage for entry in EXTRACTORS.values())
    if kind not in EXTRACTORS or (colon and "[:" not in EXTRACTORS[kind].usage):
        raise InputError(
            f"Unknown features {name!r}. Use one of: {usages}."
            f"{did_you_mean(kind, EXTRACTORS)}"
        )
    return EXTRACTORS[kind].make(argument, images)
