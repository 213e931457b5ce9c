"""What works while an uplink is down, planned, told and checked."""

from functools import cache

import pytest

from planner.domain.placement import Assignment
from planner.domain.workloads import LatencySlo, Workload
from planner.errors import SpecMistakesError
from planner.pipeline.checking.certify import Inputs, violations
from planner.pipeline.exploring.knobs import knobs
from planner.pipeline.exploring.reasons import reasons
from planner.pipeline.recommend import decide
from planner.pipeline.telling.offline import Site, answered_rps
from planner.reference.catalog import Catalog
from planner.report.offline import offline_table
from planner.specs.edit import with_values
from planner.specs.load import parse_spec
from tests.support.placements import candidate, offer
from tests.support.questions import asked, knowledge, trials, world

SLO = LatencySlo(percentile_frac=0.95, latency_s=1.0)


def store(*, stock=4, till=None, report=None, uplink=True, policy=None):
    """A shop whose report is heavy enough for the cloud, and whose till is not."""

    def workload(name, model, rate_rps, latency_ms, offline_frac):
        data = {
            "name": name,
            "model": model,
            "origin": "store",
            "traffic": {"kind": "constant", "rate_rps": rate_rps},
            "payload": {"request_kib": 40, "response_kib": 1},
            "slo": {"percentile": 95, "latency_ms": latency_ms},
        }
        return data if offline_frac is None else data | {"offline_frac": offline_frac}

    site = {
        "kind": "edge", "name": "store", "zone": "eu",
        "devices": [{"device": "raspberry-pi-4", "stock": stock, "capex_usd": 55_000}],
    }  # fmt: skip
    line = {"rtt_ms": 25, "bandwidth_mbps": 50, "to": "eu-central-1"}
    return parse_spec(
        {
            "kind": "deployment",
            "version": 1,
            "name": "store",
            "models": [
                {"name": "m", "source": {"kind": "reference", "name": "mobilenet-v2-1.0-224"}},
            ],
            "workloads": [
                workload("till", "m", 6, 250, till),
                workload("report", "m", 60, 400, report),
            ],
            "sites": [
                site | {"uplink": line} if uplink else site,
                {"kind": "cloud", "provider": "aws", "regions": ["eu-central-1"]},
            ],
            "policy": policy or {},
        },
        document="store",
    )  # fmt: skip


@cache
def planned(**changes):
    spec = store(**changes)
    return decide(spec, world(), knowledge(spec)), spec


def found(plan, spec):
    known = knowledge(spec)
    inputs = Inputs(spec=spec, catalog=Catalog.shipped(), profiles=known.profiles)
    return list(violations(plan, inputs))


def answered(plan):
    return {o.workload: (o.answered_frac, o.required_frac) for o in plan.offline}


def test_unless_asked_the_user_still_learns_what_an_outage_stops():
    # The boxes are dear here, so all runs in the cloud.
    plan, spec = planned()

    assert {p.site_kind for p in plan.placements} == {"cloud"}
    assert answered(plan) == {"till": (0.0, None), "report": (0.0, None)}
    rows = offline_table(plan).rows
    assert rows == (
        ("store", "till", "nothing"),
        ("store", "report", "nothing"),
    )
    assert found(plan, spec) == []


def test_what_must_work_offline_has_boxes_on_site_and_the_rest_has_not():
    plan, _ = planned(till=1.0)
    without, _ = planned()

    assert answered(plan) == {"till": (1.0, 1.0), "report": (0.0, None)}
    assert plan.cost.total_usd_per_month > without.cost.total_usd_per_month
    (box,) = [p for p in plan.placements if p.site == "store"]
    assert box.workload == "till"
    assert box.offline_rates_rps == pytest.approx((6.0,))


def test_survival_of_the_uplink_asks_the_same_of_everyone():
    whole = {"survive": {"loss_of": ["uplink"], "traffic_frac": 0.5}}
    spec = store(stock=40, policy=whole)
    plan = decide(spec, world(), knowledge(spec))

    assert {w: required for w, (_, required) in answered(plan).items()} == {
        "till": 0.5,
        "report": 0.5,
    }
    assert min(share for share, _ in answered(plan).values()) >= 0.5 - 1e-6


def test_a_site_without_a_line_has_nothing_to_lose():
    spec = store(stock=40, uplink=False)
    plan = decide(spec, world(), knowledge(spec))

    assert plan.offline == ()
    assert offline_table(plan) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"offline_rates_rps": (3.0,)}, "is not answered offline as the plan says"),
        ({"offline_rates_rps": (3.0,)}, "50.0% of till is answered while the uplink"),
        ({"offline_rates_rps": (9.0,)}, "is not answered offline as the plan says"),
    ],
)
def test_a_plan_that_says_too_much_of_an_outage_is_refused(changes, sentence):
    plan, spec = planned(till=1.0)
    placements = tuple(
        p.model_copy(update=changes) if p.site == "store" else p
        for p in plan.placements
    )

    broken = found(plan.model_copy(update={"placements": placements}), spec)

    assert any(sentence in b for b in broken)


