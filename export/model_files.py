"""Reading the files of saved models: see `keras_gan.model_files`."""

from keras_gan.model_files import load

__all__ = ["load"]
