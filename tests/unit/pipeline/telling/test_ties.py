"""A plan that another measurement may turn is told to be a tie."""

import datetime as dt

from planner.domain.evidence import Evidence, Provenance
from planner.domain.placement import Solution
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.optimize.placement import place
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.asking.question import ask
from planner.pipeline.telling.ties import ties
from planner.reference.catalog import Catalog
from tests.support.questions import document, trials

# 60 requests/s: seven machines that take 100 ms each, eight that take 120 ms.
SPEC = document(
    workloads__0__quality=None,
    workloads__0__slo__latency_ms=2000,
    workloads__0__traffic__rate_rps=60,
    sites__0__devices__0__stock=40,
)


def profile(precision, service_s, *, repeats_frac):
    """One at a time; another run may differ by so much."""
    return BatchProfile(
        model="m",
        variant=Variant(precision=precision, runtime=Runtime.TORCH),
        device="raspberry-pi-4",
        points=(ServicePoint(batch=1, p50_s=service_s),),
        evidence=Evidence(
            provenance=Provenance.EMULATED,
            source="t",
            as_of=dt.date(2026, 1, 1),
            error_frac=repeats_frac,
            repeats_frac=repeats_frac,
        ),
        memory_bytes=1e8,
    )


def told(fp32_s, int8_s, *, repeats_frac=0.3, spec=SPEC):
    """What is said of the plan from these two ways."""
    known = (
        profile(Precision.FP32, fp32_s, repeats_frac=repeats_frac),
        profile(Precision.INT8, int8_s, repeats_frac=repeats_frac),
    )
    question = ask(
        spec, Catalog.shipped(), Knowledge(profiles={"m": known}), Capacities()
    )
    solution = place(question.problem)
    assert isinstance(solution, Solution)
    return list(ties(trials(question), solution)), solution.cost_usd_per_month


def test_a_way_that_would_win_were_the_chosen_one_slower_is_named_with_its_cost():
    (said,), _ = told(0.115, 0.1)

    assert said.startswith("not certain: measured again, the best plan may be ")
    assert "fp32 on torch" in said
    assert "up to 30 % otherwise" in said


def test_one_that_costs_hardly_more_is_called_a_tie():
    (said,), cost = told(0.1001, 0.1)

    assert said.startswith("a tie: ")
    assert f"({cost:,.2f} USD/month as things stand, 0.00 more)" in said


def test_one_that_is_slower_than_the_spread_is_not_told():
    assert told(0.3, 0.1)[0] == []


def test_times_that_nobody_here_measured_make_no_tie():
    assert told(0.1001, 0.1, repeats_frac=0.0)[0] == []
