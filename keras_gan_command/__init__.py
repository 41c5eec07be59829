"""The command `keras-gan`: one door to all that the project does.

It is a package of its own, above `keras_gan` and `export`: training from the command
line ends with exports, and `keras_gan` never imports `export`. It is installed, which
train.py is not. And it imports neither of them for `--help`, which would take seconds,
nor for `serve`, which needs no TensorFlow.
"""

import argparse
import importlib

# The function that runs each command, and the arguments that it gets first.
COMMANDS = {
    "train": ("keras_gan_command.train:main", [], "train a recipe, measure and export"),
    "sample": ("keras_gan.sample:main", [], "a picture of samples of a trained run"),
    "reconstruct": (
        "keras_gan.reconstruct:main",
        [],
        "pictures beside what a VAE or an autoencoder makes of them",
    ),
    "encode": (
        "keras_gan.encode:main",
        [],
        "the codes that a VAE or an autoencoder gives to images",
    ),
    "translate": (
        "keras_gan.translate:main",
        [],
        "pictures as pix2pix or CycleGAN translate them",
    ),
    "evaluate": (
        "keras_gan.evaluate.__main__:main",
        [],
        "measures of a trained run, and a page about it",
    ),
    "compare": (
        "keras_gan.evaluate.compare:main",
        [],
        "several runs on the same images on one page",
    ),
    "experiment": (
        "keras_gan.experiments.__main__:main",
        [],
        "an experiment of the papers",
    ),
    "export": ("export.__main__:command", [], "files of a trained run that serve"),
    "verify": (
        "export.__main__:command",
        ["verify"],
        "compare an export with a trained run again",
    ),
    "serve": (
        "keras_gan_server.__main__:main",
        [],
        "answer over HTTP with exported ONNX files",
    ),
    "list": ("keras_gan_command.train:main", ["--list"], "recipes and data sources"),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one of the commands.

    Args:
        arguments: without the program's name; None reads `sys.argv`.

    Returns:
        The exit code of the command.
    """
    lines = [f"  {name:<12}{what}" for name, (_, _, what) in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="keras-gan",
        usage="%(prog)s COMMAND [ARGUMENT ...]",
        description="Trains generative models, measures them, and exports them.",
        epilog="commands:\n" + "\n".join(lines) + "\n\nCOMMAND --help says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    function, first, _ = COMMANDS[given.command]
    module, _, name = function.partition(":")
    run = getattr(importlib.import_module(module), name)
    return run([*first, *given.arguments], prog=f"keras-gan {given.command}")
