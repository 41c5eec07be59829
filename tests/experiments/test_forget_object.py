"""Boxes, dropped maps, and a generator in which one known map draws the object."""

import argparse

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageDraw

from keras_gan import DCGAN, GAN, runs
from keras_gan.errors import InputError
from keras_gan.experiments import TrainedRun, forget_object
from keras_gan.experiments import __main__ as command
from keras_gan.experiments.forget_object import (
    Box,
    HiddenMaps,
    bright,
    fit_object,
    loop,
    positions_inside,
    read_boxes,
    share,
)
from keras_gan.networks import maxout_discriminator, mlp_generator

HEADER = "sample,left,top,right,bottom\n"


def drawn(draw_on, mode="L"):
    picture = Image.new(mode, (28, 28))
    draw_on(ImageDraw.Draw(picture))
    return np.asarray(picture).reshape(28, 28, -1)


@pytest.mark.parametrize("brightness", [255, 90])
def test_loop_finds_closed_strokes(brightness):
    def ring(box):
        return lambda draw: draw.ellipse(box, outline=brightness, width=2)

    (box,) = loop(drawn(ring((6, 4, 20, 22))))
    # The ellipse covers columns 6 to 20, rows 4 to 22.
    np.testing.assert_allclose(box, (6, 4, 21, 23), atol=1)
    two = drawn(
        lambda draw: [ring(each)(draw) for each in ((8, 2, 18, 12), (8, 12, 18, 26))]
    )
    assert len(loop(two)) == 2


def test_loop_finds_nothing_else():
    shapes = (
        lambda draw: None,
        lambda draw: draw.ellipse((6, 4, 20, 22), fill=255),
        lambda draw: draw.arc((6, 4, 20, 22), 30, 330, fill=255, width=2),
        lambda draw: draw.line((14, 3, 12, 25), fill=255, width=3),
        lambda draw: draw.rectangle((10, 10, 12, 12), outline=255),  # hole of 1 pixel
        lambda draw: draw.ellipse((6, 4, 20, 22), outline=40, width=2),
    )
    assert [loop(drawn(shape)) for shape in shapes] == [[]] * len(shapes)


def test_bright_finds_bright_areas():
    def areas(draw):
        draw.rectangle((3, 5, 9, 6), fill="white")
        draw.rectangle((20, 20, 25, 27), fill=(205, 205, 205))
        draw.rectangle((12, 12, 17, 17), fill=(203, 203, 203))
        draw.point((1, 1), fill="white")

    found = bright(drawn(areas, "RGB"))
    assert sorted(found) == [Box(3, 5, 10, 7), Box(20, 20, 26, 28)]


def test_share():
    ring = drawn(lambda draw: draw.ellipse((6, 4, 20, 22), outline=255, width=2))
    blank = np.zeros_like(ring)
    assert share(loop, np.stack([ring, blank, blank, ring, blank])) == 0.4


def test_positions_inside():
    boxes = [Box(2, 0, 7, 5), Box(10, 3, 12, 8)]
    inside = positions_inside(boxes, (8, 12, 3), (4, 3, 99))
    for row in range(4):
        for column in range(3):
            x, y = 4 * column + 2, 2 * row + 1
            expected = (2 < x < 7 and 0 < y < 5) or (10 < x < 12 and 3 < y < 8)
            assert inside[row, column] == expected
    pixels = positions_inside(boxes, (8, 12, 3))
    assert pixels.shape == (8, 12)
    assert pixels.sum() == 25 + 10
    assert pixels[:5, 2:7].all()
    assert pixels[3:, 10:].all()


def planted_activations(rng):
    """Map 0 is stronger inside, map 1 weaker, the others tell nothing or are off."""
    masks = np.zeros((40, 6, 6), bool)
    for mask in masks:
        row, column = rng.integers(0, 4, 2)
        mask[row : row + 3, column : column + 2] = True
    activations = rng.normal(2, 1, (40, 6, 6, 4))
    activations[..., 0] += masks
    activations[..., 1] -= masks
    activations[..., 3] = 0
    return activations, masks


def test_fit_finds_the_planted_maps():
    activations, masks = planted_activations(np.random.default_rng(0))
    fit = fit_object(activations, masks, np.random.default_rng(1))
    assert fit.inside == fit.outside == 40 * 6
    # Unit-variance normal distributions, one apart: the best weights are 1 and -1, and
    # the AUC that of a shift by sqrt 2, Phi(sqrt 2 / sqrt 2).
    np.testing.assert_allclose(fit.weights, [1, -1, 0, 0], atol=0.25)
    assert fit.weights[3] == 0
    assert fit.auc == pytest.approx(0.841, abs=0.04)
    shuffled = np.random.default_rng(2).permutation(activations.reshape(-1, 4))
    by_chance = fit_object(
        shuffled.reshape(activations.shape), masks, np.random.default_rng(1)
    )
    assert by_chance.auc == pytest.approx(0.5, abs=0.1)


