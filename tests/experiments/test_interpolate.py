import numpy as np
import pytest

from keras_gan import runs
from keras_gan.experiments.interpolate import largest_step
from keras_gan.latents import linear, spherical


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
    fraction = np.linspace(0, 1, 5, dtype="float32")
    for name, path in (("linear", linear), ("spherical", spherical)):
        expected = [
            largest_step(gan.render(path(points[i], points[i + 1], fraction), i))
            for i in range(3)
        ]
        assert report["measured"][name] == pytest.approx(expected)
    assert report["measured"]["of_a_walk_with_one_jump"] == 4
    assert picture.shape[1] > 2 * picture.shape[0]
