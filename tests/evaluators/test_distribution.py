"""Measures of a GAN against the same functions called by hand."""

import dataclasses

import keras
import numpy as np
import pytest
from scipy import linalg, ndimage

from keras_gan import DCGAN, GAN, InputError, datasets, features, metrics, recipes
from keras_gan.datasets import Images
from keras_gan.errors import Diverged
from keras_gan.evaluators import (
    MEASURES,
    DistributionEvaluator,
    FeatureComparison,
    Measure,
)
from keras_gan.features import Extracted, Extractor, Pixels


class Brightness(Extractor):
    """Features and classes that a test can tell by hand; counts what it was shown."""

    name = "brightness"
    class_names = ("dark", "bright")

    def __init__(self):
        self.shown = []

    def __call__(self, images):
        self.shown.append(images)
        return super().__call__(images)

    def extract(self, images):
        values = images.reshape(len(images), -1).astype("float32") / 255
        bright = values.mean(axis=1)
        return Extracted(
            np.stack([bright, values.std(axis=1), values[:, 0]], axis=1),
            np.stack([1 - bright, bright], axis=1),
        )


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 8, 8, 1), "uint8")
    return Images(
        pixels // rng.integers(1, 4, (60, 1, 1, 1), "uint8"), np.arange(60) % 3
    )


@pytest.fixture(scope="module")
def gan():
    return DCGAN((8, 8, 1), 4, 2, seed=3)


def halves(images, count, seed=0):
    """The two halves that the documentation promises: seeded, sorted, disjoint."""
    order = np.random.default_rng(seed).permutation(len(images))
    return np.sort(order[:count]), np.sort(order[count : 2 * count])


def test_measures_are_those_of_the_same_features_by_hand(images, gan):
    real = DistributionEvaluator(images, Brightness(), seed=5)
    measured = real.measure(gan)

    first, second = halves(images, 30, seed=5)
    extract = Brightness()
    x = extract(images.array[first])
    for values, y in (
        (measured, extract(gan.generate(30, seed=5))),
        (real.baseline.measure(), extract(images.array[second])),
    ):
        distance = metrics.kernel_distance(x.features, y.features)
        precision, recall = metrics.symmetric_precision_recall(x.features, y.features)
        _, coverage = metrics.density_coverage(x.features, y.features)
        assert values == {
            "frechet_distance": metrics.frechet_distance(x.features, y.features),
            "kernel_distance": distance.mean,
            "kernel_distance_std": distance.std,
            "precision": precision,
            "recall": recall,
            "coverage": coverage,
            "class_score": metrics.inception_score(y.probabilities),
        }
        # And from outside: scipy's matrix root.
        a, b = np.cov(x.features.T), np.cov(y.features.T)
        shift = x.features.mean(axis=0, dtype=float) - y.features.mean(
            axis=0, dtype=float
        )
        expected = shift @ shift + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
        assert values["frechet_distance"] == pytest.approx(expected, rel=1e-5)


def test_features_are_taken_once(images, gan):
    extractor = Brightness()
    real = DistributionEvaluator(images, extractor, count=20)
    real.measure(gan, ["frechet_distance", "precision", "recall"])
    assert [len(shown) for shown in extractor.shown] == [20, 20]
    real.measure(gan, ["coverage"])
    assert [len(shown) for shown in extractor.shown] == [20, 20, 20]
    assert np.array_equal(extractor.shown[1], extractor.shown[2])  # the same latents


def test_what_none_asks_for_is_not_computed(monkeypatch):
    calls = []

    def counted(name):
        function = getattr(metrics, name)
        return lambda *args: calls.append(name) or function(*args)

    for name in ("symmetric_precision_recall", "density_coverage", "kernel_distance"):
        monkeypatch.setattr(metrics, name, counted(name))
    features = np.random.default_rng(0).normal(size=(2, 20, 3))
    comparison = FeatureComparison(*(Extracted(part, None) for part in features))
    comparison.measure(["frechet_distance"])
    assert calls == []
    comparison.measure()
    assert sorted(calls) == [
        "density_coverage",
        "kernel_distance",
        "symmetric_precision_recall",
    ]


