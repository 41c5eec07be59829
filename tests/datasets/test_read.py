"""Sources named by a string, and arrays."""

import re

import numpy as np
import pytest

from keras_gan import datasets
from keras_gan.datasets import mixtures
from keras_gan.errors import InputError


def test_digits():
    images = datasets.read("digits")
    assert images.array.shape == (1797, 8, 8, 1)
    assert (images.array.min(), images.array.max()) == (0, 255)
    # The first row of the first digit is 0 0 5 13 9 1 0 0 of 16 in scikit-learn's docs.
    assert images.array[0, 0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert images.class_names == tuple("0123456789")
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # scikit-learn's docs
    assert np.bincount(images.labels).tolist() == counts


def test_load_as_in_the_readme():
    dataset = datasets.load("digits", image_size=32, batch_size=128)
    assert len(dataset) == 14
    batch = next(iter(dataset)).numpy()
    assert batch.shape == (128, 32, 32, 1)
    assert batch.dtype == np.float32
    assert (batch.min(), batch.max()) == (-1, 1)


def test_size_and_channels():
    images = datasets.read("digits", image_size=(16, 12), channels=3)
    assert images.shape == (16, 12, 3)
    np.testing.assert_array_equal(images.array[..., 0], images.array[..., 2])
    assert datasets.read("digits", channels=4).array[..., 3].min() == 255


def test_every_source_is_listed_with_its_form():
    assert list(datasets.SOURCES) == [
        *("digits", "tfds", "folder", "npz", "ring", "grid", "stacked-mnist"),
        *("digits-half", "digits-inverted", "digits-tinted", "digits-turned"),
    ]
    assert list(datasets.PAIRED_SOURCES) == ["pairs", "outlines"]
    for kind, source in [*datasets.SOURCES.items(), *datasets.PAIRED_SOURCES.items()]:
        assert source.usage.partition(":")[0] == kind
        assert source.description


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("cats", "'cats'.*folder:PATH"),
        ("", "''.*digits"),
        ("folder", "folder:PATH"),
        ("folder:", "folder:PATH"),
        ("digits:8", "'digits:8'"),
        (7, "int"),
        ((1, 2, 3), "tuple"),
    ],
)
def test_sources_that_cannot_be(source, named):
    with pytest.raises(InputError, match=named):
        datasets.read(source, image_size=8)


@pytest.mark.parametrize("size", [0, -1, 2.5, "32", (32,), (8, 0), (8, 8, 3)])
def test_sizes_that_cannot_be(size):
    with pytest.raises(InputError, match="image_size"):
        datasets.read("digits", image_size=size)


def test_channels_that_cannot_be():
    with pytest.raises(InputError, match="2"):
        datasets.read("digits", channels=2)


def test_uint8_arrays_are_taken_as_they_are():
    array = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)
    images = datasets.read((array, np.array([0, 1, 2, 1, 0])))
    assert np.shares_memory(images.array, array)
    assert images.labels.tolist() == [0, 1, 2, 1, 0]
    assert datasets.read(array[..., 0]).shape == (4, 6, 1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.25, 0.5, 1.0], [0, 64, 128, 255]),
        ([-1.0, -0.5, 0.5, 1.0], [0, 64, 191, 255]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_become_uint8_by_rounding(values, expected, dtype):
    array = np.array(values, dtype).reshape(1, 2, 2)
    assert datasets.read(array).array.reshape(-1).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([-1e-7, 0.0, 0.5, 1.0], [0, 0, 128, 255]),
        ([0.0, 0.25, 0.5, 1 + 1e-3], [0, 64, 128, 255]),
        ([-1e-3, 0.25, 0.5, 1 + 1e-7], [0, 64, 128, 255]),
        ([-1 - 1e-3, 0.0, 0.5, 1 + 1e-3], [0, 128, 191, 255]),
    ],
)
def test_rounding_does_not_change_the_range(values, expected, dtype):
    array = np.array(values, dtype).reshape(1, 2, 2)
    found = datasets.read(array).array.ravel().astype(int)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("values", [[-0.1, 1.0], [0.0, 1.1], [-1.1, 1.0], [-1.0, 1.1]])
