"""What a trial cut is cut again from its record, and nothing else is."""

import pytest

from planner.pipeline.solving.cuts import as_tried, recorded
from planner.specs.assurance import PlanSimulation, TrialRound, TriedWorkload
from tests.support.questions import asked, document

QUESTION = asked(
    document(
        sites__0__devices=[
            {"device": "raspberry-pi-4", "stock": 4, "capex_usd": 55},
            {"device": "jetson-orin-nx-16gb", "stock": 2, "capex_usd": 700},
        ],
    )
)


def seen(high_frac: float) -> TriedWorkload:
    return TriedWorkload(
        workload="cameras",
        n_requests=1000,
        promised_frac=0.95,
        attainment_frac=high_frac,
        low_frac=high_frac,
        high_frac=high_frac,
    )


def trial(*rounds: TrialRound) -> PlanSimulation:
    return PlanSimulation(seed=1, traffic="bursts", rounds=rounds, holds=True)


def a_round(high_frac: float, *cuts) -> TrialRound:
    return TrialRound(cost_usd_per_month=10.0, workloads=(seen(high_frac),), cuts=cuts)


FIRST = QUESTION.problem.candidates[0]
CUT = recorded(FIRST, 0.5)


def kept(simulation: PlanSimulation | None) -> list[float]:
    """The factor of each candidate, in their order."""
    after = as_tried(QUESTION, simulation).problem.candidates
    pairs = zip(after, QUESTION.problem.candidates, strict=True)
    return [one.capacity_rps / other.capacity_rps for one, other in pairs]


def test_one_miss_cuts_the_way_at_fault_alone():
    factors = kept(trial(a_round(0.9, CUT), a_round(0.99)))

    assert factors[0] == 0.5
    assert set(factors[1:]) == {1.0}


def test_a_second_miss_cuts_every_way_of_the_workload_on_top_of_the_first():
    factors = kept(trial(a_round(0.9, CUT), a_round(0.9, CUT), a_round(0.99)))

    assert factors[0] == pytest.approx(0.25)
    assert set(factors[1:]) == {0.5}


def test_what_the_last_round_would_have_cut_is_in_no_plan():
    assert set(kept(trial(a_round(0.9, CUT)))) == {1.0}


def test_a_plan_without_a_trial_is_left_as_it_is():
    assert as_tried(QUESTION, None) is QUESTION


def test_pooled_or_batched_otherwise_is_another_way():
    pooled = CUT.model_copy(update={"is_pooled": True})
    batched = CUT.model_copy(update={"max_wait_ms": CUT.max_wait_ms + 1.0})

    assert set(kept(trial(a_round(0.9, pooled, batched), a_round(0.99)))) == {1.0}
