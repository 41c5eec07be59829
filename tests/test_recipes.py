import keras
import numpy as np
import pytest

from keras_gan import InputError, datasets, recipes


@pytest.mark.parametrize("name", ["digits", "dcgan-mnist", "dcgan-cifar10"])
def test_recipe_builds_the_size_that_it_names(name):
    recipe = recipes.RECIPES[name]
    shape = (*recipe.image_shape_asked_for(), recipe.channels or 1)
    assert recipe.build({"image_shape": shape}).image_shape == shape


def test_paper_recipes_are_the_papers_networks():
    gan = recipes.RECIPES["gan-mnist-paper"].build({"image_shape": (28, 28, 1)})
    assert gan.generator.count_params() == 2_503_984
    assert gan.discriminator.count_params() == 1_231_441
    assert gan.value_range == (0.0, 1.0)
    assert gan.latent_bounds == pytest.approx((-(3**0.5), 3**0.5))
    recipe = recipes.RECIPES["dcgan-64-paper"]
    assert (recipe.base_filters, recipe.batch_size, recipe.beta_1) == (128, 128, 0.5)
    assert recipe.generator_learning_rate == recipe.discriminator_learning_rate == 2e-4


@pytest.mark.parametrize("k", [1, 5])
def test_learning_rates_halve(k):
    recipe = recipes.RECIPES["gan-mnist"].override(
        {
            "halving_steps": 10,
            "discriminator_learning_rate": 0.4,
            "discriminator_steps": k,
        }
    )
    generator, discriminator = recipe.build_optimizers()
    for step, share in ((0, 1), (10, 0.5), (25, 2**-2.5)):
        generator.iterations.assign(step)
        discriminator.iterations.assign(k * step)
        assert generator.learning_rate.numpy() == pytest.approx(1e-3 * share)
        assert discriminator.learning_rate.numpy() == pytest.approx(0.4 * share)


@pytest.mark.parametrize("value", [10**12, 0, -1])
@pytest.mark.parametrize(
    "setting", ["latent_dim", "batch_size", "base_filters", "hidden_units"]
)
def test_sizes_beyond_any_memory_are_refused(setting, value):
    if (setting, value) == ("hidden_units", 0):
        pytest.skip("0 stands for no such layer")
    with pytest.raises(InputError, match=f"{setting} is {value}; it must be a whole"):
        recipes.RECIPES["digits"].override({setting: value})


@pytest.mark.parametrize("size", ["1000000", "16x1000000", "9" * 5000, "0"])
@pytest.mark.parametrize("name", ["digits", "gan-mnist"])
def test_images_beyond_any_memory_are_refused(name, size):
    with pytest.raises(InputError, match="image_size is"):
        recipes.RECIPES[name].override({"image_size": size})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("update", "both"),
        ("objective", "best"),
        ("penalty", "r3"),
        ("image_size", "37"),
    ],
)
def test_settings_are_checked_before_any_data_is_read(setting, value):
    with pytest.raises(InputError, match=value):
        recipes.RECIPES["digits"].override({setting: value})


def test_the_papers_rates_and_momentum_count_steps():
    recipe = recipes.RECIPES["gan-mnist-paper"].override({"discriminator_steps": 5})
    generator, discriminator = recipe.build_optimizers()
    generator.iterations.assign(100_000)
    discriminator.iterations.assign(500_000)
    assert generator.learning_rate.numpy() / 0.1 == pytest.approx(0.67032, rel=1e-3)
    assert discriminator.learning_rate.numpy() / 0.05 == pytest.approx(
        0.67032, rel=1e-3
    )
    assert discriminator.momentum_steps == 5 * generator.momentum_steps


def test_mlp_starts_at_the_mean_image():
    images = datasets.read("digits")
    recipe = recipes.RECIPES["gan-mnist-paper"].override({"marginal_bias": True})
    gan = recipe.build({"image_shape": images.shape})
    recipe.initialize(gan, images)
    output = gan.generator.get_layer("output")
    start = keras.ops.sigmoid(output.bias).numpy().reshape(images.shape)
    expected = images.array.mean(axis=0) / 255
    np.testing.assert_allclose(start, expected, atol=2e-4)


def test_override_replaces_the_length_and_the_penalty_as_a_whole():
    recipe = recipes.RECIPES["digits"].override({"minutes": 2.0, "penalty": None})
    assert (recipe.epochs, recipe.steps, recipe.minutes) == (None, None, 2.0)
    assert (recipe.penalty, recipe.penalty_weight) == (None, None)
    with pytest.raises(InputError, match="colour"):
        recipe.override({"colour": 1})


def test_one_interval_of_measures_replaces_the_other():
    recipe = recipes.get("digits").override({"evaluate_epochs": 2})
    assert (recipe.evaluate_epochs, recipe.evaluate_steps) == (2, None)
    recipe = recipe.override({"evaluate_steps": 9})
    assert (recipe.evaluate_epochs, recipe.evaluate_steps) == (None, 9)
    with pytest.raises(InputError, match="evaluate_epochs is 2 and evaluate_steps 9"):
        recipe.override({"evaluate_epochs": 2, "evaluate_steps": 9})


def test_penalties_at_intervals_need_a_penalty():
    with pytest.raises(InputError, match="penalty_interval is 4"):
        recipes.get("dcgan-mnist").override({"penalty_interval": 4}).build(
            {"image_shape": (8, 8, 1)}
        )


@pytest.mark.parametrize(
    ("boundaries", "expected"),
    [((600, None, 0), 10), ((600, 1001, 0), 1), ((608, None, 0), 8), ((600, 6, 18), 6)],
)
def test_steps_at_a_time_end_where_something_happens(boundaries, expected):
    recipe = recipes.get("gan-mnist").override({"steps_per_execution": 10})
    assert recipe.steps_per_execution_for(*boundaries) == expected
    sampled = recipe.override({"sample_steps": 7})
    assert sampled.steps_per_execution_for(*boundaries) == 1


def test_mixed_precision_is_of_the_networks_alone():
    recipe = recipes.RECIPES["digits"].override({"mixed_precision": "float16"})
    gan = recipe.build({"image_shape": (16, 16, 1)})
    assert any(
        layer.dtype_policy.name == "mixed_float16" for layer in gan.generator.layers
    )
    assert isinstance(gan.generator_optimizer, keras.optimizers.LossScaleOptimizer)
    assert isinstance(gan.discriminator_optimizer, keras.optimizers.LossScaleOptimizer)
    assert keras.config.dtype_policy().name == "float32"
