import numpy as np
import pytest

from keras_gan.errors import InputError
from keras_gan.experiments import labelled


def numbers(images):
    found = images.array.ravel().tolist()
    assert [n % 10 for n in found] == images.labels.tolist()
    return found


def test_the_split_test_is_scored(tfds_run):
    sets = labelled.read(tfds_run("tfds:tiny:train[:60]"), False, 0)
    assert numbers(sets.teaching) == list(range(60))
    assert numbers(sets.scored) == list(range(100, 140))
    assert sets.origin == "scored on the 40 images of the test split"
    assert sets.names == [str(i) for i in range(10)]


def test_validation_scores_what_the_run_left_out(tfds_run):
    sets = labelled.read(tfds_run("tfds:tiny:train[:60]"), True, 0)
    assert numbers(sets.teaching) == list(range(60))
    assert numbers(sets.scored) == list(range(60, 100))
    assert "the 40 images that the run left out of train" in sets.origin


@pytest.mark.parametrize("source", ["tfds:tiny", "tfds:tiny:train[60:]", "digits"])
def test_validation_needs_a_run_that_left_images_out(tfds_run, source):
    with pytest.raises(InputError, match=r"train\[:NUMBER\]"):
        labelled.read(tfds_run(source), True, 0)


def test_without_a_split_a_fifth_teaches_nothing(tfds_run):
    sets = labelled.read(tfds_run("digits"), False, 3)
    teaching, scored = numbers(sets.teaching), numbers(sets.scored)
    assert len(scored) == 20
    assert sorted(teaching + scored) == list(range(100))
    assert "20 of the 100 training images" in sets.origin
    assert "seen by the GAN" in sets.origin
    other = labelled.read(tfds_run("digits"), False, 4)
    assert numbers(other.scored) != scored


def test_images_without_labels(tfds_run):
    with pytest.raises(InputError, match="folder:photos have no labels"):
        labelled.read(tfds_run("folder:photos"), False, 0)


def test_scores():
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    predicted = np.array([0, 0, 1, 2, 1, 1, 1, 1, 1, 0])
    found = labelled.scores(truth, predicted, ["a", "b", "c"])
    assert found["accuracy"] == pytest.approx(70)
    assert found["error"] == pytest.approx(30)
    # The standard deviation of ten Bernoulli trials' mean with p = 0.3.
    assert found["standard_error"] == pytest.approx(14.4914, abs=1e-4)
    assert found["error_by_class"]["a"] == pytest.approx(50)
    assert found["error_by_class"]["b"] == pytest.approx(100 / 6)
    assert found["error_by_class"]["c"] is None
    assert found["confusion"] == [[2, 1, 1], [1, 5, 0], [0, 0, 0]]
