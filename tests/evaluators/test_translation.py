"""Measures of translations against closed forms and counts by hand."""

import functools
import json

import numpy as np
import pytest

from keras_gan.datasets import Images
from keras_gan.errors import InputError
from keras_gan.evaluators import (
    CycleEvaluator,
    PairedEvaluator,
    Palette,
    segmentation,
    together,
    translation,
)

COLOURS = "232,227,218; 255,255,255; 163,204,255"


class Translator:
    """Has functions for its directions."""

    sampling_note = "as it is"

    def __init__(self, **ways):
        self.ways = ways

    def translate(self, images, to=None):
        return self.ways[to or next(iter(self.ways))](images)


def pictures(count=6, side=16, channels=3, high=200, seed=0):
    rng = np.random.default_rng(seed)
    return Images(rng.integers(0, high, (count, side, side, channels), "uint8"))


def same(images):
    return images


@pytest.mark.parametrize("offset", [1, 5, 50])
def test_a_constant_offset_has_closed_forms(offset):
    images = pictures()
    evaluator = PairedEvaluator(images, images, held_out=True)
    found = evaluator.measure(Translator(target=lambda x: x + np.uint8(offset)))
    assert [*found] == ["l1", "psnr", "ssim", "gradient_energy"]
    assert found["l1"] == pytest.approx(offset / 127.5)
    assert found["psnr"] == pytest.approx(20 * np.log10(255 / offset), abs=1e-3)
    assert found["gradient_energy"] == 1
    assert 0.5 < found["ssim"] < 1


def test_equal_pictures_have_the_best_values():
    images = pictures(side=8)  # smaller than the window of SSIM
    found = PairedEvaluator(images, images, True).measure(Translator(b=same))
    assert found["l1"] == 0 and found["psnr"] == translation.MOST_PSNR
    assert found["ssim"] == pytest.approx(1)
    json.dumps(found, allow_nan=False)


def test_the_ssim_of_two_constants_is_that_of_its_formula():
    a, b = 100.0, 140.0
    images = Images(np.full((3, 12, 12, 1), a, "uint8"))
    evaluator = PairedEvaluator(images, images, held_out=True)
    found = evaluator.measure(Translator(b=lambda x: x * 0 + np.uint8(b)), ["ssim"])
    c1 = (0.01 * 255) ** 2
    # Nothing varies, so only the means count.
    assert found["ssim"] == pytest.approx(
        (2 * a * b + c1) / (a**2 + b**2 + c1), rel=1e-3
    )
    assert "gradient_energy" not in evaluator.available(None)


