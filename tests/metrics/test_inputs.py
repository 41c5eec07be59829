"""What is no set of samples is named in one sentence by every measure."""

import numpy as np
import pytest

from keras_gan import metrics
from keras_gan.errors import InputError


def parzen_log_likelihood(samples, x):
    return metrics.parzen_log_likelihood(samples, x, 0.1)


def mode_coverage(samples, centres):
    return metrics.mode_coverage(samples, centres, 0.1)


MEASURES = {
    metrics.frechet_distance: ("real", "fake"),
    metrics.kernel_distance: ("real", "fake"),
    metrics.precision_recall: ("real", "fake"),
    metrics.density_coverage: ("real", "fake"),
    metrics.mmd_test: ("a", "b"),
    metrics.classifier_test: ("a", "b"),
    metrics.nearest_neighbours: ("samples", "reference"),
    metrics.validate_sigma: ("samples", "validation"),
    parzen_log_likelihood: ("samples", "x"),
    mode_coverage: ("samples", "centres"),
}
OF_EACH_MEASURE = pytest.mark.parametrize(
    ("measure", "names"), MEASURES.items(), ids=[m.__name__ for m in MEASURES]
)
GOOD = np.random.default_rng(0).random((9, 3))
NOT_FINITE = np.where(np.eye(9, 3), [np.nan, np.inf, 1], GOOD)
BROKEN = {
    "has shape [9]": GOOD[:, 0],
    "has shape [9, 3, 1]": GOOD[..., None],
    "has shape [0, 3]": GOOD[:0],
    "has shape [9, 0]": GOOD[:, :0],
    "holds 2 NaN or infinity": NOT_FINITE,
    "does not hold numbers": [["one", "two"]],
    "does not hold numbers. Use finite": [[1.0, 2.0], [3.0]],
}


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("said", BROKEN)
@OF_EACH_MEASURE
def test_a_broken_set_is_named(measure, names, said, position):
    sets = [GOOD, GOOD]
    sets[position] = BROKEN[said]
    with pytest.raises(InputError) as error:
        measure(*sets)
    assert str(error.value).startswith(f"{names[position]} {said}")
    assert "Use finite numbers [N, D]" in str(error.value)


@OF_EACH_MEASURE
def test_sets_of_two_widths_are_named(measure, names):
    said = f"^D differs: {names[0]} 3 and {names[1]} 2"
    with pytest.raises(InputError, match=said):
        measure(GOOD, GOOD[:, :2])


@pytest.mark.parametrize(
    ("measure", "least"),
    [
        (metrics.frechet_distance, 2),
        (metrics.kernel_distance, 4),
        (metrics.precision_recall, 4),
        (metrics.density_coverage, 6),
        (metrics.mmd_test, 2),
        (metrics.classifier_test, 4),
    ],
)
def test_too_few_rows_are_named_and_enough_are_accepted(measure, least):
    with pytest.raises(InputError, match=f"N at least {least}"):
        measure(GOOD, GOOD[: least - 1])
    measure(GOOD, GOOD[:least])


@pytest.mark.parametrize(
    ("measure", "argument"),
    [
        (metrics.precision_recall, {"k": 0}),
        (metrics.density_coverage, {"k": 2.5}),
        (metrics.kernel_distance, {"subsets": 0}),
        (metrics.kernel_distance, {"subset_size": 1}),
        (metrics.kernel_distance, {"subset_size": 10}),
        (metrics.mmd_test, {"permutations": 0}),
    ],
)
def test_a_number_out_of_range_is_named(measure, argument):
    ((name, value),) = argument.items()
    with pytest.raises(InputError, match=rf"^{name} is {value}.*\. Use .*\d\.$"):
        measure(GOOD, GOOD, **argument)


@pytest.mark.parametrize("std", [0, -0.1, None])
def test_std_must_be_positive(std):
    with pytest.raises(InputError, match=r"^std is"):
        metrics.mode_coverage(GOOD, GOOD, std)
