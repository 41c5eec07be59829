"""What runs of pix2pix and CycleGAN are measured by."""

import argparse
import functools
import json

import numpy as np
import pytest

import keras_gan_command
from keras_gan import recipes, training
from keras_gan.errors import InputError
from keras_gan.evaluate import compare, measuring
from keras_gan.evaluators import segmentation, together, translation
from keras_gan.experiments import TrainedRun
from keras_gan.runs import Run

TINY = {"base_filters": 2, "patch_layers": 1, "image_size": "16", "features": "pixels"}


def evaluator_of(recipe):
    data = recipe.read()
    model = recipe.build(recipe.facts(data))
    return together(recipe.evaluators(*recipe.divided(data))), model


def test_a_run_of_pix2pix_is_measured(tmp_path, monkeypatch, capsys):
    quick = functools.partial(segmentation.Segmentation, steps=20)
    monkeypatch.setattr(translation, "Segmentation", quick)
    rng = np.random.default_rng(0)
    maps = rng.choice(np.uint8([0, 255]), (40, 16, 16, 1))
    np.savez(tmp_path / "pairs.npz", source=maps, target=200 - maps // 2)
    recipe = recipes.get("pix2pix").override(
        {
            **{**TINY, "steps": 2, "evaluate_steps": 1, "load_size": "16"},
            **{"data": f"pairs:{tmp_path}/pairs.npz", "validation": "0.5"},
        }
    )
    found = training.train(recipe, tmp_path / "run")
    header, *rows = (tmp_path / "run" / "measures.csv").read_text().splitlines()
    assert header == "epoch,step,frechet_distance,l1"
    assert len(rows) == 2
    at_end = {"frechet_distance", "kernel_distance"}
    at_end |= {"l1", "psnr", "ssim", "gradient_energy"}
    assert found.measures["measures"].keys() == at_end
    capsys.readouterr()
    # The sources have the palette's colours, so classes are read from translations.
    command = ["evaluate", str(tmp_path / "run"), "--palette", "0,0,0; 255,255,255"]
    assert keras_gan_command.main(command) == 0
    printed = capsys.readouterr().out
    assert "FCN score: mean IoU" in printed and "20 of 20 held-out pairs" in printed
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    fcn = {"fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_mean_iou"}
    assert metrics["measures"].keys() > at_end | fcn
    # Beside them stands what true pictures have.
    assert metrics["between_halves"].keys() > fcn
    for name in at_end & {"l1", "psnr", "ssim"}:
        assert metrics["measures"][name] == pytest.approx(
            found.measures["measures"][name], rel=1e-4
        )


def test_a_cyclegan_is_measured_both_ways():
    evaluator, model = evaluator_of(
        recipes.get("cyclegan-digits").override({**TINY, "steps": 1})
    )
    names = evaluator.final(model)
    assert evaluator.quick(model)[0] == "a_to_b_frechet_distance"
    assert {"answer_psnr_a", "answer_psnr_b", "noisy_cycle_l1_b"} < {*names}
    found = evaluator.measure(model, ["answer_psnr_b", "cycle_l1_a"])
    assert 0 < found["answer_psnr_b"] < 30 and 0 < found["cycle_l1_a"] < 2
    assert "frechet_distance" not in found


def test_whole_pictures_are_measured_if_windows_are_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    source = rng.integers(0, 256, (24, 18, 26, 1), "uint8")
    np.savez(tmp_path / "pairs.npz", source=source, target=source // 128 * 255)
    data = {"data": f"pairs:{tmp_path}/pairs.npz", "crop": True}
    data["palette"] = "0,0,0; 255,255,255"
    evaluator, model = evaluator_of(
        recipes.get("pix2pix").override({**TINY, **data, "steps": 1})
    )
    assert model.multiple == 16
    evaluator.check(evaluator.final(model), model)
    assert evaluator.quick(model)[1:] == ["l1", "palette_accuracy", "palette_mean_iou"]
    assert evaluator.measure(model, ["l1"])["l1"] > 0


def test_domains_of_any_number_are_measured(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("a", 14), ("b", 40), ("c", 11)):
        images = rng.integers(0, 256, (count, 16, 16, 3), "uint8")
        np.savez(tmp_path / f"{name}.npz", images=images)

    def names(a, b):
        recipe = recipes.get("cyclegan").override(
            {
                **{**TINY, "steps": 1, "blocks": 1, "load_size": "16"},
                **{"data_a": f"npz:{tmp_path}/{a}.npz"},
                **{"data_b": f"npz:{tmp_path}/{b}.npz"},
            }
        )
        evaluator, model = evaluator_of(recipe)
        if a != "c":
            evaluator = evaluator.thorough(None, 0)
        return evaluator.measure(model, evaluator.quick(model)).keys()

    both = {"a_to_b_frechet_distance", "b_to_a_frechet_distance"}
    # There are fewer pictures to translate than real ones in a half.
    assert names("a", "b") == both
    assert not names("c", "c"), "two halves need twelve images"


def test_a_palette_that_is_none_is_refused():
    with pytest.raises(InputError, match="palette is 'red'"):
        recipes.get("pix2pix").override({"palette": "red"})


def test_a_palette_for_a_run_without_one_is_refused():
    run = Run("run", "cyclegan", recipes.get("cyclegan-digits"), {}, {})
    options = argparse.Namespace(features=None, palette="0,0,0; 255,0,0")
    with pytest.raises(InputError, match="of family cyclegan, which has none"):
        measuring.evaluator_of(TrainedRun(run, None), None, None, options)


def test_runs_that_hold_out_different_pairs_are_not_compared():
    recipe = recipes.get("pix2pix-digits")
    both = [
        Run(share, "pix2pix-digits", recipe.override({"validation": share}), {}, {})
        for share in ("0.1", "0.2")
    ]
    with pytest.raises(InputError, match=r"0\.1, 0\.2 hold out different pictures"):
        compare._divided(["one", "other"], both, recipe.read())


def test_a_pool_that_is_less_than_a_batch_is_refused():
    with pytest.raises(InputError, match="pool_size is 50 and batch_size 64"):
        recipes.get("cyclegan").override({"batch_size": 64})
    recipes.get("cyclegan").override({"batch_size": 64, "pool_size": 0})


def test_more_layers_of_patches_than_the_network_has_are_refused():
    with pytest.raises(InputError, match="patch_layers is 6"):
        recipes.get("pix2pix").override({"patch_layers": 6})
