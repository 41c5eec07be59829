"""`python -m keras_gan.sample RUN`: a picture of samples that a trained run makes."""

import argparse
import pathlib
import sys

import keras_gan_options
from keras_gan import plugins
from keras_gan.errors import InputError, KerasGANError, sentence


def main(
    arguments: list[str] | None = None, prog: str = "python -m keras_gan.sample"
) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("run", help="run folder that train.py wrote")
    parser.add_argument(
        "--count", type=int, help="samples (default 64 to 100 images or 2,000 points)"
    )
    parser.add_argument("--seed", type=int, default=0, help="same seed, same images")
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="CLASS",
        help="classes of a conditional run by name or by number from 0, repeated over "
        "the images; default all",
    )
    parser.add_argument(
        "--best", action="store_true", help="of the best model, not of the newest"
    )
    parser.add_argument("--out", default="samples.png", help="picture to write")
    keras_gan_options.add_plugin(parser)
    options = parser.parse_args(arguments)
    try:
        plugins.load(options.plugin)
        count = sample(options)
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(f"{count} samples in {options.out}")
    return 0


def sample(options: argparse.Namespace) -> int:
    """Writes the picture; returns the number of samples in it."""
    out = pathlib.Path(options.out)
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise InputError(
            f"--out is {options.out}. Give a name that ends in .png, .jpg or .webp."
        )
    if not out.absolute().parent.is_dir():
        raise InputError(
            f"--out is {options.out}, and {out.parent} is not a folder. Make it, or "
            "name another."
        )
    if out.is_dir():
        raise InputError(
            f"--out is {options.out}, which is a folder. Name a file to write."
        )

    import numpy as np

    from keras_gan import examples, pictures, runs

    run = runs.Run.open(options.run)
    model = run.load(options.best)
    # What needs no rows is drawn without reading the data.
    rows = run.recipe.examples(run.read_data()) if model.inputs else None
    drawing = pictures.drawing_of(model, rows, run.data.get("class_names"))
    count = drawing.count if options.count is None else options.count
    if count < 1:
        raise InputError(f"--count is {count}. Give a whole number from 1 up.")
    labels = drawing.labels(count)
    if options.labels:
        labels = np.resize(run.labels(options.labels), count)
    given = examples.spread(model, rows, count, labels)
    samples = model.samples(count, options.seed, given)
    try:
        pictures.save(drawing.draw(samples, labels), out)
    except (OSError, ValueError) as error:  # what this kind of file cannot hold, too
        raise InputError(
            f"--out is {out}, which cannot be written: {error}. Name another file."
        ) from error
    return count


if __name__ == "__main__":
    sys.exit(main())
