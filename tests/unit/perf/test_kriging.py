"""How far off a prediction may be, by what was left out together."""

import numpy as np
import pytest

from planner.perf.kriging import Site, covering, covering_next, estimate


def test_of_single_scores_it_is_the_usual_rank():
    scores = [float(i) for i in range(1, 20)]

    assert covering(scores, 0.9) == 18.0
    assert covering(scores, 0.5) == 10.0


def test_beyond_what_the_scores_can_say_the_largest_is_stretched():
    assert covering([1.0, 2.0, 3.0, 4.0], 0.9) == pytest.approx(4.0 * (5 / 4) ** 0.5)


def test_a_large_group_counts_no_more_than_a_small_one():
    many = [0.01 * i for i in range(50)]

    apart = covering_next([many, [2.0], [3.0], [4.0]], 0.6)

    assert apart == 3.0
    assert covering([*many, 2.0, 3.0, 4.0], 0.6) < 0.5


def drawn(rng, n_families, n_each):
    """Sizes of families that each lie off a flat line in their own way."""
    sites, values = [], []
    for f in range(n_families):
        off = rng.normal(0, 0.5)
        for _ in range(n_each):
            sites.append(Site(x=(rng.uniform(0, 3),), family=f"f{f}"))
            values.append(off + rng.normal(0, 0.05))
    return sites, values


@pytest.mark.parametrize("kin_alike", [True, False])
def test_the_next_family_lies_within_the_interval_as_often_as_stated(kin_alike):
    rng = np.random.default_rng(1)
    held = []
    for _ in range(200):
        sites, values = drawn(rng, 10, 4)
        known = [i for i, s in enumerate(sites) if s.family != "f9"]
        told = estimate(
            [sites[i] for i in known],
            [values[i] for i in known],
            sites[-1],
            kin_alike=kin_alike,
        )
        held.append(abs(values[-1] - told.value) <= told.half_width(0.9))

    # Two standard errors of a share of 200 about 0.9; of ten, one is beyond all.
    assert 0.85 <= np.mean(held) <= 0.97


def test_kin_that_are_not_taken_to_be_alike_lend_nothing():
    sites = [Site(x=(float(i),), family="a" if i < 4 else "b") for i in range(8)]
    values = [0.0] * 4 + [1.0] * 4
    relative, stranger = (Site(x=(3.5,), family=f) for f in ("b", "c"))

    def value(at, **how):
        return estimate(sites, values, at, **how).value

    assert value(relative) > value(stranger) + 0.1
    assert value(relative, kin_alike=False) == value(stranger, kin_alike=False)
    orphans = [Site(x=s.x, family=f"only {i}") for i, s in enumerate(sites)]
    beyond = Site(x=(8.0,), family="c")
    assert value(beyond, kin_alike=False) == pytest.approx(
        estimate(orphans, values, beyond).value
    )
