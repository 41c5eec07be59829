"""Samples of VAEs with few and with many latents (Kingma and Welling 2013, figure 5).

Shows several trained runs side by side, sorted by their number of latents. The paper
has 2, 5, 10 and 20: train one run of each, such as with
`train.py vae-digits --latent-dim 5 --run-dir runs/latents-5`.

Source: Kingma and Welling 2013, arXiv 1312.6114, appendix A and figure 5.
"""

import argparse

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.evaluators.likelihood import LikelihoodEvaluator
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun

NEEDS = ("generate", "posterior", "log_likelihood")  # of the model
SUCH_AS = "vae-digits"  # a recipe whose models have them
_MEASURES = ("elbo", "kl", "active_latents")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    parser.add_argument(
        "runs", metavar="RUN", nargs="+", help="run folders of train.py"
    )
    parser.add_argument(
        "--best", action="store_true", help="take the best models, not the newest"
    )
    parser.add_argument(
        "--samples", type=arguments.at_least(1), default=64, help="of each run (64)"
    )
    parser.add_argument(
        "--images",
        type=arguments.at_least(1),
        default=1000,
        help="most images that the bound is measured on (1000)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns samples of each run beside its bound.

    Raises:
        InputError: where one of the runs is no VAE, its data cannot be read, or the
            runs are on images of different sizes.
    """
    found = [
        TrainedRun.load(path, options.best, needs=NEEDS, instead=SUCH_AS)
        for path in options.runs
    ]
    shapes = {trained.image_shape for trained in found}
    if len(shapes) > 1:
        sizes = " and ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        raise InputError(
            f"the runs make images of {sizes}, whose bounds do not compare. Name runs "
            "on the same data, which differ in their latents."
        )
    found.sort(key=lambda trained: trained.model.latent_dim)
    figures, blocks = [], []
    for trained in found:
        model, scored = trained.model, trained.scored(options.images)
        measured = LikelihoodEvaluator(scored).measure(model, _MEASURES)
        report = trained.report(measured, None, options.seed, scored.words)
        latents = model.latent_dim
        figures.append({"run": str(trained.run.path), "latents": latents, **report})
        blocks.append(
            (
                f"{latents} latents: bound {measured['elbo']:.2f} nats, step "
                f"{report['step']}",
                pictures.grid(model.generate(options.samples, seed=options.seed)),
            )
        )
    return Outcome(
        "samples-by-latents",
        "; ".join(
            f"{each['latents']} latents: bound {each['measured']['elbo']:.2f} nats"
            for each in figures
        ),
        pictures.hstack(*blocks),
        {
            "measured": figures,
            "paper": None,
            "protocol": f"{options.samples} samples of each run from the same seed; "
            "bound of log p(x), one sample of the posterior for each image, of "
            + "; ".join(each["protocol"] for each in figures),
        },
    )
