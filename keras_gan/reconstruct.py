"""`python -m keras_gan.reconstruct RUN FILE`: pictures and what a run makes of them."""

import argparse
import sys

import keras_gan_options
from keras_gan import plugins
from keras_gan.errors import InputError, KerasGANError, sentence
from keras_gan.files import PICTURES, require_file


def main(
    arguments: list[str] | None = None, prog: str = "python -m keras_gan.reconstruct"
) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("run", help="run folder of a VAE or an autoencoder")
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="pictures of any size and format"
    )
    parser.add_argument(
        "--label",
        metavar="CLASS",
        help="class of the pictures for a conditional run, by name or by number from 0",
    )
    parser.add_argument(
        "--best", action="store_true", help="of the best model, not of the newest"
    )
    parser.add_argument(
        "--out",
        default="reconstruction.png",
        help="picture to write: the originals, and beside each its reconstruction",
    )
    keras_gan_options.add_plugin(parser)
    options = parser.parse_args(arguments)
    try:
        plugins.load(options.plugin)
        reconstruct(options)
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    count = len(options.files)
    print(f"{count} {'picture' if count == 1 else 'pictures'} in {options.out}")
    return 0


def reconstruct(options: argparse.Namespace) -> None:
    """Writes the picture."""
    out = require_file(options.out, PICTURES)

    from keras_gan import pictures
    from keras_gan.datasets import conversion, folder
    from keras_gan.experiments import TrainedRun

    trained = TrainedRun.load(
        options.run, options.best, needs=("reconstruct",), instead="vae-digits"
    )
    run, model = trained.run, trained.model
    if options.label is None and model.num_classes is not None:
        raise InputError(
            f"the model of the run in {run.path} reconstructs a picture by its class, "
            "and no class was given. Add --label CLASS."
        )
    label = None if options.label is None else run.labels([options.label])[0]
    height, width, channels = trained.image_shape
    if channels not in conversion.MODES:
        raise InputError(
            f"the run in {run.path} is on images of {channels} channels, and a picture "
            "has 1, 3 or 4. Give model.reconstruct an array instead."
        )
    levels = run.data.get("levels") and tuple(run.data["levels"])
    form = conversion.Form((height, width), channels, run.recipe.fit, levels)
    images = folder.read_files(options.files, form)
    samples = {"original": images, "reconstruction": model.reconstruct(images, label)}
    pictures.save_out(pictures.drawing_of(model).draw(samples, None), out)


if __name__ == "__main__":
    sys.exit(main())
