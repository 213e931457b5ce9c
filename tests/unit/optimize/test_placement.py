"""Plans by hand: what is kept in reserve, who lives where, what a rise of demand asks."""

import math
from dataclasses import replace

import pytest

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Block,
    DemandRises,
    FailureDomain,
    Limits,
    NoPlan,
    Objective,
    PlacementProblem,
    Solution,
)
from planner.optimize.placement import place
from tests.support.placements import candidate, offer


def problem(*columns, rate_rps, **facts):
    return PlacementProblem(
        rate_rps=rate_rps,
        candidates=columns,
        stock=facts.pop("stock", {}),
        uplink_bytes_per_s=facts.pop("uplink_bytes_per_s", {}),
        **facts,
    )


def machines(answer):
    assert isinstance(answer, Solution)
    return {a.candidate.name: a.machines_on for a in answer.assignments}


def test_one_site_does_not_survive_its_own_loss_and_two_do():
    near = candidate("a", offer("o", 1.0, site="s"), 5.0)
    far = candidate("a", offer("new", 4.0, site="t"), 5.0)
    limits = Limits(survives=(FailureDomain.SITE,))

    assert isinstance(place(problem(near, rate_rps={"a": (5.0,)}, limits=limits)), NoPlan)  # fmt: skip
    both = place(problem(near, far, rate_rps={"a": (5.0,)}, limits=limits))
    assert machines(both) == {"a on o": (1,), "a on new": (1,)}


@pytest.mark.parametrize("memory_bytes", [4.0, 6.0])
def test_after_a_loss_only_those_serve_who_live_there(memory_bytes):
    pools = [offer(s, 1.0, site=s, memory_bytes=memory_bytes) for s in ("s", "t")]
    columns = [
        candidate(w, o, 9.0, pool=f"pool {o.name}", memory_bytes=3.0)
        for w in "ab"
        for o in pools
    ]
    limits = Limits(survives=(FailureDomain.SITE,))
    rates = {"a": (1.0,), "b": (1.0,)}

    answer = place(problem(*columns, rate_rps=rates, limits=limits))

    # Both must live on both sites; 4 bytes hold only one of them.
    if memory_bytes < 6.0:
        assert isinstance(answer, NoPlan)
    else:
        assert set(machines(answer)) == {c.name for c in columns}


@pytest.mark.parametrize(("share_frac", "is_possible"), [(1.0, False), (0.4, True)])
def test_after_a_loss_the_line_still_carries_no_more(share_frac, is_possible):
    on_site = candidate("a", offer("box", 1.0, site="plant"), 10.0)
    away = candidate(
        "a", offer("o", 1.0, site="r"), 10.0, uplink="u", uplink_bytes_per_request=1.0
    )
    asked = problem(
        on_site,
        away,
        rate_rps={"a": (10.0,)},
        uplink_bytes_per_s={"u": 5.0},
        limits=Limits(survives=(FailureDomain.SITE,), survivable_frac=share_frac),
    )

    assert isinstance(place(asked), Solution if is_possible else NoPlan)


def test_offline_the_site_itself_carries_its_part():
    on_site = candidate("a", offer("box", 9.0, site="plant"), 4.0)
    away = candidate(
        "a", offer("o", 1.0, site="r"), 10.0, uplink="u", uplink_bytes_per_request=1.0
    )
    limits = Limits(survives=(FailureDomain.UPLINK,), survivable_frac=0.4)

    answer = place(problem(on_site, away, rate_rps={"a": (10.0,)}, limits=limits))

    assert machines(answer)["a on box"] == (1,)


def test_a_box_stays_for_the_night_and_an_hourly_machine_does_not():
    blocks = (Block(name="day", h_per_month=500.0), Block(name="night", h_per_month=230.0))  # fmt: skip
    box = candidate("a", offer("box", 0.1, purchase=Purchase.OWNED), 5.0)
    cloud = candidate("a", offer("o", 1.0), 5.0)
    asked = problem(
        box, cloud, rate_rps={"a": (10.0, 2.0)}, blocks=blocks, stock={"box": 1}
    )

    answer = place(asked)

    assert machines(answer) == {"a on box": (1, 1), "a on o": (1, 0)}
    assert answer.cost_usd_per_month == pytest.approx(730 * 0.1 + 500.0)


