"""The placement model against listing every plan, feature by feature, and all at once."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Block,
    Commitment,
    DemandRises,
    FailureDomain,
    Limits,
    NoPlan,
    Objective,
    PlacementProblem,
    Solution,
    Verdict,
)
from planner.domain.variants import Precision
from planner.optimize.placement import place
from tests.support.placement_oracle import best_by_listing
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


def plain(draw):
    return draw(problems(most_offers=3))


def hours(draw):
    return draw(problems(n_blocks=2))


def budget(draw):
    most = float(draw(st.integers(1, 40))) * 730
    return with_limits(draw(problems()), budget_usd_per_month=most)


def paid_by_request(draw):
    prices = [draw(st.integers(0, 3)) / 3600 for _ in range(6)]
    priced = with_candidates(
        draw(problems(n_blocks=2, most_offers=1)),
        lambda i, c: replace(c, usd_per_request=prices[i]),
    )
    return with_limits(priced, budget_usd_per_month=draw(st.none() | st.just(10_000.0)))


def commitments(draw):
    problem = draw(problems(n_blocks=2))
    terms = [
        Commitment(
            name=f"{name} for {months}",
            pays_for=name,
            usd_per_h=draw(st.integers(1, 8)) / 2,
            term_months=months,
            source="s",
        )
        for name in sorted({c.offer.name for c in problem.candidates})
        for months in (12, 36)
        if draw(st.booleans())
    ]
    return replace(problem, commitments=tuple(terms))


def owned(draw):
    problem = draw(problems(n_blocks=2))
    is_owned = [draw(st.booleans()) for _ in range(2)]
    return with_offers(
        replace(problem, stock={"o0": 2, "o1": 2}),
        lambda i, o: replace(o, purchase=Purchase.OWNED) if is_owned[i] else o,
    )


def with_spot(problem, is_spot):
    return with_offers(
        problem, lambda i, o: replace(o, purchase=Purchase.SPOT) if is_spot[i] else o
    )


def spot_share(draw):
    problem = draw(problems(most_offers=3, most_workloads=1))
    is_spot = [draw(st.booleans()) for _ in range(3)]
    return with_limits(
        with_spot(problem, is_spot),
        spot_share_frac=draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
    )


def spares(draw):
    problem = draw(problems(n_blocks=2, most_offers=2, most_workloads=1))
    return with_limits(problem, spare_replicas=draw(st.integers(1, 2)))


def least_machines(draw):
    return with_limits(draw(problems()), least_machines=draw(st.integers(1, 3)))


def loss_of(kind):
    def drawn(draw):
        problem = draw(problems(most_offers=3, most_workloads=1))
        is_spot = [draw(st.booleans()) for _ in range(3)]
        return with_limits(
            with_offers(
                with_spot(problem, is_spot),
                lambda i, o: replace(o, provider=f"p{i % 2}"),
            ),
            survives=(kind,),
            survivable_frac=draw(st.sampled_from([0.3, 0.5, 1.0])),
        )

    return drawn


def uplinks(draw):
    problem = draw(problems(n_blocks=2, most_workloads=2))
    sent = [float(draw(st.integers(0, 9))) for _ in range(6)]
    lined = with_candidates(
        replace(problem, uplink_bytes_per_s={"u": float(draw(st.integers(0, 60)))}),
        lambda i, c: replace(
            c,
            uplink="u" if sent[i] else None,
            uplink_bytes_per_request=sent[i],
        ),
    )
    loss = draw(st.booleans())
    return with_limits(
        lined,
        survives=(FailureDomain.UPLINK,) if loss else (),
        survivable_frac=draw(st.sampled_from([0.3, 1.0])),
    )


def offline(draw):
    """Each workload has a part of its own that needs no line, in pools or without."""
    problem = draw(problems(n_blocks=2)) if draw(st.booleans()) else pools(draw)
    lines = [draw(st.booleans()) for _ in range(6)]
    lined = with_candidates(
        problem, lambda i, c: replace(c, uplink="u" if lines[i] else None)
    )
    parts = {w: draw(st.sampled_from([0.0, 0.3, 1.0])) for w in problem.rate_rps}
    return with_limits(lined, offline_frac=parts)


def pools(draw, n_blocks=1):
    """Some candidates share their offer's machines, and memory may be short."""
    problem = draw(problems(n_blocks=n_blocks))
    shares = [draw(st.booleans()) for _ in range(6)]
    needs = [float(draw(st.integers(1, 4))) for _ in range(6)]
    memory = draw(st.none() | st.integers(4, 8).map(float))
    pooled = with_candidates(
        problem,
        lambda i, c: replace(
            c,
            pool=f"pool of {c.offer.name}" if shares[i] else None,
            memory_bytes=needs[i] if shares[i] else 0.0,
        ),
    )
    return with_offers(pooled, lambda _, o: replace(o, memory_bytes=memory))


