"""How far off a prediction may be, by what was left out together."""

import numpy as np
import pytest

from planner.perf.kriging import Site, covering, covering_stranger, estimate


def test_of_single_scores_it_is_the_usual_rank():
    scores = [float(i) for i in range(1, 20)]

    assert covering(scores, 0.9) == 18.0
    assert covering(scores, 0.5) == 10.0


def test_beyond_what_the_scores_can_say_the_largest_is_stretched():
    assert covering([1.0, 2.0, 3.0, 4.0], 0.9) == pytest.approx(4.0 * (5 / 4) ** 0.5)


def test_a_large_family_counts_no_more_than_a_small_one():
    many, one = ([[1.0] * n, [2.0], [3.0], [4.0]] for n in (50, 1))

    assert covering_stranger(many, 0.9) == pytest.approx(covering_stranger(one, 0.9))


@pytest.mark.parametrize("share_frac", [0.8, 0.9])
@pytest.mark.parametrize("n_families", [2, 4])
def test_of_few_families_the_next_lies_within_as_often_as_stated(n_families, share_frac):  # fmt: skip
    rng = np.random.default_rng(2)
    held = [
        abs(rng.normal())
        <= covering_stranger(np.abs(rng.normal(size=(n_families, 1))), share_frac)
        for _ in range(4000)
    ]

    # Three standard errors of a share of 4,000.
    assert np.mean(held) == pytest.approx(share_frac, abs=0.02)


def drawn(rng, n_families, n_each, *, kin_known):
    """Sizes of families that each lie off a flat line in their own way."""
    sites, values = [], []
    for f in range(n_families):
        off = rng.normal(0, 0.5)
        for _ in range(n_each):
            kin = f"f{f}" if kin_known else ""
            sites.append(Site(x=(rng.uniform(0, 3),), kin=kin, family=f"f{f}"))
            values.append(off + rng.normal(0, 0.05))
    return sites, values


@pytest.mark.parametrize("kin_known", [True, False])
@pytest.mark.parametrize("n_families", [5, 10])
def test_the_next_family_lies_within_the_interval_about_as_often_as_stated(n_families, kin_known):  # fmt: skip
    rng = np.random.default_rng(1)
    held = []
    for _ in range(200):
        sites, values = drawn(rng, n_families, 4, kin_known=kin_known)
        n_known = len(sites) - 4
        told = estimate(sites[:n_known], values[:n_known], sites[-1])
        held.append(abs(values[-1] - told.value) <= told.half_width(0.9))

    # Here x says nothing of families: where a line through few of them is surest of
    # itself. Of 2,000 draws 0.83 to 0.88 were held; two standard errors of a share of 200.
    assert 0.79 <= np.mean(held) <= 0.97


def sites_of(kins):
    return [
        Site(x=(float(i),), kin=kins[i], family="a" if i < 4 else "b") for i in range(8)
    ]


VALUES = [0.0] * 4 + [1.0] * 4


def value(sites, at):
    return estimate(sites, VALUES, at).value


def test_kin_lend_what_they_have_in_common_beyond_x():
    sites = sites_of("aaaabbbb")

    relative, stranger = (Site(x=(3.5,), kin=k, family="b") for k in ("b", "c"))

    assert value(sites, relative) > value(sites, stranger) + 0.1


def test_where_all_are_of_one_kin_a_stranger_is_told_by_what_it_is_like():
    """Two families at two ends of x: the stranger's x says which one it resembles."""
    near_b = (7.0,)

    by_x = value(sites_of(" " * 8), Site(x=near_b, kin=" ", family="c"))
    orphan = value(sites_of("aaaabbbb"), Site(x=near_b, kin="c", family="c"))

    assert abs(by_x - 1.0) < abs(orphan - 1.0)


def test_a_stranger_is_as_far_off_as_whole_families_were():
    sites = sites_of(" " * 8)

    stranger, relative = (
        estimate(sites, VALUES, Site(x=(3.5,), kin=" ", family=f)) for f in ("c", "b")
    )

    assert stranger.value == relative.value
    assert list(map(len, stranger.scores)) == [4, 4]
    assert list(map(len, relative.scores)) == [1] * 8
    assert stranger.half_width(0.9) > relative.half_width(0.9)