@pytest.mark.parametrize(("at_once", "count"), [(0, 3), (1, 4), (2, 5), (3, 6)])
def test_each_rise_more_at_once_takes_a_machine_more(at_once, count):
    pool = offer("o", 1.0)
    columns = [candidate(w, pool, 1.0, pool="p") for w in "abc"]
    rates = dict.fromkeys("abc", (1.0,))
    rises = DemandRises(extra_rps=rates, most_at_once=at_once)

    answer = place(problem(*columns, rate_rps=rates, rises=rises))

    assert set(machines(answer).values()) == {(count,)}


def test_of_equal_plans_the_nearest_is_taken():
    far = candidate("a", offer("far", 1.0), 5.0, network_s=0.2)
    near = candidate("a", offer("near", 1.0), 5.0, network_s=0.1)

    answer = place(problem(far, near, rate_rps={"a": (5.0,)}))

    assert machines(answer) == {"a on near": (1,)}


@pytest.mark.parametrize(
    "rises", [None, DemandRises(extra_rps={"a": (0.0, 3.0)}, most_at_once=0)]
)
def test_hours_without_traffic_need_no_machine_and_no_spare(rises):
    blocks = (Block(name="day", h_per_month=500.0), Block(name="night", h_per_month=230.0))  # fmt: skip
    asked = problem(
        candidate("a", offer("o", 1.0), 5.0),
        rate_rps={"a": (5.0, 0.0)},
        blocks=blocks,
        limits=Limits(spare_replicas=1),
        rises=rises,
    )

    assert machines(place(asked)) == {"a on o": (2, 0)}


def test_no_traffic_at_all_costs_nothing():
    asked = problem(
        candidate("a", offer("o", 1.0), 5.0, latency_s=0.2),
        rate_rps={"a": (0.0,)},
        objectives=(Objective.LATENCY, Objective.COST),
    )

    answer = place(asked)

    assert isinstance(answer, Solution)
    assert (answer.assignments, answer.cost_usd_per_month) == ((), 0.0)


@pytest.mark.parametrize(
    "objectives",
    [(Objective.COST, Objective.QUALITY), (Objective.QUALITY, Objective.COST)],
)
def test_the_proof_is_of_money_wherever_it_stands_among_the_aims(objectives):
    columns = [
        candidate("a", offer("o", 2.0), 5.0, quality_frac=0.7),
        candidate("a", offer("better", 2.0), 5.0, quality_frac=0.8),
    ]

    answer = place(problem(*columns, rate_rps={"a": (5.0,)}, objectives=objectives))

    assert machines(answer) == {"a on better": (1,)}
    assert answer.certificate.objective_value == pytest.approx(2.0 * 730)
    assert answer.certificate.bound_value == pytest.approx(2.0 * 730)


@pytest.mark.parametrize("pool", [None, "p"])
@pytest.mark.parametrize("rate_rps", [1e-3, 1e-5, 1e-8])
def test_a_tiny_workload_still_needs_a_machine(rate_rps, pool):
    """One request a day is 1e-7 of a machine, less than any solver's tolerance."""
    columns = [candidate(w, offer("o", 1.0), 100.0, pool=pool) for w in "ab"]
    asked = problem(*columns, rate_rps={"a": (rate_rps,), "b": (rate_rps,)})

    answer = place(asked)

    assert isinstance(answer, Solution)
    assert [a.rate_rps for a in answer.assignments] == pytest.approx([rate_rps] * 2)
    assert answer.cost_usd_per_month == pytest.approx(730.0 * (1 if pool else 2))


def test_nobody_to_serve_a_workload_is_an_answer():
    assert isinstance(place(problem(rate_rps={"a": (1.0,)})), NoPlan)


def api(**facts):
    return offer("api", 0.0, purchase=Purchase.BY_REQUEST, **facts)


def test_two_workloads_share_the_limit_of_what_both_call():
    dear = offer("o", 1.0)
    columns = [
        candidate(w, o, capacity_rps, usd_per_request=usd)
        for w, capacity_rps in (("a", 10.0), ("b", 5.0))
        for o, usd in ((api(), 1e-6), (dear, 0.0))
    ]
    rates = {"a": (6.0,), "b": (3.0,)}

    answer = place(problem(*columns, rate_rps=rates))

    # 6/10 + 3/5 is more than the limit, so a machine has to take a part of it.
    called = [a for a in answer.assignments if a.candidate.offer.name == "api"]
    used = sum(a.rate_rps / a.candidate.capacity_rps for a in called)
    assert used <= 1 + 1e-6
    assert sum(a.machines for a in answer.assignments) == 1
    fewer = place(problem(*columns, rate_rps={"a": (5.0,), "b": (2.5,)}))
    assert sum(a.machines for a in fewer.assignments) == 0


