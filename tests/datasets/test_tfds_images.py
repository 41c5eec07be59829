"""TensorFlow Datasets, with real sets and without a network."""

import gzip
import sys

import numpy as np
import pytest

from keras_gan import datasets
from keras_gan.errors import InputError


def test_unknown_set_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="'no_such_set'") as caught:
        datasets.read("tfds:no_such_set", data_dir=str(tmp_path))
    assert len(str(caught.value)) < 250  # and not the catalogue of TFDS


def test_set_that_cannot_be_downloaded(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def no_network(*args, **kwargs):
        raise ConnectionError("Name or service not known\nand many more lines")

    builder = tfds.builder_cls("mnist")
    monkeypatch.setattr(builder, "download_and_prepare", no_network)
    with pytest.raises(InputError, match=r"mnist.*Name or service.*data_dir") as caught:
        datasets.read("tfds:mnist", data_dir=str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["tfds:mnist:", "tfds::train"])
def test_malformed_names(source):
    with pytest.raises(InputError, match="tfds:NAME"):
        datasets.read(source)


@pytest.fixture(scope="module")
def varied_dir(tmp_path_factory):
    """A set whose pictures differ in size, with an image feature of another name."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def examples():
        for value in range(5):
            picture = np.full((10 + value, 20, 3), value, np.uint8)
            yield {"photo": picture, "label": value % 2, "note": "x"}

    folder = str(tmp_path_factory.mktemp("varied [1] {a,b} *é"))
    tfds.dataset_builders.store_as_tfds_dataset(
        "varied",
        "1.2.3",
        tfds.features.FeaturesDict(
            {
                "photo": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(names=["even", "odd"]),
                "note": tfds.features.Text(),
            }
        ),
        {
            "train": tf.data.Dataset.from_generator(
                examples,
                output_signature={
                    "photo": tf.TensorSpec((None, None, 3), tf.uint8),
                    "label": tf.TensorSpec((), tf.int64),
                    "note": tf.TensorSpec((), tf.string),
                },
            )
        },
        data_dir=folder,
        description="made at test time",
    )
    return folder


@pytest.mark.parametrize("source", ["tfds:varied", "tfds:varied:1.2.3:train[:100%]"])
def test_pictures_that_differ_in_size(varied_dir, source, caplog):
    images = datasets.read(source, image_size=8, channels=1, data_dir=varied_dir)
    assert images.array.shape == (5, 8, 8, 1)
    assert images.class_names == ("even", "odd")
    # The order of the file, whatever it is, pairs pixels and labels.
    values = images.array[:, 0, 0, 0]
    assert sorted(values) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(images.labels, values % 2)
    assert [record.getMessage() for record in caplog.records] == []
    with pytest.raises(InputError, match="image_size"):
        datasets.read(source, data_dir=varied_dir)


def test_unknown_split(varied_dir):
    with pytest.raises(InputError, match=r"'valid'.*train"):
        datasets.read("tfds:varied:valid", 8, data_dir=varied_dir)
    with pytest.raises(InputError, match="holds no image"):
        datasets.read("tfds:varied:train[:0]", 8, data_dir=varied_dir)


@pytest.mark.slow
def test_mnist_is_that_of_its_authors(tfds_dir, real_data):
    images = datasets.read("tfds:mnist", data_dir=tfds_dir)
    assert images.array.shape == (60_000, 28, 28, 1)
    assert images.class_names == tuple("0123456789")
    with gzip.open(real_data / "mnist" / "train-images-idx3-ubyte.gz") as file:
        original = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28 * 28)
    with gzip.open(real_data / "mnist" / "train-labels-idx1-ubyte.gz") as file:
        digits = np.frombuffer(file.read()[8:], np.uint8)
    # TFDS writes the images in an order of its own.
    ours = {
        (pixels.tobytes(), int(label))
        for pixels, label in zip(images.array, images.labels, strict=True)
    }
    theirs = {(p.tobytes(), int(d)) for p, d in zip(original, digits, strict=True)}
    assert ours == theirs


@pytest.mark.slow
def test_splits_and_sizes(tfds_dir):
    whole = datasets.read("tfds:mnist:test", data_dir=tfds_dir)
    part = datasets.read("tfds:mnist:test[100:400]", data_dir=tfds_dir)
    np.testing.assert_array_equal(part.array, whole.array[100:400])
    np.testing.assert_array_equal(part.labels, whole.labels[100:400])
    large = datasets.read("tfds:mnist:test[:300]", 32, 3, data_dir=tfds_dir)
    assert large.array.shape == (300, 32, 32, 3)


@pytest.mark.slow
def test_a_set_without_a_label(tfds_dir):
    faces = datasets.read("tfds:utkface64:train[:500]", data_dir=tfds_dir)
    assert faces.array.shape == (500, 64, 64, 3)
    assert faces.labels is None


def test_a_library_that_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=r"cannot be imported .* pip install 'tensor"):
        datasets.read("tfds:mnist")
