"""Runs made to fail in each way that `Diagnosis` knows, and healthy ones."""

import json
import math

import keras
import numpy as np
import pytest
import tqdm

from keras_gan import GAN, InputError, datasets
from keras_gan.callbacks import Checkpoint, Diagnosis, StopAfter, diagnosis
from keras_gan.ownership import mark_restored
from keras_gan.recipes import RECIPES
from keras_gan.symptoms import (
    DiscriminatorAhead,
    DiscriminatorBehind,
    GeneratorBehind,
    ModeCollapse,
    Oscillation,
    Variety,
    Window,
)

EQUILIBRIUM = -math.log(4)


@pytest.fixture(scope="module")
def ring():
    return datasets.read("ring")


def make_gan(generator_optimizer, discriminator_optimizer, seed=0, **settings):
    keras.utils.set_random_seed(seed)

    def network(inputs, outputs):
        hidden = [keras.layers.Dense(64, "relu") for _ in range(2)]
        return keras.Sequential(
            [keras.Input((inputs,)), *hidden, keras.layers.Dense(outputs)]
        )

    gan = GAN(network(8, 2), network(2, 1), 8, value_range=None, seed=seed)
    gan.compile(generator_optimizer, discriminator_optimizer, **settings)
    return gan


def adam(rate, beta_1=0.5):
    return keras.optimizers.Adam(rate, beta_1=beta_1)


def fit(gan, images, epochs, callbacks=(), steps=30):
    return gan.fit(
        images.batches(64 * gan.discriminator_steps, first_step=0),
        steps_per_epoch=steps,
        epochs=epochs,
        verbose=0,
        callbacks=list(callbacks),
    )


def watch(gan, images, epochs, steps=30):
    """Returns what was found while it trained, and the metrics of each epoch."""
    callback = Diagnosis(images.array, every_steps=steps)
    history = fit(gan, images, epochs, [callback], steps)
    return callback.findings, history.history


def kinds(findings):
    return {finding.kind for finding in findings}


# Real runs ---------------------------------------------------------------------


def test_a_healthy_run_is_not_remarked_upon():
    recipe = RECIPES["digits"]
    keras.utils.set_random_seed(recipe.seed)
    images = datasets.read("digits", 16)
    gan = recipe.build({"image_shape": images.shape})
    callback = Diagnosis(images.array)
    gan.fit(
        images.batches(recipe.batch_size, first_step=0),
        steps_per_epoch=images.steps_per_epoch(recipe.batch_size),
        epochs=12,
        verbose=0,
        callbacks=[callback],
    )
    assert callback.findings == []


def test_a_discriminator_far_ahead_is_found(ring):
    gan = make_gan(adam(1e-5), adam(5e-3), discriminator_steps=5)
    findings, _ = watch(gan, ring, epochs=10)
    # This generator never learns to tell its latent vectors apart either.
    expected = {"discriminator_ahead", "generator_behind", "mode_collapse"}
    assert kinds(findings) == expected
    assert not any(finding.ended for finding in findings)


def test_a_discriminator_far_behind_is_found(ring):
    findings, _ = watch(make_gan(adam(1e-3), adam(1e-7)), ring, epochs=8)
    assert [finding.kind for finding in findings] == ["discriminator_behind"]
    assert findings[0].step < 8 * 30


def test_oscillation_is_found(ring):
    # Radford et al. 2015 saw this momentum oscillate, and took 0.5.
    gan = make_gan(adam(1e-2, 0.9), adam(1e-2, 0.9), update="simultaneous")
    findings, _ = watch(gan, ring, epochs=14)
    assert "oscillation" in kinds(findings)