def pools_in_hours(draw):
    return pools(draw, n_blocks=2)


def pools_with_spares(draw):
    return with_limits(pools(draw), spare_replicas=1)


def pools_with_least_machines(draw):
    return with_limits(pools(draw), least_machines=draw(st.integers(1, 2)))


def pools_that_survive(draw):
    return with_limits(
        pools(draw),
        survives=(FailureDomain.SITE,),
        survivable_frac=draw(st.sampled_from([0.5, 1.0])),
    )


def with_qualities(draw, problem):
    good = [draw(st.sampled_from([None, 0.6, 0.7, 0.8])) for _ in range(6)]
    return with_candidates(problem, lambda i, c: replace(c, quality_frac=good[i]))


def mean_quality(draw):
    problem = with_qualities(draw, draw(problems(n_blocks=2, most_workloads=1)))
    floor = draw(st.sampled_from([0.5, 0.65, 0.75]))
    return with_limits(problem, least_mean_quality_frac={"a": floor})


def with_grams(draw, problem):
    names = sorted({c.offer.name for c in problem.candidates})
    grams = {name: float(draw(st.integers(0, 9))) for name in names}
    return replace(problem, gco2e_per_machine_h=grams)


def carbon_cap(draw):
    problem = with_grams(draw, draw(problems(n_blocks=2, most_workloads=1)))
    return with_limits(problem, carbon_gco2e_per_month=draw(st.integers(0, 30)) * 730.0)


def carbon_first(draw):
    problem = with_grams(draw, draw(problems(most_workloads=1)))
    return replace(problem, objectives=(Objective.CARBON, Objective.COST))


def latency_first(draw):
    late = [draw(st.integers(1, 9)) / 10 for _ in range(6)]
    problem = with_candidates(
        draw(problems(most_workloads=1)),
        lambda i, c: replace(c, latency_s=late[i]),
    )
    limited = with_limits(
        problem,
        budget_usd_per_month=draw(st.none() | st.integers(5, 40).map(lambda x: x * 730.0)),
    )  # fmt: skip
    return replace(limited, objectives=(Objective.LATENCY, Objective.COST))


def quality_last(draw):
    problem = with_qualities(draw, draw(problems(most_workloads=1)))
    return replace(problem, objectives=(Objective.COST, Objective.QUALITY))


def variety(draw):
    problem = draw(problems(most_offers=3))
    kinds = st.sampled_from([Precision.FP32, Precision.INT8])
    of = [draw(kinds) for _ in range(6)]
    varied = with_candidates(
        with_offers(problem, lambda i, o: replace(o, provider=f"p{i % 2}")),
        lambda i, c: replace(
            c, profile=replace(c.profile, variant=replace(c.profile.variant, precision=of[i]))
        ),
    )  # fmt: skip
    most = st.none() | st.integers(1, 2)
    return with_limits(
        varied,
        most_configurations=draw(most),
        most_providers=draw(most),
        most_regions=draw(most),
    )


def few_profiles(draw):
    """Single machines run in one of two ways; a workload may rest on one way only."""
    ways = st.sampled_from([Precision.FP32, Precision.INT8])
    offers = [offer(f"o{i}", float(draw(st.integers(1, 9)))) for i in range(4)]
    return PlacementProblem(
        rate_rps={"a": (float(draw(st.integers(3, 9))),)},
        candidates=tuple(
            candidate("a", o, float(draw(st.integers(3, 6))), precision=draw(ways))
            for o in offers
        ),
        stock={o.name: 1 for o in offers},
        uplink_bytes_per_s={},
        limits=Limits(most_profiles={"a": 1}),
    )


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


