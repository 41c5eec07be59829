"""Runs that are made to diverge, and what is left of them."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, Diverged, InputError, datasets, recipes, runs, sample
from keras_gan.callbacks import (
    Checkpoint,
    DivergenceGuard,
    Evaluate,
    SampleGrid,
    StopAfter,
)
from keras_gan.checkpoints import CheckpointFolder, restore_newest
from keras_gan.evaluators import DistributionEvaluator
from keras_gan.features.pixels import Pixels
from keras_gan.optimizers import Lowered

STEPS_PER_EPOCH = 25
RATE = 1e-3


@pytest.fixture(scope="module")
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), "uint8")
    return datasets.read(pixels)


@pytest.fixture
def float16():
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy("float32")


def make_gan(rate=RATE, optimizer=keras.optimizers.Adam):
    gan = DCGAN((8, 8, 1), 4, 2, seed=3)
    gan.compile(optimizer(rate), optimizer(rate), generator_average=0.9)
    return gan


def fit(gan, images, steps, callbacks, poisoned=()):
    """Trains to a step, with NaN in the batches of the steps `poisoned`."""
    first_step = int(gan.step)
    bad = tf.constant(list(poisoned), "int64")

    def poison(step, batch):
        hit = tf.reduce_any(step == bad)
        return tf.where(hit, tf.fill(tf.shape(batch), np.nan), batch)

    data = images.batches(8, first_step=first_step).enumerate(first_step).map(poison)
    gan.fit(
        data,
        steps_per_epoch=STEPS_PER_EPOCH,
        initial_epoch=first_step // STEPS_PER_EPOCH,
        epochs=-(-steps // STEPS_PER_EPOCH),
        callbacks=callbacks,
        verbose=0,
    )


def saved_values(folder):
    for index in folder.glob("ckpt-*.index"):
        reader = tf.train.load_checkpoint(str(index.with_suffix("")))
        for name in reader.get_variable_to_shape_map():
            if not name.startswith("_CHECKPOINTABLE"):
                yield f"{index.stem}: {name}", np.asarray(reader.get_tensor(name))


def assert_all_saved_is_finite(folder):
    values = dict(saved_values(folder))
    assert values
    for name, value in values.items():
        assert np.isfinite(value.astype("float64")).all(), name


def test_nan_in_a_batch_ends_training_and_nothing_of_it_is_saved(
    images, tmp_path, capsys
):
    gan = make_gan()
    checkpoint = Checkpoint(tmp_path / "checkpoints", every_steps=7, keep=None)
    guard = DivergenceGuard(checkpoint, every_steps=40)
    real = DistributionEvaluator(images, Pixels())
    best = Evaluate(real, path=tmp_path / "m.csv", best_directory=tmp_path / "best")
    samples = SampleGrid(tmp_path / "samples", every_steps=7)
    fit(gan, images, 500, [guard, best, samples, checkpoint], poisoned=[31])

    # Looks at 25 (the epoch's end) and 40, and the batch of step 31 was poisoned.
    assert int(gan.step) == 40
    assert "at step 40" in guard.failure and "At step 25 none were" in guard.failure
    assert "checkpoint of step 28" in guard.failure
    for folder in (tmp_path / "checkpoints", tmp_path / "best"):
        assert_all_saved_is_finite(folder)
    steps = {int(p.stem[5:]) for p in (tmp_path / "checkpoints").glob("*.index")}
    assert steps == {0, 7, 14, 21, 28}
    for weight in gan.averaged_generator.weights:
        assert np.isfinite(weight.numpy()).all()
    with pytest.raises(Diverged, match="step 40"):
        gan.require_finite()
    assert "no checkpoint: at step 35" in capsys.readouterr().err


def test_going_back_lowers_the_rates_and_trains_on(images, tmp_path, capsys):
    gan = make_gan()
    checkpoint = Checkpoint(tmp_path / "c", every_steps=10, keep=None)
    log = tmp_path / "divergences.json"
    guard = DivergenceGuard(checkpoint, every_steps=5, retries=2, path=log)
    fit(gan, images, 100, [guard, checkpoint], poisoned=[32, 61])
    assert guard.failure is None
    assert int(gan.step) == 100
    gan.require_finite()
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(RATE / 4)
    assert float(gan.discriminator_optimizer.learning_rate) == pytest.approx(RATE / 4)
    # 100 steps, without those from 30 to 35 and, with checkpoints at 35, 45 and 55,
    # those from 55 to 65.
    assert int(gan.generator_optimizer.iterations) == 85
    found = [(e["step"], e["checkpoint"]) for e in json.loads(log.read_text())]
    assert found == [(35, 30), (65, 55)]
    assert "time 2 of 2, with learning rates 0.00025" in capsys.readouterr().err
    assert_all_saved_is_finite(tmp_path / "c")

    # A resumed run has gone back as often already, and has the lower rates.
    again = make_gan()
    checkpoint = Checkpoint(tmp_path / "c", every_steps=10)
    assert checkpoint.restore(again)
    guard = DivergenceGuard(checkpoint, every_steps=5, retries=2, path=log)
    fit(again, images, 150, [guard, checkpoint], poisoned=[110])
    assert "went back 2 times" in guard.failure
    assert float(again.generator_optimizer.learning_rate) == pytest.approx(RATE / 4)


def test_going_back_lowers_schedules_too(images, tmp_path):
    def schedule(rate):
        return keras.optimizers.Adam(
            keras.optimizers.schedules.ExponentialDecay(rate, 1000, 0.5)
        )

    gan = make_gan(optimizer=schedule)
    checkpoint = Checkpoint(tmp_path / "c", every_steps=10)
    log = tmp_path / "divergences.json"
    guard = DivergenceGuard(checkpoint, every_steps=5, retries=1, path=log)
    fit(gan, images, 50, [guard, checkpoint], poisoned=[22])
    assert guard.failure is None
    done = int(gan.generator_optimizer.iterations)
    assert done == 45
    expected = RATE / 2 * 0.5 ** (done / 1000)
    assert float(gan.generator_optimizer.learning_rate) == pytest.approx(expected)

    resumed = make_gan(optimizer=schedule)
    checkpoint = Checkpoint(tmp_path / "c", every_steps=10)
    checkpoint.restore(resumed)
    guard = DivergenceGuard(checkpoint, every_steps=5, retries=1, path=log)
    fit(resumed, images, 75, [guard, checkpoint])
    expected = RATE / 2 * 0.5 ** ((done + 25) / 1000)
    assert float(resumed.generator_optimizer.learning_rate) == pytest.approx(expected)


def test_a_lowered_schedule_is_used_by_the_steps_that_follow(images, tmp_path):
    def descent(rate):
        return keras.optimizers.SGD(
            keras.optimizers.schedules.PiecewiseConstantDecay([10**6], [rate, rate])
        )

    gan = make_gan(optimizer=descent)
    checkpoint = Checkpoint(tmp_path / "c", every_steps=100)
    guard = DivergenceGuard(checkpoint, every_steps=5, retries=1, factor=1e-30)
    before = [weight.numpy() for weight in gan.generator.trainable_weights]
    fit(gan, images, 50, [guard, checkpoint], poisoned=[3])
    assert guard.failure is None
    for weight, value in zip(gan.generator.trainable_weights, before, strict=True):
        np.testing.assert_allclose(weight.numpy(), value, atol=1e-30)


def test_a_lowered_schedule_is_saved_and_loaded():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.5)
    config = keras.saving.serialize_keras_object(Lowered(schedule, 0.25))
    loaded = keras.saving.deserialize_keras_object(config)
    assert float(loaded(20)) == pytest.approx(0.5 * 0.25 * 0.25)


def test_the_device_is_asked_once_an_interval(images, tmp_path, monkeypatch):
    looks = []
    look = DCGAN.require_finite

    def counted(gan):
        looks.append(int(gan.step))
        look(gan)

    monkeypatch.setattr(DCGAN, "require_finite", counted)
    gan = make_gan()
    checkpoint = Checkpoint(tmp_path, every_steps=1000)
    fit(gan, images, 100, [DivergenceGuard(checkpoint, every_steps=40), checkpoint])
    # Every 40 steps and where an epoch of 25 ends; 0 and the last are checkpoints.
    assert looks == [0, 25, 40, 50, 75, 80, 100, 100]


def test_gradients_of_float16_that_overflow_are_no_divergence(
    images, tmp_path, float16
):
    def scaled(rate):
        return keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam(rate), initial_scale=2.0**40
        )

    gan = make_gan(optimizer=scaled)
    scale = gan.generator_optimizer.dynamic_scale
    checkpoint = Checkpoint(tmp_path, every_steps=25)
    guard = DivergenceGuard(checkpoint, every_steps=1)
    fit(gan, images, 50, [guard, checkpoint])
    assert guard.failure is None
    assert float(scale) < 2.0**40  # steps were left out
    assert int(gan.generator_optimizer.inner_optimizer.iterations) > 0  # others not
    assert_all_saved_is_finite(tmp_path)


def test_activations_of_float16_that_overflow_are_one(images, tmp_path, float16):
    gan = make_gan()
    gan.discriminator.trainable_weights[-2].assign_add(
        np.full(gan.discriminator.trainable_weights[-2].shape, 6e4, "float32")
    )
    checkpoint = Checkpoint(tmp_path, every_steps=25)
    guard = DivergenceGuard(checkpoint, every_steps=10)
    fit(gan, images, 50, [guard, checkpoint])
    assert int(gan.step) == 10
    assert "metrics" in guard.failure
    assert restore_newest(make_gan(), tmp_path).endswith("ckpt-0")


def test_a_learning_rate_of_10(images, tmp_path):
    gan = DCGAN((8, 8, 1), 4, 2, batch_normalization=False, seed=3)
    descents = (keras.optimizers.SGD(10.0), keras.optimizers.SGD(10.0))
    gan.compile(*descents, objective="wasserstein", generator_average=0.9)
    checkpoint = Checkpoint(tmp_path, every_steps=1, keep=None)
    guard = DivergenceGuard(checkpoint, every_steps=10)
    fit(gan, images, 500, [guard, checkpoint])
    assert guard.failure and int(gan.step) < 500
    assert_all_saved_is_finite(tmp_path)
    for weight in gan.averaged_generator.weights:
        assert np.isfinite(weight.numpy()).all()


# Adam's steps stay finite at that rate; in float16 what they lead to does not: with
# weights of 10, sums of 25 pixels and then of 64 of those sums exceed 65,504.
RUN_AT_10 = (
    *("digits", "--image-size", "8", "--base-filters", "4", "--checkpoint-steps", "50"),
    *("--no-batch-normalization", "--hidden-units", "4"),
    *("--evaluate-epochs", "1000", "--mixed-precision", "float16", "--steps", "200"),
    *("--generator-learning-rate", "10", "--discriminator-learning-rate", "10"),
)


def test_a_run_at_a_learning_rate_of_10(train, tmp_path, capsys):
    path = tmp_path / "run"
    run = ("--run-dir", str(path))
    assert train.main([*RUN_AT_10, *run]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "the run has diverged" in error and "--divergence-retries" in error
    assert not (path / "model.keras").exists()
    assert not (path / "export").exists()
    assert_all_saved_is_finite(path / "checkpoints")

    more = ("--divergence-retries", "30", "--divergence-steps", "5", "--no-export")
    assert train.main(["--resume", *run, *more]) == 0
    assert_all_saved_is_finite(path / "checkpoints")
    assert (path / "model.keras").exists()
    assert json.loads((path / "divergences.json").read_text())


def test_a_trained_model_that_overflows_is_no_mistake_of_the_user(
    tmp_path, monkeypatch, train, capsys
):
    assert not issubclass(Diverged, InputError)
    monkeypatch.chdir(tmp_path)
    recipe = recipes.get("ring").override({"steps": 1})
    run = runs.Run.new(tmp_path / "run", "ring", recipe, recipe.read())
    run.path.mkdir()
    run.write()
    model = run.build()
    for network in (model.generator, model.averaged_generator):
        network.set_weights([np.full_like(w, 1e30) for w in network.get_weights()])
    model.step.assign(1)
    also = {"seconds": StopAfter(1).seconds}  # as training saves it
    CheckpointFolder(model, run.path / "checkpoints", also).save(1)
    said = "error: the network makes NaN or infinite values."
    assert sample.main([str(run.path)]) == 2
    assert capsys.readouterr().err.strip() == said
    # It was trained, and measuring it had to stop.
    assert train.main(["--resume", "--run-dir", "run", "--no-export"]) == 1
    assert said in capsys.readouterr().err
