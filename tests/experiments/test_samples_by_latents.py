import numpy as np
import pytest

from keras_gan import pictures, runs


def test_runs_stand_in_the_order_of_their_latents(
    experiment, vae_folder, many_latents_folder
):
    arguments = ("--samples=9", "--images=50", "--seed=3")
    _, report, picture = experiment(
        "samples-by-latents", *arguments, many_latents_folder, vae_folder
    )
    measured = report["measured"]
    assert [each["latents"] for each in measured] == [2, 7]
    assert [each["run"] for each in measured] == [
        str(vae_folder),
        str(many_latents_folder),
    ]
    assert picture.shape[1] > 1.8 * picture.shape[0]
    for each in measured:
        run = runs.Run.open(each["run"])
        model, (_, held_out) = run.load(), run.recipe.divided(run.read_data())
        grid = np.asarray(pictures.grid(model.generate(9, seed=3)))
        assert holds(picture[..., 0], grid)
        found = model.evaluate(
            held_out.in_order(100, (0, 1), most=50), return_dict=True, verbose=0
        )
        # Other black and white pixels of the same 50 images.
        expected = -found["reconstruction"] - found["kl"]
        assert each["measured"]["elbo"] == pytest.approx(expected, abs=0.5)
    assert "50 of 180 held-out images" in report["protocol"]


def holds(picture, part):
    """Returns whether a part is somewhere in a picture, below its title."""
    height, width = part.shape
    rows = picture[36 : 36 + height]
    return any(
        (rows[:, x : x + width] == part).all()
        for x in range(picture.shape[1] - width)
        if (rows[0, x : x + width] == part[0]).all()
    )


def test_runs_on_images_of_other_sizes_do_not_compare(refused, vae_folder, larger):
    line = refused("samples-by-latents", vae_folder, larger)
    assert "the runs make images of 8x8x1 and 10x10x1, whose bounds do not" in line


@pytest.fixture
def larger(vae_folder_of, tmp_path):
    return vae_folder_of(tmp_path / "larger", image_size="10")