def rises_in_pools(draw):
    return with_rises(draw, pools(draw))


def rises_on_lines(draw):
    problem = draw(problems(n_blocks=1))
    sent = [float(draw(st.integers(0, 9))) for _ in range(6)]
    lined = with_candidates(
        replace(problem, uplink_bytes_per_s={"u": float(draw(st.integers(20, 90)))}),
        lambda i, c: replace(c, uplink="u", uplink_bytes_per_request=sent[i]),
    )
    return with_rises(draw, lined)


def alternatives(draw):
    """Several ways on the same offer, of which some are no better in anything."""
    problem = draw(problems(most_workloads=1))
    others = [
        replace(
            c,
            name=f"{c.name} {i}",
            capacity_rps=c.capacity_rps + draw(st.integers(-1, 1)),
            usd_per_request=draw(st.sampled_from([0.0, 1e-5])),
        )
        for c in problem.candidates
        for i in range(draw(st.integers(0, 2)))
    ]
    return replace(problem, candidates=(*problem.candidates, *others))


def by_request(draw):
    """Some offers without machines, with a limit or none, and a price a request."""
    # Counts multiply: two hours are listed with fewer workloads than one.
    n_blocks = draw(st.integers(1, 2))
    problem = draw(
        problems(n_blocks=n_blocks, most_offers=3, most_workloads=3 - n_blocks)
    )
    is_so = [draw(st.booleans()) for _ in range(3)]
    without = with_offers(
        replace(problem, stock={}),
        lambda i, o: (
            replace(o, purchase=Purchase.BY_REQUEST, price_usd_per_h=0.0)
            if is_so[i]
            else o
        ),
    )
    prices = [draw(st.integers(0, 9)) / 3600 for _ in range(6)]
    limited = draw(st.booleans())

    def priced(i, c):
        if c.offer.purchase is not Purchase.BY_REQUEST:
            return c
        limit = c.capacity_rps if limited else math.inf
        return replace(c, usd_per_request=prices[i], capacity_rps=limit)

    priced_too = with_candidates(without, priced)
    return with_rises(draw, priced_too) if draw(st.booleans()) else priced_too


def by_request_with_spares(draw):
    return with_limits(by_request(draw), spare_replicas=1)


def by_request_with_least_machines(draw):
    return with_limits(by_request(draw), least_machines=draw(st.integers(1, 2)))


def by_request_that_survives(draw):
    return with_limits(
        by_request(draw), survives=(FailureDomain.SITE,), survivable_frac=0.5
    )


def by_request_with_variety(draw):
    return with_limits(by_request(draw), most_configurations=1)


def everything(draw):
    """Features that were proved one by one, drawn together."""
    problem = pools(draw)
    problem = with_grams(draw, with_qualities(draw, problem))
    is_spot = [draw(st.booleans()) for _ in range(2)]
    problem = with_spot(problem, is_spot)
    needs_line = draw(st.sampled_from([None, "t"]))
    problem = with_candidates(
        problem,
        lambda _, c: replace(c, uplink="u" if c.offer.site == needs_line else None),
    )
    problem = with_limits(
        problem,
        offline_frac=draw(st.sampled_from([{}, {"a": 0.4}])),
        budget_usd_per_month=draw(st.none() | st.just(30 * 730.0)),
        carbon_gco2e_per_month=draw(st.none() | st.just(20 * 730.0)),
        spot_share_frac=draw(st.none() | st.just(0.5)),
        spare_replicas=draw(st.integers(0, 1)),
        least_machines=draw(st.integers(0, 2)),
        survives=draw(st.sampled_from([(), (FailureDomain.SITE,), (FailureDomain.SPOT_POOL,)])),
        survivable_frac=0.5,
        most_configurations=draw(st.none() | st.just(2)),
        most_regions=draw(st.none() | st.just(1)),
        least_mean_quality_frac=draw(st.sampled_from([{}, {"a": 0.5}])),
    )  # fmt: skip
    return with_rises(draw, problem) if draw(st.booleans()) else problem


