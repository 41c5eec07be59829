import numpy as np
import pytest

from keras_gan import InputError, runs
from keras_gan.experiments import __main__ as command
from keras_gan.experiments.concepts import (
    NUMBERS,
    NumberedSamples,
    Term,
    neighbours,
    total,
)


@pytest.fixture(scope="module")
def samples(run_folder):
    return NumberedSamples(runs.load(run_folder), seed=1)


@pytest.fixture(scope="module")
def of_classes(conditional_folder):
    return NumberedSamples(runs.load(conditional_folder), seed=1)


def test_numbers_are_those_of_generate(samples, of_classes):
    for each in (samples, of_classes):
        generated = each.model.generate(30, seed=1)
        np.testing.assert_array_equal(each.images(range(30)), generated)
        np.testing.assert_array_equal(each.images([17, 4]), generated[[17, 4]])


def test_expressions(samples):
    expected = [Term(1, [3, 7, 9]), Term(-1, [1, 4]), Term(1, [12])]
    assert samples.parse("3,7,9 - 1,4 + 12") == expected
    assert samples.parse(" +3, 7 ,9-1,4+12 ") == expected
    assert samples.parse("-5") == [Term(-1, [5])]


@pytest.mark.parametrize("text", ["", "3,", "3 7", "3 - - 4", "a", "3 +", "3 * 4", "-"])
def test_expressions_of_another_form(samples, text):
    with pytest.raises(InputError, match="Join sample numbers"):
        samples.parse(text)


def test_classes_in_expressions(samples, of_classes):
    assert of_classes.parse("class:3 - 4") == [Term(1, [3, 13, 23]), Term(-1, [4])]
    assert of_classes.labels([3, 13, 23]).tolist() == [3, 3, 3]
    with pytest.raises(InputError, match="0 to 9"):
        of_classes.parse("class:10")
    with pytest.raises(InputError, match="numbers of samples"):
        samples.parse("class:3")


NAMES = ("cat", "cat-fish", "red & blue", "7", "Covid-19", "(e)", "f", "g", "h", "i")


def test_named_classes_in_expressions(of_classes):
    named = NumberedSamples(of_classes.model, 1, NAMES)
    assert named.parse("class:cat-fish - class:cat + class:Covid-19") == [
        Term(1, [1, 11, 21]),
        Term(-1, [0, 10, 20]),
        Term(1, [4, 14, 24]),
    ]
    assert named.parse("class:red & blue+class:(e)-4") == [
        Term(1, [2, 12, 22]),
        Term(1, [5, 15, 25]),
        Term(-1, [4]),
    ]
    # A name comes before a number: class 3 is called 7.
    assert named.parse("class:7 + class:8") == [
        Term(1, [3, 13, 23]),
        Term(1, [8, 18, 28]),
    ]
    with pytest.raises(InputError, match=r"class:covid19 .*Did you mean 'Covid-19'"):
        named.parse("class:cat + class:covid19")


def test_class_of_a_sum(samples, of_classes):
    assert samples.label(samples.parse("3,4")) is None
    # 3 - 5 + 5: as for the picture, what is taken away and added cancels.
    assert of_classes.label(of_classes.parse("3,13,23 - 5,15 + 25,35")) == 3
    assert of_classes.label(of_classes.parse("class:7")) == 7


def test_total_is_the_sum_of_means(samples):
    latent = samples.latent(range(10)).astype("float64")
    value = total(samples.parse("3,7,9 - 1,4 + 2"), samples.latent)
    expected = latent[[3, 7, 9]].mean(0) - latent[[1, 4]].mean(0) + latent[2]
    np.testing.assert_allclose(value, expected)


