from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from keras_gan import pictures
from keras_gan.models.elements import ImageElement
from keras_gan.pictures import charts, grids
from keras_gan.pixels import PixelRange


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
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
        frame = np.full((1, 8, 8, 3), 60 * i, "uint8")
        pictures.save(pictures.grid(frame), frames[-1])
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
    scatter = charts.Scatter(real)
    left = scatter.draw(np.array([[-1.0, 1.0]] * 9))
    right = scatter.draw(np.array([[1.0, -1.0]] * 9))
    assert left.size == right.size
    # Where only one of the two pictures is blue; the words and lines are in both.
    rows, columns = np.nonzero(blue(left) & ~blue(right))
    other_rows, other_columns = np.nonzero(blue(right) & ~blue(left))
    assert rows.max() < other_rows.min()
    assert columns.max() < other_columns.min()
    # Both axes have one scale.
    width = other_columns.mean() - columns.mean()
    assert width == pytest.approx(other_rows.mean() - rows.mean(), rel=0.01)


@pytest.mark.parametrize("has_real", [True, False])
def test_scatter_does_not_show_what_it_drew_before(has_real):
    rng = np.random.default_rng(0)
    real = rng.normal(size=(50, 2)) if has_real else None
    points, others = rng.normal(size=(50, 2)), 5 * rng.normal(size=(90, 2))
    # On the frame too, which must cover the points of both.
    scatter = charts.Scatter(real)
    first = scatter.draw(points)
    second = scatter.draw(others)
    assert blue(second).sum() != blue(first).sum()
    np.testing.assert_array_equal(scatter.draw(points), first)
    np.testing.assert_array_equal(charts.Scatter(real).draw(others), second)


class Model:
    """What a picture needs to know of a model with one kind of samples."""

    outputs: ClassVar = {"sample": "image"}
    inputs = ()

    def __init__(self, image_shape, num_classes=None, value_range=(-1, 1)):
        pixels = value_range and PixelRange(*value_range)
        self.image_shape = image_shape
        self.value_range = value_range
        self.num_classes = num_classes
        self.elements = {"image": ImageElement(image_shape, pixels)}


def drawn(model, samples=None, real=None, names=None, count=None):
    drawing = pictures.drawing_of(model, real, names)
    count = count or drawing.count
    if samples is None:
        rng = np.random.default_rng(0)
        samples = rng.normal(100, 30, (count, *model.image_shape))
        samples = samples.clip(0, 255).astype("float32")
        if model.value_range is not None:
            samples = samples.astype("uint8")
    return drawing.draw({"sample": samples}, drawing.labels(len(samples)))


def test_drawing_suits_the_kind_of_samples():
    points = pictures.drawing_of(Model((2,)))
    assert points.count == 2000
    samples = {"sample": np.zeros((5, 2), "float32")}
    assert points.draw(samples, None).mode == "RGB"
    images = pictures.drawing_of(Model((8, 8, 1)))
    assert images.count == 64
    samples = {"sample": np.zeros((64, 8, 8, 1), "uint8")}
    assert images.draw(samples, None).size == (568, 568)


@pytest.mark.parametrize("shape", [(8, 8, 1), (16, 40, 3), (48, 20, 4)])
@pytest.mark.parametrize("classes", [None, 1, 2, 3, 10, 26, 100, 1000])
def test_grids_are_nearly_square(shape, classes):
    width, height = drawn(Model(shape, classes)).size
    assert max(width, height) < 1.8 * min(width, height)


@pytest.mark.parametrize("count", [1, 2, 5, 7, 23, 150])
@pytest.mark.parametrize("classes", [None, 3, 26])
def test_any_count_makes_a_picture_of_moderate_size(count, classes):
    width, height = drawn(Model((8, 8, 1), classes), count=count).size
    assert 500 <= max(width, height) < 1500
    assert max(width, height) < 4.5 * min(width, height)


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 26, 63, 100, 101, 1000])
def test_classes_are_all_shown_equally_often_or_evenly_chosen(classes):
    drawing = pictures.drawing_of(Model((8, 8, 1), classes))
    labels = drawing.labels(drawing.count)
    counts = np.bincount(labels, minlength=classes)
    if classes <= 100:
        assert 50 <= len(labels) <= 100
        assert (counts == counts[0]).all()
    else:
        assert len(labels) == 64
        assert counts.max() == 1
        assert labels[0] == 0
        assert labels[-1] > 0.95 * classes


def test_samples_of_a_class_stand_together_under_a_legible_name():
    names = ["Covid-19", "Normal"]
    labels = np.arange(64) % 2
    samples = np.where(labels == 0, 64, 192).astype("uint8")
    samples = np.broadcast_to(samples[:, None, None, None], (64, 8, 8, 1))
    picture = np.asarray(drawn(Model((8, 8, 1), 2), samples, names=names))
    half = picture.shape[1] // 2
    left, right = picture[:, :half], picture[:, half:]
    assert 192 not in left[40:]
    assert 64 not in right[40:]
    # Every pixel of every sample is there: words cover none.
    side = 8 * 8
    assert (left == 64).sum() >= 32 * side**2
    assert (right == 192).sum() >= 32 * side**2
    # Words are black on white above the samples, other ones for other classes.
    head = picture[:18]
    assert head.min() < 60
    assert (head == 255).mean() > 0.5
    other = np.asarray(drawn(Model((8, 8, 1), 2), samples, names=names[::-1]))
    assert (head != other[:18]).any()
    np.testing.assert_array_equal(picture[20:], other[20:])