def test_fit_of_what_cannot_be_told():
    activations, masks = planted_activations(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    assert fit_object(activations[:1], masks[:1], rng).auc is None
    # One sample has all that is inside: the others alone do not teach.
    for alone in (masks[:1] | True, masks[:1]):
        few = np.concatenate([alone, masks[1:7] & False])
        fit = fit_object(activations[:7], few, rng)
        assert fit.auc is None
        assert fit.inside == alone.sum()
    for mask in (masks & False, masks | True):
        with pytest.raises(InputError, match="at least one inside"):
            fit_object(activations, mask, rng)


@pytest.mark.parametrize("num_classes", [None, 3])
def test_dropped_maps_are_zero_everywhere(num_classes):
    gan = DCGAN((12, 12, 1), 4, 8, num_classes, seed=1)
    last = [
        x for x in gan.generator.layers if isinstance(x, keras.layers.Conv2DTranspose)
    ][-1]
    last.kernel.assign(last.kernel * 20)  # so that images are not all grey
    maps = HiddenMaps(gan, 1)
    assert maps.shape == (6, 6, 8)
    latent = gan.sample_latent(5, seed=1)
    labels = None if num_classes is None else np.arange(5) % 3
    before = gan.render(latent, labels)
    hidden = maps.activations(latent, labels)
    assert hidden.shape == (5, 6, 6, 8)
    assert hidden.min() == 0 < hidden.max()  # after ReLU
    hidden[..., [1, 4, 6]] = 0
    if num_classes is not None:
        one_hot = np.eye(3, dtype="float32")[labels]
        spread = np.broadcast_to(one_hot[:, None, None], (5, 6, 6, 3))
        hidden = np.concatenate([hidden, spread], axis=-1)
    values = np.tanh(
        tf.nn.conv2d_transpose(hidden, last.kernel.value, (5, 12, 12, 1), 2, "SAME")
    )
    with maps.dropped([1, 4, 6]):
        without = gan.render(latent, labels)
    np.testing.assert_allclose(without, (values + 1) * 127.5, atol=0.51)
    assert (without != before).mean() > 0.5
    np.testing.assert_array_equal(gan.render(latent, labels), before)


def test_layers_are_counted_from_the_image():
    gan = DCGAN((28, 28, 1), 4, 2, seed=1)
    assert HiddenMaps(gan).shape == HiddenMaps(gan, 2).shape == (7, 7, 4)
    assert HiddenMaps(gan, 1).shape == (14, 14, 2)
    assert HiddenMaps(DCGAN((8, 8, 1), 4, 2)).shape == (4, 4, 2)
    with pytest.raises(InputError, match="number from 1 to 2"):
        HiddenMaps(gan, 3)


def test_a_generator_without_feature_maps():
    gan = GAN(
        mlp_generator((8, 8, 1), 4, (5,)),
        maxout_discriminator((8, 8, 1), (4,)),
        4,
        value_range=(0, 1),
    )
    with pytest.raises(InputError, match="no convolutional layer"):
        HiddenMaps(gan)


@pytest.fixture
def planted_run(run_folder):
    """A run whose generator draws a bright block, left or right, by map 0 alone."""
    latent = keras.Input((2,))
    dense = keras.layers.Dense(8 * 8 * 20, "relu")
    x = keras.layers.Reshape((8, 8, 20))(dense(latent))
    reader = keras.layers.Conv2DTranspose(1, 2, 2)
    generator = keras.Model(latent, keras.layers.Activation("tanh")(reader(x)))
    kernel = np.zeros((2, 8, 8, 20))
    kernel[0, 2:5, 1:3, 0] = 5
    kernel[0, 2:5, 5:7, 0] = -5
    kernel[1, 5:, :, 1] = 1
    dense.set_weights([kernel.reshape(2, -1), np.zeros(8 * 8 * 20)])
    # Map 1 is a veil below the block on a dark ground, the others are never on.
    strengths = [1, 0.5, *[1] * 18]
    reader.set_weights([np.broadcast_to(strengths, (2, 2, 1, 20)), np.array([-0.8])])
    gan = GAN(
        generator,
        maxout_discriminator((16, 16, 1), (2,)),
        2,
        latent_distribution="uniform",
    )
    return TrainedRun(runs.Run.open(run_folder), gan)


def test_a_planted_object_is_forgotten(planted_run):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=3)
    forget_object.add_arguments(parser)
    options = parser.parse_args(["RUN", "--rule", "bright", "--test", "400"])
    outcome = forget_object.run_on(planted_run, options)
    measured = outcome.report["measured"]
    z = np.asarray(planted_run.model.sample_latent(10_000, 3))
    value = np.tanh(5 * np.abs(z[:, 0]) - 0.8)
    has_object = np.rint((value + 1) * 127.5) > 0.8 * 255
    assert measured["marked_samples"] == has_object[:150].sum()
    assert measured["boxes"] == has_object[:150].sum()
    shares = measured["share_with_object"]
    assert shares["before"] == pytest.approx(has_object[150:550].mean(), abs=1e-9)
    assert shares["before"] > 0.5
    assert (measured["maps"], measured["maps_dropped"]) == (20, 1)
    assert shares["dropped"] == 0
    # A map at random is another one, but for one draw in twenty.
    assert np.median(shares["random"]) == shares["before"]
    assert measured["auc"] > 0.99
    change = measured["pixel_change"]
    assert change["dropped"]["inside"] > 0.5
    assert change["dropped"]["outside"] == 0
    assert change["random"]["inside"] < change["dropped"]["inside"] / 2
    assert "rule bright" in outcome.report["protocol"]


