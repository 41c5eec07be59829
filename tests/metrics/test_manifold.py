import numpy as np
import pytest

from keras_gan.metrics import (
    _arrays,
    density_coverage,
    precision_recall,
    symmetric_precision_recall,
)


def brute_force(real, fake, k):
    """Precision, recall, density and coverage, one pair at a time."""

    def distance(x, y):
        return np.sqrt(np.sum((x - y) ** 2))

    def radii(rows):
        own = [sorted(distance(x, y) for y in rows) for x in rows]
        return [distances[k] for distances in own]  # the first is the row itself

    real_radii, fake_radii = radii(real), radii(fake)
    in_real = np.array(
        [[distance(x, y) < r for y in fake] for x, r in zip(real, real_radii)]  # noqa: B905
    )
    in_fake = np.array(
        [[distance(x, y) < r for y, r in zip(fake, fake_radii)] for x in real]  # noqa: B905
    )
    return {
        "precision": in_real.any(axis=0).mean(),
        "recall": in_fake.any(axis=1).mean(),
        "density": in_real.sum(axis=0).mean() / k,
        "coverage": in_real.any(axis=1).mean(),
    }


def measured(real, fake, k):
    return {
        **precision_recall(real, fake, k=k)._asdict(),
        **density_coverage(real, fake, k=k)._asdict(),
    }


def sets(dimensions):
    rng = np.random.default_rng(dimensions)
    real = rng.normal(size=(70, dimensions))
    fake = rng.normal(0.0, 0.9, size=(50, dimensions))
    fake[:, 0] += 1.5
    return real, fake


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("dimensions", [2, 8, 40])
def test_agrees_with_brute_force(dimensions, k):
    real, fake = sets(dimensions)
    expected = brute_force(real, fake, k)
    assert measured(real, fake, k) == pytest.approx(expected, abs=1e-9)
    assert len(set(expected.values())) == 4


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("dimensions", [2, 8, 40])
def test_agrees_with_the_prdc_package(dimensions, k):
    prdc = pytest.importorskip("prdc")
    real, fake = sets(dimensions)
    expected = prdc.compute_prdc(real, fake, nearest_k=k)
    assert measured(real, fake, k) == pytest.approx(expected, abs=1e-6)


def test_a_neighbour_on_the_surface_is_outside():
    # Whole numbers: many distances are equal and exact.
    real, fake = np.random.default_rng(0).integers(0, 4, (2, 60, 3))
    assert measured(real, fake, 3) == pytest.approx(brute_force(real, fake, 3))


@pytest.mark.parametrize("dimensions", [2, 60])
def test_a_perfect_copy_scores_one_far_from_the_origin_too(dimensions):
    real = np.random.default_rng(1).normal(1e3, 1, (200, dimensions))
    copy = measured(real, real[::-1], 4)
    assert copy == dict.fromkeys(copy, 1.0)


def test_sets_apart_score_zero():
    real, _ = sets(5)
    apart = measured(real, real + 100, 3)
    assert apart == dict.fromkeys(apart, 0.0)


def test_one_lost_half_is_seen_by_recall_and_coverage():
    rng = np.random.default_rng(2)
    real = rng.normal(size=(400, 2)) + np.repeat([[0.0], [50.0]], 200, axis=0)
    values = measured(real, rng.normal(size=(400, 2)), 5)
    assert values["precision"] > 0.9
    assert values["recall"] == pytest.approx(0.5, abs=0.05)
    assert values["coverage"] == pytest.approx(0.5, abs=0.05)


def test_chunks_do_not_change_the_numbers(monkeypatch):
    real, fake = sets(8)
    whole = measured(real, fake, 3)
    monkeypatch.setattr(_arrays, "_BLOCK_MIB", 0.003)  # 7 rows
    assert len(list(_arrays.squared_distances(real, fake))) == 10
    assert measured(real, fake, 3) == whole


def test_symmetric_precision_is_not_taken_in_by_the_middle_of_the_data():
    rng = np.random.default_rng(0)
    real, fake = rng.normal(size=(200, 50)), 0.1 * rng.normal(size=(200, 50))
    assert precision_recall(real, fake).precision == 1
    assert symmetric_precision_recall(real, fake) == (0, 0)
    assert symmetric_precision_recall(real, real) == (1, 1)
    for other in (rng.normal(size=(200, 50)), 2 * rng.normal(size=(200, 50))):
        both = zip(
            symmetric_precision_recall(real, other),
            precision_recall(real, other),
            strict=True,
        )
        assert all(symmetric <= plain for symmetric, plain in both)
