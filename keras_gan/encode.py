"""`python -m keras_gan.encode RUN SOURCE`: the codes that a run gives to images."""

import argparse
import sys
import warnings

import keras_gan_options
from keras_gan import plugins
from keras_gan.errors import Diverged, InputError, KerasGANError, sentence
from keras_gan.files import atomic_path, require_file

_BATCH = 256


def main(
    arguments: list[str] | None = None, prog: str = "python -m keras_gan.encode"
) -> int:
    """Runs the command line; returns its exit code."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("run", help="run folder of a VAE or an autoencoder")
    parser.add_argument(
        "source",
        help="images to encode, such as folder:photos/ or npz:images.npz; they get the "
        "size and the channels of the run's",
    )
    parser.add_argument(
        "--label",
        metavar="CLASS",
        help="class of all images for a conditional run, by name or by number from 0 "
        "(default: the labels of the source)",
    )
    parser.add_argument(
        "--best", action="store_true", help="of the best model, not of the newest"
    )
    parser.add_argument(
        "--out",
        default="codes.npz",
        help="NumPy file to write: mean and log_variance of a VAE, latent of an "
        "autoencoder; files, labels and class_names if the source has them",
    )
    keras_gan_options.add_plugin(parser)
    options = parser.parse_args(arguments)
    try:
        plugins.load(options.plugin)
        count = encode(options)
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(f"codes of {count} {'image' if count == 1 else 'images'} in {options.out}")
    return 0


def encode(options: argparse.Namespace) -> int:
    """Writes the file; returns the number of images."""
    out = require_file(options.out, (".npz",))

    import numpy as np
    from tqdm import tqdm

    from keras_gan.experiments import TrainedRun

    trained = TrainedRun.load(
        options.run, options.best, needs=("codes",), instead="vae-digits"
    )
    run, model = trained.run, trained.model
    images = _read(run, options.source)
    labels = _labels(trained, images, options)
    parts = []
    with tqdm(total=len(images), unit=" images", disable=None) as bar:
        for start in range(0, len(images), _BATCH):
            rows = slice(start, start + _BATCH)
            given = None if labels is None else labels[rows]
            codes = model.codes(images.array[rows], given)
            if not all(np.isfinite(code).all() for code in codes.values()):
                raise Diverged("the encoder gives NaN or infinite codes.")
            parts.append(codes)
            bar.update(len(images.array[rows]))
    content = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    if images.files is not None:
        content["files"] = np.array(images.files)
    if images.labels is not None:
        content["labels"] = images.labels
    if images.class_names is not None:
        content["class_names"] = np.array(images.class_names)
    try:
        with atomic_path(out) as part:
            np.savez(part, **content)  # type: ignore[arg-type]
    except OSError as error:
        raise InputError(
            f"--out is {out}, which cannot be written: {error}. Name another file."
        ) from error
    return len(images)


def _read(run, source):
    with warnings.catch_warnings():
        # The error below says the same.
        warnings.filterwarnings("ignore", ".* cannot be read")
        images = run.read_data(source)
    if images.skipped:
        (file, reason), *others = images.skipped
        more = f", and {len(others)} more" if others else ""
        raise InputError(
            f"{file!r} of {source} cannot be read as a picture ({reason}){more}. "
            "Remove or mend what cannot be read."
        )
    return images


def _labels(trained, images, options):
    """Returns labels as the model counts classes, or None if it has none."""
    run, model = trained.run, trained.model
    if options.label is not None:
        return run.labels([options.label]) * len(images)
    if model.num_classes is None:
        return None
    labels = images.require_labels("a conditional run without --label CLASS")
    if not images.class_names:
        return labels
    # Another source may have other classes or another order of them.
    own = [run.labels([name])[0] for name in images.class_names]
    return [own[label] for label in labels]


if __name__ == "__main__":
    sys.exit(main())
