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


def blue(picture):
    """Pixels that are more blue than red, [height, width]."""
    values = np.asarray(picture).astype(int)
    return values[..., 2] - values[..., 0] > 60


def test_scatter_shows_points_where_they_are_over_the_real_ones():
    real = np.array([[-1.0, -1.0], [1.0, 1.0]])
    left = pictures.scatter(np.array([[-1.0, 1.0]] * 9), real)
    right = pictures.scatter(np.array([[1.0, -1.0]] * 9), real)
    assert left.size == right.size
    # Where only one of the two pictures is blue; the words and lines are in both.
    rows, columns = np.nonzero(blue(left) & ~blue(right))
    other_rows, other_columns = np.nonzero(blue(right) & ~blue(left))
    assert rows.max() < other_rows.min()
    assert columns.max() < other_columns.min()
    # Both axes have one scale.
    width = other_columns.mean() - columns.mean()
    assert width == pytest.approx(other_rows.mean() - rows.mean(), rel=0.01)


def test_drawing_suits_the_kind_of_samples():
    class Model:
        image_shape = (2,)
        num_classes = None

    points = pictures.drawing_of(Model())
    assert points.count == 2000
    assert points.draw(np.zeros((5, 2), "float32")).mode == "RGB"
    Model.image_shape = (8, 8, 1)
    images = pictures.drawing_of(Model())
    assert images.count == 64
    assert images.draw(np.zeros((16, 8, 8, 1), "uint8")).size == (71 * 31, 17 * 31)
