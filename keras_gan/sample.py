"""`python -m keras_gan.sample RUN`: a picture of samples that a trained run makes."""

import argparse
import inspect
import sys

import keras_gan_options
from keras_gan import plugins
from keras_gan.errors import InputError, KerasGANError, sentence
from keras_gan.files import PICTURES, require_file


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
        "--truncation",
        type=float,
        help="largest distance of the latent vectors from the centre of the prior, in "
        "standard deviations or half widths, such as 0.7; samples are then more alike",
    )
    parser.add_argument(
        "--best", action="store_true", help="of the best model, not of the newest"
    )
    parser.add_argument("--out", default="samples.png", help="picture to write")
    keras_gan_options.add_plugin(parser)
    options = parser.parse_args(arguments)
    try:
        plugins.load(options.plugin)
        said = sample(options)
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(f"{said} in {options.out}")
    return 0


def sample(options: argparse.Namespace) -> str:
    """Writes the picture; returns in words what is in it."""
    out = require_file(options.out, PICTURES)

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
    drawn = {}
    if options.truncation is not None:
        if "truncation" not in inspect.signature(model.samples).parameters:
            raise InputError(
                f"--truncation is {options.truncation:g}, and {type(model).__name__} "
                "draws no latent vectors. Leave it out."
            )
        drawn["truncation"] = options.truncation
    samples = model.samples(count, options.seed, given, **drawn)
    pictures.save_out(drawing.draw(samples, labels), out)
    if len(samples) == 1:
        return f"{count} samples"
    return f"{count} rows of {', '.join(samples).replace('_', ' ')}"


if __name__ == "__main__":
    sys.exit(main())
