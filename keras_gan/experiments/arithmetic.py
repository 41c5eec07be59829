"""Sums and differences of concepts, as means of latent vectors (2015, section 6.3.2).

First, `--catalogue 100` draws numbered samples to choose from. Then
`--expression "3,7,9 - 1,4,5 + 2,6,8"` shows the sum of means of samples with those
numbers and eight neighbours of it, or `--from 1,2,3,4 --to 5,6,7,8` what the way from
one mean to the other (the paper's "turn" vector) does to other samples. In a
conditional run sample n has class n modulo the number of classes, `class:3` stands for
the first three samples of class 3, `class:cats` for those of the class of that name,
and classes take part as one-hot vectors. Numbers belong to a seed.

Source: Radford et al. 2015, arXiv 1511.06434, section 6.3.2.
"""

import argparse

import numpy as np

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.experiments import arguments
from keras_gan.experiments.concepts import (
    MOST_NOISE,
    NUMBERS,
    NumberedSamples,
    Term,
    neighbours,
    total,
)
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun

NEEDS = ("sample_latent", "render")  # of the model
_TURNED = 8
_TURN_STEPS = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    numbers = arguments.sample_numbers
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--catalogue",
        type=arguments.at_least(1),
        default=100,
        metavar="N",
        help="draw samples 0 to N - 1 with their numbers (100)",
    )
    what.add_argument("--expression", help='such as "3,7,9 - 1,4,5 + 2,6,8"')
    what.add_argument(
        "--from", type=numbers, dest="start", metavar="NUMBERS", help="such as 1,2,3,4"
    )
    parser.add_argument(
        "--to", type=numbers, dest="end", metavar="NUMBERS", help="goes with --from"
    )
    parser.add_argument(
        "--on",
        type=numbers,
        metavar="NUMBERS",
        help="samples to turn (default the first 8 others)",
    )
    parser.add_argument(
        "--noise",
        type=float,
        default=0.25,
        help="neighbours lie within so much in each latent dimension (0.25)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns a numbered sheet, the value of an expression, or turned samples.

    Raises:
        InputError: for numbers, classes or an expression that do not exist.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS)
    if (options.start is None) != (options.end is None):
        given, lacking = (
            ("--to", "--from") if options.start is None else ("--from", "--to")
        )
        raise InputError(f"{given} was given without {lacking}. Give both, or neither.")
    if options.on is not None and options.start is None:
        raise InputError(
            "--on was given without --from and --to. Give all three, or leave --on out."
        )
    samples = NumberedSamples(
        trained.model, options.seed, trained.run.data["class_names"]
    )
    if options.expression is not None:
        return _expression(trained, samples, options)
    if options.start is not None:
        return _turn(trained, samples, options)
    return _catalogue(trained, samples, options)


def _catalogue(trained, samples, options):
    report = trained.report(
        {"samples": options.catalogue}, None, options.seed, "numbered samples"
    )
    return Outcome(
        "catalogue",
        f"{options.catalogue} numbered samples of seed {options.seed}; next, "
        '--expression "A,B,C - D,E,F + G,H,I" or --from A,B,C,D --to E,F,G,H',
        _numbered(trained, samples, range(options.catalogue)),
        report,
    )


def _expression(trained, samples, options):
    if not 0 <= options.noise <= MOST_NOISE:
        raise InputError(
            f"--noise is {options.noise:g}. Give a number from 0 to {MOST_NOISE:g}."
        )
    terms = samples.parse(options.expression)
    result, label = total(terms, samples.latent), samples.label(terms)
    around = trained.model.render(
        neighbours(result, options.noise, options.seed), label
    )
    on_pixels = np.rint(total(terms, samples.images)).clip(0, 255).astype("uint8")
    measured = {
        "terms": [term._asdict() for term in terms],
        "latent": result.tolist(),
        "length": np.linalg.norm(result),
        "label": label,
    }
    return Outcome(
        "expression",
        f"{options.expression} has length {measured['length']:.2f} in latent space",
        pictures.hstack(
            (
                options.expression,
                pictures.vstack(*(_row(trained, samples, t) for t in terms)),
            ),
            (
                f"result, with neighbours within ±{options.noise:g}",
                pictures.sheet(around, 3),
            ),
            ("the same on pixels", pictures.sheet(on_pixels[None], 1)),
        ),
        trained.report(
            measured,
            None,
            options.seed,
            "sum of the terms' mean latent vectors",
            f"8 neighbours by uniform noise of ±{options.noise:g}",
            classes=f"class {label}",
        ),
    )


def _turn(trained, samples, options):
    turn = total([Term(1, options.end), Term(-1, options.start)], samples.latent)
    used = {*options.start, *options.end}
    numbers = options.on or [n for n in range(NUMBERS) if n not in used][:_TURNED]
    shares = np.linspace(-1, 1, _TURN_STEPS)
    latent = samples.latent(numbers)[:, None] + shares[:, None] * turn
    walks = trained.model.render(
        latent.reshape(-1, len(turn)),
        samples.labels(np.repeat(numbers, _TURN_STEPS)),
    )
    words = ", ".join(map(str, numbers))
    measured = {
        "from": options.start,
        "to": options.end,
        "on": numbers,
        "turn": turn.tolist(),
        "length": np.linalg.norm(turn),
    }
    return Outcome(
        "turn",
        f"the turn vector has length {measured['length']:.2f} in latent space",
        pictures.hstack(
            ("from", _numbered(trained, samples, options.start)),
            ("to", _numbered(trained, samples, options.end)),
            (
                f"samples {words} plus -1 to 1 times that way",
                pictures.sheet(walks, _TURN_STEPS),
            ),
        ),
        trained.report(
            measured,
            None,
            options.seed,
            "mean latent vector of --to less that of --from",
            f"added {_TURN_STEPS} times from -1 to 1",
            classes="the class of each sample",
        ),
    )


def _row(trained, samples, term):
    """One term: its samples, and the picture of their mean latent vector."""
    alone = [Term(1, term.numbers)]
    mean = total(alone, samples.latent)
    picture = samples.model.render(mean[None], samples.label(alone))
    return pictures.hstack(
        (
            f"{'+' if term.sign > 0 else '-'} mean of",
            _numbered(trained, samples, term.numbers, min(len(term.numbers), 8)),
        ),
        ("picture of it", pictures.sheet(picture, 1)),
    )


def _numbered(trained, samples, numbers, columns=None):
    return pictures.sheet(samples.images(numbers), columns, trained.numbered(numbers))
