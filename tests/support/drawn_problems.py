"""Small placement problems as hypothesis draws them, and what is changed in them."""

from dataclasses import replace

from hypothesis import strategies as st

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Block,
    DemandRises,
    PlacementProblem,
)
from tests.support.placements import candidate, offer

DAY_AND_NIGHT = (
    Block(name="day", h_per_month=430.0),
    Block(name="night", h_per_month=300.0),
)


@st.composite
def problems(draw, *, n_blocks=1, most_offers=2, most_workloads=2, stock=2):
    """One to two workloads, solo candidates on every offer."""
    offers = [
        offer(f"o{i}", float(draw(st.integers(1, 9))), site=draw(st.sampled_from("st")))
        for i in range(draw(st.integers(1, most_offers)))
    ]
    workloads = "ab"[: draw(st.integers(1, most_workloads))]
    blocks = DAY_AND_NIGHT[:n_blocks]
    return PlacementProblem(
        blocks=blocks,
        rate_rps={
            w: tuple(float(draw(st.integers(0 if i else 1, 9))) for i in range(n_blocks))
            for w in workloads
        },
        candidates=tuple(
            candidate(w, o, float(draw(st.integers(3, 9)))) for w in workloads for o in offers
        ),
        stock={o.name: draw(st.integers(0, stock)) for o in offers if draw(st.booleans())},
        uplink_bytes_per_s={},
    )  # fmt: skip


def with_candidates(problem, change):
    """Each candidate changed by its number."""
    changed = tuple(change(i, c) for i, c in enumerate(problem.candidates))
    return replace(problem, candidates=changed)


def with_offers(problem, change):
    """Each offer changed by its number."""
    names = sorted({c.offer.name for c in problem.candidates})
    return with_candidates(
        problem,
        lambda _, c: replace(c, offer=change(names.index(c.offer.name), c.offer)),
    )


def with_limits(problem, **limits):
    return replace(problem, limits=replace(problem.limits, **limits))


def with_spot(problem, is_spot):
    return with_offers(
        problem, lambda i, o: replace(o, purchase=Purchase.SPOT) if is_spot[i] else o
    )


def with_qualities(draw, problem):
    good = [draw(st.sampled_from([None, 0.6, 0.7, 0.8])) for _ in range(6)]
    return with_candidates(problem, lambda i, c: replace(c, quality_frac=good[i]))


def with_grams(draw, problem):
    names = sorted({c.offer.name for c in problem.candidates})
    grams = {name: float(draw(st.integers(0, 9))) for name in names}
    return replace(problem, gco2e_per_machine_h=grams)


def with_rises(draw, problem):
    return replace(
        problem,
        rises=DemandRises(
            extra_rps={
                w: tuple(float(draw(st.integers(0, 4))) for _ in rates)
                for w, rates in problem.rate_rps.items()
            },
            most_at_once=draw(st.integers(0, 2)),
        ),
    )
