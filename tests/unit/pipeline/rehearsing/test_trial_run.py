"""Propose, simulate, cut: what holds is left alone, what does not is cut until it does."""

import datetime as dt

import numpy as np
import pytest

from planner.domain.placement import Solution
from planner.optimize.placement import place
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.knowledge import Knowledge, published
from planner.pipeline.asking.question import ask
from planner.pipeline.checking.certify import Inputs, certified
from planner.pipeline.rehearsing.parts import parts_of_plan, parts_of_solution
from planner.pipeline.rehearsing.replay_traffic import (
    AS_DECLARED,
    Wish,
    section,
    sending,
)
from planner.pipeline.rehearsing.staging import Conditions, scenario
from planner.pipeline.rehearsing.trial_run import try_out
from planner.pipeline.solving.answered import Answered
from planner.pipeline.solving.cuts import as_tried
from planner.pipeline.telling import answer
from planner.reference.catalog import Catalog
from planner.simulate.run import run
from planner.specs.assurance import PlanSimulation
from planner.specs.load import parse_spec
from planner.specs.shapes import Traffic
from planner.specs.traces import Trace

CATALOG = Catalog.shipped()


def taken(question, solution):
    return Answered(asked=question, question=question, solution=solution)


BURSTY = {"dispersion_ratio": 1000, "time_scale_s": 10}
# From four to five in the morning, and thirty times as much at any other time.
TRACED = {
    "kind": "trace",
    "file": "quiet.csv",
    "stands_for": "day",
    "other_hours_ratio": 30.0,
    "seen": {
        "sha256": "a" * 64,
        "span_s": 3600.0,
        "n_requests": 36_000,
        "rates_rps": [300.0] * 4 + [10.0] + [300.0] * 19,
        "covered_hours": [4],
        "burstiness": BURSTY,
    },
}


def spec(*, burstiness=None, budget=None, rate_rps=300.0, hourly=None, traced=False):
    traffic = {"kind": "constant", "rate_rps": rate_rps}
    if traced:
        traffic = dict(TRACED)
    if hourly:
        traffic = {"kind": "hourly", "rates_rps": hourly}
    if burstiness:
        traffic["burstiness"] = burstiness
    return parse_spec(
        {
            "kind": "deployment",
            "version": 1,
            "name": "trial",
            "models": [
                {
                    "name": "m",
                    "source": {"kind": "reference", "name": "mobilenet-v2-1.0-224"},
                }
            ],
            "workloads": [
                {
                    "name": "w",
                    "model": "m",
                    "origin": "shop",
                    "traffic": traffic,
                    "payload": {"request_kib": 4, "response_kib": 1},
                    "slo": {"percentile": 95, "latency_ms": 100},
                }
            ],
            "sites": [
                {
                    "kind": "edge",
                    "name": "shop",
                    "zone": "eu",
                    "devices": [{"device": "raspberry-pi-4", "stock": 60}],
                }
            ],
            "policy": {"budget_usd_per_month": budget},
        },
        document="test",
    )


def solved(document):
    known = Knowledge(profiles=published(document, CATALOG))
    question = ask(document, CATALOG, known, Capacities())
    solution = place(question.problem)
    assert isinstance(solution, Solution)
    return question, solution


def attainment(question, solution, seed):
    """The plan on traffic that nobody tuned it on."""
    asked = demands(question.spec)
    sent = sending(
        question.spec,
        asked.workloads,
        asked.block_of_hour,
        wish=AS_DECLARED,
        most_requests=400_000,
        seed=seed,
    )
    stage = scenario(
        parts_of_solution(question, solution),
        sent,
        asked.block_of_hour,
        CATALOG,
        Conditions(confidence_frac=0.9, are_spares_idle=True),
    )
    return float((run(stage, seed=seed).requests[0].latency_s <= 0.1).mean())


def test_a_plan_for_poisson_traffic_holds_on_it_and_is_left_alone():
    question, solution = solved(spec())

    tried = try_out(taken(question, solution), time_limit_s=10)

    assert tried.answered.solution is solution
    assert tried.record.holds
    assert len(tried.record.rounds) == 1
    assert tried.record.rounds[0].cuts == ()
    assert tried.record.price_usd_per_month == 0.0


@pytest.fixture(scope="module")
def bursty():
    """A plan in bursts, before and after its trial."""
    question, solution = solved(spec(burstiness=BURSTY))
    return question, solution, try_out(taken(question, solution), time_limit_s=10)


