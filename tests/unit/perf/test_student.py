"""Against the tables that textbooks print, and against the normal law."""

from statistics import NormalDist

import pytest

from planner.perf.student import two_sided


@pytest.mark.parametrize(
    ("share_frac", "freedom", "printed"),
    [
        (0.90, 1, 6.314),
        (0.90, 2, 2.920),
        (0.90, 3, 2.353),
        (0.90, 10, 1.812),
        (0.80, 1, 3.078),
        (0.80, 5, 1.476),
        (0.95, 7, 2.365),
        (0.99, 30, 2.750),
    ],
)
def test_it_is_the_printed_value(share_frac, freedom, printed):
    assert two_sided(share_frac, freedom) == pytest.approx(printed, abs=5e-4)


def test_of_many_degrees_it_is_nearly_the_normal_quantile():
    assert two_sided(0.9, 3000) == pytest.approx(NormalDist().inv_cdf(0.95), rel=1e-3)