def test_labels_of_a_conditional_model_are_those_of_the_real_half(images):
    gan = DCGAN((8, 8, 1), 4, 2, num_classes=3, seed=3)
    extractor = Brightness()
    DistributionEvaluator(images, extractor, count=25, seed=1).compare(gan)
    labels = images.labels[halves(images, 25, seed=1)[0]]
    assert len(set(np.bincount(labels))) > 1  # not simply in turn
    expected = gan.generate(25, seed=1, labels=labels)
    assert any(np.array_equal(shown, expected) for shown in extractor.shown)


def test_more_images_than_are_made_at_once_are_the_same(gan, monkeypatch):
    images = Images(np.zeros((60, 8, 8, 1), "uint8"))
    extractor = Brightness()
    expected = gan.generate(30, seed=2)
    monkeypatch.setattr("keras_gan.models.latent_model._ROWS", 7)
    DistributionEvaluator(images, extractor, count=30, seed=2).compare(gan)
    assert np.array_equal(extractor.shown[1], expected)


def test_memory_mapped_images_measure_alike(images, gan, tmp_path):
    array = np.memmap(tmp_path / "images", "uint8", "w+", shape=images.array.shape)
    array[:] = images.array
    mapped = DistributionEvaluator(Images(array), Pixels())
    assert mapped.measure(gan) == DistributionEvaluator(images, Pixels()).measure(gan)


def test_classes_are_counted_where_they_are_most_probable():
    def extracted(bright):
        bright = np.array(bright)
        return Extracted(bright[:, None], np.stack([1 - bright, bright], axis=1))

    real, fake = extracted([0.2, 0.4, 0.9, 0.8]), extracted([0.6, 0.9, 0.7, 0.1])
    comparison = FeatureComparison(real, fake, class_names=("dark", "bright"))
    assert comparison.classes() == {
        "names": ["dark", "bright"],
        "generated": [0.25, 0.75],
        "real": [0.5, 0.5],
    }
    assert FeatureComparison(real, Extracted(fake.features, None)).classes() is None


def test_measures_that_the_features_do_not_allow_are_refused(images):
    real = DistributionEvaluator(images, Pixels())
    assert real.names == ["frechet_distance", "kernel_distance", "kernel_distance_std"]
    assert DistributionEvaluator(images, Brightness()).names == list(MEASURES)[:7]
    with pytest.raises(InputError, match=r"class_score cannot .* kernel_distance_std"):
        real.check(["class_score"])
    with pytest.raises(InputError, match=r"'fid' is not known.*frechet_distance"):
        real.check(["fid"])


@pytest.mark.parametrize("when", ["evaluate", "end", "training"])
def test_a_measure_says_when_it_is_taken(when, images, gan, monkeypatch):
    one = Measure("One", "lower", "It is 1.", lambda comparison: 1.0, when=when)
    rare = Measure("Rare", "lower", "Of many.", lambda comparison: 2.0, least=1000)
    monkeypatch.setitem(MEASURES, "one", one)
    monkeypatch.setitem(MEASURES, "rare", rare)
    real = DistributionEvaluator(images, Pixels())
    assert ("one" in real.quick(gan)) == (when == "training")
    assert ("one" in real.final(gan)) == (when != "evaluate")
    assert real.quick(gan)[0] == "frechet_distance"
    found = real.evaluate(gan)
    assert found["measures"]["one"] == found["between_halves"]["one"] == 1.0
    assert "rare" not in found["measures"]  # needs more images than there are
    with pytest.raises(InputError, match=r"'now' for 'One'\. Use one of"):
        dataclasses.replace(one, when="now")


@pytest.mark.parametrize("count", [0, 1, 31])
def test_a_count_that_there_is_not_is_refused(images, count):
    with pytest.raises(InputError, match=f"count is {count}, and there are 60 images"):
        DistributionEvaluator(images, Pixels(), count)


def test_the_default_count_is_bounded_by_what_it_costs(images):
    assert DistributionEvaluator(images, Pixels()).count == 30
    many = Images(np.broadcast_to(np.uint8(0), (60_000, 28, 28, 1)))
    assert DistributionEvaluator(many, Pixels()).count == 10_000
    large = Images(np.broadcast_to(np.uint8(0), (60_000, 128, 128, 3)))
    assert DistributionEvaluator(large, Pixels()).count == 25_000_000 // (128 * 128 * 3)


