"""How a class label enters a network: as a one-hot vector beside the features."""

import keras

from keras_gan.networks.layers import ConcatenateLabel


def label_input(num_classes: int | None) -> keras.KerasTensor | None:
    """Returns the integer label input of a conditional network, else None."""
    if num_classes is None:
        return None
    return keras.Input((), dtype="int64", name="label")


def with_label(
    features: keras.KerasTensor,
    label: keras.KerasTensor | None,
    num_classes: int | None,
) -> keras.KerasTensor:
    """Returns `features`, with the one-hot label appended if there is a label."""
    if label is None or num_classes is None:
        return features
    return ConcatenateLabel(num_classes)([features, label])
