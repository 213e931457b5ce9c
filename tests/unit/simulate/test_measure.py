"""Shares with their error, and figures of a run whose every request is known."""

import numpy as np
import pytest

from planner.domain.workloads import LatencySlo
from planner.simulate.arrivals import Arrivals
from planner.simulate.measure import measured, share_with_error
from planner.simulate.run import run
from tests.support.stages import constant, poisson, stage


def document(scenario, **more):
    about = {"name": "n", "spec_sha256": "0", "traffic": "t", "assumptions": ()}
    return measured(run(scenario, seed=1), **(about | more))


def test_more_than_nine_of_ten_intervals_hold_the_share():
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(400):
        _, low, high = share_with_error((rng.random(2000) < 0.95).astype(float))
        hits += low <= 0.95 <= high

    assert hits / 400 > 0.9


def test_misses_that_come_together_say_less_than_as_many_scattered():
    scattered = np.tile(np.append(np.zeros(1), np.ones(19)), 200)
    together = np.ones(4000)
    together[2000:2200] = 0.0

    narrow, wide = share_with_error(scattered), share_with_error(together)

    assert narrow[0] == wide[0] == pytest.approx(0.95)
    assert wide[2] - wide[1] > 5 * (narrow[2] - narrow[1])


def test_no_request_at_all_says_nothing_of_a_share():
    assert share_with_error(np.zeros(0)) == (1.0, 0.0, 1.0)


def test_a_run_by_hand():
    # Two at once on one machine of 2 s: the second waits 2 s and is late.
    sent = Arrivals(at_s=np.array([0.0, 0.0, 6.0]), span_s=10.0)
    slo = LatencySlo(percentile_frac=0.9, latency_s=3.0)

    seen = document(
        stage(constant(2.0), sent, slo=slo, usd_per_h=3.6, idle_w=5.0, active_w=15.0)
    )

    users, machines = seen.workloads[0], seen.machines[0]
    assert users.attainment_frac == pytest.approx(2 / 3)
    assert (users.p50_ms, users.mean_ms) == pytest.approx((2000, 8000 / 3))
    assert machines.utilization_frac == pytest.approx(0.6)
    assert machines.mean_waiting == pytest.approx(0.2)
    assert machines.most_waiting == 1
    assert seen.cost_usd == pytest.approx(0.01)
    # 6 s at 15 W and 4 s at 5 W.
    assert seen.energy_kwh == pytest.approx(110 / 3.6e6)


def test_those_given_up_are_late():
    sent = Arrivals(at_s=np.array([0.0, 0.0, 0.0, 20.0]), span_s=40.0)

    seen = document(stage(constant(2.0), sent, rest={"timeout_s": 1.0}))

    assert seen.workloads[0].n_given_up == 2
    assert seen.workloads[0].attainment_frac == 0.0


def test_the_timeline_adds_up_to_the_whole():
    seen = document(stage(constant(0.08), poisson(10.0, 20_000)))

    line = seen.timeline
    sent = sum(line.workloads[0].rate_rps) * line.step_s
    assert sent == pytest.approx(seen.n_requests)
    busy = np.mean(line.machines[0].in_service)
    assert busy == pytest.approx(seen.machines[0].utilization_frac, rel=1e-3)
    waiting = np.mean(line.machines[0].waiting)
    assert waiting == pytest.approx(seen.machines[0].mean_waiting, rel=1e-2)
