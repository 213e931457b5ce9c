"""From load curves to engines: what a prompt costs, and what passes beside the engine."""

from dataclasses import replace

import numpy as np
import pytest

from planner.domain.workloads import TokenSlo
from planner.simulate.arrivals import Arrivals
from planner.simulate.calibration import MOST_PREFILL_FRAC, calibrated
from planner.simulate.run import run
from planner.simulate.scenario import Engine, Group, Placed, Scenario, Stream, Way
from tests.support.load_curves import engine_curve

FIXED_S, OUTPUT, PROMPT = 0.010, 101, 512


def curve_of(prompt_s, beside_s, in_flight=(1, 4, 16)):
    """Steps of 10 ms; each answer's prompt takes some of them, and time beside them."""
    flat = engine_curve(in_flight, fixed_s=FIXED_S, each_s=0.0, output=OUTPUT)
    points = []
    for point in flat.points:
        n = point.concurrency
        # Rate and gap by turns: gap = step / (1 - rate · prompt), rate = n / answer.
        gap_s = FIXED_S
        for _ in range(200):
            answer_s = FIXED_S + prompt_s + beside_s + (OUTPUT - 1) * gap_s
            gap_s = FIXED_S / (1 - n / answer_s * prompt_s)
        ttft_s = FIXED_S + prompt_s + beside_s
        if n == 1:
            gap_s, answer_s = FIXED_S, ttft_s + (OUTPUT - 1) * FIXED_S
        points.append(
            replace(
                point,
                rate_rps=n / answer_s,
                ttft_p50_s=ttft_s,
                e2e_p50_s=ttft_s + (OUTPUT - 1) * gap_s,
            )
        )
    return replace(flat, points=tuple(points))


def test_what_no_step_has_room_for_passes_beside_the_engine():
    learned = calibrated(curve_of(0.004, 0.030))

    # Alone nobody's prompt is met: the first gap is a bare step. So a little less
    # than the true 4 ms is taken for prompts, the rest for time beside.
    assert learned.prefill_s_per_token * PROMPT == pytest.approx(0.004, rel=0.1)
    assert learned.prefill_s_per_token * PROMPT + learned.beside_s == pytest.approx(
        0.034
    )


def test_no_step_is_shorter_under_more_load():
    learned = calibrated(curve_of(0.004, 0.030))

    assert (np.diff(learned.step_s) >= 0).all()
    assert learned.step_s[-1] == pytest.approx(FIXED_S, rel=0.02)


def test_an_engine_that_never_slows_reads_prompts_for_nothing():
    learned = calibrated(curve_of(0.0, 0.030))

    assert learned.prefill_s_per_token == 0.0
    assert learned.beside_s == pytest.approx(0.030)


def test_prompts_leave_an_engine_time_for_tokens():
    # Prompts of 50 ms would fill an engine that answers so often.
    slow = curve_of(0.050, 0.0)
    learned = calibrated(slow)

    most_rps = max(p.rate_rps for p in slow.points)
    frac = most_rps * PROMPT * learned.prefill_s_per_token
    assert frac <= MOST_PREFILL_FRAC * (1 + 1e-9)


def test_a_slower_machine_takes_longer_for_everything():
    one, two = (calibrated(curve_of(0.004, 0.03), error_factor=f) for f in (1.0, 2.0))

    assert two.beside_s == pytest.approx(2 * one.beside_s)
    assert two.prefill_s_per_token == pytest.approx(2 * one.prefill_s_per_token)
    assert two.step_s == pytest.approx(2 * one.step_s)


def test_time_beside_the_engine_delays_answers_and_keeps_nobody_waiting():
    def seen(beside_s):
        engine = Engine(
            step_s=np.full(3, 0.1),
            prefill_s_per_token=0.0,
            most_sequences=2,
            step_tokens=1000,
            cache_tokens=1e9,
            beside_s=beside_s,
        )
        placed = Placed(
            workload="w", way=Way(rtt_s=0.0), service=engine, rates_rps=(1.0,)
        )
        at_s = np.arange(0.0, 50.0, 0.7)
        stream = Stream(
            workload="w",
            slo=TokenSlo(percentile_frac=0.95, ttft_s=1.0, tpot_s=1.0),
            arrivals=Arrivals(at_s=at_s, span_s=50.0),
            prompt_tokens=1,
            output_tokens=10,
        )
        group = Group(name="g", placements=(placed,), machines_on=(1,))
        return run(Scenario(streams=(stream,), groups=(group,)), seed=1).requests[0]

    without, beside = seen(0.0), seen(0.25)

    assert beside.latency_s == pytest.approx(without.latency_s + 0.25)
    assert beside.first_token_s == pytest.approx(without.first_token_s + 0.25)
    assert beside.per_token_s == pytest.approx(without.per_token_s)
    assert beside.start_s == pytest.approx(without.start_s)
