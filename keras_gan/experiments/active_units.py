"""Which latents of a VAE tell something of an image (Burda et al. 2015, section 5.2).

For each latent, over images that the run has not trained on if it held any out: the
mean KL divergence of its posterior from the prior, and the variance of the posterior's
mean. A latent is active if that variance exceeds 0.01. A latent that is not active
costs nothing and says nothing: the model has more latents than it needs, or its
posterior has collapsed.

Source: Burda et al. 2015, arXiv 1509.00519, section 5.2 and table 1.
"""

import argparse

import numpy as np

from keras_gan import pictures
from keras_gan.errors import InputError
from keras_gan.evaluators.likelihood import Scored
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.experiments.trained_run import TrainedRun
from keras_gan.models import VAE
from keras_gan.models.autoencoder import ACTIVE
from keras_gan.pictures.charts import Figure, plain_style

NEEDS = ("posterior", "log_likelihood")  # of the model
SUCH_AS = "vae-digits"  # a recipe whose models have them
ACTIVE_VARIANCE = 0.01  # of the posterior's mean, as in the paper
# Of one stochastic layer with 50 latents on MNIST, by importance samples: table 1.
PAPER = {1: 19, 5: 22, 50: 25}
PAPER_LATENTS = 50
_BATCH = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    arguments.run(parser)
    parser.add_argument(
        "--images",
        type=arguments.at_least(2),
        default=10_000,
        help="most images to take (10000)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns how much each latent tells, and how many are active.

    Raises:
        InputError: where the run's images cannot be read or are fewer than two.
    """
    trained = TrainedRun.load(options.run, options.best, needs=NEEDS, instead=SUCH_AS)
    scored = trained.scored(options.images)
    if len(scored.rows) < 2:
        raise InputError(
            f"the run in {options.run} has {scored.words}, and a variance needs at "
            "least 2. Train a run on more images."
        )
    mean, log_variance = posterior(trained.model, scored, options.seed)
    kl = ((mean**2 + np.exp(log_variance) - log_variance - 1) / 2).mean(axis=0)
    variance = mean.var(axis=0, ddof=1)
    active, telling = int((variance > ACTIVE_VARIANCE).sum()), int((kl > ACTIVE).sum())
    paper = paper_figure(trained)
    return Outcome(
        "active-units",
        f"{active} of {len(kl)} latents are active (variance of the posterior mean "
        f"above {ACTIVE_VARIANCE}); {telling} have a KL above {ACTIVE} nats; KL "
        f"{kl.sum():.2f} nats in all"
        + (f"; the paper: {paper['active']} of {PAPER_LATENTS}" if paper else ""),
        _chart(kl, variance, active, telling),
        trained.discriminator_report(
            {
                "latents": len(kl),
                "active": active,
                "kl_above_threshold": telling,
                "kl_total": kl.sum(),
                "kl": kl.tolist(),
                "variance_of_mean": variance.tolist(),
                "unit": "nats",
            },
            paper,
            options.seed,
            scored.words,
            "KL of the posterior of each latent from N(0, 1), averaged",
            "variance of its mean over the images",
            f"active above {ACTIVE_VARIANCE}",
        ),
    )


def posterior(model: VAE, scored: Scored, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and log variance of the posteriors of images, float64 [N, D] each.

    Args:
        model: trained `VAE`.
        scored: the images.
        seed: decides what the likelihood observes of them.
    """
    observed = model.observed(scored.array, seed)
    mean, log_variance = model.posterior(observed, scored.labels)
    return mean.astype("float64"), log_variance.astype("float64")


def paper_figure(trained: TrainedRun) -> dict | None:
    """Returns the paper's number of active latents, None for another kind of run."""
    model = trained.model
    known = PAPER.get(model.importance_samples)
    on_mnist = trained.tfds_name() == "mnist" and trained.image_shape == (28, 28, 1)
    if known is None or not on_mnist or model.latent_dim != PAPER_LATENTS:
        return None
    return {"data": "MNIST", "latents": PAPER_LATENTS, "active": known}


@plain_style({"axes.spines.right": False, "axes.spines.top": False})
def _chart(kl, variance, active, telling):
    """Draws both numbers of each latent, in the order of the divergence."""
    order = np.argsort(-kl, kind="stable")
    figure = Figure((min(5 + 0.12 * len(kl), 14), 6.4), dpi=110, layout="constrained")
    upper, lower = figure.subplots(2, sharex=True)
    places = np.arange(1, len(kl) + 1)
    # A rounding error of a latent that tells nothing may be below zero.
    for axes, values, threshold, words in (
        (upper, kl, ACTIVE, "KL from the prior, nats"),
        (lower, variance, ACTIVE_VARIANCE, "variance of the mean"),
    ):
        shown = values[order].clip(1e-4)
        above = values[order] > threshold
        axes.bar(places, shown, color=np.where(above, "tab:blue", "0.75"))
        axes.axhline(threshold, color="black", lw=0.8, ls="--")
        axes.set(yscale="log", ylabel=words, ylim=(1e-4, None))
    upper.set_title(
        f"{telling} of {len(kl)} latents above {ACTIVE} nats", fontsize=11, loc="left"
    )
    lower.set_title(
        f"{active} of {len(kl)} active: variance above {ACTIVE_VARIANCE}",
        fontsize=11,
        loc="left",
    )
    lower.set_xlabel("latent, sorted by its KL")
    lower.xaxis.get_major_locator().set_params(integer=True)
    return pictures.rendered(figure)
