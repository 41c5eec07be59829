"""Runs an experiment of the papers on a trained run, for a picture and a figure."""

import argparse
import pathlib
import sys
from collections.abc import Sequence

import keras_gan_options
from keras_gan import plugins
from keras_gan.errors import KerasGANError, sentence
from keras_gan.experiments import EXPERIMENTS, arguments
from keras_gan.files import require_folder


def main(
    argv: Sequence[str] | None = None, prog: str = "python -m keras_gan.experiments"
) -> int:
    """Runs the command line; returns its exit code."""
    # Plugins may have experiments, which decide how the other arguments are read.
    early = argparse.ArgumentParser(prog=prog, add_help=False, allow_abbrev=False)
    keras_gan_options.add_plugin(early)
    first, rest = early.parse_known_args(argv)
    try:
        plugins.load(first.plugin)
    except KerasGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options = parser(prog).parse_args(rest)
    name, experiment = options.name, EXPERIMENTS[options.name]
    beside = vars(options).get("run", ".")
    folder = pathlib.Path(options.out or f"{beside}/experiments/{name}")
    try:
        require_folder(folder)
        outcome = experiment.run(options)
        files = outcome.write(folder)
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(outcome.summary)
    print(f"protocol: {outcome.report['protocol']}")
    print(f"written: {', '.join(map(str, files))}")
    return 0


def parser(prog: str) -> argparse.ArgumentParser:
    """Returns the parser of the command line, with one command per experiment."""
    everything = argparse.ArgumentParser(
        prog=prog,
        description=__doc__,
        epilog="NAME --help shows the options of an experiment.",
    )
    keras_gan_options.add_plugin(everything)
    commands = everything.add_subparsers(dest="name", metavar="NAME", required=True)
    for name, experiment in EXPERIMENTS.items():
        description = experiment.description
        command = commands.add_parser(
            name,
            help=description.partition("\n")[0],
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_argument(
            "--seed", type=arguments.seed, default=0, help="same seed, same files"
        )
        command.add_argument(
            "--out",
            help=f"folder to write (default experiments/{name}, in RUN if given)",
        )
        experiment.add_arguments(command)
    return everything


if __name__ == "__main__":
    sys.exit(main())
