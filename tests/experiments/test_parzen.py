import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from keras_gan import datasets, runs
from keras_gan.experiments import TrainedRun
from keras_gan.experiments.parzen import real_images

SIGMAS = np.logspace(-1, 0, 10)


def log_likelihoods(samples, x, sigma):
    # scikit-learn's default leaf_size bounds its sums wrongly in many dimensions.
    density = KernelDensity(bandwidth=sigma, leaf_size=len(samples)).fit(samples)
    return density.score_samples(x)


def test_agrees_with_scikit_learn(experiment, run_folder):
    arguments = ("--samples", 300, "--validation", 100, "--test", 200, "--seed", 3)
    _, report, _ = experiment("parzen", run_folder, *arguments)
    samples = runs.load(run_folder).generate(300, seed=3).reshape(300, -1) / 255
    real = datasets.read("digits", image_size=8).array.reshape(1797, -1) / 255
    validation, test = real[-100:], real[-300:-100]
    means = [log_likelihoods(samples, validation, s).mean() for s in SIGMAS]
    sigma = SIGMAS[np.argmax(means)]
    values = log_likelihoods(samples, test, sigma)
    measured = report["measured"]
    assert measured["sigma"] == pytest.approx(sigma)
    assert measured["mean"] == pytest.approx(values.mean(), rel=1e-6)
    error = values.std() / np.sqrt(200)
    assert measured["standard_error"] == pytest.approx(error, rel=1e-6)
    assert report["paper"] is None
    assert "300 samples" in report["protocol"]
    assert "last 100 of 1797 training images, seen in training" in report["protocol"]


def test_few_images_are_shared_out(run_folder):
    validation, test, origin = real_images(TrainedRun.load(run_folder), 1000, 10_000)
    real = datasets.read("digits", image_size=8).array
    np.testing.assert_array_equal(np.concatenate([test, validation]), real)
    assert len(validation) == 898
    assert "the 899 training images, seen in training" in origin


def numbers(images):
    return images.ravel().tolist()


def test_split_test_is_scored_and_the_rest_of_train_validates(tfds_run):
    run = tfds_run("tfds:tiny:train[:60]")
    validation, test, origin = real_images(run, 10, 20)
    assert numbers(validation) == list(range(90, 100))
    assert numbers(test) == list(range(100, 120))
    assert "last 10 of 40 images of its split that the run left out" in origin
    assert "the first 20 of 40 images of the test split" in origin


def test_says_where_validation_images_were_trained_on(tfds_run):
    validation, test, origin = real_images(tfds_run("tfds:tiny:train"), 10, 1000)
    assert numbers(validation) == list(range(90, 100))
    assert numbers(test) == list(range(100, 140))
    assert "last 10 of 100 training images, seen in training" in origin


@pytest.mark.parametrize("split", ["test", "train+test", "train[:10]+test[:10]", "all"])
def test_a_run_that_saw_the_split_test_has_none(tfds_run, split):
    assert tfds_run(f"tfds:tiny:{split}").test_images() is None


def test_a_set_without_a_split_test(tfds_run):
    run = tfds_run.without_test("tfds:tiny:train")
    validation, test, _ = real_images(run, 10, 1000)
    assert numbers(test) == list(range(90))
    assert numbers(validation) == list(range(90, 100))


def test_names_of_sets(tfds_run):
    assert tfds_run("tfds:mnist:3.0.1:train[:5]").tfds_name() == "mnist"
    assert tfds_run("digits").tfds_name() == ""
    assert tfds_run("folder:tfds:mnist").tfds_name() == ""
