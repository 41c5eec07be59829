"""`python -m keras_gan`: the command `keras-gan`, which lives above this package."""

import sys

from keras_gan_command import main

if __name__ == "__main__":
    sys.exit(main())
