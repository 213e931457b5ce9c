"""Hours tied by month-long purchases: taken apart, bounded and put together again."""

from dataclasses import replace

import numpy as np
import pytest

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Block,
    Commitment,
    Limits,
    PlacementProblem,
    Solution,
    Verdict,
)
from planner.optimize import decomposition, search
from planner.optimize.placement import place, variables
from planner.optimize.rows import add_rows, budget
from tests.support.placements import candidate, offer

GAP_FRAC = 2e-3


@pytest.fixture
def worth_it(monkeypatch):
    """However small the program."""
    monkeypatch.setattr(decomposition, "LEAST_COLUMNS", 0)
    monkeypatch.setattr(decomposition, "LEAST_PIECES", 2)


@pytest.fixture
def taken_apart(worth_it, monkeypatch):
    """How often that was the way."""
    times = []
    by_pieces = search._by_pieces

    def counted(*args):
        times.append(1)
        return by_pieces(*args)

    monkeypatch.setattr(search, "_by_pieces", counted)
    return times


def days(n_blocks=8, *, boxes=2, seed=5):
    """Three workloads; machines by the hour, on spot, committed, and boxes of one's own."""
    rng = np.random.default_rng(seed)
    sold = [offer(f"o{i}", float(p)) for i, p in enumerate(rng.uniform(0.5, 4, 3))]
    spot = offer("spot", 0.4 * sold[0].price_usd_per_h, purchase=Purchase.SPOT)
    box = offer("box", 0.15, purchase=Purchase.OWNED)
    columns = [
        candidate(w, o, float(4 * (o.price_usd_per_h + 0.2) * rng.lognormal(0, 0.3)))
        for w in "abc"
        for o in (*sold, spot, box)
    ]
    day = 1 + 0.8 * np.sin(2 * np.pi * np.arange(n_blocks) / n_blocks)
    return PlacementProblem(
        blocks=tuple(
            Block(name=f"h{t}", h_per_month=730 / n_blocks) for t in range(n_blocks)
        ),
        rate_rps={
            w: tuple((peak * day * rng.uniform(0.9, 1.1, n_blocks)).tolist())
            for w, peak in zip("abc", (3.0, 8.0, 15.0), strict=True)
        },
        candidates=tuple(columns),
        stock={"box": boxes},
        uplink_bytes_per_s={},
        commitments=tuple(
            Commitment(
                name=f"{o.name} for a year",
                pays_for=o.name,
                usd_per_h=0.6 * o.price_usd_per_h,
                term_months=12,
                source="s",
            )
            for o in sold
        ),
        limits=Limits(spot_share_frac=0.5),
    )


def whole(problem):
    model = variables(problem, problem.candidates)
    add_rows(model)
    model.milp.minimise(model.cost())
    return model.milp.matrix()


def test_every_hour_of_a_workload_is_a_piece_of_its_own():
    problem = days()

    apart = decomposition.tied(whole(problem))

    assert len(apart.pieces) == 3 * len(problem.blocks)
    # One row a block for the boxes, and one for each offer that a commitment pays for.
    assert len(apart.rows) == (1 + 3) * len(problem.blocks)
    inside = np.concatenate([p.variable for p in apart.pieces])
    assert sorted([*inside, *apart.own]) == list(range(len(apart.whole.cost)))


def test_what_nothing_ties_together_is_not_taken_apart():
    problem = days()
    loose = PlacementProblem(
        blocks=problem.blocks,
        rate_rps=problem.rate_rps,
        candidates=tuple(
            c for c in problem.candidates if c.offer.purchase is not Purchase.OWNED
        ),
        stock={},
        uplink_bytes_per_s={},
    )

    assert decomposition.tied(whole(loose)) is None


@pytest.mark.parametrize("seed", [5, 6, 7])
def test_the_plan_and_its_bound_enclose_the_optimum(seed, taken_apart, monkeypatch):
    problem = days(seed=seed)
    answer = place(problem, gap_frac=GAP_FRAC, time_limit_s=30)
    assert taken_apart
    monkeypatch.setattr(decomposition, "LEAST_COLUMNS", 10**9)
    optimum = place(problem, time_limit_s=60).certificate
    assert optimum.verdict is Verdict.OPTIMAL

    proof = answer.certificate
    assert isinstance(answer, Solution)
    assert proof.verdict is Verdict.OPTIMAL
    assert proof.bound_value <= optimum.objective_value * (1 + 1e-6)
    assert (
        optimum.objective_value * (1 - 1e-6)
        <= proof.objective_value
        <= optimum.objective_value * (1 + GAP_FRAC)
    )


def test_pieces_bound_a_plan_better_than_fractions_do(worth_it):
    matrix = whole(days())
    apart = decomposition.tied(matrix)
    effort = search.Effort(solver="highs", until_s=float("inf"), gap_frac=1e-4)
    relaxed = search.by_highs(matrix, effort, is_relaxed=True)

    _, bound = decomposition.decomposed(apart, effort, relaxed.row_prices, [])

    best = search.by_highs(matrix, effort).best
    assert relaxed.best < bound <= best * (1 + 1e-6)
    assert best - bound < 0.7 * (best - relaxed.best)


def test_a_budget_that_ties_everything_together_bounds_no_plan_away(worth_it):
    """The row's own bound is worth something there, unlike those of `owned` and `hourly`."""
    problem = days()
    least_usd = place(problem).cost_usd_per_month
    # The cheaper, the dirtier.
    grams = {c.offer.name: 1.0 / c.offer.price_usd_per_h for c in problem.candidates}
    model = variables(
        replace(problem, gco2e_per_machine_h=grams),
        problem.candidates,
    )
    add_rows(model)
    budget(model, 1.02 * least_usd)
    model.milp.minimise(model.carbon())
    matrix = model.milp.matrix()
    effort = search.Effort(solver="highs", until_s=float("inf"), gap_frac=1e-4)
    relaxed = search.by_highs(matrix, effort, is_relaxed=True)

    _, bound = decomposition.decomposed(
        decomposition.tied(matrix), effort, relaxed.row_prices, []
    )

    best = search.by_highs(matrix, effort).best
    assert relaxed.row_prices[-1] < 0
    assert relaxed.best * (1 - 1e-6) <= bound <= best * (1 + 1e-6)


def test_more_than_the_boxes_can_do_is_no_plan(taken_apart):
    problem = days(boxes=1)
    only_boxes = PlacementProblem(
        blocks=problem.blocks,
        rate_rps=problem.rate_rps,
        candidates=tuple(
            c for c in problem.candidates if c.offer.purchase is Purchase.OWNED
        ),
        stock=problem.stock,
        uplink_bytes_per_s={},
    )

    answer = place(only_boxes, time_limit_s=30)

    assert answer.certificate.verdict is Verdict.INFEASIBLE