def test_training_takes_no_more_images_than_that():
    recipe = recipes.get("digits").override({"features": "pixels"})

    def count(images, side):
        array = np.broadcast_to(np.uint8(0), (images, side, side, 3))
        return recipe.evaluators(Images(array), None)["samples"].count

    assert count(6000, 8) == 2000
    assert count(6000, 128) == 25_000_000 // (128 * 128 * 3)
    assert count(9, 8) == 4


@pytest.mark.parametrize("count", [None, 1])
def test_too_few_images(images, count):
    few = Images(images.array[:3])
    with pytest.raises(InputError, match="3 images, and at least 4 are needed, 2 in"):
        DistributionEvaluator(few, Pixels(), count)


def test_no_number_of_a_model_that_diverged(images):
    gan = DCGAN((8, 8, 1), 4, 2, seed=3)
    real = DistributionEvaluator(images, Pixels())
    weight = gan.generator.trainable_weights[0]
    weight.assign(np.full(weight.shape, np.nan))
    with pytest.raises(Diverged, match="NaN"):
        real.measure(gan)


def test_points_that_overflow_have_diverged():
    network = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(2, "exponential")]
    )
    gan = GAN(network, keras.Sequential([keras.layers.Dense(1)]), 1, value_range=None)
    points = Images(np.random.default_rng(0).normal(size=(40, 2)).astype("float32"))
    real = DistributionEvaluator(points, Pixels(points=True))
    assert np.isfinite(list(real.measure(gan).values())).all()
    network.layers[0].bias.assign([1e4, 0])
    with pytest.raises(Diverged, match="infinite"):
        real.measure(gan)


