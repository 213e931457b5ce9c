"""What a server takes, from the profile to the plan that a user reads and simulates."""

import datetime as dt
from dataclasses import replace

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile
from planner.domain.servers import ServerCost, Timing
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.recommend import decide
from planner.report.html import plan_page
from planner.report.markdown import plan_markdown
from planner.specs.plan import PlanDocument
from tests.support.questions import document, knowledge, world


def cost(*, c, latency, provenance=Provenance.MEASURED):
    return ServerCost(
        server="a test's server",
        processor_s=c,
        latency_s=latency,
        shared_frac=1.0,
        evidence=Evidence(
            provenance=provenance,
            source="0.50 ms measured elsewhere × 8.00",
            as_of=dt.date(2026, 11, 24),
            error_frac=0.5,
            note="from 2100 requests",
        ),
    )


def known(spec, **changes):
    """Published profiles, as if our server ran them, with these fields."""

    def changed(p):
        if not isinstance(p, BatchProfile):
            return p
        return replace(p, variant=replace(p.variant, runtime="torch"), **changes)

    profiles = knowledge(spec).profiles
    return Knowledge(
        profiles={m: tuple(map(changed, ps)) for m, ps in profiles.items()}
    )


def planned(*, simulates=False, **changes) -> PlanDocument:
    spec = document()
    return decide(spec, replace(world(), simulates=simulates), known(spec, **changes))


CHARGED = {"server": cost(c=0.004, latency=0.002)}


def test_a_plan_shows_the_servers_part_with_its_source_and_passes_its_check():
    plan = planned(**CHARGED)

    (p,) = plan.placements
    assert plan.certificate.checked
    assert p.timing is Timing.MODEL
    assert (p.server.processor_ms, p.server.latency_ms) == (4.0, 2.0)
    # One by one on the model's cores: c in service, l beside it.
    assert p.max_batch == 1
    assert p.breakdown.server_ms == pytest.approx(6.0, rel=1e-3)
    (line,) = [e for e in plan.evidence if "a test's server" in e.what]
    assert "from 2100 requests" in line.source
    assert (line.as_of, line.error_frac) == (dt.date(2026, 11, 24), 0.5)


def test_what_is_charged_for_makes_the_promise_slower_and_capacity_less():
    free, charged = planned(), planned(**CHARGED)

    (f,), (c,) = free.placements, charged.placements
    assert c.capacity_rps / c.machines < f.capacity_rps / f.machines
    assert c.predicted.p95_ms > f.predicted.p95_ms + 6.0
    assert c.predicted.utilization_frac > f.predicted.utilization_frac


def test_reports_have_a_column_for_the_server_only_where_there_is_one():
    free, charged = planned(), planned(**CHARGED)

    assert "Server, ms" in plan_markdown(charged)
    assert "</i>server</span>" in plan_page(charged)
    assert "Server, ms" not in plan_markdown(free)
    assert "</i>server</span>" not in plan_page(free)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "what a server takes of raspberry-pi-4 for each request is not known"),
        (CHARGED, None),
        ({"timing": Timing.SERVER}, None),
        (
            {"server": cost(c=0.004, latency=0.002, provenance=Provenance.PREDICTED)},
            "was not measured there: it is 0.50 ms measured elsewhere × 8.00, up to 50 %",
        ),
    ],
    ids=["unknown", "measured", "in the times", "scaled"],
)
def test_what_is_not_known_of_the_server_is_said(changes, says):
    told = [
        w for w in planned(**changes).warnings if "server" in w or "measured th" in w
    ]

    if says is None:
        assert not told
    else:
        assert [says in w for w in told] == [True]


def test_the_simulator_charges_for_it_too():
    pytest.importorskip("numba", reason="numba is not installed")

    free, charged = planned(simulates=True), planned(simulates=True, **CHARGED)

    def share(plan):
        (tried,) = plan.simulation.rounds[-1].workloads
        return tried.attainment_frac

    assert charged.simulation.holds
    assert share(charged) < share(free)