def test_boxes_of_a_file(tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text(HEADER + "3,0,1,8,6\n3, 2,2,4,4\n0,1,2,3,4\n")
    expected = {3: [Box(0, 1, 8, 6), Box(2, 2, 4, 4)], 0: [Box(1, 2, 3, 4)]}
    assert read_boxes(file, (6, 8, 1)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "header"),
        ("sample,left\n1,2\n", "first line must be sample"),
        (HEADER + "1,2,3,4\n", "line 2"),
        (HEADER + "1,0,0,2,2\n1,2,x,4,5\n", "line 3"),
        (HEADER + "1,0,0,9,2\n", "0 to 8"),
        (HEADER + "1,0,0,2,7\n", "0 to 6"),
        (HEADER + "1,2,0,2,2\n", "left < right"),
        (HEADER + "-1,0,0,2,2\n", "from 0 up"),
        (HEADER + "1,0,0,2,2,5\n", "line 2"),
    ],
)
def test_boxes_that_cannot_be(tmp_path, text, message):
    file = tmp_path / "boxes.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_boxes(file, (6, 8, 1))


@pytest.mark.parametrize("conditional", [False, True])
def test_report_of_boxes(
    experiment, conditional, run_folder, conditional_folder, tmp_path
):
    file = tmp_path / "boxes.csv"
    file.write_text(HEADER + "2,0,0,4,4\n5,2,2,6,8\n5,0,0,1,1\n")
    folder = conditional_folder if conditional else run_folder
    _, report, _ = experiment(
        "forget-object", folder, "--boxes", file, "--test", 20, "--seed", 1
    )
    measured = report["measured"]
    assert measured["marked_samples"] == 2
    assert measured["boxes"] == 3
    assert measured["maps"] == 2
    assert 0 <= measured["maps_dropped"] <= 2
    assert measured["share_with_object"] is None
    assert report["paper"] == {"samples": 150, "boxes": 52, "maps_dropped": 200}
    # On a map of 4x4, a box of 4x4 pixels holds 4 positions, the second 6.
    for part in ("4x4x2", "10 positions inside", "10 random ones", "seed 1"):
        assert part in report["protocol"]


def test_boxes_of_which_few_hold_a_position(experiment, run_folder, tmp_path):
    file = tmp_path / "boxes.csv"
    file.write_text(HEADER + "2,0,0,8,8\n5,0,0,1,1\n")
    arguments = ("--boxes", file, "--test", 20)
    _, report, _ = experiment("forget-object", run_folder, *arguments)
    assert report["measured"]["auc"] is None
    assert "no AUC" in report["protocol"]


def test_test_samples_that_there_are_not(run_folder, tmp_path, capsys):
    file = tmp_path / "boxes.csv"
    file.write_text(HEADER + "9500,0,0,4,4\n")
    argv = ["forget-object", str(run_folder), "--boxes", str(file), "--out"]
    assert command.main([*argv, str(tmp_path / "out")]) == 2
    assert "--test is 1000, and only 499 of" in capsys.readouterr().err
    file.write_text(HEADER + "9990,0,0,4,4\n")
    assert command.main([*argv, str(tmp_path / "out"), "--test", "9"]) == 0


def test_catalogue_is_nearly_square(experiment, run_folder):
    _, _, picture = experiment(
        "forget-object", run_folder, "--catalogue", 10, files="catalogue"
    )
    _, report, larger = experiment(
        "forget-object", run_folder, "--catalogue", 200, files="catalogue", out="more"
    )
    assert report["measured"] == {"samples": 200}
    for shape in (picture.shape, larger.shape):
        assert max(shape[:2]) < 1.5 * min(shape[:2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rule", "bright"], "finds nothing in 150 samples"),
        (["--boxes", "{missing}"], "cannot be read"),
        (["--boxes", "{empty}"], "holds no box"),
        (["--layer", "2"], "number from 1 to 1"),
        (["--catalogue", "10001"], "from 0 to 9999"),
    ],
)
def test_what_cannot_be(arguments, message, run_folder, tmp_path, capsys):
    empty, out = tmp_path / "empty.csv", tmp_path / "out"
    empty.write_text(HEADER)
    files = {"missing": tmp_path / "missing.csv", "empty": empty}
    arguments = [argument.format(**files) for argument in arguments]
    argv = ["forget-object", str(run_folder), *arguments, "--out", str(out)]
    assert command.main(argv) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not out.exists()
