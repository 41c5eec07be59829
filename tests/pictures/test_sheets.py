import numpy as np
import pytest

from keras_gan.pictures import sheets
from keras_gan.pictures.grids import columns, grid


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sheet_shows_every_pixel_as_a_square(channels):
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 36, channels))
    images = images.astype("uint8")
    if channels == 4:
        images[..., 3] = 255
    sheet = np.asarray(sheets.sheet(images, 2))
    assert sheet.shape == (2 * 80 + 4, 2 * 72 + 4, 3)
    shown = np.broadcast_to(images[..., :3], (3, 40, 36, 3))
    np.testing.assert_array_equal(sheet[:80:2, :72:2], shown[0])
    np.testing.assert_array_equal(sheet[1:80:2, 77::2], shown[1])
    np.testing.assert_array_equal(sheet[84::2, :72:2], shown[2])
    assert (sheet[84:, 76:] == 255).all()


def test_captions_and_titles_add_words():
    images = np.zeros((2, 72, 72, 1), "uint8")
    plain, worded = sheets.sheet(images, 2), sheets.sheet(images, 2, ["0", "1"])
    assert worded.height > plain.height
    under = np.asarray(worded)[72:]
    assert under[:, :72].min() < 128
    assert under[:, 76:].min() < 128
    titled = sheets.hstack(("a title", plain), ("another", plain))
    assert titled.width > 2 * plain.width
    assert sheets.vstack(titled, titled).height == 2 * titled.height


def test_sheets_of_any_number_are_nearly_square_and_lie_on_white():
    images = np.zeros((150, 8, 8, 4), "uint8")
    picture = np.asarray(sheets.sheet(images))
    height, width, _ = picture.shape
    assert max(height, width) < 1.5 * min(height, width)
    assert (picture == 255).all()  # all images are transparent


def test_strips_are_not_enlarged_into_longer_ones():
    assert sheets.sheet(np.zeros((1, 8, 512, 1), "uint8")).width == 512


@pytest.mark.parametrize("other", [(32, 32), (20, 70), (64, 16)])
def test_rows_of_columns_line_up_whatever_the_sizes(other):
    def column(shape):
        dark_then_bright = np.array([0, 255, 0], "uint8")[:, None, None, None]
        return np.broadcast_to(dark_then_bright, (3, *shape, 1)), []

    drawn = columns({"source": column((64, 64)), "output": column(other)})
    assert drawn["source"].height == drawn["output"].height
    scale = drawn["source"].width // 64
    assert drawn["output"].width == 64 // other[0] * other[1] * scale
    rows = [np.asarray(picture)[:, 0] for picture in drawn.values()]
    tops = [np.flatnonzero(np.diff((row == 0).astype(int)) == 1) + 1 for row in rows]
    # The last picture is dark again; above it is the line after the bright one.
    np.testing.assert_array_equal(*(top[-1:] for top in tops))
    # One as before: of one size alone, each column is a grid.
    same = columns({"a": column(other), "b": column(other)})
    expected = grid(column(other)[0], columns=1)
    assert all(np.array_equal(one, expected) for one in same.values())