def test_gradient_energy_tells_blur_and_noise():
    array = np.zeros((2, 4, 4, 1), "uint8")
    array[:, :, 2:] = 80  # one step across: 1 of 6 neighbours differs by 80
    images = Images(array)
    evaluator = PairedEvaluator(images, images, held_out=False)

    def ratio(function):
        found = evaluator.measure(Translator(b=function), ["gradient_energy"])
        return found["gradient_energy"]

    assert ratio(lambda x: x // 2) == pytest.approx(0.5)
    # All 24 differences are 10, where 4 were 80.
    checks = np.indices((4, 4)).sum(axis=0) % 2 * np.uint8(10)
    noise = np.broadcast_to(checks[..., np.newaxis], (2, 4, 4, 1))
    assert ratio(lambda x: noise) == pytest.approx(24 * 10 / (4 * 80))


def test_a_palette_on_the_target_gives_class_scores():
    palette = Palette.parse(COLOURS)
    land, road, water = (np.array(colour, "uint8") for colour in palette.colours)
    target = np.stack([land, land, road, water]).reshape(1, 2, 2, 3)
    made = np.stack([land - 3, road - 4, road, road]).reshape(1, 2, 2, 3)
    photos = Images(np.full((1, 2, 2, 3), 60, "uint8"))
    evaluator = PairedEvaluator(photos, Images(target), True, palette=palette)
    assert evaluator.labelled_side == "target"
    found = evaluator.measure(Translator(target=lambda x: made))
    assert found["palette_accuracy"] == 2 / 4
    assert found["palette_mean_iou"] == pytest.approx((1 / 2 + 1 / 3 + 0) / 3)
    assert "nearest of 3 colours of the target" in evaluator.protocol(Translator())
    assert not {n for n in evaluator.available(None) if n.startswith("fcn")}
    assert evaluator.quick(None) == ["l1", "palette_accuracy", "palette_mean_iou"]
    assert not evaluator.beside(found)


@pytest.fixture(scope="module")
def maps():
    """Label images of two colours in blocks, and photos: noise about other levels."""
    rng = np.random.default_rng(0)
    colours = np.array([[0, 0, 0], [250, 250, 250]], "uint8")
    classes = rng.integers(0, 2, (40, 4, 4)).repeat(4, axis=1).repeat(4, axis=2)
    levels = np.where(classes[..., np.newaxis], 90, 140)
    photos = (levels + rng.normal(0, 15, (40, 16, 16, 1))).clip(0, 255)
    return Images(colours[classes]), Images(photos.astype("uint8"))


def test_a_palette_on_the_source_gives_the_fcn_score(maps, monkeypatch):
    quick = functools.partial(segmentation.Segmentation, steps=60)
    monkeypatch.setattr(translation, "Segmentation", quick)
    labels, photos = maps
    first, second = np.arange(30), np.arange(30, 40)
    training = labels.rows(first), photos.rows(first)
    own = labels.rows(second), photos.rows(second)
    palette = Palette(((0, 0, 0), (250, 250, 250)))
    evaluator = PairedEvaluator(*own, True, palette=palette, training=training)
    assert evaluator.labelled_side == "source"
    names = ["fcn_pixel_accuracy", "fcn_class_accuracy", "fcn_mean_iou"]
    assert evaluator.final(None) == ["psnr", "ssim", "gradient_energy", "l1"]
    assert evaluator.available(None)[-3:] == names

    def drawn(maps):
        """Right photos, without noise."""
        return np.where(maps[..., :1] > 100, 90, 140).astype("uint8")

    real = evaluator.beside(names)
    assert real.keys() == {*names} and real["fcn_pixel_accuracy"] > 0.9
    good = evaluator.measure(Translator(b=drawn), names)
    assert good["fcn_mean_iou"] > 0.9
    # Right in the mean, and says nothing of the map.
    grey = evaluator.measure(Translator(b=lambda x: drawn(x) * 0 + 115), names)
    assert grey["fcn_class_accuracy"] == pytest.approx(0.5, abs=0.05)
    assert "trained on 30 true pairs" in evaluator.protocol(Translator())
    # The same pictures give the same network. Counted by hand from what it says.
    network = quick(training[1].array, training[0].array, palette)
    said, true = network.classes(own[1].array), own[0].array[..., 0] > 100
    assert real["fcn_pixel_accuracy"] == pytest.approx(np.mean(said == true))
    assert network.classes(own[1].array[:, :13, :10]).shape == (10, 13, 10)


def test_pairs_that_are_measured_are_evenly_spaced():
    source, target = pictures(9, seed=1), pictures(9, seed=2)
    seen = []

    def translated(images):
        seen.append(images)
        return images

    evaluator = PairedEvaluator(source, target, False, count=3)
    evaluator.measure(Translator(b=translated))
    np.testing.assert_array_equal(seen[0], source.array[[0, 4, 8]])
    assert "3 of 9 pairs seen in training" in evaluator.protocol(Translator())
    assert not evaluator.on_held_out
    assert "9 of 9 pairs" in evaluator.thorough(None, 0).protocol(Translator())
    with pytest.raises(InputError, match="there are 9 sources of 16x16x3 and 8 "):
        PairedEvaluator(source, pictures(8), True)


def test_two_directions_are_measured_together():
    source, target = pictures(4, seed=1), pictures(4, seed=2)
    both = together(
        {
            "a_to_b": PairedEvaluator(source, target, True, to="b"),
            "b_to_a": PairedEvaluator(target, source, True, to="a"),
        }
    )
    found = both.measure(Translator(b=lambda x: target.array, a=same))
    assert found["a_to_b_l1"] == 0 < found["b_to_a_l1"]


def hiding(images):
    """Keeps the first four bits of each level in the last four of a bright picture."""
    return (images // 16) + 200


def test_a_cycle_that_hides_is_told_from_an_honest_one():
    images = Images(pictures(4).array // 16 * 16)
    evaluator = CycleEvaluator({"a": images, "b": images}, held_out=True)
    honest = Translator(b=lambda x: 255 - x, a=lambda x: 255 - x)
    found = evaluator.measure(honest)
    assert found["cycle_l1_a"] == found["cycle_l1_b"] == 0
    # Noise of 2 levels comes back as it is: a mean of 2 * sqrt(2 / pi) levels and more
    # by rounding.
    expected = 2 * np.sqrt(2 / np.pi) / 127.5
    assert found["noisy_cycle_l1_a"] == pytest.approx(expected, rel=0.1)
    hides = Translator(b=hiding, a=lambda x: (np.maximum(x, 200) - 200) * 16)
    found = evaluator.measure(hides, ["cycle_l1_a", "noisy_cycle_l1_a"])
    assert found["cycle_l1_a"] == 0
    assert found["noisy_cycle_l1_a"] > 10 * expected
    assert "through 8-bit pictures" in evaluator.protocol(honest)


def test_a_known_answer_is_compared_with():
    images = {"a": pictures(3, seed=1), "b": pictures(3, seed=2)}
    answers = {"b": lambda x: 255 - x}
    evaluator = CycleEvaluator(images, True, answers)
    assert [n for n in evaluator.measures if "psnr" in n] == ["answer_psnr_b"]
    assert evaluator.quick(None) == ["answer_psnr_b"]
    model = Translator(b=lambda x: 250 - x, a=same)
    found = evaluator.measure(model, ["answer_psnr_b"])
    assert found == {"answer_psnr_b": pytest.approx(20 * np.log10(255 / 5), abs=1e-3)}
    other = evaluator.thorough(2, seed=5)
    assert (other.count, other.seed) == (2, 5)


def test_a_palette_is_read(tmp_path):
    colours = ((232, 227, 218), (255, 255, 255), (163, 204, 255))
    file = tmp_path / "palette.json"
    for content in (colours, dict(zip("abc", colours, strict=True))):
        file.write_text(json.dumps(content))
        assert Palette.parse(str(file)).colours == colours
    assert Palette.parse(COLOURS).colours == colours
    grey = np.array([0, 100, 240], "uint8").reshape(1, 1, 3, 1)
    assert Palette.parse("0,0,0;120,120,120;255,255,255").classes(grey).tolist() == [
        [[0, 1, 2]]
    ]
    file.write_text('{"a": 1}')
    for text, said in (
        ("1,2,3", "has 1 colours"),
        ("1,2,3;1,2,3", "of which 1 differ"),
        ("1,2;3,4", r"has \[1, 2\], which is no colour"),
        ("1,2,3;4,5,256", "256"),
        ("red;blue", "is 'red;blue'. Give colours"),
        (str(file), "Give colours"),
        (str(tmp_path / "none.json"), "cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            Palette.parse(text)
