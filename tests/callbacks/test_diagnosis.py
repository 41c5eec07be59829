"""Runs made to fail in each way that `Diagnosis` knows, and healthy ones."""

import json
import math

import keras
import numpy as np
import pytest
import tqdm

from keras_gan import GAN, InputError, datasets
from keras_gan.callbacks import diagnosis
from keras_gan.callbacks.diagnosis import Diagnosis, Epoch
from keras_gan.callbacks.earlier import mark_restored
from keras_gan.recipes import RECIPES

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
    callback = Diagnosis(images.array)
    history = fit(gan, images, epochs, [callback], steps)
    return callback.findings, history.history


def kinds(findings):
    return {finding.kind for finding in findings}


# Real runs ---------------------------------------------------------------------


def test_a_healthy_run_is_not_remarked_upon():
    recipe = RECIPES["digits"]
    keras.utils.set_random_seed(recipe.seed)
    images = datasets.read("digits", 16)
    gan = recipe.build(images.shape, None)
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
    assert kinds(findings) == {"discriminator_ahead", "mode_collapse"}
    assert not any(finding.ended for finding in findings)


def test_a_discriminator_far_behind_is_found(ring):
    findings, _ = watch(make_gan(adam(1e-3), adam(1e-7)), ring, epochs=8)
    assert [finding.kind for finding in findings] == ["discriminator_behind"]
    assert findings[0].epoch < 8


def test_oscillation_is_found(ring):
    # Radford et al. 2015 saw this momentum oscillate, and took 0.5.
    gan = make_gan(adam(1e-2, 0.9), adam(1e-2, 0.9), update="simultaneous")
    findings, _ = watch(gan, ring, epochs=14)
    assert "oscillation" in kinds(findings)


def test_mode_collapse_is_found_where_the_losses_look_like_equilibrium(ring):
    findings, history = watch(make_gan(adam(1e-2), adam(1e-4)), ring, epochs=14)
    found = [finding for finding in findings if finding.kind == "mode_collapse"]
    assert found and not found[0].ended
    last = slice(found[0].epoch - 3, found[0].epoch)
    np.testing.assert_allclose(history["value"][last], EQUILIBRIUM, atol=0.1)
    np.testing.assert_allclose(history["d_real"][last], 0.5, atol=0.1)
    np.testing.assert_allclose(history["d_fake"][last], 0.5, atol=0.1)


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
BEHIND = {**HEALTHY, "d_real": 0.5, "d_fake": 0.5, "value": -1.6}


@pytest.fixture
def play(ring):
    """Returns a function that shows a series of epochs to a new callback."""

    def play(epochs, objective="non_saturating"):
        gan = make_gan(adam(1e-3), adam(1e-3), objective=objective)
        # Of such an untrained generator the images are as different as these.
        callback = Diagnosis(gan.generate(200, seed=5))
        callback.set_model(gan)
        callback.on_train_begin()
        for epoch, logs in enumerate(epochs):
            callback.on_epoch_end(epoch, logs)
        return callback.findings

    return play


def test_a_failure_is_told_when_it_begins_and_when_it_ends(play, capsys):
    findings = play([HEALTHY] * 3 + [BEHIND] * 8 + [HEALTHY] * 8)
    begun, ended = findings
    assert (begun.kind, begun.epoch, begun.ended) == ("discriminator_behind", 8, False)
    assert (ended.kind, ended.epoch, ended.ended) == ("discriminator_behind", 16, True)
    assert "far behind since epoch 4: D(x) is 0.500, D(G(z)) 0.500, V -1.600" in (
        begun.message
    )
    assert "raise the discriminator's learning rate" in begun.message
    assert "no longer so since epoch 12" in ended.message
    assert "begun at epoch 4" in ended.message
    assert capsys.readouterr().err == (
        f"epoch 8: {begun.message}\nepoch 16: {ended.message}\n"
    )


def test_a_failure_that_comes_and_goes_within_the_window_is_one(play):
    flickering = [BEHIND] * 5 + [HEALTHY, BEHIND, BEHIND, HEALTHY] * 4
    assert [finding.epoch for finding in play(flickering)] == [5]


def test_probabilities_are_read_only_where_logits_are_log_odds(play):
    assert kinds(play([BEHIND] * 6, "minimax")) == {"discriminator_behind"}
    for objective in ("hinge", "least_squares", "wasserstein", "relativistic"):
        assert play([BEHIND] * 6, objective) == []


def test_swinging_losses_of_a_critic_are_no_oscillation(play):
    swinging = [{**HEALTHY, "generator_loss": 3.0 * (-1) ** i} for i in range(8)]
    assert kinds(play(swinging, "hinge")) == {"oscillation"}
    assert play(swinging, "wasserstein") == []


