import numpy as np
import pytest
from PIL import Image

from keras_gan import pictures


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_grid_places_images_row_by_row(channels, mode):
    images = np.zeros((5, 260, 300, channels), "uint8")
    for i in range(5):
        images[i] = 40 * i
    picture = pictures.grid(images, columns=3)
    assert picture.mode == mode
    assert picture.size == (3 * 301 - 1, 2 * 261 - 1)
    values = np.asarray(picture).reshape(521, 902, channels)
    for i in range(5):
        row, column = divmod(i, 3)
        assert (values[row * 261 + 100, column * 301 + 150] == 40 * i).all()


def test_small_grids_are_enlarged_without_blur():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), "uint8")
    values = np.asarray(pictures.grid(images, columns=2))
    assert values.shape == (17 * 31, 17 * 31)
    assert (values[:31, :31] == images[0, 0, 0, 0]).all()
    assert (values[-31:, -31:] == images[3, 7, 7, 0]).all()


def test_animation_shows_every_grid_in_order(tmp_path):
    frames = []
    for i in range(4):
        frames.append(tmp_path / f"{i}.png")
        pictures.save_grid(np.full((1, 8, 8, 3), 60 * i, "uint8"), frames[-1])
    pictures.save_animation(frames, tmp_path / "all.gif")
    with Image.open(tmp_path / "all.gif") as animation:
        assert animation.n_frames == 4
        for i in range(4):
            animation.seek(i)
            assert animation.convert("RGB").getpixel((9, 9)) == (60 * i,) * 3
    assert not list(tmp_path.glob("*.part"))
