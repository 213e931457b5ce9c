import math

import pytest

from profilers.emulators.ratios import Pair, fit, scatter_sigma


def pairs(*times):
    return [Pair(local_s=local_s, device_s=device_s) for local_s, device_s in times]


def test_one_ratio_for_all_sizes_is_found():
    ratio = fit(pairs((0.001, 0.007), (0.010, 0.070), (0.100, 0.700)))

    assert ratio.at(0.003) == pytest.approx(7.0)
    assert ratio.at(0.050) == pytest.approx(7.0)


def test_small_models_may_have_another_ratio_than_large_ones():
    # Local times two decades apart, ratios 8, 4 and 2: halved by each factor of ten.
    ratio = fit(pairs((0.001, 0.008), (0.010, 0.040), (0.100, 0.200)))

    assert ratio.at(0.001) == pytest.approx(8.0)
    assert ratio.at(0.010 * math.sqrt(10)) == pytest.approx(4 / math.sqrt(2))


def test_beyond_the_known_models_the_nearest_ratio_holds():
    ratio = fit(pairs((0.001, 0.008), (0.010, 0.040), (0.100, 0.200)))

    assert ratio.at(10.0) == pytest.approx(2.0)
    assert ratio.at(1e-6) == pytest.approx(8.0)


def test_beyond_the_known_models_the_slope_says_how_far_it_may_be_off():
    ratio = fit(pairs((0.001, 0.008), (0.010, 0.040), (0.100, 0.200)))

    assert ratio.log_beyond(0.02) == 0
    assert ratio.log_beyond(1.0) == pytest.approx(math.log(2))
    assert ratio.log_beyond(0.00001) == pytest.approx(2 * math.log(2))


def test_what_takes_longer_here_never_takes_less_there():
    falling = fit(pairs((0.001, 0.9), (0.010, 0.09), (0.100, 0.009)))

    assert 0.001 * falling.at(0.001) < 0.010 * falling.at(0.010)


def test_models_of_one_size_give_their_mean_ratio():
    ratio = fit(pairs((0.010, 0.02), (0.010, 0.08), (0.010, 0.04)))

    assert ratio.slope == 0
    assert ratio.at(0.010) == pytest.approx(4.0)


def test_scatter_is_that_of_a_regression():
    # y = 0, 3e, 0 at x = -1, 0, 1: the line is flat at e, residuals -e, 2e, -e.
    e = 0.1
    times = [(math.exp(x), math.exp(x + y)) for x, y in ((-1, 0), (0, 3 * e), (1, 0))]

    assert scatter_sigma(pairs(*times)) == pytest.approx(math.sqrt(6) * e)