def test_epochs_that_are_not_finite_are_left_to_others(play):
    broken = {**BEHIND, "generator_loss": math.nan}
    assert play([broken] * 10) == []


def test_findings_begin_anew_with_each_fit(ring):
    gan = make_gan(adam(1e-3), adam(1e-7))
    callback = Diagnosis(ring.array)
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


@pytest.mark.parametrize("count", [1, 4])
def test_images_that_are_all_alike_are_no_measure_of_diversity(ring, count):
    callback = Diagnosis(np.ones((count, 2), "float32"))
    fit(make_gan(adam(1e-3), adam(1e-3)), ring, 8, [callback], steps=2)
    assert "mode_collapse" not in kinds(callback.findings)


def test_findings_are_kept_in_a_file_that_a_resumed_run_goes_on_with(tmp_path):
    path = tmp_path / "findings.json"

    def resume(epochs, series):
        gan = make_gan(adam(1e-3), adam(1e-3))
        gan.step.assign(30 * epochs)
        if epochs:
            mark_restored(gan)
        callback = Diagnosis(gan.generate(200, seed=5), path=path)
        callback.set_model(gan)
        callback.set_params({"steps": 30})
        callback.on_train_begin()
        for epoch, logs in enumerate(series, epochs):
            callback.on_epoch_end(epoch, logs)
        return [(f["epoch"], f["ended"]) for f in json.loads(path.read_text())]

    assert resume(0, [HEALTHY] * 5) == []
    assert resume(0, [BEHIND] * 5 + [HEALTHY] * 5) == [(5, False), (10, True)]
    # The run died after its tenth epoch, and the checkpoint was of the seventh.
    assert resume(7, [BEHIND] * 6) == [(5, False), (12, False)]
    assert resume(0, [HEALTHY]) == []


# Each symptom on series written by hand ----------------------------------------


def series(**columns):
    """Returns one epoch for each value of the columns; the rest is healthy."""
    (length,) = {len(values) for values in columns.values()}
    rows = [{name: columns[name][i] for name in columns} for i in range(length)]
    return [
        Epoch(i + 1, **{**HEALTHY, "diversity": 0.9, **row})
        for i, row in enumerate(rows)
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
    assert diagnosis.DiscriminatorAhead().judge(epochs) is ahead


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
    assert diagnosis.DiscriminatorBehind().judge(epochs) is behind


def oscillates(discriminator_loss, generator_loss):
    epochs = series(
        discriminator_loss=list(discriminator_loss), generator_loss=list(generator_loss)
    )
    return diagnosis.Oscillation().judge(epochs)


def test_oscillation_is_the_share_that_losses_go_to_and_fro():
    wave = np.array([1.0, -1.0] * 4)
    # Of 7 steps of 1, all but one are a detour; the losses' sizes are 2 and 1.
    epochs = series(discriminator_loss=2 + 0.5 * wave, generator_loss=[1.0] * 8)
    assert diagnosis.Oscillation().swing(epochs) == pytest.approx(6 / 7 / 3)
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


@pytest.mark.parametrize(
    ("diversity", "collapsed"),
    [
        ([0.9, 0.92, 0.9, 0.88, 0.9], False),
        ([0.45, 0.44, 0.46, 0.45, 0.45], True),
        ([0.3, 0.1, 0.01, 0.0, 0.0], True),
        ([0.01, 0.07, 0.18, 0.29, 0.37], None),  # a generator that has begun to learn
        ([0.9, 0.8, 0.4, 0.1, 0.0], None),
    ],
)
def test_collapse_is_little_variance_that_does_not_grow(diversity, collapsed):
    assert diagnosis.ModeCollapse().judge(series(diversity=diversity)) is collapsed


def test_diversity_compares_with_real_images(ring):
    gan = make_gan(adam(1e-3), adam(1e-3))
    images = gan.generate(64, seed=0)
    callback = Diagnosis(2 * images, seed=0)
    callback.set_model(gan)
    callback.on_train_begin()
    callback.on_epoch_end(0, HEALTHY)
    assert callback._epochs[0].diversity == pytest.approx(1 / 4)


def test_every_symptom_has_its_own_kind_and_says_what_to_do():
    assert len({symptom.kind for symptom in diagnosis.SYMPTOMS}) == 4
    for symptom in diagnosis.SYMPTOMS:
        text = symptom.describe(series(d_real=[0.5] * symptom.window))
        assert any(character.isdigit() for character in text)
        assert "rate" in symptom.advice
