import numpy as np
import pytest
from PIL import Image
from scipy.integrate import quad
from scipy.stats import norm, uniform

from keras_gan.experiments import figure1

pytestmark = pytest.mark.usefixtures("deterministic")

STEPS, ALONE = 500, 100
LOG_4 = 1.3862943611198906


@pytest.fixture(scope="module")
def moments(deterministic):
    return figure1.train(STEPS, ALONE, seed=1)


def test_starts_where_it_says(moments):
    """The divergence of N(0, 1) from z + 2, by adaptive integration."""
    data, start = norm(0), uniform(2 - 3**0.5, 2 * 3**0.5)

    def integrand(x):
        p, q = data.pdf(x), start.pdf(x)
        m = (p + q) / 2
        return sum(r * np.log(r / m) for r in (p, q) if r > 0) / 2

    expected, _ = quad(integrand, -12, 12, points=start.support())
    assert moments[0].step == 0
    # Gaussian kernels blur the ends of the uniform density.
    assert moments[0].divergence == pytest.approx(expected, abs=0.01)
    np.testing.assert_allclose(
        moments[0].arrows, np.linspace(*start.support(), 19), atol=2e-4
    )


def test_discriminator_learns_alone_first(moments):
    alone = [m for m in moments if m.step <= ALONE]
    assert alone[-1].step == ALONE
    assert len({m.p_g.tobytes() for m in alone}) == 1
    first, last = alone[0].measures(), alone[-1].measures()
    gap = [m["value_of_optimal"] - m["value"] for m in (first, last)]
    assert gap[0] > 0.3
    assert 0 <= gap[1] < 0.1
    assert last["largest_error_of_d"] < first["largest_error_of_d"]
    assert next(m for m in moments if m.step > ALONE).arrows[0] != alone[0].arrows[0]


def test_generator_converges_to_the_data(moments):
    assert moments[-1].step == STEPS
    assert moments[0].divergence > 0.3
    assert moments[-1].divergence < 0.05
    for moment in moments:
        measures = moment.measures()
        assert np.trapezoid(moment.p_g, figure1.GRID) == pytest.approx(1, abs=1e-3)
        assert measures["value"] <= measures["value_of_optimal"]
        assert measures["value_of_optimal"] == pytest.approx(
            -LOG_4 + 2 * measures["divergence"], abs=1e-3
        )


def test_writes_panels_animation_and_figures(experiment):
    # An option stands in the place of the run, which this experiment does not take.
    out, report, picture = experiment("figure1", "--steps=20")
    assert picture.shape[1] > 3 * picture.shape[0]
    assert report["paper"]["value_at_equilibrium"] == pytest.approx(-LOG_4)
    steps = [report["measured"][panel]["step"] for panel in "abcd"]
    assert steps[1] == 4
    assert steps[-1] == 20
    assert steps == sorted(steps)
    with Image.open(out / "figure1.gif") as animation:
        assert animation.info["loop"] == 0
        assert animation.n_frames == 21
    assert (out / "figure1.gif").stat().st_size < 3e6
