"""A run trained by a call, as a script or a notebook does it."""

import json

import numpy as np
import pytest

from keras_gan import InputError, callbacks, distribution, recipes, runs, training

SETTINGS = {
    **{"image_size": "8", "base_filters": 2, "latent_dim": 4, "batch_size": 4},
    **{"features": "pixels", "evaluate_steps": 1, "steps": 2},
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "images.npz"
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8), "uint8")
    np.savez(file, images=pixels)
    return recipes.get("digits").override({**SETTINGS, "data": f"npz:{file}"})


@pytest.fixture(scope="module")
def calls():
    """What the work after training was called with."""
    return []


@pytest.fixture(scope="module")
def trained(recipe, calls, tmp_path_factory):
    def work(run, bar):
        calls.append((run, sorted(path.name for path in run.path.iterdir())))
        bar.update()
        return "done"

    after = training.Afterwards("a letter", ["letter"], 60.0, work)
    path = tmp_path_factory.mktemp("runs") / "run"
    return training.train(recipe, path, afterwards=after)


def test_it_returns_the_model_and_its_measures(trained, recipe):
    assert trained.run.recipe == recipe
    assert trained.run.recipe_name == "digits"
    assert trained.signal is None
    assert int(trained.model.step) == 2
    written = json.loads((trained.run.path / "evaluation.json").read_text())
    assert trained.measures["protocol"] == written["protocol"]
    assert trained.measures["measures"] == pytest.approx(written["measures"])
    loaded = runs.load(trained.run.path)
    np.testing.assert_array_equal(
        trained.model.generate(4, seed=1), loaded.generate(4, seed=1)
    )


def test_what_follows_is_done_once_with_the_finished_run(trained, calls):
    assert trained.afterwards == "done"
    ((run, names),) = calls
    assert run == trained.run
    assert {"model.keras", "evaluation.json", "checkpoints"} <= set(names)


def test_what_follows_is_announced_with_its_time():
    after = training.Afterwards("a letter", ["letter"], 120.0, None)
    line = training.what_follows(False, after, imports=4.0)
    assert line == "model.keras, a letter: about 2 minutes"


def test_it_resumes_with_more_steps_or_as_it_was(trained, recipe):
    path = trained.run.path
    longer = training.train(recipe.override({"steps": 3}), path, resume=True)
    assert int(longer.model.step) == 3
    assert runs.Run.open(path).recipe.steps == 3
    same = training.train(None, path, resume=True)
    assert int(same.model.step) == 3
    np.testing.assert_array_equal(
        same.model.generate(4, seed=1), longer.model.generate(4, seed=1)
    )


def test_it_refuses_what_would_be_another_run(trained, recipe):
    path = trained.run.path
    with pytest.raises(InputError, match="exists already"):
        training.train(recipe, path)
    with pytest.raises(InputError, match="latent_dim is 5, and the run in"):
        training.train(recipe.override({"latent_dim": 5}), path, resume=True)
    with pytest.raises(InputError, match="the recipe is of family gan-points and"):
        training.train(recipes.get("ring"), path, resume=True)


def test_a_new_run_needs_a_recipe(tmp_path):
    with pytest.raises(InputError, match="recipe is None"):
        training.train(None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_order_of_the_callbacks(trained, recipe):
    data = recipe.read()
    evaluator = recipe.evaluators(data, None)["samples"]
    signals, stop = callbacks.StopOnSignal(), callbacks.StopAfter(2)
    checkpoint = callbacks.Checkpoint(trained.run.path / "checkpoints")
    guard = callbacks.DivergenceGuard(checkpoint)
    workers = distribution.workers_of(distribution.create("one-device"))
    parts = training.Parts(trained.run, trained.model, data, None, workers, evaluator)
    names = [
        type(one).__name__
        for one in training.run_callbacks(parts, signals, stop, guard, checkpoint)
    ]
    everywhere = ["StopOnSignal", "StopAfter", "DivergenceGuard"]
    assert names == [
        *everywhere,
        *("Evaluate", "Progress", "Diagnosis", "SampleGrid"),
        *("MetricsCSV", "TensorBoardPoints", "Checkpoint", "SyncStop"),
    ]


def test_workers_are_made_once():
    strategy = distribution.create("one-device")
    assert distribution.workers_of(strategy) is distribution.workers_of(strategy)