def test_neighbours_surround_the_vector_within_the_noise():
    vector = np.linspace(-2, 2, 500)
    around = neighbours(vector, 0.25, seed=0)
    assert around.shape == (9, 500)
    np.testing.assert_allclose(around[4], vector, atol=1e-6)
    noise = np.delete(around, 4, axis=0) - vector
    assert 0.24 < np.abs(noise).max() <= 0.25 + 1e-6
    assert np.abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.03)
    assert len(np.unique(around, axis=0)) == 9


def test_catalogue(experiment, run_folder):
    _, _, picture = experiment(
        "arithmetic", run_folder, "--catalogue", 16, files="catalogue"
    )
    _, _, larger = experiment("arithmetic", run_folder, files="catalogue", out="more")
    for shape in (picture.shape, larger.shape):
        assert max(shape[:2]) < 1.5 * min(shape[:2])
    # Both begin with sample 0, its number under it; 100 are the default.
    np.testing.assert_array_equal(picture[:90, :72], larger[:90, :72])
    assert larger.size > 5 * picture.size


def test_catalogue_of_two_classes_is_no_strip(experiment, two_classes_folder):
    _, _, picture = experiment("arithmetic", two_classes_folder, files="catalogue")
    assert max(picture.shape[:2]) < 1.5 * min(picture.shape[:2])


def test_expression(experiment, samples, run_folder):
    arguments = ("--expression", "3,7,9 - 1,4,5 + 2,6,8", "--seed", 1)
    _, report, _ = experiment("arithmetic", run_folder, *arguments, files="expression")
    latent = samples.latent(range(10)).astype("float64")
    expected = sum(
        sign * latent[rows].mean(axis=0)
        for sign, rows in ((1, [3, 7, 9]), (-1, [1, 4, 5]), (1, [2, 6, 8]))
    )
    np.testing.assert_allclose(report["measured"]["latent"], expected, rtol=1e-6)
    assert report["measured"]["terms"][1] == {"sign": -1, "numbers": [1, 4, 5]}
    assert report["measured"]["label"] is None
    assert "±0.25" in report["protocol"]


def test_expression_of_classes(experiment, conditional_folder):
    arguments = ("--expression", "class:3 - class:5 + class:8,18", "--noise", 0)
    with pytest.raises(AssertionError, match="Join sample numbers"):
        experiment("arithmetic", conditional_folder, *arguments, files="expression")
    arguments = ("--expression", "class:3 - class:5 + 15,25,35", "--noise", 0)
    _, report, _ = experiment(
        "arithmetic", conditional_folder, *arguments, files="expression"
    )
    assert report["measured"]["label"] == 3


def test_turn(experiment, samples, run_folder):
    arguments = ("--from", "1,2,3,4", "--to", "5,6,7,8", "--seed", 1)
    _, report, picture = experiment("arithmetic", run_folder, *arguments, files="turn")
    latent = samples.latent(range(10)).astype("float64")
    expected = latent[5:9].mean(axis=0) - latent[1:5].mean(axis=0)
    np.testing.assert_allclose(report["measured"]["turn"], expected, rtol=1e-6)
    assert report["measured"]["on"] == [0, 9, 10, 11, 12, 13, 14, 15]
    _, other, shorter = experiment(
        "arithmetic", run_folder, *arguments, "--on", "20,21", files="turn", out="on"
    )
    assert other["measured"]["on"] == [20, 21]
    assert len(shorter) < len(picture)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--from", "1"],
        ["--to", "1"],
        ["--on", "1"],
        ["--expression", f"{NUMBERS}"],
        ["--expression", "1", "--noise", "-1"],
        ["--expression", "1", "--noise", "nan"],
        ["--expression", "1", "--noise", "1e308"],
        ["--expression", "1", "--noise", "1e30"],
        ["--catalogue", f"{NUMBERS + 1}"],
    ],
)
def test_what_cannot_be(arguments, run_folder, tmp_path, capsys):
    out = tmp_path / "out"
    argv = ["arithmetic", str(run_folder), *arguments, "--out", str(out)]
    assert command.main(argv) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not out.exists()