def test_floats_of_neither_range_are_refused(values):
    with pytest.raises(InputError, match=r"\[0, 1\] or \[-1, 1\].*clip or scale"):
        datasets.read(np.array([values]).reshape(1, 1, 2))


def test_every_grey_value_survives_floats():
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    for floats in (grey / np.float32(255), grey / np.float32(127.5) - 1):
        np.testing.assert_array_equal(datasets.read(floats).array, grey)


def test_labels_of_keras_datasets_are_a_column():
    array = np.zeros((3, 2, 2), np.uint8)
    labels = datasets.read((array, np.array([[2], [0], [1]], np.uint8))).labels
    assert labels.tolist() == [2, 0, 1]
    assert labels.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "ranks", "names"),
    [
        ([10, 500_000_000, 30], [0, 2, 1], ("10", "30", "500000000")),
        (np.array([2**63, 0, 1], np.uint64), [2, 0, 1], ("0", "1", str(2**63))),
        ([2, 0, 1], [2, 0, 1], None),
    ],
)
def test_labels_with_gaps_name_the_classes(labels, ranks, names):
    images = datasets.read((np.zeros((3, 2, 2), np.uint8), np.array(labels)))
    assert images.labels.tolist() == ranks
    assert images.class_names == names
    assert images.num_classes == 3


def test_arrays_in_the_order_of_fortran(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), "uint8")
    np.savez(tmp_path / "a.npz", images=np.asfortranarray(images))
    read = datasets.read(f"npz:{tmp_path / 'a.npz'}").array
    np.testing.assert_array_equal(read, images)
    assert read.flags.c_contiguous  # as hashes and files need it


def test_npz_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 4, 4), np.uint8))
    assert len(datasets.read("npz:~/a.npz")) == 2


@pytest.mark.parametrize(
    ("array", "named"),
    [
        (np.zeros((4, 4), np.uint8), r"\[4, 4\]"),
        (np.zeros((2, 4, 4, 2), np.uint8), "have 2 channels"),
        (np.zeros((0, 4, 4, 3), np.uint8), r"\[0, 4, 4, 3\]"),
        (np.full((2, 4, 4), np.nan), "nan"),
        (np.full((2, 4, 4), np.inf), "inf"),
        (np.linspace(0, 255, 32).reshape(2, 4, 4), "255"),
        (np.full((2, 4, 4), -1.5), "-1.5"),
    ],
)
def test_arrays_that_cannot_be(array, named):
    with pytest.raises(InputError, match=named):
        datasets.read(array)


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (np.array([0, 1]), r"\[2\].*3 images"),
        (np.array([0.0, 1.0, 2.0]), "float64"),
        (np.array([0, -1, 2]), "-1"),
        (np.zeros((3, 2), np.int64), r"\[3, 2\]"),
    ],
)
def test_labels_that_cannot_be(labels, named):
    with pytest.raises(InputError, match=named):
        datasets.read((np.zeros((3, 2, 2), np.uint8), labels))


@pytest.mark.parametrize("key", ["images", "x_train", "x", "image", "arr_0"])
@pytest.mark.parametrize("label_key", ["labels", "y_train", "y", "label"])
def test_npz_keys(tmp_path, key, label_key):
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), np.uint8)
    np.savez(tmp_path / "set.npz", **{key: array, label_key: np.array([1, 0, 1])})
    images = datasets.read(f"npz:{tmp_path}/set.npz")
    np.testing.assert_array_equal(images.array, array)
    assert images.labels.tolist() == [1, 0, 1]


