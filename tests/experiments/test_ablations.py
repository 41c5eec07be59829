"""Variants of one recipe, trained and measured as any run is."""

import pytest

from keras_gan import recipes
from keras_gan.evaluators import together
from keras_gan.experiments import EXPERIMENTS, Experiment, ablate_cycle, ablate_losses
from keras_gan.experiments import ablate_patches as patches
from keras_gan.experiments.ablations import Ablation

pytestmark = pytest.mark.usefixtures("deterministic")

VARIANTS = {"L1": {"adversarial_weight": 0.0}, "L1 + cGAN": {}}
SETTINGS = {"base_filters": 2, "depth": 2, "batch_size": 8}


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "small.toml"
    lines = ['recipe = "pix2pix-digits"', *(f"{k} = {v}" for k, v in SETTINGS.items())]
    file.write_text("\n".join(lines))
    return file


def test_each_variant_is_trained_and_measured_as_a_run(
    experiment, settings, monkeypatch
):
    small = Ablation("ablate-losses", "pix2pix-digits", "pix2pix", VARIANTS, {"a": 1})
    monkeypatch.setitem(
        EXPERIMENTS, "ablate-losses", Experiment("Few.", small.add_arguments, small.run)
    )
    arguments = (f"--recipe={settings}", "--steps=4")
    _, report, picture = experiment("ablate-losses", *arguments)
    assert [*report["measured"]] == [*VARIANTS]
    assert report["paper"] == {"a": 1}
    # Source, target and both outputs.
    assert picture.shape[1] > picture.shape[0] / 2
    recipe = recipes.load(settings)[1].override({"steps": 4, **VARIANTS["L1"]})
    data, held_out = recipe.divided(recipe.read())
    model = recipe.build(recipe.facts(data))
    batches = recipe.batches(data, model, 0, None)
    model.fit(batches, steps_per_epoch=4, verbose=0)
    evaluator = together(recipe.evaluators(data, held_out))
    expected = evaluator.measure(model, evaluator.final(model))
    assert report["measured"]["L1"] == pytest.approx(expected, rel=1e-4)


def test_a_recipe_of_another_family_is_refused(refused):
    assert refused("ablate-cycle", "--recipe", "pix2pix-digits") == (
        "error: pix2pix-digits is of family pix2pix, and ablate-cycle needs cyclegan. "
        "Name such a recipe, such as cyclegan-digits."
    )


@pytest.mark.parametrize("module", [ablate_losses, patches, ablate_cycle])
def test_every_variant_is_a_recipe(module):
    ablation = module.run.__self__
    recipe = recipes.get(ablation.recipe)
    assert recipe.family == ablation.family
    for changes in ablation.variants.values():
        recipe.override(changes)
    assert {*ablation.variants} & {*ablation.paper}
