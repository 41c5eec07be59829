"""The digits that come with scikit-learn, so that a first run needs no download."""

import numpy as np

from keras_gan.datasets import arrays
from keras_gan.datasets.conversion import Form
from keras_gan.datasets.images import Images


def read(argument: str, form: Form, data_dir: str | None) -> Images:
    """Read 1,797 handwritten digits of 8x8 grey pixels with their labels.

    Args:
        argument, data_dir: not used.
        form: what the images become.

    Returns:
        The images with labels 0..9.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    names = tuple(str(name) for name in digits.target_names)
    return arrays.from_arrays(images, digits.target, form, names)
