"""What the numbers of the adversarial game show: its charts and symptoms."""

import math

import numpy as np

from keras_gan import losses
from keras_gan.models.chart import Chart
from keras_gan.symptoms import (
    DiscriminatorAhead,
    DiscriminatorAheadByLoss,
    DiscriminatorBehind,
    GeneratorBehind,
    ModeCollapse,
    Oscillation,
    Symptom,
)


def symptoms(objective: losses.Objective) -> tuple[Symptom, ...]:
    """Returns what `callbacks.Diagnosis` looks for.

    Args:
        objective: of the players, which decides what their numbers can show.
    """
    found: list[Symptom] = []
    if objective.logit_is_log_odds:
        players = {"real": "d_real", "fake": "d_fake"}
        found += [
            DiscriminatorAhead(**players, value="value"),
            DiscriminatorBehind(**players, value="value"),
            GeneratorBehind(**players, output="sample"),
        ]
    if objective.losses_have_scale:
        found.append(Oscillation(losses=("discriminator_loss", "generator_loss")))
    return (*found, ModeCollapse(output="sample"))


def discriminator_ahead(
    objective: losses.Objective, real: str, fake: str, loss: str, which: str = ""
) -> tuple[Symptom, ...]:
    """Returns what tells that a discriminator whose loss is halved is far ahead.

    Args:
        objective: of its game.
        real, fake: names of the numbers D(x) and D of generated images.
        loss: name of its loss, half of the objective's.
        which: which of several it is.
    """
    if objective.logit_is_log_odds:
        return (DiscriminatorAhead(real=real, fake=fake, which=which),)
    if not objective.losses_have_scale:
        return ()
    logits = np.linspace(-2, 2, 41, dtype="float32")[:, np.newaxis]
    coin = min(float(objective.discriminator_loss(one, one)) for one in logits) / 2
    return (DiscriminatorAheadByLoss(loss=loss, coin=coin, which=which),)


def charts(objective: losses.Objective) -> tuple[Chart, ...]:
    """Returns the losses, D(x) and D(G(z)), and V; dashed where D says 1/2 of all.

    Args:
        objective: of the players.
    """
    of_losses, of_probabilities, of_value = {}, {}, {}
    if objective.logit_is_log_odds:
        coin = np.zeros(1, "float32")
        players = objective.discriminator_loss, objective.generator_loss
        values = [float(player(coin, coin)) for player in players]
        of_losses = {_log(value): value for value in values}
        of_probabilities = {"1/2": 0.5}
        of_value = {_log(-math.log(4)): -math.log(4)}
    return (
        Chart(
            "Losses",
            {"discriminator": "discriminator_loss", "generator": "generator_loss"},
            of_losses,
        ),
        Chart(
            "Probability of being real",
            {"D(x)": "d_real", "D(G(z))": "d_fake"},
            of_probabilities,
            (-0.02, 1.02),
        ),
        Chart("Value V of the game, in nats", {"V": "value"}, of_value),
    )


def charts_note(objective: losses.Objective) -> str:
    """Returns what the report says of the charts.

    Args:
        objective: of the players.
    """
    note = (
        "Losses of a GAN tell whether the game is balanced, not whether the images are "
        "good."
    )
    if not objective.logit_is_log_odds:
        return note
    return (
        f"{note} Dashed: the discriminator says 1/2 of every image, as at the "
        "equilibrium."
    )


def _log(value):
    """Returns "log 4" for 1.386."""
    return f"{'−' if value < 0 else ''}log {math.exp(abs(value)):.0f}"