def test_a_name_that_the_font_cannot_write_is_replaced_by_its_number():
    names = ["Größe", "\u732b", "", "Ελλάδα", "x"]
    assert pictures.captions(names, 5) == ["Größe", "1", "2", "Ελλάδα", "x"]
    assert pictures.captions(None, 2) == ["0", "1"]


def test_long_names_are_shortened_and_stay_different():
    letters = grids.font(13)
    short = [grids.fitting(f"golden retriever {i}", 60, letters) for i in (1, 2)]
    assert short[0] != short[1]
    assert all(letters.getlength(text) <= 60 for text in short)
    assert grids.fitting("cat", 60, letters) == "cat"


def test_a_picture_of_some_classes_says_so():
    samples = np.zeros((64, 8, 8, 1), "uint8")
    some = np.asarray(drawn(Model((8, 8, 1), 1000), samples))
    all_of_them = np.asarray(drawn(Model((8, 8, 1), 64), samples))
    assert some.shape[0] > all_of_them.shape[0]
    assert some[all_of_them.shape[0] :].min() < 60


def test_alpha_lies_over_white_in_grids_and_animations(tmp_path):
    images = np.zeros((64, 8, 8, 4), "uint8")
    images[..., :3] = 40
    images[:, :, 4:, 3] = 255
    images[:, :, 3, 3] = 128
    frames = [tmp_path / f"{i}.png" for i in range(2)]
    for frame in frames:
        pictures.save(pictures.grid(images), frame)
    # A grid of an older version had an alpha channel, and its colours beneath.
    old = Image.new("RGBA", Image.open(frames[0]).size, (40, 40, 40, 0))
    old.save(frames[0])
    png = np.asarray(Image.open(frames[1]))
    assert png.shape[-1] == 3
    assert (png[9, [9, 60]] == [[255] * 3, [40] * 3]).all()
    assert png[9, 28, 0] == pytest.approx(148, abs=1)
    pictures.save_animation(frames, tmp_path / "all.gif")
    with Image.open(tmp_path / "all.gif") as animation:
        assert animation.convert("RGB").getpixel((9, 9)) == (255,) * 3
        animation.seek(1)
        np.testing.assert_allclose(np.asarray(animation.convert("RGB")), png, atol=2)


def test_an_animation_takes_pictures_of_other_sizes(tmp_path):
    frames = [tmp_path / f"{i}.png" for i in range(3)]
    for frame, size in zip(frames, [(30, 200), (30, 200), (100, 90)], strict=True):
        Image.new("L", size, 40).save(frame)
    pictures.save_animation(frames, tmp_path / "all.gif")
    with Image.open(tmp_path / "all.gif") as animation:
        assert animation.size == (100, 90)
        assert animation.convert("RGB").getpixel((50, 45)) == (40,) * 3


@pytest.mark.parametrize(
    "shape",
    [
        *[(64, 1), (64, 3), (30,), (28, 28), (1,), (), (2,), (3,), (5, 20)],
        *[(6, 8, 8, 1), (3, 6, 8, 8, 3), (8, 8, 2), (8, 8, 10), (8, 8, 4)],
    ],
)
@pytest.mark.parametrize("value_range", [None, (-1, 1)])
@pytest.mark.parametrize("classes", [None, 3])
def test_samples_of_any_shape_have_a_picture(shape, value_range, classes):
    picture = drawn(Model(shape, classes, value_range))
    assert max(picture.size) < 2 * min(picture.size) < 2000
    assert np.asarray(picture).std() > 5


def test_series_are_lines_of_the_height_of_their_values():
    low, high = (np.full((1, 64, 1), level, "uint8") for level in (0, 255))
    rows = [
        np.nonzero(np.asarray(drawn(Model((64, 1)), x)).std(axis=-1) > 20)[0].mean()
        for x in (high, low)
    ]
    height = drawn(Model((64, 1)), low).height
    assert rows[0] < 0.2 * height
    assert rows[1] > 0.7 * height


def test_volumes_show_their_middle_slice():
    volumes = np.zeros((64, 5, 8, 8, 1), "uint8")
    volumes[:, 2] = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 1))
    shown = np.asarray(drawn(Model((5, 8, 8, 1)), volumes))
    expected = np.asarray(pictures.grid(volumes[:, 2]))
    np.testing.assert_array_equal(shown[: len(expected)], expected)


def test_floats_without_bounds_are_scaled_to_what_real_ones_have():
    real = np.array([-4.0, 4.0], "float32").reshape(2, 1, 1, 1) * np.ones((8, 8, 1))
    samples = np.full((64, 8, 8, 1), 2.0, "float32")
    model = Model((8, 8, 1), value_range=None)
    assert np.asarray(drawn(model, samples, real))[9, 9] == round(0.75 * 255)
    samples[:32] = -2
    assert np.asarray(drawn(model, samples))[9, 9] == 0


def test_of_other_numbers_of_channels_the_first_is_shown():
    samples = np.zeros((64, 8, 8, 2), "uint8")
    samples[..., 0] = 77
    shown = np.asarray(drawn(Model((8, 8, 2)), samples))
    assert shown.ndim == 2
    assert shown[9, 9] == 77
