"""Pix2Pix and CycleGAN: their losses by hand, switches, sizes, and what they refuse."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_gan import CycleGAN, InputError, Pix2Pix, losses, networks
from keras_gan.models.averaging import Twin
from keras_gan.models.translator import multiple_of

RATE = 0.1


def factor(value, channels=1):
    """Returns a network that multiplies images by a number."""
    network = keras.Sequential(
        [
            keras.Input((None, None, channels)),
            keras.layers.Conv2D(channels, 1, use_bias=False),
        ]
    )
    network.set_weights([value * np.eye(channels)[np.newaxis, np.newaxis]])
    return network


def judge(*values):
    """Returns a network whose logit is a sum of its images, times a number each."""
    images = [keras.Input((None, None, 1)) for _ in values]
    joined = keras.layers.Concatenate()(images) if len(values) > 1 else images[0]
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    network = keras.Model(images if len(values) > 1 else images[0], layer(joined))
    network.set_weights([np.float32(values).reshape(1, 1, -1, 1)])
    return network


def sgd():
    return keras.optimizers.SGD(RATE)


def of(network):
    return network.get_weights()[0].ravel()


def constant(value, size=4):
    return np.full((1, size, size, 1), value, "float32")


def step(model, first, second):
    data = tf.data.Dataset.from_tensors((first, second))
    data.value_range = model.value_ranges()
    model.fit(data, epochs=1, verbose=0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Pix2Pix -----------------------------------------------------------------------


def test_one_round_by_hand():
    """Source s, target t, output g s, logits c s + d x; everything is a number."""
    s, t, g, c, d, weight = 0.5, -0.8, 0.6, 0.3, -0.4, 2.0
    model = Pix2Pix(factor(g), judge(c, d), l1_weight=weight, seed=1)
    model.compile(sgd(), sgd())
    step(model, constant(s), constant(t))
    output = g * s
    real, fake = c * s + d * t, c * s + d * output
    # Half of the sum of both cross-entropies.
    of_real, of_fake = (sigmoid(real) - 1) / 2, sigmoid(fake) / 2
    c -= RATE * (of_real * s + of_fake * s)
    d -= RATE * (of_real * t + of_fake * output)
    np.testing.assert_allclose(of(model.discriminator), [c, d], rtol=1e-5)
    # The generator sees the new discriminator.
    of_output = (sigmoid(c * s + d * output) - 1) * d + weight * np.sign(output - t)
    g -= RATE * of_output * s
    np.testing.assert_allclose(of(model.generator), [g], rtol=1e-5)


def test_without_the_game_the_discriminator_rests():
    model = Pix2Pix(factor(0.6), judge(0.3, -0.4), adversarial_weight=0, seed=1)
    model.compile(sgd(), sgd())
    step(model, constant(0.5), constant(-0.8))
    np.testing.assert_array_equal(of(model.discriminator), np.float32([0.3, -0.4]))
    np.testing.assert_allclose(of(model.generator), [0.6 - RATE * 100 * 0.5], rtol=1e-5)


def test_a_discriminator_of_targets_alone():
    model = Pix2Pix(factor(0.6), judge(-0.4), l1_weight=0, seed=1)
    assert not model.conditional
    model.compile(sgd(), sgd(), losses.LeastSquares(scale=1.0))
    step(model, constant(0.5), constant(-0.8))
    t, x, d = -0.8, 0.3, -0.4
    d -= RATE * ((d * t - 1) * t + d * x * x)
    np.testing.assert_allclose(of(model.discriminator), [d], rtol=1e-5)
    g = 0.6 - RATE * 2 * (d * x - 1) * d * 0.5
    np.testing.assert_allclose(of(model.generator), [g], rtol=1e-5)


# CycleGAN ----------------------------------------------------------------------


def cycle_gan(**options):
    options = {"pool_size": 0, "seed": 1, **options}
    model = CycleGAN(factor(0.7), factor(1.2), judge(0.3), judge(-0.4), **options)
    model.compile(sgd(), sgd())
    return model


def test_both_cycles_reach_both_generators():
    model = cycle_gan(adversarial_weight=0, identity_weight=0, cycle_weight=2)
    step(model, constant(0.5), constant(-0.8))
    # |v w a - a| + |w v b - b|, and v w = 0.84: both come back too small.
    of_product = -(0.5 + 0.8)
    w = 0.7 - RATE * 2 * of_product * 1.2
    v = 1.2 - RATE * 2 * of_product * 0.7
    np.testing.assert_allclose(of(model.generator_ab), [w], rtol=1e-5)
    np.testing.assert_allclose(of(model.generator_ba), [v], rtol=1e-5)


def test_games_and_identity_by_hand():
    a, b, w, v, weight = 0.5, -0.8, 0.7, 1.2, 0.25
    model = cycle_gan(cycle_weight=0, identity_weight=weight)
    step(model, constant(a), constant(b))
    da, db = 0.3, -0.4
    new_w = w - RATE * (2 * (db * w * a - 1) * db * a + weight * -abs(b))
    new_v = v - RATE * (2 * (da * v * b - 1) * da * b + weight * abs(a))
    np.testing.assert_allclose(of(model.generator_ab), [new_w], rtol=1e-5)
    np.testing.assert_allclose(of(model.generator_ba), [new_v], rtol=1e-5)
    # They saw what the generators made before their update.
    new_da = da - RATE * ((da * a - 1) * a + da * (v * b) ** 2)
    new_db = db - RATE * ((db * b - 1) * b + db * (w * a) ** 2)
    np.testing.assert_allclose(of(model.discriminator_a), [new_da], rtol=1e-5)
    np.testing.assert_allclose(of(model.discriminator_b), [new_db], rtol=1e-5)


def test_the_average_of_both_generators_makes_the_images():
    model = CycleGAN(
        *(factor(0.7), factor(1.2), judge(0.3), judge(-0.4)), pool_size=0, seed=1
    )
    model.compile(sgd(), sgd(), generator_average=0.5)
    before = model.translate(constant(0.5))
    step(model, constant(0.5), constant(-0.8))
    averages = [of(model.averaged_generator_ab), of(model.averaged_generator_ba)]
    # The decay grows from 0.1.
    for average, new, old in zip(
        averages, (model.generator_ab, model.generator_ba), (0.7, 1.2), strict=True
    ):
        np.testing.assert_allclose(average, 0.1 * old + 0.9 * of(new), rtol=1e-5)
    after = model.translate(constant(0.5))
    expected = model.pixels.to_uint8(averages[0] * constant(0.5))
    np.testing.assert_array_equal(after, expected)
    assert (after != before).any()


def own():
    """Returns a network that Keras cannot copy."""
    layer = keras.layers.Lambda(lambda images: -images)
    return keras.Sequential([keras.Input((None, None, 1)), layer])


def residual():
    return networks.residual_translator((None, None, 1), base_filters=2, blocks=1)


@pytest.mark.parametrize(("generator", "copied"), [(residual, True), (own, False)])
def test_averages_of_networks_of_any_size_translate(generator, copied):
    model = Pix2Pix(generator(), judge(1.0), seed=1)
    images = np.random.default_rng(0).integers(0, 256, (1, 9, 14, 1), "uint8")
    before = model.translate(images)
    model.compile(sgd(), sgd(), generator_average=0.5)
    assert isinstance(model.averaged_generator, Twin) != copied
    np.testing.assert_array_equal(model.translate(images), before)


def test_either_side_alone_is_shown():
    model = cycle_gan()
    images = np.full((2, 4, 4, 1), 100, "uint8")
    assert [*model.samples(2, examples={"b": images})] == ["b", "b_to_a", "b_cycled"]


# Sizes ---------------------------------------------------------------------------


def halving(times, size=(None, None)):
    """Returns a network that halves images, and doubles them again."""
    layers = [keras.Input((*size, 1))]
    layers += [keras.layers.Conv2D(1, 3, 2, "same") for _ in range(times)]
    layers += [keras.layers.Conv2DTranspose(1, 4, 2, "same") for _ in range(times)]
    return keras.Sequential(layers)


@pytest.mark.parametrize("times", [1, 2, 5])
def test_what_sizes_a_network_takes(times):
    assert multiple_of(halving(times)) == 2**times


def test_a_fixed_size_is_no_multiple():
    assert multiple_of(halving(1, (8, 8))) == 1


@pytest.mark.parametrize("size", [(None, None), (8, 8)])
def test_images_of_any_size_are_translated(size):
    model = Pix2Pix(halving(2, size), judge(1.0), seed=1)
    for height, width in ((8, 8), (5, 7), (13, 22)):
        images = np.random.default_rng(0).integers(
            0, 256, (2, height, width, 1), "uint8"
        )
        made = model.translate(images)
        assert made.shape == images.shape
        np.testing.assert_array_equal(made[1:], model.translate(images[1:]))


# What is refused -----------------------------------------------------------------


def test_sizes_that_the_generator_cannot_halve():
    model = Pix2Pix(halving(2), judge(1.0), seed=1)
    model.compile(sgd(), sgd())
    with pytest.raises(InputError, match="each None a multiple of 4"):
        step(model, constant(0.5, size=6), constant(0.5, size=6))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cycle_weight": 0, "adversarial_weight": 0}, "nothing to learn from"),
        ({"identity_weight": -1}, "identity_weight is -1"),
        ({"pool_size": 5}, "image_size is None"),
        ({"image_size": (8, -8)}, r"image_size is \(8, -8\). Use a positive integer"),
        ({"image_size": "8"}, "image_size is '8'"),
    ],
)
def test_values_that_no_model_can_have(options, words):
    with pytest.raises(InputError, match=words):
        cycle_gan(**options)


def test_identity_needs_as_many_channels():
    colour = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(3, 1)])
    grey = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 1)])
    with pytest.raises(InputError, match="1 channels and those of b 3"):
        CycleGAN(colour, grey, judge(1.0), factor(1.0, channels=3), pool_size=0)


@pytest.mark.parametrize("size", [4, 18])
def test_sizes_of_training_that_the_generators_do_not_take(size):
    generators = residual(), residual()
    with pytest.raises(InputError, match=r"multiples of 4, 8 pixels at least"):
        CycleGAN(*generators, judge(1.0), judge(1.0), image_size=size)


def test_networks_that_do_not_fit_each_other():
    grey, colour = factor(0.7), factor(0.7, channels=3)
    of_grey, of_colour = judge(1.0), factor(1.0, channels=3)
    with pytest.raises(InputError, match=r"of b with different.*1 of generator_ab, 3"):
        CycleGAN(grey, colour, of_grey, judge(1.0), pool_size=0)
    with pytest.raises(InputError, match=r"of a with.*3 of discriminator_a"):
        CycleGAN(grey, factor(1.2), of_colour, of_grey, pool_size=0)
    with pytest.raises(InputError, match="and discriminator_b are one network"):
        CycleGAN(grey, factor(1.2), of_grey, of_grey, pool_size=0)
    with pytest.raises(InputError, match=r"target with.*1 of generator, 3 of discrim"):
        Pix2Pix(grey, of_colour)


def test_images_that_the_pool_cannot_hold():
    model = cycle_gan(pool_size=2, image_size=4)
    with pytest.raises(InputError, match="4x4"):
        step(model, constant(0.5, size=8), constant(0.5, size=8))
    many = np.repeat(constant(0.5), 3, axis=0)
    with pytest.raises(InputError, match="a batch holds 3 images and pool_size is 2"):
        step(model, many, many)


@pytest.mark.parametrize(
    ("images", "to", "words"),
    [
        (np.zeros((1, 4, 4, 1), "uint8"), "c", "to is 'c'. Use one of: b, a"),
        (np.zeros((4, 4, 1), "uint8"), None, r"shape \(4, 4, 1\)"),
        (np.zeros((1, 4, 4, 3), "uint8"), None, r"\(count, height, width, 1\)"),
        (np.full((1, 4, 4, 1), 7.0), None, "The networks take"),
    ],
)
def test_what_cannot_be_translated(images, to, words):
    with pytest.raises(InputError, match=words):
        cycle_gan().translate(images, to)
