"""Data that is held out and measured while a run trains."""

import csv

import numpy as np
import pytest

from keras_gan import InputError, datasets, recipes, training
from keras_gan.experiments import TrainedRun

pytestmark = pytest.mark.usefixtures("deterministic")

SETTINGS = {
    **{"image_size": 8, "base_filters": 2, "latent_dim": 4, "batch_size": 32},
    **{"steps": 6, "steps_per_execution": 1, "evaluate_steps": None},
    "deterministic": True,
}


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """Path of 200 images that are not among the digits."""
    path = tmp_path_factory.mktemp("held_out") / "noise.npz"
    levels = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), "uint8")
    np.savez(path, images=levels)
    return path


def train(path, **changes):
    recipe = recipes.get("digits").override({**SETTINGS, **changes})
    return training.train(recipe, path)


def rows(trained):
    with (trained.run.path / "metrics.csv").open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def runs(npz, tmp_path_factory):
    """Runs without held-out data, with a share, and with another source."""
    folder = tmp_path_factory.mktemp("runs")
    kinds = {"none": None, "share": "0.25", "source": f"npz:{npz}"}
    return {k: train(folder / k, validation=v) for k, v in kinds.items()}


def test_a_split_has_each_image_once():
    images = datasets.read("digits", image_size=8)
    kept, held_out = images.split(0.25, seed=3)
    assert len(held_out) == round(len(images) / 4)
    both = np.concatenate([kept.array, held_out.array]).reshape(len(images), -1)
    labels = np.concatenate([kept.labels, held_out.labels])
    order = np.lexsort(np.column_stack([both, labels]).T)
    given = images.array.reshape(len(images), -1)
    expected = np.lexsort(np.column_stack([given, images.labels]).T)
    np.testing.assert_array_equal(both[order], given[expected])
    np.testing.assert_array_equal(labels[order], images.labels[expected])
    again, other = images.split(0.25, seed=3)[1], images.split(0.25, seed=4)[1]
    np.testing.assert_array_equal(again.array, held_out.array)
    assert (other.array != held_out.array).any()


def test_the_log_has_what_evaluate_says(runs, npz):
    trained = runs["source"]
    images = datasets.read(f"npz:{npz}").array.astype("float32") / 127.5 - 1
    expected = trained.model.evaluate(images, batch_size=32, return_dict=True)
    (row,) = rows(trained)
    for name, value in expected.items():
        assert row[f"val_{name}"] == pytest.approx(value, abs=1e-5)
    assert abs(row["val_d_real"] - row["d_real"]) > 1e-3


def test_measuring_held_out_data_does_not_touch_training(runs):
    for one, other in zip(
        runs["none"].model.get_weights(),
        runs["source"].model.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    assert not any(name.startswith("val_") for name in rows(runs["none"])[0])


def test_a_share_is_not_trained_on(runs):
    held_out = runs["share"].run.recipe.divided(datasets.read("digits", 8))[1]
    training_set = TrainedRun.load(runs["share"].run.path).training_set
    assert len(training_set) == 1797 - len(held_out)
    assert runs["share"].run.data["images"] == 1797
    assert any(
        (one != other).any()
        for one, other in zip(
            runs["none"].model.get_weights(),
            runs["share"].model.get_weights(),
            strict=True,
        )
    )


@pytest.mark.slow
def test_a_run_goes_on_with_the_same_share(runs, tmp_path):
    train(tmp_path / "cut", validation="0.25", steps=3)
    recipe = recipes.get("digits").override({**SETTINGS, "validation": "0.25"})
    resumed = training.train(recipe, tmp_path / "cut", resume=True)
    for one, other in zip(
        runs["share"].model.get_weights(), resumed.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    assert rows(resumed)[-1] == rows(runs["share"])[-1]


@pytest.mark.parametrize(
    ("validation", "named"),
    [
        ("1.5", "between 0 and 1"),
        ("0", "between 0 and 1"),
        ("nan", "between 0 and 1"),
        ("1e-9", "leaves 1797 and 0"),
        ("no-such-source", "no-such-source"),
        ("npz:colour.npz", "8x8x3.* are 8x8x1"),
    ],
)
def test_what_cannot_be_held_out_is_refused(validation, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("colour.npz", images=np.zeros((5, 8, 8, 3), "uint8"))
    with pytest.raises(InputError, match=named):
        train(tmp_path / "run", validation=validation)
    assert not (tmp_path / "run").exists()
