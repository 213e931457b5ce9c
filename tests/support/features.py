"""A small placement problem for each feature of the model: `feature(draw)`."""

import math
from dataclasses import replace

from hypothesis import strategies as st

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Commitment,
    FailureDomain,
    Limits,
    Objective,
    PlacementProblem,
)
from planner.domain.variants import Precision
from tests.support.drawn_problems import (
    problems,
    with_candidates,
    with_grams,
    with_limits,
    with_offers,
    with_qualities,
    with_rises,
    with_spot,
)
from tests.support.placements import candidate, offer


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


def mean_quality(draw):
    problem = with_qualities(draw, draw(problems(n_blocks=2, most_workloads=1)))
    floor = draw(st.sampled_from([0.5, 0.65, 0.75]))
    return with_limits(problem, least_mean_quality_frac={"a": floor})


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
