"""The command line: `python -m export RUN --format saved-model onnx --out serving/`."""

import argparse
import signal
import sys
from pathlib import Path

import keras_gan_options
from export.formats import (
    DEFAULT_FORMATS,
    DEFAULT_OPTIONS,
    FORMATS,
    OPTION_CHOICES,
    ExportOptions,
)

_RUN = "folder of a training run, or the file of a saved model"
_SERVING = "they need tensorflow-serving-api (pip install '.[serving]')."


def command(arguments: list[str] | None = None, prog: str | None = None) -> int:
    """Runs `main` in a process of its own, in which SIGTERM is an exception.

    What is half written is then removed.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    return main(arguments, prog)


def main(arguments: list[str] | None = None, prog: str | None = None) -> int:
    """Exports a run, verifies an export or prunes versions; returns the exit code.

    Args:
        arguments: without the program's name; None reads `sys.argv`.
        prog: name of the program in its help; None is `python -m export`.

    Returns:
        0; 1 where an export differs from the trained model; 2 where what was asked for
        cannot be done.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    others = {"verify": (_verify_parser, _verify), "prune": (_prune_parser, _prune)}
    if arguments and arguments[0] in others:
        parser, work = others[arguments[0]]
        options = parser(prog).parse_args(arguments[1:])
    else:
        options, work = _parser(prog).parse_args(arguments), _export
    # These imports take seconds, for which `--help` should not wait.
    import keras_gan  # noqa: F401  before TensorFlow, which then starts quietly
    from export.report import VerificationError
    from keras_gan import plugins
    from keras_gan.errors import KerasGANError, sentence

    try:
        plugins.load(options.plugin)
        output = work(options)
    except VerificationError as error:
        print(_table(error.rows))
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (KerasGANError, OSError) as error:
        print(f"error: {sentence(error)}", file=sys.stderr)
        return 2
    print(output)
    return 0


def _export(options):
    from export import sbom
    from export.publish import export_all

    if options.sbom:
        sbom.check()
    rows = export_all(
        *(options.run, options.out, options.name, options.format, options.version),
        options.overwrite,
        options=ExportOptions(
            **{field: getattr(options, field) for field in OPTION_CHOICES},
            runtime=options.runtime,
        ),
        progress=_shown,
    )
    if options.sbom:
        print(f"software bill of materials: {sbom.write(Path(options.out))}")
    if any(row.warmup_requests == 0 for row in rows):
        print(f"The SavedModel holds no warm-up requests: {_SERVING}")
    return _table(rows)


def _shown(formats):
    """Yields each format and shows on a terminal which one is being written."""
    from tqdm import tqdm

    with tqdm(formats, smoothing=0, unit=" exports", disable=None) as bar:
        for format in bar:
            bar.set_description(format)
            yield format


def _verify(options):
    from export import warmup
    from export.report import VerificationError
    from export.verify import verify_again

    row = verify_again(options.path, options.against, options.runtime)
    if row.problem is not None:
        raise VerificationError(f"{options.path}: {row.problem}.", [row])
    if row.warmup_requests is None and (row.path / warmup.FILE).exists():
        print(f"The SavedModel's warm-up requests were not tried: {_SERVING}")
    return _table([row])


def _prune(options):
    from export.pruning import prune

    removed = prune(options.out, options.keep)
    return "\n".join(f"removed {folder}" for folder in removed) or "nothing to remove"


def _prune_parser(prog):
    parser = argparse.ArgumentParser(
        prog=f"{prog or 'python -m export'} prune",
        description="Removes the oldest versions of SavedModels and Triton models. "
        "Those that models.config or config.pbtxt names stay.",
    )
    parser.add_argument("out", metavar="OUT", help="folder of the exports")
    parser.add_argument(
        "--keep", type=int, required=True, help="how many of the newest versions stay"
    )
    keras_gan_options.add_plugin(parser)
    return parser


def _verify_parser(prog):
    parser = argparse.ArgumentParser(
        prog=prog or "python -m export verify",
        description="Compares an export that was written before with a trained model.",
    )
    parser.add_argument("path", metavar="PATH", help="the export")
    parser.add_argument("--against", required=True, metavar="RUN", help=_RUN)
    parser.add_argument(
        "--runtime",
        metavar="DIR",
        help="npm package onnxruntime-web, to compare with a page's copy of it",
    )
    keras_gan_options.add_plugin(parser)
    return parser


def _parser(prog):
    parser = argparse.ArgumentParser(
        prog=prog or "python -m export",
        description="Writes a trained model as files that serve, and proves that "
        "they compute what the trained model does.",
        epilog="python -m export verify PATH --against RUN proves it again later, and "
        "python -m export prune OUT --keep 2 removes the oldest versions.",
    )
    parser.add_argument("run", metavar="RUN", help=_RUN)
    parser.add_argument(
        "--format",
        nargs="+",
        default=list(DEFAULT_FORMATS),
        metavar="FORMAT",
        help=f"of {', '.join(FORMATS)} (default: {' '.join(DEFAULT_FORMATS)})",
    )
    parser.add_argument("--out", required=True, help="folder of the exports")
    parser.add_argument("--name", help="name of the model (default: the run's)")
    parser.add_argument(
        "--version",
        type=int,
        help="of a SavedModel or a Triton model (default: the next number)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace exports of formats without versions, in one step",
    )
    parser.add_argument(
        "--runtime",
        metavar="DIR",
        help="npm package onnxruntime-web, to copy into a web page",
    )
    parser.add_argument(
        "--sbom",
        action="store_true",
        help="also write sbom.cdx.json: the packages of this environment (CycloneDX)",
    )
    keras_gan_options.add_plugin(parser)
    group = parser.add_argument_group("choices that some formats have")
    for field, choices in OPTION_CHOICES.items():
        group.add_argument(
            f"--{field.replace('_', '-')}",
            default=getattr(DEFAULT_OPTIONS, field),
            type=type(choices[0]),
            metavar=field.upper(),
            help=f"{', '.join(map(str, choices))} (default: {choices[0]})",
        )
    return parser


def _table(rows):
    lines = [
        (
            *("format", "file", "MB", "runtime", "ms at 1", "at 64"),
            *("largest difference", "passed"),
        )
    ]
    for row in rows:
        ms = row.milliseconds
        lines.append(
            (
                row.format,
                str(row.path),
                # Nothing is known of a file that was refused unread.
                f"{row.bytes / 1e6:.2f}" if row.bytes else "none",
                f"{row.runtime or 'none'} {row.runtime_version or ''}".strip(),
                # Large images are tried in smaller batches than 64.
                *(f"{ms[n]:.2f}" if n in ms else "none" for n in ("1", "64")),
                _difference(row),
                "yes" if row.passed else "no" if row.bytes else "refused",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _difference(row):
    if row.largest_difference is None:
        return "none"
    text = f"{row.largest_difference:.1e}"
    if row.trained_difference is not None:
        text += f" ({row.trained_difference:.1e} from half precision)"
    return text


if __name__ == "__main__":
    sys.exit(command())