def test_mode_collapse_is_found_where_the_losses_look_like_equilibrium(ring):
    findings, history = watch(make_gan(adam(1e-2), adam(1e-4)), ring, epochs=14)
    found = [finding for finding in findings if finding.kind == "mode_collapse"]
    assert found and not found[0].ended
    np.testing.assert_allclose(history["value"][-3:], EQUILIBRIUM, atol=0.1)
    np.testing.assert_allclose(history["d_real"][-3:], 0.5, atol=0.1)
    np.testing.assert_allclose(history["d_fake"][-3:], 0.5, atol=0.1)


def test_it_changes_nothing_in_training(ring, deterministic):
    alone, watched = make_gan(adam(1e-3), adam(1e-3)), make_gan(adam(1e-3), adam(1e-3))
    fit(alone, ring, 2)
    fit(watched, ring, 2, [Diagnosis(ring.array)])
    alone.generate(1), watched.generate(1)  # draws from the model's own sequence
    for name, variables in alone.training_state().items():
        for a, b in zip(variables, watched.training_state()[name], strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)
    np.testing.assert_array_equal(alone.generate(4), watched.generate(4))


# The callback on series written by hand ----------------------------------------

HEALTHY = {
    "discriminator_loss": 1.2,
    "generator_loss": 0.9,
    "d_real": 0.6,
    "d_fake": 0.4,
    "value": -1.1,
}
PROBABILITIES = {"real": "d_real", "fake": "d_fake"}
LOSSES = ("discriminator_loss", "generator_loss")
BEHIND = {**HEALTHY, "d_real": 0.5, "d_fake": 0.5, "value": -1.6}


