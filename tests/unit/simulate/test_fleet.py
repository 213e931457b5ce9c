"""Machines that scale, are taken away, fail to be reached, or serve several models."""

import dataclasses
import math

import numpy as np
import pytest

from planner.domain.placement import BatchPolicy
from planner.simulate.arrivals import Arrivals
from planner.simulate.run import run
from planner.simulate.scenario import (
    Autoscaling,
    Calendar,
    Group,
    Outage,
    Placed,
    Routing,
    Scenario,
    Stream,
    Way,
)
from tests.support.stages import SLO, constant, exponential, latencies_s, poisson, stage


def at(*instants, span_s=100.0):
    return Arrivals(at_s=np.array(instants, dtype=np.float64), span_s=span_s)


def test_a_batch_starts_when_it_is_full_or_its_first_has_waited():
    policy = BatchPolicy(max_batch=3, max_wait_s=1.0)

    seen = latencies_s(
        stage(constant(0.5, policy=policy), at(0.0, 0.1, 0.2, 10.0, 10.4, 20.0))
    )

    assert seen == pytest.approx([0.7, 0.6, 0.5, 1.5, 1.1, 1.5])


def test_another_models_request_closes_a_batch():
    policy = BatchPolicy(max_batch=4, max_wait_s=5.0)
    placed = tuple(
        Placed(
            workload=w,
            way=Way(rtt_s=0.0),
            service=constant(1.0, policy=policy),
            rates_rps=(1.0,),
        )
        for w in ("a", "b")
    )
    scenario = Scenario(
        streams=(
            Stream(workload="a", slo=SLO, arrivals=at(0.0, 1.0)),
            Stream(workload="b", slo=SLO, arrivals=at(2.0)),
        ),
        groups=(Group(name="g", placements=placed, machines_on=(1,)),),
    )

    first, second = run(scenario, seed=1).requests

    assert first.answered_s == pytest.approx([3.0, 3.0])
    assert second.answered_s == pytest.approx([8.0])


@pytest.mark.parametrize("routing", list(Routing))
def test_requests_that_wait_too_long_are_given_up(routing):
    scenario = stage(
        constant(2.0), at(0.0, 0.1, 0.2, 10.0), routing=routing, rest={"timeout_s": 2.5}
    )

    seen = latencies_s(scenario)

    assert seen[[0, 1, 3]] == pytest.approx([2.0, 3.9, 2.0])
    assert np.isnan(seen[2])


def test_an_autoscaler_follows_a_rush_after_its_lag():
    quiet = np.arange(0, 100, 0.5)
    rush = np.arange(100, 400, 0.05)
    later = np.arange(400, 1000, 0.5)
    sent = at(*quiet, *rush, *later, span_s=1000.0)
    rule = Autoscaling(
        target_rps=5.5, least=1, most=8, interval_s=10.0, patience=3, lag_s=40.0
    )

    ran = run(
        stage(constant(0.1), sent, scaling=rule, routing=Routing.LEAST_OUTSTANDING),
        seed=1,
    )

    latency_s, work = ran.requests[0].latency_s, ran.work[0]
    before, during = latency_s[quiet.size + 500], latency_s[quiet.size + 4000]
    assert work.most_on == 4
    assert before > 1.0
    assert during == pytest.approx(0.1)
    # One machine for 1000 s, three more from the rush until it was seen to be over.
    assert 1000 + 3 * 300 < work.paid_machine_s < 1000 + 3 * 400


@pytest.mark.parametrize("routing", list(Routing))
def test_what_a_lost_machine_held_is_served_by_others(routing):
    scenario = stage(
        exponential(0.05),
        poisson(50.0, 20_000),
        machines=4,
        routing=routing,
        interruptions_per_h=200.0,
        replacement_s=5.0,
    )

    ran = run(scenario, seed=2)

    assert ran.work[0].interruptions > 10
    assert ran.work[0].handed_on > 0
    assert not np.isnan(ran.requests[0].answered_s).any()


def test_nothing_passes_a_line_that_is_out():
    way = Way(rtt_s=0.0, up_s=0.1, down_s=0.1, line="site")
    outage = Outage(line="site", from_s=10.0, until_s=20.0)

    ran = run(
        stage(
            constant(0.01),
            at(5.0, 9.95, 12.0, 19.0, 30.0),
            way=way,
            rest={"outages": (outage,)},
        ),
        seed=1,
    )

    # The second is half through when the line fails, and goes on afterwards.
    assert ran.requests[0].reached_s == pytest.approx([5.1, 20.05, 20.15, 20.25, 30.1])


