"""What `--augment`, `--augment-target` and `--flip` do."""

import numpy as np
import pytest

from keras_gan import InputError, datasets, recipes
from keras_gan.datasets import Images

FACTS = {"image_shape": (8, 8, 1), "num_classes": None}
SMALL = {"image_size": 8, "base_filters": 2, "latent_dim": 2, "hidden_units": 0}


def names(gan):
    config = gan.get_config().get("augmentation", ())
    return [one["class_name"] for one in config]


@pytest.mark.parametrize(
    ("name", "changes"),
    [("digits", SMALL), ("gan-mnist", {}), ("gan-mnist-paper", {})],
)
def test_a_recipe_gives_the_model_its_augmentation(name, changes):
    recipe = recipes.get(name).override(
        {**changes, "augment": "color,translation,cutout", "augment_target": 0.5}
    )
    gan = recipe.build(FACTS)
    assert names(gan) == ["Color", "Translation", "Cutout"]
    assert gan.get_config()["augmentation_target"] == 0.5
    assert gan.augmentation_p == 0
    again = type(gan).from_config(gan.get_config())
    assert names(again) == names(gan)


def test_one_translation_replaces_the_other():
    plain = recipes.get("dcgan-cifar10")
    assert plain.translation == 0.125 and plain.augment is None
    assert plain.override({"augment": "color"}).translation == 0.125
    assert plain.override({"augment": "color,translation"}).translation == 0
    with pytest.raises(InputError, match="Set translation to 0"):
        plain.override({"augment": "translation", "translation": 0.1})


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("digits", {"augment": "colour"}, "Did you mean 'color'"),
        ("digits", {"augment": ""}, "Use some of: color, translation, cutout"),
        ("digits", {"augment": "color,color"}, "twice"),
        ("digits", {"augment_target": 0.6}, "augment is none"),
        ("digits", {"augment": "color", "augment_target": 1.0}, "below 1"),
        ("ring", {"augment": "color"}, "augment is no setting"),
        ("ring", {"flip": True}, "flip is on"),
    ],
)
def test_what_is_not_accepted_is_refused(name, changes, said):
    with pytest.raises(InputError, match=said):
        recipes.get(name).override(changes)


def test_flip_mirrors_half_of_the_training_images():
    rng = np.random.default_rng(0)
    images = Images(rng.integers(0, 256, (64, 8, 8, 1), dtype=np.uint8), np.arange(64))
    recipe = recipes.get("digits").override(
        {**SMALL, "conditional": True, "flip": True}
    )
    gan = recipe.build({**FACTS, "num_classes": 64})

    def turned(first):
        """Returns label -> whether its image was mirrored in the epoch of a step."""
        batches = recipe.batches(images, gan, first, None)
        (values, labels), *_ = batches.take(1).as_numpy_iterator()
        values, own = gan.pixels.to_uint8(values), images.array[labels]
        same = (values == own).all((1, 2, 3))
        other = (values == own[:, :, ::-1]).all((1, 2, 3))
        assert (same | other).all() and len(labels) == 64
        return dict(zip(labels.tolist(), other.tolist(), strict=True))

    first, second = turned(0), turned(1)
    assert 0.25 < np.mean(list(first.values())) < 0.75
    assert first != second and first == turned(0)
    assert not recipes.get("digits").flip


def test_points_do_not_flip():
    points = datasets.read("ring")
    with pytest.raises(InputError, match="flip is on"):
        points.batches(8, None, flip=True)
