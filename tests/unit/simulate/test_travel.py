"""Ways whose round trip comes and goes."""

import numpy as np
import pytest
from scipy import stats

from planner.simulate.scenario import Way
from tests.support.stages import constant, latencies_s, poisson, stage


def test_jitter_is_two_exponentials_one_each_way():
    way = Way(rtt_s=0.05, jitter_s=0.02)

    seen = latencies_s(stage(constant(0.0), poisson(10.0, 40_000), way=way))

    # The sum of two exponentials of half the mean each is a gamma of shape two.
    expected = 0.05 + stats.gamma(2, scale=0.01).ppf([0.5, 0.9, 0.99])
    assert np.quantile(seen, [0.5, 0.9, 0.99]) == pytest.approx(expected, rel=0.02)
    assert seen.mean() == pytest.approx(0.07, rel=0.01)
