"""Runs on pairs and on two sources: what they read, remember and resume."""

import dataclasses
import json
import shutil
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_gan import InputError, recipes, runs, training
from keras_gan.models.base import GenerativeModel
from keras_gan.models.elements import ImageElement
from keras_gan.pixels import PixelRange


class Brightness(GenerativeModel):
    """Learns how bright the second picture is beside the first."""

    reported = ("loss",)
    headline: ClassVar = {"loss": "loss"}

    def __init__(self, shapes, **kwargs):
        super().__init__(seed=1, **kwargs)
        self.shapes = shapes
        self.inputs = (next(iter(shapes)),)
        self.outputs = {"output": [*shapes][1]}
        shape = shapes[self.inputs[0]]
        self.network = keras.Sequential(
            [keras.Input(shape), keras.layers.Dense(1, kernel_initializer="ones")]
        )

    @property
    def elements(self):
        return {
            name: ImageElement(shape, PixelRange(-1, 1))
            for name, shape in self.shapes.items()
        }

    def networks(self):
        return {"network": self.network}

    def compile(self, **kwargs):
        super().compile(**kwargs)
        self.set_optimizers(
            network_optimizer=(keras.optimizers.SGD(0.1), [self.network])
        )

    def _loss(self, batch):
        first, second = batch.values()
        return tf.reduce_mean((self.network(first) - second) ** 2)

    def train_step(self, data):
        weights = self.network.trainable_variables
        with tf.GradientTape() as tape:
            loss = self._loss(self.seen(data))
        self.network_optimizer.apply(tape.gradient(loss, weights), weights)
        self.step.assign_add(1)
        return self.report({"loss": loss})

    def test_step(self, data):
        batch = self.elements_of(data)
        rows = tf.shape(next(iter(batch.values())))[0]
        return self.report_held_out({"loss": self._loss(batch)}, rows)

    def samples(self, count, seed=0, examples=None):
        first = examples[self.inputs[0]]
        made = self.network(PixelRange(-1, 1).to_float(first)).numpy()
        return {"source": first, "output": PixelRange(-1, 1).to_uint8(made)}


class Builds:
    def build(self, facts):
        names = [name[:-6] for name in facts if name.endswith("_shape")]
        model = Brightness({name: tuple(facts[f"{name}_shape"]) for name in names})
        model.compile()
        return model


@dataclasses.dataclass(frozen=True)
class Pairs(Builds, recipes.PairedSource):
    family: ClassVar[str] = "test-pairs"


@dataclasses.dataclass(frozen=True)
class Domains(Builds, recipes.TwoSources):
    family: ClassVar[str] = "test-domains"