def test_while_the_line_is_out_boxes_at_the_site_serve():
    scenario = stage(constant(0.01), poisson(20.0, 2_000), way=Way(rtt_s=0.0, line="s"))
    cloud = scenario.groups[0]
    box = dataclasses.replace(
        cloud,
        name="box",
        placements=(
            dataclasses.replace(
                cloud.placements[0], way=Way(rtt_s=0.0), rates_rps=(0.0,)
            ),
        ),
    )
    outage = Outage(line="s", from_s=20.0, until_s=60.0)

    ran = run(
        dataclasses.replace(scenario, groups=(cloud, box), outages=(outage,)), seed=1
    )

    seen = ran.requests[0]
    during = (seen.sent_s >= 20.0) & (seen.sent_s < 60.0)
    assert set(seen.group[during]) == {1}
    assert set(seen.group[~during]) == {0}


def test_while_the_line_is_out_boxes_serve_what_was_planned_and_the_rest_waits():
    way = Way(rtt_s=0.0, line="s")
    scenario = stage(constant(0.001), poisson(20.0, 4_000), way=way)
    cloud = scenario.groups[0]
    served = dataclasses.replace(cloud.placements[0], rates_rps=(20.0,))
    cloud = dataclasses.replace(cloud, placements=(served,))
    there = dataclasses.replace(
        served, way=Way(rtt_s=0.0), rates_rps=(0.0,), offline_rates_rps=(5.0,)
    )
    box = dataclasses.replace(cloud, name="box", placements=(there,))
    outage = Outage(line="s", from_s=50.0, until_s=150.0)

    ran = run(
        dataclasses.replace(scenario, groups=(cloud, box), outages=(outage,)), seed=1
    )

    seen = ran.requests[0]
    during = (seen.sent_s >= 50.0) & (seen.sent_s < 150.0)
    assert set(seen.group[~during]) == {0}
    # A quarter of 20 requests/s, as planned.
    assert np.mean(seen.group[during] == 1) == pytest.approx(0.25, abs=0.03)
    waited = during & (seen.group == 0)
    assert seen.answered_s[waited].min() >= 150.0


def test_what_waits_for_a_line_that_never_comes_back_is_given_up():
    ran = run(
        stage(
            constant(0.01),
            at(5.0, 9.0, 30.0),
            way=Way(rtt_s=0.0, up_s=0.1, line="site"),
            rest={"outages": (Outage(line="site", from_s=8.0, until_s=math.inf),)},
        ),
        seed=1,
    )

    assert np.isnan(ran.requests[0].answered_s).tolist() == [False, True, True]
    assert ran.work[0].busy_replica_s == pytest.approx(0.01)


def test_lines_of_ones_own_fail_together_but_nobody_waits_for_another():
    way = Way(rtt_s=0.0, up_s=1.0, line="site", is_line_shared=False)

    ran = run(
        stage(
            constant(0.01),
            at(5.0, 5.2, 12.0, 19.0, 30.0),
            way=way,
            rest={"outages": (Outage(line="site", from_s=10.0, until_s=20.0),)},
        ),
        seed=1,
    )

    assert ran.requests[0].reached_s == pytest.approx([6.0, 6.2, 21.0, 21.0, 31.0])


@pytest.mark.parametrize("routing", list(Routing))
def test_machines_follow_the_calendar(routing):
    scenario = stage(
        constant(0.05),
        poisson(30.0, 12_000),
        routing=routing,
        rest={"calendar": Calendar(block_of_hour=(0, 1), hour_s=100.0)},
    )
    group = dataclasses.replace(
        scenario.groups[0],
        machines_on=(4, 2),
        placements=(
            dataclasses.replace(
                scenario.groups[0].placements[0], rates_rps=(30.0, 30.0)
            ),
        ),
    )

    ran = run(dataclasses.replace(scenario, groups=(group,)), seed=1)

    assert ran.work[0].paid_machine_s == pytest.approx(3 * scenario.span_s, rel=0.01)
    assert not np.isnan(ran.requests[0].answered_s).any()


def test_a_seed_repeats_a_run_and_another_does_not():
    scenario = stage(exponential(0.05), poisson(50.0, 5_000), machines=3)

    first, again, other = (latencies_s(scenario, seed) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
