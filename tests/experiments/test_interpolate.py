import numpy as np
import pytest

from keras_gan import runs
from keras_gan.experiments.interpolate import largest_step
from keras_gan.experiments.latent import linear, spherical


def test_linear_is_a_straight_line_with_even_steps():
    start, end = np.array([0.0, 1.0]), np.array([4.0, -1.0])
    walk = linear(start, end, 5)
    np.testing.assert_allclose(walk, [[0, 1], [1, 0.5], [2, 0], [3, -0.5], [4, -1]])


def test_spherical_from_axis_to_axis_is_cosine_and_sine():
    walk = spherical(np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), 9)
    angles = np.linspace(0, np.pi / 2, 9)
    circle = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    np.testing.assert_allclose(walk, 2 * circle, atol=1e-12)


def test_spherical_has_even_angles_and_lengths_between_those_of_its_ends():
    start, end = np.random.default_rng(0).normal(size=(2, 100))
    walk = spherical(start, 3 * end, 7)
    np.testing.assert_allclose(walk[[0, -1]], [start, 3 * end])
    lengths = np.linalg.norm(walk, axis=1)
    np.testing.assert_allclose(np.diff(lengths), np.diff(lengths).mean())
    directions = walk / lengths[:, None]
    cosines = (directions[1:] * directions[:-1]).sum(axis=1)
    np.testing.assert_allclose(cosines, cosines.mean())
    # Shoemake's formula, where both have one length.
    unit = spherical(directions[0], directions[-1], 7)
    np.testing.assert_allclose(unit, directions)


@pytest.mark.parametrize("end", [[2.0, 4.0], [-1.0, -2.0], [0.0, 0.0]])
def test_spherical_is_straight_where_there_is_no_single_circle(end):
    start, end = np.array([1.0, 2.0]), np.array(end)
    np.testing.assert_allclose(spherical(start, end, 5), linear(start, end, 5))


def test_largest_step():
    even = np.arange(0, 90, 10, dtype="uint8")[:, None, None, None]
    assert largest_step(even) == pytest.approx(1)
    jump = np.repeat(np.uint8([0, 255]), [4, 5])[:, None, None, None]
    assert largest_step(jump) == pytest.approx(8)
    assert largest_step(np.zeros_like(jump)) is None


def test_walks_of_a_run(experiment, conditional_folder):
    arguments = ("--points", 4, "--steps", 5, "--seed", 7)
    _, report, picture = experiment("interpolate", conditional_folder, *arguments)
    gan = runs.load(conditional_folder)
    points = np.asarray(gan.sample_latent(4, seed=7))
    for name, path in (("linear", linear), ("spherical", spherical)):
        expected = [
            largest_step(gan.render(path(points[i], points[i + 1], 5), i))
            for i in range(3)
        ]
        assert report["measured"][name] == pytest.approx(expected)
    assert report["measured"]["of_a_walk_with_one_jump"] == 4
    assert picture.shape[1] > 2 * picture.shape[0]