SETTINGS = {
    **{"steps": 7, "batch_size": 3, "image_size": 6, "validation": "0.25"},
    **{"checkpoint_steps": 3, "features": "pixels"},
}


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders a and b, of 12 and 9 pictures, and one of 12 pairs."""
    root = tmp_path_factory.mktemp("pictures")
    noise = np.random.default_rng(0).integers(0, 256, (12, 8, 16, 3), np.uint8)
    for i, pixels in enumerate(noise):
        save(root / "pairs" / f"{i:02}.png", pixels)
        save(root / "a" / f"{i:02}.png", pixels[:, :8])
        if i < 9:
            save(root / "b" / f"{i:02}.png", pixels[:, 8:, 0])
    return root


def recipe_of(kind, root, **changes):
    sources = {"data": f"pairs:{root}/pairs"}
    if kind is Domains:
        sources = {"data_a": f"folder:{root}/a", "data_b": f"folder:{root}/b"}
    return kind("a test", **{**SETTINGS, **sources, **changes})


@pytest.fixture(scope="module", params=[Pairs, Domains])
def trained(request, folders, deterministic, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    return training.train(recipe_of(request.param, folders), path)


def test_a_run_remembers_what_it_began_with(trained, folders, capsys):
    config = json.loads((trained.run.path / "config.json").read_text())
    facts = config["data"]
    if isinstance(trained.run.recipe, Pairs):
        names, counts, channels = ("source", "target"), (12, 12), (3, 3)
    else:
        names, counts, channels = ("a", "b"), (12, 9), (3, 1)
    for name, count, channel in zip(names, counts, channels, strict=True):
        assert facts[f"{name}_shape"] == [6, 6, channel]
        assert facts[f"{name}_images"] == count
        assert facts[f"{name}_levels"] is None
        assert len(facts[f"{name}_sha256"]) == 64
    assert config["settings"]["load_size"] is None
    files = json.loads((trained.run.path / "files.json").read_text())
    assert len(files) == (12 if names[0] == "source" else 21)
    metrics = (trained.run.path / "metrics.csv").read_text()
    assert "val_loss" in metrics.splitlines()[0]


def test_it_resumes_as_if_never_cut(trained, tmp_path):
    recipe = dataclasses.replace(trained.run.recipe, steps=5)
    training.train(recipe, tmp_path / "run")
    resumed = training.train(trained.run.recipe, tmp_path / "run", resume=True)
    for one, other in zip(
        trained.model.get_weights(), resumed.model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_a_changed_picture_and_a_moved_folder_are_named(trained, folders, tmp_path):
    moved = shutil.copytree(folders, tmp_path / "moved")
    recipe = trained.run.recipe
    paired = isinstance(recipe, Pairs)
    at_new_place = trained.run.with_changes(
        {name: getattr(recipe_of(type(recipe), moved), name) for name in recipe.sources}
    )
    at_new_place.check_data(at_new_place.read_data())
    changed = moved / ("pairs" if paired else "b") / "03.png"
    save(changed, np.zeros((8, 16 if paired else 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"1 changed \('(b: )?03\.png'\)"):
        at_new_place.check_data(at_new_place.read_data())
    shutil.rmtree(changed.parent)
    option = "--data pairs:PATH" if paired else "--data-b folder:PATH"
    with pytest.raises(InputError, match=f"{option}\\."):
        at_new_place.read_data()


def test_pairs_of_another_source_can_be_held_out(folders):
    recipe = recipe_of(Pairs, folders, validation=f"pairs:{folders}/pairs")
    data = recipe.read()
    kept, held_out = recipe.divided(data)
    assert kept is data and len(held_out) == 12
    other = recipe_of(Pairs, folders, validation="outlines", image_size=6)
    # It has the channels of the run's data.
    assert other.divided(other.read())[1].shapes == data.shapes
    domains = recipe_of(Domains, folders, validation=f"folder:{folders}/a")
    with pytest.raises(InputError, match="Give a share between 0 and 1"):
        domains.divided(domains.read())


def test_a_share_is_held_out_of_each_domain(folders):
    recipe = recipe_of(Domains, folders)
    kept, held_out = recipe.divided(recipe.read())
    assert [len(part[name]) for part in (kept, held_out) for name in "ab"] == [
        *(9, 7),
        *(3, 2),
    ]
    assert recipe.words_of(kept) == "9 images a of 6x6x3 and 7 images b of 6x6x1"
    assert recipe_of(Pairs, folders).words_of(recipe_of(Pairs, folders).read()) == (
        "12 pairs of 6x6x3 and 6x6x3"
    )


def test_domains_share_the_memory_budget(folders):
    one, other = 12 * 7 * 7 * 3, 9 * 7 * 7
    seen = 12 * 6 * 6 * 3 + 9 * 6 * 6
    for budget, on_disk in ((one + other + seen, False), (one, True)):
        recipe = recipe_of(Domains, folders, memory_budget=f"{budget / 1e6:.6f}MB")
        data = recipe.read()
        assert isinstance(data["b"].array, np.memmap) == on_disk
        stored = data.stored["b"].array
        assert isinstance(stored.base, np.memmap) == on_disk


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        (Pairs, {"direction": "left"}, "direction is 'left'.* a-to-b or b-to-a"),
        (Pairs, {"load_size": "4"}, "load_size is 4x4, less than image_size, 6x6"),
        (Pairs, {"load_size": "big"}, "load_size is 'big'. Use one number"),
        (Domains, {"crop": True, "image_size": None}, "crop is True, and image_size"),
        (Domains, {"load_size": 9, "image_size": None}, "image_size is not set"),
    ],
)
def test_settings_that_cannot_be(folders, kind, changes, said):
    with pytest.raises(InputError, match=said):
        recipe_of(kind, folders, **changes)


def test_data_that_cannot_be(folders):
    small = recipe_of(Domains, folders, batch_size=10)
    with pytest.raises(InputError, match=r"batch_size is 10, .* 9 images of b"):
        small.check_data(small.read(), replicas=1)
    shared = recipe_of(Pairs, folders)
    with pytest.raises(InputError, match=r"3, of all replicas together.*2"):
        shared.check_data(shared.read(), replicas=2)
    points = recipe_of(Domains, folders, data_b="ring", image_size=None)
    with pytest.raises(InputError, match="b is vectors"):
        points.read()


def test_a_run_opens_by_its_family(trained):
    opened = runs.Run.open(trained.run.path)
    assert opened.recipe == trained.run.recipe
    assert isinstance(opened.recipe, type(trained.run.recipe))
