"""Laws that hold of every run, and two programs for replicas that must agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.simulate.batch_fleet import work
from planner.simulate.fleet import fleet_of
from planner.simulate.replicas import serve_alone
from planner.simulate.run import run
from planner.simulate.scenario import Routing
from planner.simulate.shop import (
    AT_S,
    BATCH,
    BUSY_S,
    NOBODY,
    REPLICA,
    ROUTING_DRAW,
    SHARE,
    Changes,
    Jobs,
    Rules,
    Scaling,
    Shop,
    empty_floor,
)
from tests.support.stages import exponential, poisson, stage

STRATA = np.array([0.0, 0.5, 0.9, 1.0])
NO_SCALING = Scaling(np.inf, 1.0, 1, 1, 0, 0.0)


@st.composite
def shops(draw):
    """Requests of a few models for a few replicas, with ties and timeouts."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, models = draw(st.integers(1, 300)), draw(st.integers(1, 3))
    most, replicas = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    wait_s = draw(st.sampled_from([0.0, 0.5, 3.0]))
    times = np.column_stack(
        (
            np.cumsum(rng.exponential(draw(st.sampled_from([0.2, 1.0])), n)),
            rng.uniform(0.5, 1.5, n),
            rng.random(n),
            rng.random(n),
        )
    )
    rules = Rules(
        strata=STRATA,
        knots_s=np.sort(rng.exponential(1.0, (models, most, 4)), axis=2),
        rested_s=rng.choice([0.0, 0.7], models),
        max_batch=rng.integers(1, most + 1, models),
        max_wait_s=np.full(models, wait_s),
        timeout_s=draw(st.sampled_from([np.inf, 5.0])),
        routing=SHARE,
        replicas_per_machine=1,
    )
    return Jobs(times=times, model=rng.integers(0, models, n)), rules, replicas


def by_events(jobs, rules, replicas):
    on = np.stack((np.arange(replicas), np.zeros(replicas, np.int64)), axis=1)
    shop = Shop(
        jobs=jobs,
        rules=rules,
        floor=empty_floor(jobs.model.size, replicas, is_one_queue=False),
    )
    changes = Changes(at_s=np.zeros(replicas), what=on)
    work(shop, fleet_of(changes, NO_SCALING, replicas))
    return shop.floor


@settings(deadline=None, max_examples=60)
@given(shops())
def test_one_pass_over_a_replica_is_the_event_loop(made):
    jobs, rules, replicas = made
    chosen = np.minimum(
        (jobs.times[:, ROUTING_DRAW] * replicas).astype(np.int64), replicas - 1
    )
    times = np.full((jobs.model.size, 2), np.nan)
    marks, busy_s = np.full((jobs.model.size, 3), NOBODY), np.zeros(replicas)

    floor = by_events(jobs, rules, replicas)
    serve_alone(
        jobs,
        rules,
        np.argsort(chosen, kind="stable"),
        np.cumsum(np.bincount(chosen, minlength=replicas)),
        (times, marks, busy_s),
    )

    assert np.array_equal(times, floor.times, equal_nan=True)
    assert np.array_equal(marks[:, BATCH], floor.marks[:, BATCH])
    assert busy_s == pytest.approx(floor.worked[:, BUSY_S])


@settings(deadline=None, max_examples=60)
@given(shops())
def test_a_replica_never_does_two_batches_at_once(made):
    jobs, rules, replicas = made

    floor = by_events(jobs, rules, replicas)

    served = ~np.isnan(floor.times[:, 0])
    assert np.all(floor.times[served, 0] >= jobs.times[served, AT_S])
    for replica in range(replicas):
        mine = served & (floor.marks[:, REPLICA] == replica)
        spans = np.unique(floor.times[mine], axis=0)
        assert np.all(spans[1:, 0] >= spans[:-1, 1])
        for start_s, done_s in spans:
            together = mine & (floor.times[:, 0] == start_s)
            sizes = floor.marks[together, BATCH]
            assert set(sizes) == {together.sum()}
            assert len(set(jobs.model[together])) == 1
            assert sizes[0] <= rules.max_batch[jobs.model[together][0]]
            assert done_s >= start_s


@pytest.mark.parametrize("routing", list(Routing))
@pytest.mark.parametrize("load_frac", [0.4, 0.85])
def test_arrivals_find_as_many_as_littles_law_says(routing, load_frac):
    rate = load_frac * 3 / 0.05
    ran = run(
        stage(exponential(0.05), poisson(rate, 200_000), machines=3, routing=routing),
        seed=4,
    ).requests[0]

    before = np.searchsorted(ran.sent_s, ran.sent_s)
    gone = np.searchsorted(np.sort(ran.answered_s), ran.sent_s)
    found = before - gone

    # Poisson arrivals see time averages (Wolff 1982): L = λ·W.
    assert found.mean() == pytest.approx(rate * ran.latency_s.mean(), rel=0.03)