def test_modes_are_counted_where_the_source_has_them():
    ring = datasets.read("ring")
    real = DistributionEvaluator(
        ring, features.get(None, ring), count=2500, source="ring"
    )
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, None)])
    gan = GAN(network, keras.Sequential([keras.layers.Dense(1)]), 1, value_range=None)
    network.layers[0].set_weights([np.zeros((1, 2)), np.array([0.0, 2.0])])
    names = ["modes", "high_quality"]
    assert real.measure(gan, names) == {"modes": 1, "high_quality": 1.0}
    halves = real.baseline.measure(names)
    assert halves["modes"] == 8
    assert halves["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.01)
    assert "three standard deviations" in real.protocol(gan)
    assert not set(names) & set(DistributionEvaluator(ring, Pixels(points=True)).names)


def test_protocol_says_how_the_figures_came_about(images, gan):
    real = DistributionEvaluator(
        images, Brightness(), count=20, seed=4, source="npz:x.npz"
    )
    assert real.protocol(gan) == (
        "brightness, 20 generated images against 20 of the 60 images of npz:x.npz "
        "(real: another 20 of them against the same), so few images that the kernel "
        "distance tells more than the Fréchet distance, which depends on their number, "
        "generator as trained, moving "
        "averages in batch norm, seed 4"
    )
    averaged = DCGAN((8, 8, 1), 4, 2, num_classes=3, seed=3)
    averaged.compile("adam", "adam", generator_average=0.9)
    assert "labels as theirs, averaged generator, moving" in real.protocol(averaged)


def test_better_is_lower_for_distances_and_higher_for_shares():
    distance, share = MEASURES["frechet_distance"], MEASURES["recall"]
    assert distance.improves(1.0, 2.0) and not distance.improves(2.0, 1.0)
    assert share.improves(0.9, 0.8) and not share.improves(0.8, 0.9)
    for measure in (distance, share):
        assert measure.improves(5.0, None)
        assert not measure.improves(1.0, 1.0)
        assert not measure.improves(float("nan"), None)


def blurred(images, strength):
    return ndimage.gaussian_filter(images, (0, strength, strength, 0))


def test_random_features_need_no_labels_and_rank_no_mush_above_real_images():
    digits = datasets.read("digits", image_size=16)
    unlabelled = Images(digits.array)
    extractor = features.get(None, unlabelled)
    assert isinstance(extractor, features.RandomNetwork)
    real = DistributionEvaluator(unlabelled, extractor, count=600)
    other = digits.array[halves(digits, 600)[1]]
    grey = np.full_like(other, other.mean())
    grey += np.random.default_rng(0).integers(0, 4, grey.shape, "uint8")
    noise = np.random.default_rng(0).normal(0, 64, other.shape)
    names = ["frechet_distance", "kernel_distance", "precision", "recall", "coverage"]
    previous = baseline = real.baseline.measure(names)
    for strength in (0.5, 1, 2):
        values = real._compare(blurred(other, strength)).measure(names)
        assert values["frechet_distance"] > 1.2 * previous["frechet_distance"]
        assert values["kernel_distance"] > previous["kernel_distance"] + 0.05
        previous = values
    for mush in (
        blurred(other, 1),
        grey,
        np.clip(other + noise, 0, 255).astype("uint8"),
        (other // 2 + other[::-1] // 2),
        np.repeat(other[:6], 100, axis=0),
    ):
        values = real._compare(mush).measure(names)
        assert values["kernel_distance"] > baseline["kernel_distance"] + 0.05
        for share in ("precision", "recall", "coverage"):
            assert values[share] < baseline[share]


class Watched(np.ndarray):
    """Pixels that count how many images are read."""

    read = 0

    def __getitem__(self, key):
        found = super().__getitem__(key)
        self.read += len(found)
        return found


@pytest.mark.parametrize("make", [features.RandomNetwork, lambda _: Brightness()])
def test_all_is_checked_before_features_are_taken(make, images, gan):
    pixels = images.array.view(Watched)
    extractor = make(Images(pixels))
    real = DistributionEvaluator(Images(pixels), extractor)
    assert set(real.names) > {"frechet_distance", "recall"}
    real.check(["frechet_distance"])
    with pytest.raises(InputError, match="modes cannot be measured"):
        real.check(["modes"])
    assert "30 generated images" in real.protocol(gan)
    assert pixels.read < 10
    assert real.measure(gan, ["frechet_distance"])["frechet_distance"] > 0
    assert pixels.read >= 30


def test_pixels_do_not_show_what_prefers_blurred_images(gan, images):
    real = DistributionEvaluator(images, Pixels())
    assert not {"precision", "recall", "coverage"} & set(real.names)
    assert not {"precision", "recall", "coverage"} & set(real.baseline.measure())
    assert "blurred images above real ones" in real.protocol(gan)


def test_only_few_images_get_a_word_on_their_number(gan):
    digits = datasets.read("digits", image_size=8)
    many = Images(np.concatenate([digits.array, digits.array]))
    for images, few in ((digits, True), (many, False)):
        protocol = DistributionEvaluator(images, Pixels()).protocol(gan)
        assert ("kernel distance tells more" in protocol) == few


class ByBrightness(Brightness):
    """The classes are those of the labels."""

    accuracy = 0.9


class Obedient(DCGAN):
    """Renders dark images for class 0 and bright ones for class 1."""

    def render(self, latent, labels=None):
        values = 255 * np.asarray(labels, "uint8")
        return np.broadcast_to(values[:, None, None, None], (len(latent), 8, 8, 1))


class Deaf(Obedient):
    """Renders both classes whatever class is asked for."""

    def render(self, latent, labels=None):
        return super().render(latent, np.arange(len(latent)) % 2)


def test_class_accuracy_is_the_share_of_the_class_asked_for(gan, images):
    labelled = Images(images.array, np.repeat([0, 1], 30))
    real = DistributionEvaluator(labelled, ByBrightness())
    obedient = Obedient((8, 8, 1), 4, 2, num_classes=2, seed=0)
    assert real.measure(obedient)["class_accuracy"] == 1
    assert real.baseline.measure()["class_accuracy"] == 0.9
    assert "class accuracy" in real.protocol(obedient)
    deaf = real.measure(Deaf((8, 8, 1), 4, 2, num_classes=2, seed=0))
    asked = labelled.labels[halves(labelled, 30)[0]]
    assert deaf["class_accuracy"] == np.mean(asked == np.arange(30) % 2)

    assert "class_accuracy" not in real.measure(gan)  # which knows no classes
    assert "class accuracy" not in real.protocol(gan)
    # Its classes are not the labels.
    unrelated = DistributionEvaluator(labelled, Brightness())
    assert "class_accuracy" not in unrelated.measure(obedient)
