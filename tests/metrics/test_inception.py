import numpy as np
import pytest

from keras_gan.errors import InputError
from keras_gan.metrics import inception_score


def test_nothing_recognised_is_one():
    assert inception_score(np.full((30, 7), 1 / 7)) == pytest.approx(1, rel=1e-9)


def test_one_class_only_is_one():
    assert inception_score(np.eye(7)[np.zeros(30, int)]) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_all_classes_for_sure_is_their_number(classes):
    assert inception_score(np.eye(classes)) == pytest.approx(classes, rel=1e-9)


def test_unbalanced_classes_for_sure_are_the_exponential_of_their_entropy():
    labels = np.repeat([0, 1, 2], [5, 3, 2])
    entropy = -sum(p * np.log(p) for p in (0.5, 0.3, 0.2))
    score = inception_score(np.eye(3)[labels])
    assert score == pytest.approx(np.exp(entropy), rel=1e-9)


def test_agrees_with_the_sum_as_it_is_written():
    p = np.random.default_rng(0).dirichlet([0.3] * 4, size=25)
    marginal = [sum(column) / 25 for column in p.T]
    divergences = [
        sum(p[i, c] * np.log(p[i, c] / marginal[c]) for c in range(4))
        for i in range(25)
    ]
    assert inception_score(p) == pytest.approx(np.exp(np.mean(divergences)), rel=1e-9)
    assert inception_score(p.astype("float32")) == pytest.approx(
        inception_score(p), rel=1e-6
    )


@pytest.mark.parametrize("values", [[[2.0, -1.0]], [[0.2, 0.3]], [[5.0, 1.0]]])
def test_logits_are_refused(values):
    with pytest.raises(
        InputError, match=r"Use values of at least 0 whose rows sum to 1"
    ):
        inception_score(values)