def show(callback, gan, windows):
    """Shows a callback windows of 50 steps, each of them an epoch."""
    callback.set_model(gan)
    callback.set_params({"steps": 50})
    callback.on_train_begin()
    begin = int(gan.step.numpy())
    for i, means in enumerate(windows, 1):
        callback.on_epoch_begin((begin + 50 * i) // 50 - 1)
        callback._look(begin + 50 * i, means)
    return callback.findings


@pytest.fixture
def play(ring):
    """Returns a function that shows windows to a new callback."""

    def play(windows, objective="non_saturating"):
        gan = make_gan(adam(1e-3), adam(1e-3), objective=objective)
        # Of such an untrained generator the images are as different as these.
        return show(Diagnosis(gan.generate(200, seed=5)), gan, windows)

    return play


def test_a_failure_is_told_when_it_begins_and_when_it_ends(play, capsys):
    findings = play([HEALTHY] * 3 + [BEHIND] * 8 + [HEALTHY] * 8)
    begun, ended = findings
    assert (begun.kind, begun.step, begun.ended) == ("discriminator_behind", 400, False)
    assert (ended.kind, ended.step, ended.ended) == ("discriminator_behind", 800, True)
    assert (begun.epoch, ended.epoch) == (8, 16)
    assert "far behind since step 151: D(x) is 0.500, D(G(z)) 0.500, V -1.600" in (
        begun.message
    )
    assert "raise the discriminator's learning rate" in begun.message
    assert "no longer so since step 551" in ended.message
    assert "begun at step 151" in ended.message
    assert capsys.readouterr().err == (
        f"step 400: {begun.message}\nstep 800: {ended.message}\n"
    )


def test_a_failure_that_comes_and_goes_within_the_window_is_one(play):
    flickering = [BEHIND] * 5 + [HEALTHY, BEHIND, BEHIND, HEALTHY] * 4
    assert [finding.step for finding in play(flickering)] == [250]


def test_probabilities_are_read_only_where_logits_are_log_odds(play):
    assert kinds(play([BEHIND] * 6, "minimax")) == {"discriminator_behind"}
    for objective in ("hinge", "least_squares", "wasserstein", "relativistic"):
        assert play([BEHIND] * 6, objective) == []


def test_swinging_losses_of_a_critic_are_no_oscillation(play):
    swinging = [{**HEALTHY, "generator_loss": 3.0 * (-1) ** i} for i in range(8)]
    assert kinds(play(swinging, "hinge")) == {"oscillation"}
    assert play(swinging, "wasserstein") == []


def test_windows_that_are_not_finite_are_left_to_others(play):
    broken = {**BEHIND, "generator_loss": math.nan}
    assert play([broken] * 10) == []


def test_findings_begin_anew_with_each_fit(ring):
    gan = make_gan(adam(1e-3), adam(1e-7))
    callback = Diagnosis(ring.array, every_steps=30)
    for _ in range(2):
        fit(gan, ring, 8, [callback])
        assert len(callback.findings) == 1


def test_a_warning_keeps_out_of_a_progress_bar(play, monkeypatch):
    written = []
    monkeypatch.setattr(tqdm.tqdm, "write", lambda text, file: written.append(text))
    play([BEHIND] * 6)
    assert len(written) == 1 and "\n" not in written[0]


def test_real_images_must_be_what_the_model_makes(ring):
    def begin(real):
        callback = Diagnosis(real)
        callback.set_model(make_gan(adam(1e-3), adam(1e-3)))
        callback.on_train_begin()

    begin(ring.array)
    with pytest.raises(InputError, match="dtype uint8"):
        begin(np.zeros((4, 2), "uint8"))
    with pytest.raises(InputError, match=r"shape \(4, 3\)"):
        begin(np.zeros((4, 3), "float32"))
    with pytest.raises(InputError, match="count is 1"):
        Diagnosis(ring.array, count=1)
    with pytest.raises(InputError, match="every_steps is 0"):
        Diagnosis(ring.array, every_steps=0)


@pytest.mark.parametrize("count", [1, 4])
def test_images_that_are_all_alike_are_no_measure_of_diversity(ring, count):
    callback = Diagnosis(np.ones((count, 2), "float32"), every_steps=2)
    fit(make_gan(adam(1e-3), adam(1e-3)), ring, 8, [callback], steps=2)
    assert "mode_collapse" not in kinds(callback.findings)


def test_findings_are_kept_in_a_file_that_a_resumed_run_goes_on_with(tmp_path):
    path = tmp_path / "findings.json"

    def resume(windows, series):
        gan = make_gan(adam(1e-3), adam(1e-3))
        if windows:
            gan.step.assign(50 * windows)
            mark_restored(gan)
        show(Diagnosis(gan.generate(200, seed=5), path=path), gan, series)
        return [(f["step"], f["ended"]) for f in json.loads(path.read_text())]

    assert resume(0, [HEALTHY] * 5) == []
    assert resume(0, [BEHIND] * 5 + [HEALTHY] * 5) == [(250, False), (500, True)]
    # The run died at step 500, and the checkpoint was of step 350.
    assert resume(7, [BEHIND] * 6) == [(250, False), (600, False)]
    assert resume(0, [HEALTHY]) == []
    # Older versions counted epochs only.
    old = [
        {"kind": "oscillation", "epoch": epoch, "message": "x", "ended": False}
        for epoch in (3, 9)
    ]
    path.write_text(json.dumps(old))
    gan = make_gan(adam(1e-3), adam(1e-3))
    gan.step.assign(50 * 4)
    mark_restored(gan)
    show(Diagnosis(gan.generate(200, seed=5), path=path), gan, [])
    assert json.loads(path.read_text()) == old[:1]


# Each symptom on series written by hand ----------------------------------------


def series(**columns):
    """Returns a window for each value of the columns; the rest is healthy."""
    (length,) = {len(values) for values in columns.values()}
    columns = {"diversity": [0.9] * length, "kinds": [0.9] * length, **columns}
    return [
        Window(
            50 * i + 1,
            50 * i + 50,
            {name: columns.get(name, [HEALTHY[name]] * length)[i] for name in HEALTHY},
            {"sample": Variety(columns["diversity"][i], columns["kinds"][i])},
        )
        for i in range(length)
    ]


@pytest.mark.parametrize(
    ("d_real", "d_fake", "ahead"),
    [
        ([0.999] * 5, [0.0005] * 5, True),
        ([0.95] * 5, [0.05] * 5, False),
        ([0.999] * 5, [0.3] * 5, False),
        ([0.5] * 5, [0.001] * 5, False),
        ([0.9, 0.97, 0.99, 0.999, 0.999], [0.001] * 5, None),
    ],
)
def test_ahead_is_near_certainty_about_both(d_real, d_fake, ahead):
    epochs = series(d_real=d_real, d_fake=d_fake)
    assert DiscriminatorAhead(**PROBABILITIES).judge(epochs) is ahead


@pytest.mark.parametrize(
    ("d_real", "d_fake", "value", "behind"),
    [
        (0.48, 0.98, -5.1, True),  # D prefers the generator's images
        (0.95, 0.95, -3.1, True),  # D calls everything real
        (0.5, 0.5, EQUILIBRIUM, False),  # at the equilibrium a coin is right
        (0.49, 0.5, -1.41, False),  # so it is a moment before D's update
        (0.86, 0.27, -2.6, False),  # D can tell, but is too sure where it is wrong
    ],
)
def test_behind_is_worse_than_a_coin(d_real, d_fake, value, behind):
    epochs = series(d_real=[d_real] * 5, d_fake=[d_fake] * 5, value=[value] * 5)
    assert DiscriminatorBehind(**PROBABILITIES, value="value").judge(epochs) is behind


def oscillates(discriminator_loss, generator_loss):
    epochs = series(
        discriminator_loss=list(discriminator_loss), generator_loss=list(generator_loss)
    )
    return Oscillation(losses=LOSSES).judge(epochs)


def test_oscillation_is_the_share_that_losses_go_to_and_fro():
    wave = np.array([1.0, -1.0] * 4)
    # Of 7 steps of 1, all but one are a detour; the losses' sizes are 2 and 1.
    epochs = series(discriminator_loss=2 + 0.5 * wave, generator_loss=[1.0] * 8)
    assert Oscillation(losses=LOSSES).swing(epochs) == pytest.approx(6 / 7 / 3)
    assert oscillates(2 + 0.6 * wave, [1.0] * 8) is True
    assert oscillates(2 + 0.5 * wave, [1.0] * 8) is None
    assert oscillates(2 + 0.3 * wave, [1.0] * 8) is False
    # Losses near 0 swing by much of themselves and by little of a nat.
    assert oscillates(0.02 + 0.02 * wave, 0.1 + 0.02 * wave) is False


def test_a_slow_oscillation_is_one_too():
    angle = np.arange(8) * (2 * np.pi / 6)
    assert oscillates(2 + 1.5 * np.cos(angle), 2 + 1.5 * np.sin(angle)) is True


def test_a_trend_or_one_hump_is_no_oscillation():
    assert oscillates(np.linspace(0.1, 1.3, 8), np.linspace(8, 1, 8)) is False
    # The first epochs of a healthy run of `gan-mnist`.
    assert (
        oscillates(
            [0.467, 0.195, 0.213, 0.326, 0.495, 0.587, 0.611, 0.670],
            [3.685, 5.768, 5.078, 3.977, 2.856, 2.405, 2.302, 2.101],
        )
        is False
    )


# Of real runs of `dcgan-64`, a look each 50 steps. At step 400 the characters have two
# shapes and two colours; the 5,000 faces are as different as faces are, and the 200
# faces too, though the discriminator knows the images by heart.
CHARACTERS = {
    "d_real": [0.83, 0.80, 0.84, 0.83, 0.83, 0.83, 0.81, 0.82, 0.83, 0.83],
    "d_fake": [0.24, 0.22, 0.17, 0.18, 0.16, 0.18, 0.19, 0.18, 0.17, 0.17],
    "diversity": [0.01, 0.05, 0.05, 0.08, 0.11, 0.14, 0.16, 0.21, 0.24, 0.28],
    "kinds": [0.02, 0.14, 0.07, 0.17, 0.25, 0.36, 0.46, 0.58, 0.61, 0.63],
}
TRANSPARENT_CHARACTERS = {
    "d_real": [0.83, 0.71, 0.71, 0.78, 0.77, 0.78, 0.77, 0.79, 0.78, 0.77, 0.82],
    "d_fake": [0.24, 0.30, 0.28, 0.23, 0.23, 0.22, 0.23, 0.21, 0.21, 0.23, 0.19],
    "diversity": [0.01, 0.07, 0.08, 0.10, 0.12, 0.14, 0.16, 0.20, 0.23, 0.25, 0.27],
    "kinds": [0.05, 0.18, 0.23, 0.33, 0.30, 0.37, 0.47, 0.57, 0.58, 0.62, 0.67],
}
FACES = {
    "d_real": [0.88, 0.74, 0.72, 0.71, 0.69, 0.66, 0.66, 0.65, 0.67, 0.66],
    "d_fake": [0.20, 0.25, 0.29, 0.29, 0.32, 0.34, 0.34, 0.35, 0.33, 0.33],
    "diversity": [0.01, 0.09, 0.24, 0.39, 0.46, 0.49, 0.61, 0.62, 0.63, 0.68],
    "kinds": [0.02, 0.12, 0.37, 0.54, 0.65, 0.73, 0.83, 0.81, 0.85, 0.88],
}


# From step 550 on.
FACES_BY_HEART = {
    "d_real": [0.78, 0.78, 0.83, 0.83, 0.81, 0.88, 0.89, 0.85, 0.91, 0.89],
    "d_fake": [0.22, 0.22, 0.17, 0.17, 0.19, 0.12, 0.11, 0.15, 0.09, 0.09],
    "diversity": [0.54, 0.54, 0.56, 0.55, 0.53, 0.56, 0.55, 0.54, 0.56, 0.57],
    "kinds": [0.67, 0.70, 0.77, 0.74, 0.65, 0.67, 0.67, 0.60, 0.63, 0.65],
}


def steps_behind(run):
    """Returns at which steps the generator is said to be far behind."""
    windows = series(**run)
    symptom = GeneratorBehind(**PROBABILITIES, output="sample")
    ends = range(symptom.length, len(windows) + 1)
    return [50 * i for i in ends if symptom.judge(windows[i - symptom.length : i])]


def test_few_types_of_characters_are_reported_and_faces_are_not():
    assert steps_behind(CHARACTERS) == [400, 450, 500]
    assert steps_behind(TRANSPARENT_CHARACTERS) == [550]
    assert steps_behind(FACES) == []
    assert steps_behind(FACES_BY_HEART) == []


def test_a_generator_far_behind_is_reported_when_it_begins_and_ends(ring):
    gan = make_gan(adam(1e-3), adam(1e-3))
    behind = {**HEALTHY, "d_real": 0.86, "d_fake": 0.14}
    # The generated images vary a third as much.
    real = 1.75 * gan.generate(200, seed=5)
    windows = [HEALTHY] * 3 + [behind] * 8 + [HEALTHY] * 8
    begun, ended = show(Diagnosis(real), gan, windows)
    assert (begun.kind, begun.step, begun.ended) == ("generator_behind", 550, False)
    assert begun.message.startswith(
        "the generator is far behind since step 151: D(x) is 0.86 and D(G(z)) 0.14; "
        "the images' variance is 0.3"
    )
    assert "as many kinds as real ones. " in begun.message
    assert "add a penalty such as r1" in begun.message
    assert (ended.kind, ended.step, ended.ended) == ("generator_behind", 950, True)


@pytest.mark.parametrize(
    ("gap", "diversity", "kinds", "behind"),
    [
        (0.7, 0.3, 0.9, True),
        (0.7, 0.9, 0.3, True),
        (0.91, 0.60, 0.73, False),  # 500 faces at step 2,500: D knows them by heart
        (0.49, 0.43, 0.54, False),  # `dcgan-cifar10` at its least
        (0.17, 0.36, 0.34, False),  # `gan-mnist` at step 300
        (0.02, 0.9, 0.42, False),  # `ring`
        (0.7, 0.3, math.nan, True),  # too few images to count kinds
        (0.7, math.nan, math.nan, False),
    ],
)
def test_behind_takes_a_wide_gap_and_images_that_vary_little(
    gap, diversity, kinds, behind
):
    windows = series(
        d_real=[0.5 + gap / 2] * 8,
        d_fake=[0.5 - gap / 2] * 8,
        diversity=[diversity] * 8,
        kinds=[kinds] * 8,
    )
    assert GeneratorBehind(**PROBABILITIES, output="sample").judge(windows) is behind


# Of real runs, a look each 50 steps: shares of variance and of kinds.
CHECKERBOARD = (
    [0.25, 0.10, 0.40, 0.31, 0.16, 0.11, 0.07, 0.06],
    [0.05, 0.04, 0.05, 0.09, 0.04, 0.05, 0.02, 0.04],
)
HEALTHY_STARTS = {
    "200 digits": (
        [0.25, 0.80, 0.96, 0.95, 0.95, 0.98, 0.98, 0.97],
        [0.35, 0.82, 0.95, 0.82, 0.85, 1.00, 1.05, 1.00],
    ),
    "dcgan-mnist": (
        [0.05, 0.17, 0.28, 0.50, 0.64, 0.78, 0.84, 0.93],
        [0.56, 0.70, 0.84, 0.93, 0.96, 0.98, 0.96, 0.96],
    ),
    "gan-mnist": (
        [0.01, 0.04, 0.13, 0.18, 0.27, 0.30, 0.33, 0.38],
        [0.04, 0.09, 0.14, 0.21, 0.44, 0.32, 0.54, 0.63],
    ),
    "200 faces": (
        [0.02, 0.20, 0.41, 0.37, 0.45, 0.51],
        [0.02, 0.23, 0.53, 0.60, 0.63, 0.74],
    ),
    "dcgan-cifar10": (
        [0.59, 0.64, 0.64, 0.56, 0.56, 0.46, 0.45, 0.45, 0.50, 0.57],
        [0.74, 0.70, 0.70, 0.63, 0.54, 0.57, 0.59, 0.61, 0.72, 0.78],
    ),
    "ring": (
        [0.49, 0.40, 0.64, 0.84, 0.95, 0.98, 0.97, 0.99],
        [0.38, 0.33, 0.43, 0.45, 0.48, 0.48, 0.42, 0.43],
    ),
}


def collapse(diversity, kinds):
    """Returns at which windows, counted from 1, a run is said to have collapsed."""
    windows = series(diversity=diversity, kinds=kinds)
    symptom = ModeCollapse(output="sample")
    ends = range(symptom.length, len(windows) + 1)
    return [i for i in ends if symptom.judge(windows[i - symptom.length : i])]


def test_one_checkerboard_for_all_is_a_collapse_within_250_steps():
    assert collapse(*CHECKERBOARD) == [5, 6, 7, 8]


@pytest.mark.parametrize("name", HEALTHY_STARTS)
def test_healthy_starts_are_no_collapse(name):
    assert collapse(*HEALTHY_STARTS[name]) == []


def test_few_kinds_of_images_are_a_collapse_though_they_vary():
    assert collapse([0.9] * 5, [0.1] * 5) == [5]
    assert collapse([0.9] * 5, [0.1, 0.15, 0.2, 0.25, 0.28]) == []  # they get more
    assert collapse([0.1] * 5, [math.nan] * 5) == [5]  # too few images to count
    assert collapse([0.9] * 5, [math.nan] * 5) == []


def test_kinds_are_those_of_the_most_similar_real_images():
    digits = datasets.read("digits")
    real = digits.array[:800]
    kinds = diagnosis._Kinds(real, 64)
    assert kinds.share(digits.array[800:864]) > 0.7  # as real as any
    five = digits.array[800:805]
    noise = np.random.default_rng(0).integers(0, 20, (64, 8, 8, 1))
    varied = (np.repeat(five, 13, axis=0)[:64] * 0.9 + noise).astype("uint8")
    assert 1 / 64 <= kinds.share(varied) < 0.3
    # Each image that is compared with is most like itself.
    rows = np.unique(kinds._references, axis=0)[:64]
    assert kinds._found(rows) == 64
    assert math.isnan(diagnosis._Kinds(real[:8], 64).share(varied))
    assert math.isnan(diagnosis._Kinds(np.ones((99, 8, 8, 1), "uint8"), 64).share(five))


def test_diversity_compares_with_real_images(ring):
    gan = make_gan(adam(1e-3), adam(1e-3))
    images = gan.generate(64, seed=0)
    callback = Diagnosis(2 * images, seed=0)
    callback.set_model(gan)
    callback.on_train_begin()
    callback.on_epoch_begin(0)
    callback._look(50, HEALTHY)
    assert callback._windows[0].samples["sample"].diversity == pytest.approx(1 / 4)


@pytest.mark.parametrize("steps", [7, 100])
def test_windows_are_of_steps_whatever_the_length_of_an_epoch(steps, ring):
    """Each metric's mean over a window is that of its steps, across ends of epochs."""

    class Recorded(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.before = 0

        def on_train_batch_end(self, batch, logs=None):
            total = float(self.model.metrics[0].variables[0].numpy())
            losses.append(total - self.before)
            self.before = total

    losses, callback = [], Diagnosis(ring.array, every_steps=20)
    epochs = -(-100 // steps)
    fit(make_gan(adam(1e-3), adam(1e-3)), ring, epochs, [callback, Recorded()], steps)
    windows = list(callback._windows)
    assert [(w.first, w.last) for w in windows[:2]] == [(1, 20), (21, 40)]
    for window in windows:
        expected = np.mean(losses[window.first - 1 : window.last])
        assert window.means["discriminator_loss"] == pytest.approx(expected, rel=1e-4)


def test_a_run_that_is_shorter_than_five_windows_is_not_judged(ring):
    gan = make_gan(adam(1e-3), adam(1e-7))
    callback = Diagnosis(ring.array)
    fit(gan, ring, 20, [callback], steps=3)  # 20 epochs, and only 60 steps
    assert callback.findings == []


def test_several_steps_at_a_time_and_a_resumed_epoch(ring, tmp_path):
    gan = make_gan(adam(1e-3), adam(1e-3), steps_per_execution=3)
    callback = Diagnosis(ring.array, every_steps=20)
    checkpoint = Checkpoint(tmp_path)
    fit(gan, ring, 1, [callback, StopAfter(steps=24), checkpoint])
    assert [(w.first, w.last) for w in callback._windows] == [(1, 21)]
    resumed = make_gan(adam(1e-3), adam(1e-3), steps_per_execution=3)
    again, whole = Checkpoint(tmp_path), Diagnosis(ring.array, every_steps=20)
    assert again.restore(resumed)
    fit(resumed, ring, 3, [whole, again])
    assert [(w.first, w.last) for w in whole._windows] == [(25, 42), (43, 60), (61, 81)]
    # Restored sums are of steps before, and count for no window.
    assert all(0 < w.means["d_real"] < 1 for w in whole._windows)


def test_every_symptom_has_its_own_kind_and_says_what_to_do():
    found = make_gan(adam(1e-3), adam(1e-3)).symptoms
    assert len({symptom.kind for symptom in found}) == 5
    for symptom in found:
        text = symptom.describe(series(d_real=[0.5] * symptom.length))
        assert any(character.isdigit() for character in text)
        assert "rate" in symptom.advice
