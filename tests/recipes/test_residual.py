"""Recipes of residual networks: sizes, and cosines over the length of a run."""

import keras
import numpy as np
import pytest

from keras_gan import GAN, InputError, losses, recipes
from keras_gan.runs import Run

FACTS = {"image_shape": (8, 8, 1), "num_classes": None, "images": 640}
TINY = {"image_size": 8, "base_filters": 2, "latent_dim": 2, "batch_size": 64}
COSINES = {"final_rate": 0.25, "final_penalty": 0.1, "final_beta_2": 0.99}


def tiny(**changes):
    """Returns the recipe for 10 steps an epoch."""
    return recipes.get("residual-32").override({**TINY, **changes})


@pytest.mark.parametrize("name", ["residual-32", "residual-64", "residual-128"])
def test_each_recipe_has_its_size_and_the_relativistic_game(name):
    recipe = recipes.get(name)
    assert recipe.image_size == name.partition("-")[2]
    assert (recipe.objective, recipe.penalty) == ("relativistic", "r1r2")
    assert recipe.flip and recipe.penalty_interval > 1


def cosine(first, last, at):
    return last + (first - last) * (1 + np.cos(np.pi * at)) / 2


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("length", [{"epochs": 4}, {"steps": 40}])
def test_cosines_lead_from_the_first_to_the_last_step(length, k):
    given = {**length, **COSINES, "penalty_weight": 2.0, "beta_2": 0.9}
    facts = {**FACTS, "images": k * FACTS["images"]}
    gan = tiny(**given, discriminator_steps=k).build(facts)
    rates = recipes.get("residual-32").learning_rates()
    for optimizer, (rate, _), each in zip(
        (gan.generator_optimizer, gan.discriminator_optimizer),
        rates,
        (1, k),
        strict=True,
    ):
        for share in (0, 0.25, 0.5, 1, 1.5):
            update, at = int(each * 40 * share), min(share, 1)
            optimizer.iterations.assign(update)
            found = float(optimizer.learning_rate)
            assert found == pytest.approx(cosine(rate, rate / 4, at), rel=1e-5)
            found = float(optimizer.beta_2(update))
            assert found == pytest.approx(cosine(0.9, 0.99, at), rel=1e-5)
            found = float(gan.penalty.at(int(k * 40 * share)).weight)
            assert found == pytest.approx(cosine(2.0, 0.2, at), rel=1e-5)


def test_a_model_keeps_its_cosines_in_a_file(tmp_path):
    gan = tiny(steps=10, **COSINES).build(FACTS)
    gan.save(tmp_path / "gan.keras")
    copy = keras.models.load_model(tmp_path / "gan.keras")
    assert type(copy) is GAN and isinstance(copy.penalty, losses.R1R2)
    assert copy.penalty.get_config() == gan.penalty.get_config()
    for name in ("generator_optimizer", "discriminator_optimizer"):
        assert getattr(copy, name).get_config() == getattr(gan, name).get_config()


def test_a_length_in_minutes_ends_the_cosines():
    recipe = tiny(**COSINES).override({"minutes": 2.0})
    assert [getattr(recipe, name) for name in COSINES] == [None] * 3
    gan = recipe.build(FACTS)
    assert isinstance(gan.penalty.weight, float)
    assert isinstance(gan.generator_optimizer.beta_2, float)


def test_a_run_with_cosines_goes_on_in_steps_alone(tmp_path):
    run = Run.new(
        tmp_path, "residual-32", tiny(data="digits"), tiny(data="digits").read()
    )
    assert run.resumed_as(tiny(data="digits", steps=5000)).recipe.steps == 5000
    with pytest.raises(InputError, match=r"because of minutes.*leave minutes out"):
        run.resumed_as(tiny(data="digits", minutes=2.0))


def test_another_penalty_or_way_to_lower_rates_replaces_the_recipes():
    recipe = tiny(**COSINES)
    assert recipe.override({"penalty": None}).final_penalty is None
    assert recipe.override({"halving_steps": 5}).final_rate is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"minutes": 1.0, "final_rate": 0.1}, "final_rate is 0.1 and minutes 1.0"),
        ({"halving_steps": 5, "final_rate": 0.1}, "Give one of them"),
        ({"penalty": None, "final_penalty": 0.1}, "there is no penalty"),
        ({"final_rate": 0.0}, "final_rate is 0.0"),
        ({"image_size": 37}, "cannot be made"),
    ],
)
def test_what_is_not_accepted_is_refused(changes, said):
    with pytest.raises(InputError, match=said):
        tiny(**changes)
