"""Options that commands of several packages have.

This package imports nothing that takes time: `--help` answers without TensorFlow, which
an import of anything in `keras_gan` would bring.
"""

import argparse


def add_plugin(parser: argparse.ArgumentParser) -> None:
    """Adds `--plugin MODULE`, whose values `keras_gan.plugins.load` takes."""
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="MODULE",
        help="import a module of yours first, by its name or the path of its .py file; "
        "it adds sources, recipes, formats and more (docs/extending.md); may be "
        "repeated",
    )
