import types

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from keras_gan import DCGAN, GAN, datasets, networks, runs
from keras_gan.experiments import __main__ as command
from keras_gan.experiments import one_nn
from keras_gan.metrics import neighbours


def rows(images):
    return images.reshape(len(images), -1) / 255


def error(known, labels, queries, truth):
    """Percent, by scikit-learn."""
    classifier = KNeighborsClassifier(1, algorithm="brute").fit(rows(known), labels)
    return 100 * (1 - classifier.score(rows(queries), truth))


def test_samples_come_in_blocks_with_classes_in_turn(conditional_folder, monkeypatch):
    monkeypatch.setattr(one_nn, "_MOST_AT_ONCE", 7)
    gan = runs.load(conditional_folder)
    blocks = list(one_nn.samples(gan, 20, seed=1))
    assert [len(images) for images in blocks] == [7, 7, 6]
    # No two samples are of one latent vector.
    assert len(np.unique(rows(np.concatenate(blocks)), axis=0)) == 20
    # Each was asked for as the class that it stands for.
    rng, labels = np.random.default_rng(1), np.arange(20) % 10
    for images in blocks:
        own, labels = np.split(labels, [len(images)])
        expected = gan.generate(len(own), int(rng.integers(2**31)), own)
        np.testing.assert_array_equal(images, expected)


def test_samples_of_large_images_come_in_smaller_blocks(
    conditional_folder, monkeypatch
):
    gan = runs.load(conditional_folder)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 8 * 8 * 8 * 3)  # 3 images
    assert [len(images) for images in one_nn.samples(gan, 8, seed=1)] == [3, 3, 2]


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
    (images,) = one_nn.samples(runs.load(conditional_folder), 300, seed=2)
    fake = error(images, np.arange(300) % 10, data.array[scored], data.labels[scored])
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
            types.SimpleNamespace(
                model=gan, image_shape=gan.image_shape, tfds_name=lambda: name
            )
        )

    dcgan = DCGAN((28, 28, 1), 2, base_filters=2, num_classes=10)
    assert figures(dcgan)["samples_50000"] == 2.98
    assert figures(fully_connected())["samples_50000"] == 6.28
    assert figures(dcgan)["training_images"] == 3.1
    assert figures(dcgan, "fashion_mnist") is None
    small = DCGAN((16, 16, 1), 2, base_filters=2, num_classes=10)
    assert figures(small) is None
    no_gan = types.SimpleNamespace(
        image_shape=(28, 28, 1), networks=lambda: {"decoder": dcgan.generator}
    )
    assert figures(no_gan) is None