def test_a_plan_that_breaks_in_bursts_is_cut_until_it_holds_on_other_bursts_too(bursty):
    question, solution, tried = bursty

    before = attainment(question, solution, seed=77)

    rounds = tried.record.rounds
    assert before < 0.95
    assert tried.record.holds
    assert rounds[0].workloads[0].high_frac < 0.95
    assert 0 < rounds[0].cuts[0].kept_frac < 1
    assert rounds[-1].workloads[0].high_frac >= 0.95
    assert rounds[-1].cost_usd_per_month > rounds[0].cost_usd_per_month
    assert tried.record.price_usd_per_month == pytest.approx(
        rounds[-1].cost_usd_per_month - rounds[0].cost_usd_per_month
    )
    assert attainment(tried.answered.question, tried.answered.solution, seed=77) > 0.94


def test_the_record_alone_leads_back_to_the_question_that_was_answered(bursty):
    question, _, tried = bursty
    written = PlanSimulation.model_validate_json(tried.record.model_dump_json())

    again = as_tried(question, written)

    assert len(written.rounds) > 1
    assert again.problem == tried.answered.question.problem
    assert again.problem != question.problem


def test_a_plan_with_cuts_passes_the_independent_check(bursty):
    question, _, tried = bursty

    document = answer.plan_document(
        tried.answered.question,
        tried.answered.solution,
        now=dt.datetime(2026, 3, 2, tzinfo=dt.UTC),
        why={},
        runners_up={},
    )
    inputs = Inputs(
        spec=question.spec, catalog=CATALOG, profiles=question.knowledge.profiles
    )

    assert certified(document, inputs).certificate.checked


def test_hours_that_a_trace_says_nothing_of_are_tried_at_the_plans_rates():
    question, solution = solved(spec(traced=True))
    quiet = Trace(
        name="quiet.csv",
        at_s=np.arange(0, 3600, 0.1),
        span_s=3600.0,
        starts_at=dt.datetime(2026, 11, 24, 4, 0, tzinfo=dt.UTC),
        sha256=TRACED["seen"]["sha256"],
    )

    tried = try_out(
        taken(question, solution), time_limit_s=10, wish=Wish(traces={"w": quiet})
    )

    first, *_, last = tried.record.rounds
    seen, other = first.workloads
    assert (seen.traffic, other.traffic) == (
        "as the traces have it",
        "the other 23 of 24 hours of the day",
    )
    assert (seen.n_requests, seen.is_late) == (36_000, False)
    # The document's bursts, which the quiet hour has not.
    assert other.is_late
    assert first.cuts
    assert tried.record.holds
    assert [w.is_late for w in last.workloads] == [False, False]
    assert "trace quiet.csv; then the other 23 of 24 hours" in tried.record.traffic


def test_where_no_money_is_left_for_what_holds_the_record_says_so(bursty):
    free = bursty[1]
    question, solution = solved(
        spec(burstiness=BURSTY, budget=free.cost_usd_per_month * 1.001)
    )

    tried = try_out(taken(question, solution), time_limit_s=10)

    assert not tried.record.holds
    assert "no plan exists" in tried.record.why_not
    assert tried.answered.solution is solution
    assert tried.record.rounds[-1].cuts


def test_the_same_seed_tells_the_same_story(bursty):
    question, solution, tried = bursty

    again = try_out(taken(question, solution), time_limit_s=10)

    assert again.record == tried.record


def test_a_written_plan_is_staged_as_the_solved_one():
    hourly = [300.0] * 12 + [600.0] * 12
    question, solution = solved(spec(hourly=hourly))
    document = answer.plan_document(
        question,
        solution,
        now=dt.datetime(2026, 3, 2, tzinfo=dt.UTC),
        why={},
        runners_up={},
    )

    written = parts_of_plan(
        document, question.spec, CATALOG, question.knowledge.profiles
    )
    asked = parts_of_solution(question, solution)

    told = ("profile", "path", "policy", "offer", "rates_rps", "machines_on", "spares")
    for one, other in zip(written, asked, strict=True):
        assert all(getattr(one, f) == getattr(other, f) for f in told)
    hours = demands(question.spec)
    by_hour = [hours.workloads[0].rates_rps[b] for b in hours.block_of_hour]
    assert by_hour == hourly


def test_fitted_traffic_is_a_section_that_a_spec_takes():
    fitted = section(
        Traffic(rates_rps=(12.3456,), dispersion_ratio=7.0, time_scale_s=30.0)
    )

    document = spec(burstiness=fitted.burstiness.model_dump())

    assert fitted.rate_rps == 12.35
    assert document.workloads[0].traffic.burstiness == fitted.burstiness
    assert len(section(Traffic(rates_rps=(1.0,) * 24)).rates_rps) == 24