FEATURES = [
    plain, hours, budget, paid_by_request, commitments, owned, spot_share, spares,
    least_machines, loss_of(FailureDomain.SITE), loss_of(FailureDomain.PROVIDER),
    loss_of(FailureDomain.SPOT_POOL), uplinks, offline, pools, pools_in_hours, pools_with_spares,
    pools_with_least_machines, pools_that_survive, mean_quality, carbon_cap,
    carbon_first, latency_first, quality_last, variety, few_profiles, rises_in_pools, rises_on_lines,
    alternatives, by_request, by_request_with_spares, by_request_with_least_machines,
    by_request_that_survives, by_request_with_variety, everything,
]  # fmt: skip


def value_of(problem, answer, objective):
    """What the plan is worth, added up from what it says."""
    hours = [b.h_per_month for b in problem.blocks]
    asked = sum(
        h * r
        for rates in problem.rate_rps.values()
        for h, r in zip(hours, rates, strict=True)
    )

    def per_request(figure):
        return sum(
            figure(a.candidate) * h * r / asked
            for a in answer.assignments
            for h, r in zip(hours, a.rates_rps, strict=True)
        )

    if objective is Objective.LATENCY:
        return per_request(lambda c: c.latency_s)
    if objective is Objective.QUALITY:
        return per_request(lambda c: 1 - (c.quality_frac or 0.0))
    if objective is Objective.CARBON:
        machines = {a.candidate.group: a for a in answer.assignments}
        return sum(
            problem.gco2e_per_machine_h[a.candidate.offer.name] * h * n
            for a in machines.values()
            for h, n in zip(hours, a.machines_on, strict=True)
        )
    return answer.cost_usd_per_month


@pytest.mark.slow
@pytest.mark.parametrize("feature", FEATURES, ids=lambda f: f.__qualname__)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_the_best_plan_is_that_of_listing_every_plan(feature, data):
    problem = feature(data.draw)

    expected = best_by_listing(problem)
    answer = place(problem)

    assert isinstance(answer, NoPlan) == (expected is None)
    if isinstance(answer, Solution):
        found = [value_of(problem, answer, o) for o in problem.objectives]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert answer.certificate.verdict is Verdict.OPTIMAL
        # The proof is of money, wherever it stands among the aims.
        aims = problem.objectives
        proved = aims.index(Objective.COST) if Objective.COST in aims else 0
        assert answer.certificate.bound_value == pytest.approx(expected[proved], rel=1e-5, abs=1e-6)  # fmt: skip