def test_npz_without_labels_is_resized(tmp_path):
    np.savez_compressed(tmp_path / "set.npz", np.ones((3, 4, 4)))
    images = datasets.read(f"npz:{tmp_path}/set.npz", image_size=8, channels=3)
    assert images.labels is None
    assert images.array.shape == (3, 8, 8, 3)
    assert images.array.min() == 255


def test_npy(tmp_path):
    np.save(tmp_path / "set.npy", np.zeros((3, 4, 4), np.uint8))
    assert datasets.read(f"npz:{tmp_path}/set.npy").array.shape == (3, 4, 4, 1)


def test_npz_files_that_cannot_be(tmp_path):
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "zip.npz").write_bytes(b"PK\x03\x04 but no more")
    np.savez(tmp_path / "pickle.npz", images=np.array([{}, {}], dtype=object))
    np.savez(tmp_path / "keys.npz", a=np.zeros((3, 4, 4)), b=np.zeros((3, 4, 4)))
    np.savez(tmp_path / "rank.npz", images=np.zeros((3, 4)))
    good = tmp_path / "good.npz"
    np.savez_compressed(good, images=np.zeros((30, 40, 40)))
    (tmp_path / "cut.npz").write_bytes(good.read_bytes()[:-30])
    for name, named in {
        "missing.npz": "missing.npz",
        "text.npz": "text.npz",
        "empty.npz": "empty.npz",
        "zip.npz": "zip.npz",
        "pickle.npz": "pickle",
        "keys.npz": "holds a, b",
        "rank.npz": r"\[3, 4\]",
        "cut.npz": "cut.npz",
        ".": "NumPy",
    }.items():
        with pytest.raises(InputError, match=named):
            datasets.read(f"npz:{tmp_path}/{name}")


@pytest.mark.parametrize(
    ("name", "mixture", "modes"),
    [("ring", mixtures.RING, 8), ("grid", mixtures.GRID, 25)],
)
def test_mixtures(name, mixture, modes):
    points = datasets.read(name)
    assert points.array.shape == (50_000, 2)
    assert points.array.dtype == np.float32
    assert points.num_classes == len(mixture.centres) == modes
    counts = np.bincount(points.labels)
    assert np.abs(counts - 50_000 / modes).max() < 5 * np.sqrt(50_000 / modes)
    error = points.array - mixture.centres[points.labels]
    assert error.std() == pytest.approx(mixture.std, rel=0.02)
    np.testing.assert_array_equal(points.array, datasets.read(name).array)
    with pytest.raises(InputError, match="32"):
        datasets.read(name, image_size=32)
    with pytest.raises(InputError, match="1"):
        datasets.read(name, channels=1)


def test_where_the_modes_are():
    np.testing.assert_allclose(np.linalg.norm(mixtures.RING.centres, axis=1), 2)
    gaps = np.linalg.norm(np.diff(mixtures.RING.centres, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 4 * np.sin(np.pi / 8))  # side of an octagon
    corners = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(centre) for centre in mixtures.GRID.centres} == corners
    assert (mixtures.RING.std, mixtures.GRID.std) == (0.02, 0.05)


def test_integers_and_booleans():
    binary = np.array([[[0, 1]]])
    for array in (binary, binary.astype(bool)):
        assert datasets.read(array).array.ravel().tolist() == [0, 255]
    assert datasets.read(binary * 200).array.ravel().tolist() == [0, 200]
    deep = datasets.read((binary * 4095).astype(np.uint16))
    assert deep.array.ravel().tolist() == [0, 255]
    assert "4095 (white)" in deep.summary


def test_a_source_without_its_kind_is_named(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"")
    for source, meant in {
        str(tmp_path): f"folder:{tmp_path}",
        f"{tmp_path}/x.npz": f"npz:{tmp_path}/x.npz",
        "mnist": "tfds:mnist",
        "digit": "digits",
    }.items():
        with pytest.raises(InputError, match=re.escape(f"Did you mean {meant}?")):
            datasets.read(source)