def test_what_is_paid_by_request_needs_no_spares_and_no_least_count():
    column = candidate("a", api(), math.inf, usd_per_request=1e-5)
    limits = Limits(spare_replicas=2, least_machines=3)

    answer = place(problem(column, rate_rps={"a": (2.0,)}, limits=limits))

    assert machines(answer) == {"a on api": (0,)}
    assert not answer.purchases


def test_a_hosted_model_stands_by_for_a_site_that_may_be_lost():
    near = candidate("a", offer("o", 1.0, site="s"), 5.0)
    far = candidate("a", api(site="t"), 5.0, usd_per_request=1e-3)
    limits = Limits(survives=(FailureDomain.SITE,))

    answer = place(problem(near, far, rate_rps={"a": (5.0,)}, limits=limits))

    assert machines(answer) == {"a on o": (1,), "a on api": (0,)}
    assert answer.cost_usd_per_month == pytest.approx(730)
    short = replace(far, capacity_rps=4.0)
    nothing = place(problem(near, short, rate_rps={"a": (5.0,)}, limits=limits))
    assert isinstance(nothing, NoPlan)


def test_requests_may_be_all_that_is_paid():
    by_request = candidate("a", api(), 1e6, usd_per_request=1e-5)
    server = candidate("a", offer("o", 1.0), 10.0)

    few = place(problem(by_request, server, rate_rps={"a": (1.0,)}))
    many = place(problem(by_request, server, rate_rps={"a": (100.0,)}))

    assert few.cost_usd_per_month == pytest.approx(730 * 3600 * 1e-5)
    # A full server does 10 requests/s for 1 USD/h, 36,000 of them: 0.36 at the API's price.
    assert many.cost_usd_per_month == pytest.approx(100 * 730 * 3600 * 1e-5)
    dear = replace(by_request, usd_per_request=1e-4)
    mixed = place(problem(dear, server, rate_rps={"a": (102.0,)}))
    assert mixed.cost_usd_per_month == pytest.approx(730 * (10 + 2 * 0.36))


def test_machines_at_least_are_those_a_workload_lives_on():
    """Only b fits the two small ones: they do not count for a, which takes two large ones."""
    small, large = offer("small", 1.0, memory_bytes=4.0), offer("large", 5.0)
    problem = PlacementProblem(
        rate_rps={"a": (1.0,), "b": (1.0,)},
        candidates=(
            candidate("a", small, 9.0, pool="small", memory_bytes=3.0),
            candidate("b", small, 9.0, pool="small", memory_bytes=3.0),
            candidate("a", large, 9.0),
        ),
        stock={},
        uplink_bytes_per_s={},
        limits=Limits(least_machines=2),
    )

    assert place(problem).cost_usd_per_month == pytest.approx(730 * (2 * 1.0 + 2 * 5.0))


def test_quality_is_the_mean_over_requests_of_the_month_not_over_hour_blocks():
    """One hour in ten served well is too little, as good as the short block's half may look."""
    blocks = (
        Block(name="long", h_per_month=657.0),
        Block(name="short", h_per_month=73.0),
    )
    good, poor = offer("good", 5.0), offer("poor", 1.0)
    problem = PlacementProblem(
        blocks=blocks,
        rate_rps={"a": (1.0, 1.0)},
        candidates=(
            candidate("a", good, 1.0, quality_frac=1.0),
            candidate("a", poor, 1.0, quality_frac=0.0),
        ),
        stock={},
        uplink_bytes_per_s={},
        limits=Limits(least_mean_quality_frac={"a": 0.2}),
    )

    assert place(problem).cost_usd_per_month == pytest.approx(657.0 * 5.0 + 73.0 * 1.0)


def test_a_workload_lives_on_a_machine_whole():
    """Two small machines have room for five ninths of three workloads each, and for one."""
    small = [offer(site, 1.0, site=site, memory_bytes=5.0) for site in "st"]
    problem = PlacementProblem(
        rate_rps=dict.fromkeys("abc", (1.0,)),
        candidates=(
            *(candidate(w, o, 9.0, pool=o.name, memory_bytes=3.0) for o in small for w in "abc"),
            *(candidate(w, offer("large", 5.0), 9.0) for w in "abc"),
        ),
        stock={"s": 1, "t": 1},
        uplink_bytes_per_s={},
    )  # fmt: skip

    assert place(problem).cost_usd_per_month == pytest.approx(730 * (1.0 + 1.0 + 5.0))
