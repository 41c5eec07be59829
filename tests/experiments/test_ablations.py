"""Ablations: variants of one recipe beside the paper's table."""

import argparse
import json

import pytest

from keras_gan import InputError, recipes
from keras_gan.experiments import EXPERIMENTS
from keras_gan.experiments.ablations import Ablation

PAPER = {"data": "maps", "measure": "L1", "L1": [0.1], "L1 + cGAN": [0.25]}


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    file = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    file.write_text(
        'recipe = "pix2pix-digits"\nimage_size = "16"\nload_size = "16"\n'
        'base_filters = 2\nbatch_size = 8\nfeatures = "pixels"\n'
    )
    return argparse.Namespace(recipe=str(file), steps=2, seed=3)


def ablation(**variants):
    return Ablation("ablate-mine", "pix2pix-digits", "pix2pix", variants, PAPER)


def test_each_variant_is_measured_and_shown_beside_the_paper(options, tmp_path):
    of_l1 = {"L1": {"adversarial_weight": 0.0}, "L1 + cGAN": {}}
    outcome = ablation(**of_l1).run(options)
    measured = outcome.report["measured"]
    assert measured.keys() == of_l1.keys()
    # As many steps of the same data and seed differ in the game alone.
    assert measured["L1"]["l1"] != measured["L1 + cGAN"]["l1"]
    assert outcome.report["protocol"].startswith("2 steps of 8 of each variant")
    _, *ours, head, one, other = outcome.summary.splitlines()
    assert [line.split("  ")[0] for line in ours] == ["L1", "L1 + cGAN"]
    assert head == "the paper (maps; L1):"
    assert (one, other) == ("L1         0.1", "L1 + cGAN  0.25")
    # Source, target and a column for each variant.
    assert outcome.picture.width > 1.5 * outcome.picture.height / 3
    outcome.write(tmp_path)
    report = json.loads((tmp_path / "ablate-mine.json").read_text())
    assert report["paper"] == PAPER


def test_a_variant_that_cannot_be_built_is_refused_first(options, monkeypatch):
    monkeypatch.setattr(
        "keras_gan.Pix2Pix.fit", lambda *_, **__: pytest.fail("trained")
    )
    with pytest.raises(InputError, match="too small for 3 layers of patches"):
        ablation(fits={}, large={"patch_layers": 3}).run(options)


def test_recipes_that_an_ablation_cannot_take(options):
    other = argparse.Namespace(recipe="digits", steps=2, seed=0)
    with pytest.raises(InputError, match="digits is of family gan, and ablate-mine"):
        ablation(all={}).run(other)


@pytest.mark.parametrize("name", ["ablate-losses", "ablate-patches", "ablate-cycle"])
def test_the_variants_of_the_papers_are_settings(name):
    ablation = EXPERIMENTS[name].run.__self__
    recipe = recipes.get(ablation.recipe)
    assert recipe.family == ablation.family
    for variant in ablation.variants.values():
        own = recipe.override(variant)
        assert all(getattr(own, key) == value for key, value in variant.items())
    assert len({*ablation.variants} & {*ablation.paper}) >= 3