def test_boxes_that_are_too_slow_for_what_they_say_they_answer_are_refused():
    plan, _ = planned(till=1.0)
    other = store(till=1.0)
    fast = other.model_copy(
        update={
            "workloads": tuple(
                w.model_copy(update={"traffic": w.traffic.model_copy(update={"rate_rps": 4000.0})})
                if w.name == "till"
                else w
                for w in other.workloads
            )
        }
    )  # fmt: skip
    placements = tuple(
        p.model_copy(update={"offline_rates_rps": (4000.0,)})
        if p.site == "store"
        else p
        for p in plan.placements
    )

    broken = found(plan.model_copy(update={"placements": placements}), fast)

    assert any("while the uplink is down" in b and "answers in" in b for b in broken)


def test_where_boxes_do_not_suffice_the_answer_says_so_and_how_much_they_do():
    question = asked(store(report=1.0, stock=1))

    (reason, *_) = [
        r for r in reasons(question, time_limit_s=30.0) if r.subject == "report"
    ]
    assert "100% of it must be answered while the uplink is down" in reason.sentence
    (knob,) = [k for k in knobs(question) if k.field == "workloads.1.offline_frac"]
    found = knob.least(trials(question), {}, start=0.0, coarse_frac=1 / 64)
    capacity_rps = max(
        c.capacity_rps
        for c in question.problem.candidates
        if c.workload == "report" and c.offer.site == "store"
    )
    # One box answers as much as it can, and no more.
    assert found.value <= capacity_rps / 60 <= found.not_enough


def test_a_line_that_carries_the_rates_and_not_a_rise_is_refused():
    plan, spec = planned()
    feared = with_values(
        spec, {"policy.demand_rises": {"most_at_once": 1, "rise_frac": 2.0}}
    )

    assert any("bytes/s leave store" in b for b in found(plan, feared))
    # Half as much more of the one that sends most still fits.
    calmer = with_values(feared, {"policy.demand_rises.rise_frac": 0.5})
    assert not any("bytes/s leave store" in b for b in found(plan, calmer))


def test_who_only_stands_by_has_to_be_turned_to():
    plan, _ = planned(till=1.0)
    table = offline_table(plan)
    waiting = tuple(
        p.model_copy(update={"rates_rps": (0.0,)}) if p.site == "store" else p
        for p in plan.placements
    )

    assert not any("must turn to" in note for note in table.footnotes)
    told = offline_table(plan.model_copy(update={"placements": waiting})).footnotes
    assert any("must turn to the site's own machines" in note for note in told)


@pytest.mark.parametrize(
    ("capacity_rps", "answered_frac"),
    [
        # What is required comes first, then what the box answers anyway, then the rest.
        (4.0, (0.4, 0.0)),
        (10.0, (0.5, 0.5)),
        (14.0, (0.5, 0.9)),
        (20.0, (1.0, 1.0)),
        (40.0, (1.0, 1.0)),
    ],
)
def test_a_box_that_cannot_answer_everything_answers_the_required_first(
    capacity_rps, answered_frac
):
    box = offer("box", 1.0)
    columns = [candidate(w, box, capacity_rps, pool="p") for w in ("till", "report")]
    usual = [(0.0,), (9.0,)]
    site = Site(
        workloads=[
            Workload(
                name=name, model="m", origin="store", rates_rps=(10.0,), slo=SLO,
                request_bytes=0.0, response_bytes=0.0,
            )
            for name in ("till", "report")
        ],
        assignments=[
            Assignment(candidate=c, rates_rps=r, machines_on=(1,))
            for c, r in zip(columns, usual, strict=True)
        ],
        required_frac=[0.5, 0.0],
    )  # fmt: skip

    rates = answered_rps(site)

    shares = [rates[c.name][0] / 10.0 for c in columns]
    assert shares == pytest.approx(answered_frac, abs=1e-6)


@pytest.mark.parametrize(
    ("site", "problem"),
    [
        ({"devices": []}, "has no devices that could answer offline"),
        (
            {"kind": "cloud", "provider": "aws", "regions": ["store"]},
            "is a cloud region",
        ),
    ],
)
def test_who_cannot_answer_offline_is_told_when_the_document_is_checked(site, problem):
    data = store().model_dump(mode="json", exclude_unset=True)
    data["workloads"][0]["offline_frac"] = 0.5
    if site.get("kind") == "cloud":
        data["sites"][0] = site
    else:
        data["sites"][0] |= site

    with pytest.raises(SpecMistakesError, match=problem) as refused:
        parse_spec(data, document="store")

    assert "workloads.0.offline_frac" in str(refused.value)
