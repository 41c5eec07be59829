"""Trains a recipe: python train.py [RECIPE or FILE] [OPTION ...]

The installed command `keras-gan train` is the same.
"""

import sys

from keras_gan_command.train import main

if __name__ == "__main__":
    sys.exit(main())
