"""One-dimensional densities and D while they converge, with V and JSD (2014, figure 1).

Trains a small GAN on a normal density and needs no run. As in the paper, D first learns
alone (the inner loop of algorithm 1), then both play. Panels and animation show steps
of that one training: (a) D at its start, (b) D trained, close to D*, (c) G moved, the
divergence halved, (d) the end.

Source: Goodfellow et al. 2014, arXiv 1406.2661, section 4 and figure 1.
"""

import argparse
import dataclasses

import keras
import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.special import expit
from scipy.stats import norm
from tqdm import tqdm

from keras_gan import pictures, seeding, theory
from keras_gan.callbacks.step_callback import StepCallback
from keras_gan.datasets import Images
from keras_gan.experiments import arguments
from keras_gan.experiments.outcome import Outcome
from keras_gan.models import GAN
from keras_gan.pictures.charts import Figure, plain_style

PAPER = {"value_at_equilibrium": theory.EQUILIBRIUM, "unit": "nats"}

GRID = np.linspace(-5, 6, 551)
P_DATA = norm.pdf(GRID)
_Z_BOUND = 3**0.5  # unit variance, as in the authors' code
_Z = np.linspace(-_Z_BOUND, _Z_BOUND, 20_000, dtype="float32")[:, np.newaxis]
_KERNEL_WIDTH = 0.05
_SEEN = 0.04  # least density where D is compared: a tenth of the data's highest
_POINTS = 50_000
_BATCH = 512
_UPDATES_OF_D = 3  # to one of G
_UNITS = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this experiment."""
    parser.add_argument(
        "--steps",
        type=arguments.at_least(20),
        default=2000,
        help="of training, the first fifth of them by D alone (2000)",
    )


def run(options: argparse.Namespace) -> Outcome:
    """Returns V of the game at steps of a training, beside what theory says."""
    alone = options.steps // 5
    moments = train(options.steps, alone, options.seed)
    panels = {
        "a": moments[1],
        "b": next(m for m in moments if m.step == alone),
        "c": next(
            (m for m in moments if m.divergence < moments[0].divergence / 2),
            moments[-1],
        ),
        "d": moments[-1],
    }
    last = panels["d"].measures()
    return Outcome(
        "figure1",
        f"step {last['step']}: V(G, D) = {last['value']:.3f}, V(G, D*) = "
        f"{last['value_of_optimal']:.3f}, JSD = {last['divergence']:.4f} nats; the "
        f"paper's equilibrium: V = -log 4 = {theory.EQUILIBRIUM:.3f}",
        _four_panels(panels),
        {
            "measured": {name: m.measures() for name, m in panels.items()},
            "paper": PAPER,
            "protocol": f"data N(0, 1), {_POINTS} points; latent uniform with variance "
            f"1; two networks of 2 tanh layers of {_UNITS} units; {options.steps} "
            f"steps of {_BATCH} points, D alone in the first {alone}, then "
            f"{_UPDATES_OF_D} updates of D to one of G; non-saturating objective; "
            f"generator density from {len(_Z)} evenly spaced z by Gaussian kernels of "
            f"width {_KERNEL_WIDTH}; integrals over {len(GRID)} points; largest "
            f"|D - D*| where p_data + p_g > {_SEEN}; no batch norm, "
            f"seed {options.seed}",
        },
        frames=[_frame(m) for m in tqdm(moments, "frames", disable=None)],
    )


@dataclasses.dataclass(frozen=True)
class Moment:
    """The game after some steps, on `GRID`.

    Args:
        step: steps taken.
        p_g: density of the generator, float64 [N].
        discriminator: D(x), float64 [N].
        arrows: x = G(z), float32 [M], of M evenly spaced z.

    Example:

    ```python
    import numpy as np
    from keras_gan.experiments.figure1 import P_DATA, Moment

    ideal = Moment(
        step=0,
        p_g=P_DATA,
        discriminator=np.full(P_DATA.shape, 0.5),
        arrows=np.zeros(9, "float32"),
    )
    assert abs(ideal.divergence) < 1e-6
    ```
    """

    step: int
    p_g: np.ndarray
    discriminator: np.ndarray
    arrows: np.ndarray

    @property
    def optimal(self) -> np.ndarray:
        """D*(x), float64 [N]."""
        return theory.optimal_discriminator(P_DATA, self.p_g)

    @property
    def divergence(self) -> float:
        """JSD of the data's density and the generator's, in nats."""
        return theory.jensen_shannon_divergence(P_DATA, self.p_g, GRID)

    def measures(self) -> dict:
        """Returns V in nats, of D and of D*, and how far D is from D*."""
        seen = P_DATA + self.p_g > _SEEN
        errors = np.abs(self.discriminator - self.optimal)[seen]
        return {
            "step": self.step,
            "value": theory.value(self.discriminator, P_DATA, self.p_g, GRID),
            "value_of_optimal": theory.value(self.optimal, P_DATA, self.p_g, GRID),
            "minus_log_4_plus_2_jsd": theory.EQUILIBRIUM + 2 * self.divergence,
            "divergence": self.divergence,
            "largest_error_of_d": float(errors.max()),
        }


def train(steps: int, alone: int, seed: int) -> list[Moment]:
    """Returns moments of one training, from before its first step to after its last.

    Args:
        steps: of training.
        alone: how many of them D learns alone; one of the moments is after these.
        seed: of weights, latent vectors and data.
    """
    seeding.make_deterministic()
    gan = build(alone, steps, seed)
    points = np.random.default_rng(seed).normal(size=(_POINTS, 1)).astype("float32")
    batches = Images(points).batches(_UPDATES_OF_D * _BATCH, seed=seed, first_step=0)
    # Most moments where most happens: soon after G begins to move.
    shown = np.concatenate(
        [
            np.geomspace(max(1, alone // 40), alone, 12),
            np.linspace(alone, 2 * alone, 31),
            np.linspace(2 * alone, steps, 31),
        ]
    )
    recorder = _Recorder(set(shown.round().astype(int).tolist()), steps)
    gan.fit(batches, steps_per_epoch=steps, verbose=0, callbacks=[recorder])
    return recorder.moments


def build(alone: int, steps: int, seed: int) -> GAN:
    """Returns a compiled GAN whose generator starts as x = z + 2.

    Args:
        alone: steps at the beginning in which the generator's learning rate is 0.
        steps: of the training; in its second half both learn more slowly.
        seed: of weights and latent vectors.
    """
    rng = seeding.generator(seed)
    latent = keras.Input((1,), name="latent")
    start = keras.initializers.Constant(2.0)
    line = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer=start)
    bend = keras.layers.Dense(1, kernel_initializer="zeros")
    hidden = _hidden_layers(latent, 3.0, _Z_BOUND, rng)
    generator = keras.Model(latent, line(latent) + bend(hidden))

    x = keras.Input((1,), name="image")
    logit = keras.layers.Dense(1, kernel_initializer=_weights(rng))
    discriminator = keras.Model(x, logit(_hidden_layers(x, 1.5, 4.0, rng)))

    gan = GAN(
        generator,
        discriminator,
        latent_dim=1,
        latent_distribution="uniform",
        latent_bounds=(-_Z_BOUND, _Z_BOUND),
        value_range=None,
        seed=seed,
    )
    # A rate holds up to and including its boundary, and the first update is number 0.
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay
    half = (alone + steps) // 2
    generator_rate = schedule([alone - 1, half - 1], [0.0, 1e-3, 2e-4])
    discriminator_rate = schedule([_UPDATES_OF_D * half - 1], [3e-3, 6e-4])
    gan.compile(
        keras.optimizers.Adam(generator_rate, beta_1=0.5),
        keras.optimizers.Adam(discriminator_rate, beta_1=0.5),
        discriminator_steps=_UPDATES_OF_D,
    )
    return gan


def _hidden_layers(inputs, slope, bound, rng):
    """Returns two tanh layers over one number in [-bound, bound]."""
    # With Keras's biases of 0 all units would bend at 0 and none in the tails.
    centres = np.linspace(-bound, bound, _UNITS)
    first = keras.layers.Dense(_UNITS, "tanh")
    features = first(inputs)
    first.set_weights([np.full((1, _UNITS), slope), -slope * centres])
    return keras.layers.Dense(_UNITS, "tanh", kernel_initializer=_weights(rng))(
        features
    )


def _weights(rng):
    return keras.initializers.GlorotUniform(seeding.draw(rng))


class _Recorder(StepCallback):
    """Keeps the game at some steps and shows how far the training is."""

    def __init__(self, shown, steps):
        super().__init__()
        self.moments = []
        self._shown, self._steps = shown, steps

    def on_train_begin(self, logs=None):
        self._bar = tqdm(total=self._steps, desc="training", disable=None)
        self._record(0)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update()
        step = self.step_after(batch)
        if step in self._shown:
            self._record(step)

    def on_train_end(self, logs=None):
        self._bar.close()

    def _record(self, step):
        x = np.asarray(self.model.generator(_Z)).ravel()
        logits = self.model.discriminator(GRID.astype("float32")[:, np.newaxis])
        discriminator = expit(np.asarray(logits, "float64").ravel())
        arrows = x[np.linspace(0, len(x) - 1, 19).round().astype(int)]
        self.moments.append(Moment(step, _density(x), discriminator, arrows))


def _density(x):
    """Returns a kernel density estimate on `GRID`: a histogram, smoothed."""
    width = GRID[1] - GRID[0]
    edges = np.append(GRID, GRID[-1] + width) - width / 2
    counts, _ = np.histogram(x, edges, density=True)
    return gaussian_filter1d(counts, _KERNEL_WIDTH / width, mode="constant")


@plain_style()
def _four_panels(panels):
    figure = Figure((16, 4.8), layout="constrained")
    columns = figure.subfigures(1, len(panels), wspace=0.02)
    for column, (name, moment) in zip(columns, panels.items(), strict=True):
        _draw(column, moment, f"({name}) ")
    return _picture(figure, columns[0].axes[0])


@plain_style()
def _frame(moment):
    figure = Figure((6, 5.2), layout="constrained")
    _draw(figure, moment)
    return _picture(figure, figure.axes[0])


def _draw(figure, moment, prefix=""):
    """Draws densities and D above, and arrows from z to x below, as the paper does."""
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[4, 1])
    measures = moment.measures()
    upper.set_title(
        f"{prefix}step {moment.step}, JSD {moment.divergence:.3f}\n"
        f"V: D {measures['value']:.3f}, D* {measures['value_of_optimal']:.3f}",
        fontsize=11,
    )
    upper.plot(GRID, P_DATA, "k:", lw=2, label="data density")
    upper.plot(GRID, moment.p_g, "g-", lw=2, label="generator density")
    upper.plot(GRID, moment.discriminator, "b--", lw=1.5, label="D(x)")
    upper.plot(GRID, moment.optimal, "b-", lw=0.6, label="D*(x)")
    upper.set(xlim=(-4, 5), ylim=(0, 1.05))
    z = np.linspace(-_Z_BOUND, _Z_BOUND, len(moment.arrows))
    lower.hlines([0, 1], [z[0], -4], [z[-1], 5], "black", lw=1)
    lower.quiver(
        z,
        np.zeros_like(z),
        moment.arrows - z,
        np.ones_like(z),
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.004,
    )
    lower.set(ylim=(-0.1, 1.1), yticks=[0, 1], yticklabels=["z", "x"])
    lower.spines[:].set_visible(False)
    lower.tick_params(length=0, labelbottom=False)


def _picture(figure, axes):
    """Returns a figure with a legend of all lines in these axes."""
    lines, labels = axes.get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside lower center", ncols=4, frameon=False)
    return pictures.rendered(figure)
