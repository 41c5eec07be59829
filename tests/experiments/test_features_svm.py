import types

import keras
import numpy as np
import pytest
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedShuffleSplit,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from keras_gan import datasets, networks, runs
from keras_gan.errors import InputError
from keras_gan.experiments import __main__ as command
from keras_gan.experiments import features_svm
from keras_gan.experiments.features_svm import (
    choose_c,
    extract,
    feature_model,
    normalize,
)

RANGE = (-1, 1)


def images(count, shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *shape)).astype("uint8")


def activations(discriminator, batch):
    """The maps after every nonlinearity of a plain stack of layers."""
    x, maps = batch, []
    for layer in discriminator.layers[1:]:
        x = layer(x)
        if isinstance(layer, keras.layers.LeakyReLU):
            maps.append(x.numpy())
    return maps


def pooled(maps):
    """Largest values in 4x4 windows from floor(i H / 4) to ceil((i + 1) H / 4)."""

    def windows(size):
        return [slice(i * size // 4, -(-(i + 1) * size // 4)) for i in range(4)]

    _, height, width, _ = maps.shape
    return np.stack(
        [
            maps[:, rows, columns].max(axis=(1, 2))
            for rows in windows(height)
            for columns in windows(width)
        ],
        axis=1,
    )


@pytest.mark.parametrize("shape", [(64, 64, 3), (28, 28, 1), (16, 32, 1)])
def test_features_are_all_layers_pooled_to_a_grid(shape):
    discriminator = networks.dcgan_discriminator(shape, base_filters=4, seed=0)
    batch = images(3, shape)
    found = extract(feature_model(discriminator), batch, RANGE, "")
    maps = activations(discriminator, batch.astype("float32") / 127.5 - 1)
    expected = np.concatenate([pooled(m) for m in maps], axis=2).reshape(3, -1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_number_of_features_on_cifar():
    discriminator = networks.dcgan_discriminator((32, 32, 3), base_filters=64)
    assert feature_model(discriminator).output.shape == (None, 16 * (64 + 128 + 256))


def test_networks_without_convolutions():
    with pytest.raises(InputError, match="no convolutional layers"):
        feature_model(networks.maxout_discriminator((8, 8, 1)))


def test_batch_norm_gets_the_averages_of_the_images(monkeypatch):
    monkeypatch.setattr(features_svm, "_BATCH", 8)
    discriminator = networks.dcgan_discriminator((16, 16, 1), base_filters=4, seed=0)
    (layer,) = (
        x
        for x in discriminator.layers
        if isinstance(x, keras.layers.BatchNormalization)
    )
    before = keras.Model(discriminator.input, layer.input)
    data = images(40, (16, 16, 1))
    values = before(data.astype("float32") / 127.5 - 1).numpy()
    words = normalize(feature_model(discriminator), data, RANGE, 0)
    assert words == "averages of 40 training images in batch norm"
    mean = values.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_mean, mean, atol=1e-6)
    assert np.abs(mean).max() > 1e-3
    # Five batches' own variances lack that of their means.
    variance = values.var(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=0.05)


def test_layers_after_batch_norm_see_it_normalized():
    discriminator = networks.dcgan_discriminator((32, 32, 3), base_filters=4, seed=0)
    data = images(30, (32, 32, 3))
    model = feature_model(discriminator)
    normalize(model, data, RANGE, 0)
    inputs = data.astype("float32") / 127.5 - 1
    # One batch, so its statistics are the averages.
    expected = model(inputs, training=True)
    np.testing.assert_allclose(
        extract(model, data, RANGE, ""), expected, rtol=1e-3, atol=1e-3
    )


def test_no_batch_norm():
    discriminator = networks.dcgan_discriminator(
        (16, 16, 1), 4, batch_normalization=False
    )
    words = normalize(
        feature_model(discriminator), images(4, (16, 16, 1)), RANGE, seed=0
    )
    assert words == "no batch norm"


def reference(features, labels, seed):
    """The same by scikit-learn's grid search."""
    classifier = LinearSVC(dual=True, tol=0.1, random_state=seed)
    svm = make_pipeline(StandardScaler(), classifier)
    split = StratifiedShuffleSplit(1, test_size=0.2, random_state=seed)
    grid = {"linearsvc__C": np.logspace(-4, -2, 5)}
    return GridSearchCV(svm, grid, cv=split).fit(features, labels)


def test_c_is_the_best_on_a_fifth_of_the_labels():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    # Many features say nothing, so that a large C overfits.
    features = rng.normal(size=(400, 300))
    features[:, :4] += 1.5 * np.eye(4)[labels]
    c, accuracies = choose_c(features, labels, seed=1)
    search = reference(features, labels, 1)
    assert c == pytest.approx(search.best_params_["linearsvc__C"])
    # One C above the best was tried, none beyond.
    expected = 100 * search.cv_results_["mean_test_score"]
    assert len(accuracies) == expected.argmax() + 2
    tried = expected[: len(accuracies)].tolist()
    assert list(accuracies.values()) == pytest.approx(tried)


def features_of(discriminator):
    data = datasets.read("digits", image_size=8)
    return extract(feature_model(discriminator), data.array, RANGE, ""), data.labels


def test_accuracy_beside_that_of_the_initial_weights(experiment, run_folder):
    _, report, _ = experiment("features-svm", run_folder, "--seed", 4)
    measured = report["measured"]
    kept, scored = (
        np.sort(x)
        for x in train_test_split(np.arange(1797), test_size=0.2, random_state=4)
    )
    networks_of = {
        "trained": runs.load(run_folder).discriminator,
        "random": runs.Run.open(run_folder).build().discriminator,
    }
    for name, discriminator in networks_of.items():
        features, labels = features_of(discriminator)
        search = reference(features[kept], labels[kept], 4)
        accuracy = 100 * search.score(features[scored], labels[scored])
        assert measured[name]["accuracy"] == pytest.approx(accuracy)
        (chosen,) = measured[name]["validation"]
        assert chosen["C"] == pytest.approx(search.best_params_["linearsvc__C"])
        assert measured[name]["standard_error"] == pytest.approx(
            np.sqrt(accuracy * (100 - accuracy) / 360)
        )
    assert measured["trained"]["accuracy"] != measured["random"]["accuracy"]
    difference = measured["trained"]["accuracy"] - measured["random"]["accuracy"]
    assert measured["points_above_random"] == pytest.approx(difference)
    assert report["paper"] is None
    for part in (
        "32 features",
        "all 1437 labels",
        "no batch norm",
        "initial weights",
        "seed 4",
    ):
        assert part in report["protocol"]
    assert "generator" not in report["protocol"]


def test_some_labels_of_each_class(experiment, run_folder):
    _, report, _ = experiment("features-svm", run_folder, "--per-class", 6)
    for name in ("trained", "random"):
        found = report["measured"][name]
        each = found["accuracies"]
        assert len(each) == len(found["validation"]) == 5
        assert len(set(each)) > 1
        assert found["accuracy"] == pytest.approx(np.mean(each))
        assert found["standard_deviation"] == pytest.approx(np.std(each, ddof=1))
        assert "standard_error" not in found
    assert "6 labels of each class" in report["protocol"]
    assert "5 random subsets" in report["protocol"]


def test_subsets_hold_as_many_labels_of_each_class():
    labels = np.repeat([0, 1, 2], [50, 20, 7])
    sets = types.SimpleNamespace(
        teaching=types.SimpleNamespace(labels=labels), names=["a", "b", "c"]
    )
    subsets = features_svm._subsets(sets, 7, seed=0)
    assert len(subsets) == 5
    for rows in subsets:
        assert len(set(rows.tolist())) == 21
        assert np.bincount(labels[rows]).tolist() == [7, 7, 7]
    assert subsets[0].tolist() != subsets[1].tolist()
    with pytest.raises(InputError, match="7 of class c"):
        features_svm._subsets(sets, 8, seed=0)


@pytest.mark.parametrize("labels", [[0] * 20, [0] * 20 + [1] * 4])
def test_too_few_labels(labels):
    sets = types.SimpleNamespace(
        teaching=types.SimpleNamespace(labels=np.array(labels)), names=["a", "b"]
    )
    with pytest.raises(InputError, match="At least 2 classes with 5"):
        features_svm._subsets(sets, None, seed=0)


def test_conditional_run(conditional_folder, tmp_path, capsys):
    argv = ["features-svm", str(conditional_folder), "--out", str(tmp_path / "out")]
    assert command.main(argv) == 2
    assert "without --conditional" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
