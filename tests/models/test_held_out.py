"""`evaluate` and the validation of `fit`: the game's numbers on held-out images."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, InputError, losses, seeding

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (12, 8, 8, 1)).astype("float32")
LABELS = np.arange(12) % 3
HELD_OUT = RNG.uniform(-1, 1, (10, 8, 8, 1)).astype("float32")
HELD_OUT_LABELS = np.arange(10) % 3
SHORT = {"batch_size": 4, "verbose": 0}


def new_gan(num_classes=3, **compiling):
    """One with batch norm in both networks, and an average."""
    keras.utils.set_random_seed(0)
    gan = DCGAN((8, 8, 1), 4, 2, num_classes=num_classes, seed=1)
    gan.compile(
        keras.optimizers.Adam(0.01),
        keras.optimizers.Adam(0.01),
        **{"generator_average": 0.9, **compiling},
    )
    return gan


def batches(*parts, size=4):
    parts = parts if len(parts) > 1 else parts[0]
    return tf.data.Dataset.from_tensor_slices(parts).batch(size)


def state(gan):
    return [v.numpy() for values in gan.training_state().values() for v in values]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def by_hand(gan, images=HELD_OUT, labels=HELD_OUT_LABELS, size=4):
    """The five numbers from the networks, each a mean over all images."""
    real, fake = [], []
    for start in range(0, len(images), size):
        label = tf.constant(labels[start : start + size])
        seed = tf.constant([gan.seed, -3 - 2 * start], "int64")
        latent = 2 * seeding.uniform((len(label), 4), seed) - 1
        image = gan.generator([latent, label], training=False)
        for logits, shown in ((real, images[start : start + size]), (fake, image)):
            inputs = [tf.constant(shown), label]
            logits.append(gan.discriminator(inputs, training=False))
    real, fake = (np.concatenate(logits).astype("float64") for logits in (real, fake))
    log_d_real, log_not_d_fake = -np.logaddexp(0, -real), -np.logaddexp(0, fake)
    value = log_d_real.mean() + log_not_d_fake.mean()
    return {
        "discriminator_loss": -value,
        "generator_loss": np.logaddexp(0, -fake).mean(),
        "d_real": np.exp(log_d_real).mean(),
        "d_fake": (1 - np.exp(log_not_d_fake)).mean(),
        "value": value,
    }


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "XLA"])
def trained(request):
    gan = new_gan(jit_compile=request.param, steps_per_execution=2)
    gan.fit(IMAGES, LABELS, epochs=4, **SHORT)
    return gan


def test_numbers_are_those_of_the_networks(trained):
    found = trained.evaluate(HELD_OUT, HELD_OUT_LABELS, return_dict=True, **SHORT)
    assert found == pytest.approx(by_hand(trained), abs=1e-5)
    # A list has the order of the metrics.
    listed = trained.evaluate(batches(HELD_OUT, HELD_OUT_LABELS), verbose=0)
    assert dict(zip(trained.metrics_names, listed, strict=True)) == found


def test_measuring_changes_nothing_and_repeats(trained):
    before = state(trained)
    first, again = (
        trained.evaluate(HELD_OUT, HELD_OUT_LABELS, **SHORT) for _ in range(2)
    )
    assert first == again
    assert_same(state(trained), before)
    one_batch = trained.test_on_batch(
        HELD_OUT[:4], HELD_OUT_LABELS[:4], return_dict=True
    )
    expected = by_hand(trained, HELD_OUT[:4], HELD_OUT_LABELS[:4])
    assert one_batch == pytest.approx(expected, abs=1e-5)
    assert_same(state(trained), before)


@pytest.mark.parametrize("objective", ["relativistic", "wasserstein"])
def test_losses_are_the_objective_without_penalty(objective, tiny_gan):
    gan = tiny_gan(objective=objective, penalty="r1", dropout=0.5)
    rows = RNG.normal(size=(6, 3)).astype("float32")
    found = gan.evaluate(rows, return_dict=True, verbose=0)
    latent = gan.prior.draw(6, tf.constant([gan.seed, -3], "int64"))
    fake = gan.discriminator(gan.generator(latent, training=False), training=False)
    logits = gan.discriminator(rows, training=False), fake
    expected = losses.get_objective(objective)
    assert found["discriminator_loss"] == pytest.approx(
        float(expected.discriminator_loss(*logits)), abs=1e-5
    )
    assert found["generator_loss"] == pytest.approx(
        float(expected.generator_loss(*logits)), abs=1e-5
    )


def test_callbacks_can_watch_held_out_numbers(tmp_path):
    class Lowered(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(logs["val_d_real"])
            # From here on D(x) can only fall.
            bias = self.model.discriminator.weights[-1]
            bias.assign(bias - 5.0)

    seen = []
    gan = new_gan(num_classes=None)
    callbacks = [
        Lowered(),
        keras.callbacks.EarlyStopping("val_d_real", mode="max", patience=1),
        keras.callbacks.ModelCheckpoint(
            str(tmp_path / "{epoch}.keras"), "val_d_real", mode="max",
            save_best_only=True,
        ),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
    ]  # fmt: skip
    gan.fit(IMAGES, epochs=9, validation_data=HELD_OUT, callbacks=callbacks, **SHORT)
    assert len(seen) == 2
    assert seen[0] > seen[1]
    assert [path.name for path in tmp_path.glob("*.keras")] == ["1.keras"]
    assert "val_d_real" in (tmp_path / "log.csv").read_text()


def test_d_of_training_and_of_held_out_images_part_if_images_are_learned_by_heart():
    gan = new_gan(num_classes=None, steps_per_execution=20)
    gap = []
    for steps in (0, 180):
        if steps:
            gan.fit(batches(IMAGES).repeat(), steps_per_epoch=steps, verbose=0)
        known, unknown = (
            gan.evaluate(images, return_dict=True, **SHORT)["d_real"]
            for images in (IMAGES, HELD_OUT)
        )
        gap.append(known - unknown)
    assert abs(gap[0]) < 0.05
    assert gap[1] > 0.15


@pytest.mark.parametrize(
    ("validation", "named"),
    [
        ({"validation_data": HELD_OUT * 9}, r"from -8\.\d+ to 8\.\d+.*\[-1, 1\]"),
        ({"validation_data": HELD_OUT[:, :4]}, r"\(4, 8, 1\)"),
        ({"validation_data": (HELD_OUT, HELD_OUT_LABELS)}, "takes image, .* is 2"),
        ({"validation_data": (HELD_OUT, None, HELD_OUT)}, "weights"),
        ({"validation_data": (b for b in [HELD_OUT])}, "read only once"),
        ({"validation_split": 0.95}, r"0\.95, of 12 rows"),
        ({"validation_split": 1.5}, r"1\.5, of 12 rows"),
        ({"validation_split": "a third"}, "'a third'"),
        ({"x": batches(IMAGES), "validation_split": 0.5}, "cannot split"),
        ({"validation_steps": 1}, "validation_steps, and no held-out data"),
        ({"validation_batch_size": 4}, "validation_batch_size, and no held-out"),
        ({"validation_freq": 2}, "validation_freq, and no held-out data"),
    ],
)
def test_validation_that_cannot_be_is_refused(validation, named):
    gan = new_gan(num_classes=None)
    with pytest.raises(InputError, match=named):
        gan.fit(**{"x": IMAGES, "verbose": 0, **validation})
    assert int(gan.step) == 0


@pytest.mark.parametrize("method", ["evaluate", "test_on_batch"])
def test_held_out_images_are_checked(method):
    gan = new_gan(num_classes=None)
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        getattr(gan, method)(HELD_OUT * 9)
    with pytest.raises(InputError, match=f"{method} was given sample_weight"):
        getattr(gan, method)(HELD_OUT, sample_weight=np.ones(10))


def test_any_number_of_held_out_images_is_measured():
    gan = new_gan(num_classes=None, discriminator_steps=4)
    for count in (1, 3):
        assert np.isfinite(gan.evaluate(HELD_OUT[:count], verbose=0)).all()
    # One batch of pale images is taken as such, as by train_on_batch.
    assert np.isfinite(gan.test_on_batch(np.abs(HELD_OUT[:1]))).all()


def test_training_is_the_same_with_and_without_validation(deterministic):
    ends, histories = [], []
    for validation in (
        {},
        {"validation_data": (HELD_OUT, HELD_OUT_LABELS), "validation_freq": 2},
        {"validation_split": 10 / 22},
        {"validation_data": batches(HELD_OUT, HELD_OUT_LABELS)},
    ):
        images, labels = IMAGES, LABELS
        if "validation_split" in validation:
            images = np.concatenate([IMAGES, HELD_OUT])
            labels = np.concatenate([LABELS, HELD_OUT_LABELS])
        gan = new_gan()
        seen = gan.fit(images, labels, epochs=2, **SHORT, **validation).history
        ends.append(state(gan))
        histories.append(seen)
        if validation:
            expected = by_hand(gan)
            for name in expected:
                assert seen[f"val_{name}"][-1] == pytest.approx(expected[name], 1e-4)
    for end, history in zip(ends[1:], histories[1:], strict=True):
        assert_same(end, ends[0])
        assert history["d_real"] == histories[0]["d_real"]
    assert [len(h.get("val_d_real", [])) for h in histories] == [0, 1, 2, 2]
