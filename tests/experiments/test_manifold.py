import numpy as np
import pytest
from scipy.stats import norm

from keras_gan import runs
from keras_gan.experiments import manifold


def test_latents_divide_the_prior_evenly():
    latents = manifold.grid_of_latents(4).reshape(4, 4, 2)
    evenly = [0.125, 0.375, 0.625, 0.875]
    for i in range(4):
        np.testing.assert_allclose(norm.cdf(latents[i, :, 0]), evenly, atol=1e-6)
        np.testing.assert_allclose(norm.cdf(latents[:, i, 1]), evenly, atol=1e-6)


def test_the_picture_is_what_the_decoder_makes_of_them(experiment, vae_folder):
    _, report, picture = experiment("manifold", vae_folder, "--side", 4)
    images = runs.load(vae_folder).decode(manifold.grid_of_latents(4))
    cell = (picture.shape[0] + picture.shape[0] // 35) // 4  # 8 pixels and a line
    factor = cell // 9
    for row, column in ((0, 0), (1, 3), (3, 0)):
        shown = picture[row * cell :, column * cell :][: 8 * factor, : 8 * factor]
        expected = images[4 * row + column, ..., 0]
        np.testing.assert_array_equal(shown[::factor, ::factor], expected)
    grid = images.reshape(4, 4, -1) / 255
    pairs = [grid[:, 1:] - grid[:, :-1], grid[1:] - grid[:-1]]
    expected = np.sqrt(np.mean(np.concatenate([p.ravel() for p in pairs]) ** 2))
    assert report["measured"]["neighbours"] == pytest.approx(expected)
    assert report["measured"]["half_a_grid_apart"] > expected
    assert "4x4 latents" in report["protocol"]


def test_a_conditional_run_has_a_grid_for_each_class(
    experiment, vae_folder, conditional_vae_folder
):
    *_, one = experiment("manifold", vae_folder, "--side", 3, out="one")
    *_, ten = experiment("manifold", conditional_vae_folder, "--side", 3, out="ten")
    assert ten.shape[0] * ten.shape[1] > 10 * one.shape[0] * one.shape[1]


def test_a_run_with_other_latents_is_told_what_to_train(refused, many_latents_folder):
    assert refused("manifold", many_latents_folder) == (
        f"error: the run in {many_latents_folder} has a latent_dim of 7. A grid in the "
        "plane needs 2: train a run with train.py vae-digits --latent-dim 2."
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("manifold", "autoencoder_folder"),
        ("active-units", "autoencoder_folder"),
        ("samples-by-latents", "run_folder"),
        ("likelihood-and-quality", "run_folder"),
    ],
)
def test_a_run_of_another_family_is_told_which_to_name(name, kind, refused, request):
    line = refused(name, request.getfixturevalue(kind))
    assert "whose model has no " in line
    assert line.endswith("Name another run, such as one of the recipe vae-digits.")
