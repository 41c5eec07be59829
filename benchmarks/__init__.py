"""Measurements that README.md lists."""

import keras_gan  # noqa: F401  before Keras, so that TensorFlow starts quietly
