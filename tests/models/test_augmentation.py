"""What the discriminator sees: changed images, how often, and how it adapts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import DCGAN, GAN, InputError, augmentation, losses, seeding
from keras_gan.augmentation import AUGMENTATIONS, Color, Cutout, Translation
from keras_gan.checkpoints import CheckpointFolder
from keras_gan.networks.layers import RandomTranslation

RNG = np.random.default_rng(0)
SEED = np.array([3, 5])
RANGES = [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0)]
each = pytest.mark.parametrize("name", AUGMENTATIONS)


def images_in(value_range, shape=(4, 8, 6, 3)):
    return RNG.uniform(*value_range, shape).astype("float32")


@keras.saving.register_keras_serializable("test_augmentation")
class Noted(keras.layers.Layer):
    """Keeps what it is called with in training."""

    def call(self, images, training=False):
        if training:
            self.note(images)
        return images


def networks(seen, shape=(8, 8, 1)):
    """Returns a generator, and a discriminator that notes what it sees in training."""

    noted = Noted()
    noted.note = seen.append
    generator = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(int(np.prod(shape)), "tanh"),
            keras.layers.Reshape(shape),
        ]
    )
    discriminator = keras.Sequential(
        [keras.Input(shape), noted, keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    return generator, discriminator


def compiled(seen=None, rate=0.0, compiling=None, **settings):
    """A GAN that runs eagerly and, at a rate of 0, does not learn."""
    generator, discriminator = networks([] if seen is None else seen)
    model = GAN(generator, discriminator, latent_dim=2, seed=1, **settings)
    model.compile(
        keras.optimizers.SGD(rate),
        keras.optimizers.SGD(rate),
        **{"run_eagerly": True, **(compiling or {})},
    )
    return model


@each
@pytest.mark.parametrize("value_range", RANGES)
def test_without_probability_nothing_changes_and_with_it_most_does(name, value_range):
    images = images_in(value_range, (64, 8, 6, 3))
    change = AUGMENTATIONS[name]()

    def changed(p):
        seen = change(images, SEED, p, value_range).numpy()
        return (seen != images).any((1, 2, 3)).mean()

    np.testing.assert_array_equal(change(images, SEED, 0.0, value_range), images)
    assert changed(1.0) > 0.8
    assert 0.3 < changed(0.5) < 0.7


@pytest.mark.parametrize("value_range", RANGES)
def test_what_color_does_to_values(value_range):
    low, high = value_range
    image = images_in(value_range, (1, 4, 4, 3))
    images = np.repeat(image, 4000, 0)
    seen = Color()(images, SEED, 1.0, value_range).numpy()
    # In the mean nothing changes.
    np.testing.assert_allclose(seen.mean(0), image[0], atol=0.03 * (high - low), rtol=0)
    shift = (seen.mean((1, 2, 3)) - image.mean()) / (high - low)
    assert -0.2501 < shift.min() < -0.24 and 0.24 < shift.max() < 0.2501


@each
def test_a_change_of_range_changes_nothing_else(name):
    change, images = AUGMENTATIONS[name](), images_in((-1, 1))
    seen = change(images, SEED, 1.0, (-1.0, 1.0)).numpy()
    other = change((images + 1) * 127.5, SEED, 1.0, (0.0, 255.0)).numpy()
    np.testing.assert_allclose(other / 127.5 - 1, seen, atol=1e-5)


def test_grey_has_no_saturation_and_alpha_no_color():
    grey = images_in((-1, 1), (50, 4, 4, 1))
    seen = Color()(np.repeat(grey, 3, 3), SEED).numpy()
    np.testing.assert_allclose(Color()(grey, SEED), seen[..., :1], atol=1e-6)
    for channels in (2, 4):
        images = images_in((-1, 1), (50, 4, 4, channels))
        seen = Color()(images, SEED).numpy()
        np.testing.assert_array_equal(seen[..., -1], images[..., -1])
        np.testing.assert_array_equal(
            seen[..., :-1], Color()(images[..., :-1], SEED).numpy()
        )


def test_translation_is_that_of_the_layer(monkeypatch):
    images = images_in((-1, 1), (50, 8, 12, 2))
    drawn = seeding.uniform([50, 3], SEED)[:, 1:]
    monkeypatch.setattr(seeding, "uniform", lambda shape, seed: drawn)
    of_layer = RandomTranslation(0.25, seed=1)(images, training=True).numpy()
    monkeypatch.undo()
    seen = Translation(0.25)(images, SEED).numpy()
    np.testing.assert_array_equal(seen, of_layer)
    # Both by hand.
    padded = np.pad(images, [(0, 0), (2, 2), (3, 3), (0, 0)])
    moves = (drawn.numpy() * [5, 7]).astype(int)
    for one, part, (down, right) in zip(seen, padded, moves, strict=True):
        np.testing.assert_array_equal(one, part[down : down + 8, right : right + 12])


def test_an_older_run_with_translation_trains_as_it_did(deterministic):
    gan = DCGAN((8, 8, 1), 4, 2, translation=0.25, seed=5)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    data = np.random.default_rng(1).uniform(-1, 1, (24, 8, 8, 1)).astype("float32")
    gan.fit(tf.data.Dataset.from_tensor_slices(data).batch(8), verbose=0)
    # Of the version before augmentations.
    found = [float(tf.reduce_sum(w).numpy()) for w in gan.discriminator.weights]
    assert found == pytest.approx([0.2579027, -0.0187209], abs=2e-6)
    assert "variables" not in gan.training_state()


def test_cutout_covers_a_rectangle_by_the_middle_of_the_range():
    images = images_in((0, 1), (300, 8, 6, 3)) + 1
    seen = Cutout()(images, SEED, 1.0, (0.0, 1.0)).numpy()
    covered = (seen == 0.5).all(-1)
    np.testing.assert_array_equal(seen[~covered], images[~covered])
    tall, wide = covered.any(2).sum(1), covered.any(1).sum(1)
    np.testing.assert_array_equal(covered.sum((1, 2)), tall * wide)
    assert tall.max() == 4 and wide.max() == 3
    assert covered.any(0).all()


@each
def test_gradients_are_finite_differences(name):
    change, images = AUGMENTATIONS[name](), images_in((-1, 1), (3, 4, 4, 3))
    images, weights = images.astype("float64"), RNG.normal(size=(3, 4, 4, 3))

    def loss(images):
        return tf.reduce_sum(weights * change(images, SEED, 0.7) ** 2)

    x = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    gradient = tape.gradient(value, x).numpy()
    for _ in range(8):
        place = tuple(RNG.integers(images.shape))
        step = np.zeros_like(images)
        step[place] = 1e-5
        slope = (loss(images + step) - loss(images - step)) / 2e-5
        assert gradient[place] == pytest.approx(float(slope), abs=1e-7)


def test_xla_changes_alike():
    members = augmentation.DiscriminatorAugmentation("color,translation,cutout", None)
    images = images_in((0, 1), (16, 8, 8, 3))

    def seen(jit_compile):
        run = tf.function(lambda: members(images, SEED, 0.6, (0, 1)), jit_compile=True)
        return (run if jit_compile else run.python_function)().numpy()

    np.testing.assert_allclose(seen(True), seen(False), atol=1e-6)


def test_the_discriminator_sees_all_images_changed_each_in_its_own_way():
    seen, shown = [], np.full((8, 8, 8, 1), -0.5, "float32")
    gan = compiled(
        seen,
        augmentation=Cutout(),
        compiling={"objective": "relativistic", "penalty": "r1r2"},
    )
    gan.fit(shown, batch_size=8, verbose=0)
    # Real and generated ones for D, for G, and for the penalty.
    assert len(seen) == 6
    holes = [(one.numpy() == 0).all(-1) for one in seen]
    for one in holes:
        assert one.any((1, 2)).all()
    for i, one in enumerate(holes):
        assert all((one != other).any() for other in holes[:i])
    del seen[:]
    gan.evaluate(shown, verbose=0)
    assert not seen  # held-out images are judged as they are


def test_a_strength_of_0_trains_as_no_augmentation_does():
    images, ends = images_in((-1, 1), (12, 8, 8, 1)), []
    for settings in ({}, {"augmentation": "color", "augmentation_target": 0.6}):
        keras.utils.set_random_seed(1)
        gan = compiled(rate=0.1, **settings)
        gan.fit(images, batch_size=4, shuffle=False, verbose=0)
        ends.append([w.numpy() for n in gan.networks().values() for w in n.weights])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("bias", "expected"), [(5.0, 1), (-5.0, 0)])
def test_strength_follows_the_sign_of_d(bias, expected):
    gan = compiled(augmentation="cutout", augmentation_target=0.6)
    *_, last = gan.discriminator.layers
    last.kernel.assign(tf.zeros_like(last.kernel))
    last.bias.assign([bias])
    images = images_in((-1, 1), (32, 8, 8, 1))
    gan.fit(images, batch_size=4, verbose=0)  # eight updates, two changes
    change = expected * 2 * 4 * 4 / 500_000
    assert gan.augmentation_p == pytest.approx(change)
    gan.augmentation_p = 1.0
    history = gan.fit(images, batch_size=4, verbose=0).history
    assert gan.augmentation_p == pytest.approx(1.0 if bias > 0 else 1 - 32 / 500_000)
    assert history["d_real_sign"] == [np.sign(bias)]
    assert history["augmentation_p"] == [pytest.approx(1.0, abs=1e-3)]
    # Held-out data has no strength.
    assert "augmentation_p" not in gan.evaluate(images, return_dict=True, verbose=0)


@pytest.mark.parametrize("kind", ["checkpoint", "keras"])
def test_a_resumed_model_adapts_as_one_that_went_on(kind, tmp_path):
    settings = {"augmentation": "color,cutout", "augmentation_target": 0.6}
    gan = compiled(rate=0.01, **settings)
    gan.discriminator.layers[-1].bias.assign([5.0])
    gan.augmentation_p = 0.5
    images = images_in((-1, 1), (16, 8, 8, 1))
    gan.fit(images[:12], batch_size=4, shuffle=False, verbose=0)  # three of four
    if kind == "checkpoint":
        CheckpointFolder(gan, tmp_path).save(3)
        other = compiled(rate=0.01, **settings)
        CheckpointFolder(other, tmp_path).restore_newest()
    else:
        gan.save(tmp_path / "model.keras")
        other = keras.saving.load_model(tmp_path / "model.keras")
    assert other.augmentation_p == 0.5
    for model in (gan, other):
        for layer in model.discriminator.layers:
            layer.note = lambda images: None
        model.fit(images[12:], batch_size=4, verbose=0)
    # With less than the signs of all four, it would fall.
    assert gan.augmentation_p == other.augmentation_p > 0.5
    for one, two in zip(gan.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_the_sum_of_signs_is_part_of_the_state():
    gan = compiled(augmentation="cutout", augmentation_target=0.6)
    names = [v.name for v in gan._own_variables()]
    assert names == ["step", "augmentation_p", "d_real_sign"]
    assert len(gan.training_state()["variables"]) == 2
    again = GAN.from_config(gan.get_config())
    assert again.get_config()["augmentation_target"] == 0.6
    assert "variables" not in compiled(augmentation="cutout").training_state()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"augmentation": "colour"}, "color"),
        ({"augmentation": 3}, "3"),
        ({"augmentation": ["cutout", Cutout(0.2)]}, "twice"),
        ({"augmentation": "color", "augmentation_target": 2}, "augmentation_target"),
        ({"augmentation": "color", "augmentation_target": "x"}, "augmentation_target"),
        ({"augmentation_target": 0.6}, "no augmentation"),
        ({"augmentation": "color", "value_range": None}, "value_range"),
    ],
)
def test_what_is_not_accepted_is_refused(settings, named):
    with pytest.raises(InputError, match=named):
        compiled(**settings)


def test_points_are_refused(dense_networks):
    with pytest.raises(InputError, match="takes images"):
        GAN(*dense_networks(), latent_dim=2, augmentation="cutout")


def test_a_target_needs_a_logit_with_a_sign():
    with pytest.raises(InputError, match="Wasserstein"):
        compiled(
            augmentation="cutout",
            augmentation_target=0.6,
            compiling={"objective": losses.Wasserstein()},
        )


def test_a_strength_without_a_target_is_fixed():
    gan = compiled(augmentation="cutout")
    assert gan.augmentation_p == 1 and compiled().augmentation_p == 0
    with pytest.raises(InputError, match="augmentation_target"):
        gan.augmentation_p = 0.5