SAMPLE = [
    plain, hours, commitments, pools, spares, variety, rises_in_pools, by_request,
    everything,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("feature", SAMPLE, ids=lambda f: f.__qualname__)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_highs_and_cbc_agree(feature, data):
    problem = feature(data.draw)

    one, other = place(problem), place(problem, solver="cbc")

    assert type(one) is type(other)
    if isinstance(one, Solution) and isinstance(other, Solution):
        assert one.cost_usd_per_month == pytest.approx(other.cost_usd_per_month)
        assert other.certificate.solver == "CBC"


def more_stock(problem):
    return replace(problem, stock={o: n + 1 for o, n in problem.stock.items()})


def more_money(problem):
    limit = problem.limits.budget_usd_per_month
    return with_limits(problem, budget_usd_per_month=None if limit is None else 2 * limit)  # fmt: skip


def more_carbon(problem):
    limit = problem.limits.carbon_gco2e_per_month
    return with_limits(problem, carbon_gco2e_per_month=None if limit is None else 2 * limit)  # fmt: skip


def more_spot(problem):
    return with_limits(problem, spot_share_frac=None)


def fewer_spares(problem):
    return with_limits(problem, spare_replicas=0)


def fewer_machines(problem):
    return with_limits(problem, least_machines=0)


def less_to_survive(problem):
    return with_limits(problem, survivable_frac=0.25)


def more_kinds(problem):
    return with_limits(problem, most_configurations=3, most_regions=2)


def less_quality(problem):
    return with_limits(problem, least_mean_quality_frac={})


def fewer_rises(problem):
    return replace(problem, rises=None)


def one_rise_less(problem):
    if problem.rises is None or not problem.rises.most_at_once:
        return problem
    fewer = problem.rises.most_at_once - 1
    return replace(problem, rises=replace(problem.rises, most_at_once=fewer))


def less_offline(problem):
    parts = {w: part / 2 for w, part in problem.limits.offline_frac.items()}
    return with_limits(problem, offline_frac=parts)


def faster_machines(problem):
    return with_candidates(problem, lambda _, c: replace(c, capacity_rps=2 * c.capacity_rps))  # fmt: skip


def less_traffic(problem):
    halved = {w: tuple(r / 2 for r in rates) for w, rates in problem.rate_rps.items()}
    return replace(problem, rate_rps=halved)


def another_offer(problem):
    more = [
        candidate(w, offer("new", 4.0, memory_bytes=None), 5.0, quality_frac=0.7)
        for w in problem.rate_rps
    ]
    grams = {**problem.gco2e_per_machine_h, "new": 2.0}
    return replace(
        problem,
        candidates=(*problem.candidates, *more),
        gco2e_per_machine_h=grams,
    )


LOOSER = [
    more_stock, more_money, more_carbon, more_spot, fewer_spares, fewer_machines,
    less_to_survive, more_kinds, less_quality, fewer_rises, one_rise_less,
    less_offline, faster_machines,
    less_traffic, another_offer,
]  # fmt: skip


@pytest.mark.parametrize("loosen", LOOSER, ids=lambda f: f.__name__)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_what_is_looser_never_costs_more(loosen, data):
    problem = everything(data.draw)

    before, after = place(problem), place(loosen(problem))

    if isinstance(before, Solution):
        assert isinstance(after, Solution)
        assert after.cost_usd_per_month <= before.cost_usd_per_month * (1 + 1e-6)


def test_one_site_does_not_survive_its_own_loss_and_two_do():
    near = candidate("a", offer("o", 1.0, site="s"), 5.0)
    far = candidate("a", offer("new", 4.0, site="t"), 5.0)
    problem = PlacementProblem(
        rate_rps={"a": (5.0,)}, candidates=(near,), stock={}, uplink_bytes_per_s={}
    )
    surviving = with_limits(problem, survives=(FailureDomain.SITE,))

    assert isinstance(place(surviving), NoPlan)
    both = place(replace(surviving, candidates=(near, far)))
    assert isinstance(both, Solution)
    assert both.cost_usd_per_month == pytest.approx(730 * 5.0)


@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_gap_that_is_allowed_is_kept(data):
    problem = everything(data.draw)

    exact, rough = place(problem), place(problem, gap_frac=0.2)

    if isinstance(exact, Solution):
        assert isinstance(rough, Solution)
        assert rough.certificate.gap_frac <= 0.2 + 1e-9
        assert rough.certificate.bound_value <= exact.cost_usd_per_month * (1 + 1e-6)
        assert rough.cost_usd_per_month <= exact.cost_usd_per_month / 0.8 + 1e-6


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_sold_is_what_the_rows_ask(data):
    """Traffic adds up, machines carry it with their spares, and every machine is paid."""
    problem = with_limits(pools_in_hours(data.draw), spare_replicas=1)
    answer = place(problem)
    if not isinstance(answer, Solution):
        return

    for t in range(len(problem.blocks)):
        for w, rates in problem.rate_rps.items():
            served = [a.rates_rps[t] for a in answer.assignments if a.candidate.workload == w]  # fmt: skip
            assert sum(served) == pytest.approx(rates[t])
        groups = {a.candidate.group: a for a in answer.assignments}
        for g, a in groups.items():
            busy = sum(
                b.rates_rps[t] / b.candidate.capacity_rps
                for b in answer.assignments
                if b.candidate.group == g
            )
            assert a.machines_on[t] - (busy > 0) >= busy - 1e-6
        for o in {a.candidate.offer.name for a in answer.assignments}:
            on = sum(a.machines_on[t] for a in groups.values() if a.candidate.offer.name == o)  # fmt: skip
            paid = sum(
                p.kept + p.paid_by_hour[t]
                for p in answer.purchases
                if p.offer.name == o
            )
            assert paid == on
