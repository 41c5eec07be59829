import types

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from keras_gan import DCGAN, GAN, datasets, networks, runs
from keras_gan.experiments import __main__ as command
from keras_gan.experiments import one_nn


def rows(images):
    return images.reshape(len(images), -1) / 255


def error(known, labels, queries, truth):
    """Percent, by scikit-learn."""
    classifier = KNeighborsClassifier(1, algorithm="brute").fit(rows(known), labels)
    return 100 * (1 - classifier.score(rows(queries), truth))


def test_agrees_with_scikit_learn_over_blocks():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (90, 5, 4, 3)).astype("uint8")
    labels = rng.integers(0, 4, 70)
    known = [(images[:30], labels[:30]), (images[30:70], labels[30:])]
    nearest = one_nn.nearest_known(images[70:], known)
    classifier = KNeighborsClassifier(1, algorithm="brute")
    classifier.fit(rows(images[:70]), labels)
    expected = classifier.kneighbors(rows(images[70:]))[1][:, 0]
    np.testing.assert_array_equal(nearest.labels, labels[expected])
    np.testing.assert_array_equal(nearest.images, images[expected])
    assert expected.min() < 30 <= expected.max()


def test_samples_come_in_blocks_with_their_classes(conditional_folder, monkeypatch):
    monkeypatch.setattr(one_nn, "_BLOCK", 7)
    gan = runs.load(conditional_folder)
    blocks = list(one_nn.samples(gan, 20, seed=1))
    assert [len(images) for images, _ in blocks] == [7, 7, 6]
    labels = np.concatenate([labels for _, labels in blocks])
    assert labels.tolist() == [*range(10), *range(10)]
    # No two samples are of one latent vector.
    images = np.concatenate([images for images, _ in blocks])
    assert len(np.unique(rows(images), axis=0)) == 20
    # Each was asked for as the class that it stands for.
    rng = np.random.default_rng(1)
    for images, own in blocks:
        expected = gan.generate(len(own), int(rng.integers(2**31)), own)
        np.testing.assert_array_equal(images, expected)


def test_error_of_samples_and_of_real_images(experiment, conditional_folder):
    arguments = ("--samples", 300, "--seed", 2)
    _, report, picture = experiment("one-nn", conditional_folder, *arguments)
    data = datasets.read("digits", image_size=8)
    kept, scored = train_test_split(np.arange(1797), test_size=0.2, random_state=2)
    real = error(
        data.array[kept], data.labels[kept], data.array[scored], data.labels[scored]
    )
    found = report["measured"]["training_images"]
    assert found["error"] == pytest.approx(real)
    assert real < 5  # the digits are easy
    ((images, labels),) = one_nn.samples(runs.load(conditional_folder), 300, seed=2)
    fake = error(images, labels, data.array[scored], data.labels[scored])
    found = report["measured"]["samples"]
    assert found["error"] == pytest.approx(fake)
    confusion = np.array(found["confusion"])
    assert confusion.shape == (10, 10)
    assert 100 - 100 * confusion.trace() / len(scored) == pytest.approx(fake)
    assert report["paper"] is None
    assert "300 samples and 1437 training images" in report["protocol"]
    assert "360 of the 1797 training images" in report["protocol"]
    assert picture.shape[1] > picture.shape[0]


def test_unconditional_run(run_folder, tmp_path, capsys):
    argv = ["one-nn", str(run_folder), "--out", str(tmp_path / "out")]
    assert command.main(argv) == 2
    assert "--conditional" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def fully_connected():
    shape = (28, 28, 1)
    return GAN(
        networks.mlp_generator(shape, 2, num_classes=10),
        networks.maxout_discriminator(shape, num_classes=10),
        latent_dim=2,
        value_range=(0, 1),
        num_classes=10,
    )


def test_the_papers_figures_are_of_the_same_kind_of_model_on_mnist():
    def figures(gan, name="mnist"):
        return one_nn.paper_figures(
            types.SimpleNamespace(gan=gan, tfds_name=lambda: name)
        )

    dcgan = DCGAN((28, 28, 1), 2, base_filters=2, num_classes=10)
    assert figures(dcgan)["samples_50000"] == 2.98
    assert figures(fully_connected())["samples_50000"] == 6.28
    assert figures(dcgan)["training_images"] == 3.1
    assert figures(dcgan, "fashion_mnist") is None
    small = DCGAN((16, 16, 1), 2, base_filters=2, num_classes=10)
    assert figures(small) is None
