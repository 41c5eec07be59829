"""`python -m keras_gan.sample RUN`: a picture of images that a trained run makes."""

import argparse
import os
import pathlib
import sys

from keras_gan.errors import InputError


def main(arguments=None) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m keras_gan.sample", description=__doc__
    )
    parser.add_argument("run", help="run folder that train.py wrote")
    parser.add_argument("--count", type=int, default=64, help="images (default 64)")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same images")
    parser.add_argument(
        "--labels",
        type=int,
        nargs="+",
        help="classes of a conditional run, repeated over the images; default all",
    )
    parser.add_argument("--out", default="samples.png", help="picture to write")
    options = parser.parse_args(arguments)
    try:
        sample(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.count} images in {options.out}")
    return 0


def sample(options) -> None:
    out = pathlib.Path(options.out)
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise InputError(
            f"--out is {options.out}; a name ending in .png, .jpg or .webp is accepted."
        )
    if not out.absolute().parent.is_dir():
        raise InputError(f"--out is {options.out}; its folder does not exist.")

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np

    from keras_gan import pictures, runs

    gan = runs.load(options.run)
    labels = options.labels and np.resize(options.labels, options.count)
    images = gan.generate(options.count, seed=options.seed, labels=labels)
    pictures.save_grid(images, out, pictures.columns_for(gan))


if __name__ == "__main__":
    sys.exit(main())
