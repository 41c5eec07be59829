"""Pictures of any size through functions that take only some sizes."""

import itertools

import numpy as np
import pytest

from keras_gan import tiling
from keras_gan.errors import InputError


def pictures(*shape, dtype="uint8"):
    rng = np.random.default_rng(0)
    if dtype == "uint8":
        return rng.integers(0, 256, shape, dtype)
    return rng.standard_normal(shape).astype(dtype)


class Network:
    """Gives back what it gets, and knows the sizes of it."""

    def __init__(self, multiple=1):
        self.multiple, self.shapes = multiple, []

    def __call__(self, images):
        assert not any(side % self.multiple for side in images.shape[1:3])
        self.shapes.append(images.shape[:3])
        return images.copy()


def box(images):
    """The mean of 5 x 5 pixels, with zeros around the picture: it sees 2 pixels far."""
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    height, width = images.shape[1:3]
    steps = itertools.product(range(5), range(5))
    return sum(padded[:, y : y + height, x : x + width] for y, x in steps) / 25


@pytest.mark.parametrize("multiple", [1, 4, 8, 64])
def test_every_size_comes_back_bit_for_bit(multiple):
    sides = [1, 2, 3, 5, 21, 22, 33, 64, 65, 130]
    least = -(-(multiple + 2) // 3)  # shorter ones cannot be reflected far enough
    for height, width in itertools.product(sides, sides):
        given = pictures(1, height, width, 3)
        if min(height, width) < least:
            with pytest.raises(InputError, match=f"of {least} pixels a side or more"):
                tiling.apply(Network(multiple), given, multiple=multiple)
            continue
        made = tiling.apply(Network(multiple), given, multiple=multiple)
        np.testing.assert_array_equal(made, given)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_tiles_come_back_bit_for_bit(dtype):
    given = pictures(2, 70, 131, 3, dtype=dtype)
    network = Network(4)
    made = tiling.apply(network, given, multiple=4, most_pixels=32 * 32, overlap=12)
    assert made.dtype == dtype
    np.testing.assert_array_equal(made, given)
    assert len(network.shapes) > 15 and max(network.shapes) == (1, 32, 32)


def test_a_network_of_one_size_sees_tiles_of_it():
    network = Network()
    for height, width in ((16, 16), (6, 16), (17, 90), (50, 23)):
        given = pictures(2, height, width, 1)
        made = tiling.apply(network, given, size=(16, 16), overlap=6)
        np.testing.assert_array_equal(made, given)
    assert {shape[1:] for shape in network.shapes} == {(16, 16)}
    with pytest.raises(InputError, match=r"5 pixels, .* takes 16 or more\. .* of 6 "):
        tiling.apply(network, pictures(1, 5, 16, 1), size=(16, 16))


def test_a_least_size_is_kept():
    network = Network(4)
    given = pictures(1, 4, 9, 1)
    made = tiling.apply(network, given, multiple=4, least=7)
    np.testing.assert_array_equal(made, given)
    assert network.shapes == [(1, 8, 12)]
    with pytest.raises(InputError, match=r"side of 3 pixels.* multiples of 4, 8 at"):
        tiling.apply(network, pictures(1, 3, 9, 1), multiple=4, least=7)


@pytest.mark.parametrize("sides", [(64, 300), (200, 50), (97, 121)])
def test_a_local_network_gives_the_values_of_the_whole_picture(sides):
    given = pictures(1, *sides, 2, dtype="float32")
    whole = tiling.apply(box, given, multiple=4)
    # Two pixels are within a quarter of the overlap, in which edges are not used.
    tiled = tiling.apply(box, given, multiple=4, most_pixels=40 * 40, overlap=8)
    np.testing.assert_allclose(tiled, whole, atol=1e-6)
    # Without an overlap the edges of the tiles show.
    seams = tiling.apply(box, given, multiple=4, most_pixels=40 * 40, overlap=0)
    assert np.abs(seams - whole).max() > 0.3


def test_a_network_that_reduces_gives_the_values_of_the_whole_picture():
    def blocks(images):
        """Each block of 4 x 4 pixels becomes its mean: it has a grid."""
        count, height, width, channels = images.shape
        cut = images.reshape(count, height // 4, 4, width // 4, 4, channels)
        mean = cut.mean(axis=(2, 4))
        return mean.repeat(4, axis=1).repeat(4, axis=2)

    given = pictures(1, 90, 131, 1, dtype="float32")
    whole = tiling.apply(blocks, given, multiple=4)
    # Steps of tiles would be 26 pixels if they did not keep to the grid.
    tiled = tiling.apply(blocks, given, multiple=4, most_pixels=32 * 32, overlap=6)
    np.testing.assert_allclose(tiled, whole, atol=1e-6)


def test_tiles_that_differ_are_blended():
    levels = iter(range(0, 250, 100))

    def one_level(images):
        return np.full_like(images, next(levels))

    given = pictures(1, 32, 60, 1)
    (row,) = tiling.apply(one_level, given, most_pixels=32 * 32, overlap=16)[:, 0, :, 0]
    assert row[0] == 0 and row[-1] == 200
    # Less than 17 levels from one pixel to the next, where a cut would show 100.
    assert np.abs(np.diff(row.astype(int))).max() < 17
    assert not [*levels], "there are three tiles"


def test_what_is_finished_adds_up_and_pictures_go_together():
    network, done = Network(4), []
    given = pictures(7, 30, 31, 1)
    tiling.apply(network, given, multiple=4, most_pixels=3 * 1024, progress=done.append)
    assert network.shapes == [(3, 32, 32), (3, 32, 32), (1, 32, 32)]
    assert len(done) == 3 and sum(done) == 7 * 30 * 31
    done.clear()
    tiling.apply(network, given, multiple=4, most_pixels=300, progress=done.append)
    assert min(done) > 0 and sum(done) == 7 * 30 * 31


def test_a_function_may_change_channels_and_dtype_but_not_the_size():
    given = pictures(2, 9, 10, 3)
    made = tiling.apply(lambda x: x[..., :1] / 255, given, multiple=4, most_pixels=64)
    np.testing.assert_array_equal(made, given[..., :1] / 255)
    with pytest.raises(InputError, match=r"\(2, 5, 10, 3\) of one of \(2, 9, 10, 3\)"):
        tiling.apply(lambda x: x[:, ::2], given)
    with pytest.raises(InputError, match=r"shape \(9, 10, 3\)"):
        tiling.apply(Network(), given[0])
    with pytest.raises(InputError, match="at least one picture"):
        tiling.apply(Network(), given[:0])
