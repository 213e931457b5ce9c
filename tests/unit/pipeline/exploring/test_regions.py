"""Regions that the document does not name: the fewest that suffice, each solved anew."""

import itertools

import pytest

from planner.pipeline.exploring.explain import explained
from planner.pipeline.exploring.openings import openings
from planner.pipeline.exploring.regions import fewest, region_knobs
from planner.pipeline.exploring.relaxations import ways_out
from planner.pipeline.recommend import decide
from planner.pipeline.solving.answered import Answered, answered
from planner.pipeline.solving.scenarios import trial_of
from planner.reference.catalog import Catalog
from planner.specs.edit import with_values
from tests.support.questions import asked, document, knowledge, trials, world

OFFICE = {
    "kind": "edge",
    "name": "shop",
    "uplink": {"rtt_ms": 12, "bandwidth_mbps": 200, "to": "eu-central-1"},
}


def cloudy(**changes):
    """An office in Europe, and machines in Virginia."""
    return document(
        **{
            "workloads__0__quality": None,
            "workloads__0__slo__latency_ms": 60,
            "sites": [
                OFFICE,
                {"kind": "cloud", "provider": "aws", "regions": ["us-east-1"]},
            ],
            "policy__budget_usd_per_month": None,
        }
        | changes
    )


def cost(spec, changes):
    found = answered(asked(with_values(spec, changes)), time_limit_s=30)
    return found.solution.cost_usd_per_month if isinstance(found, Answered) else None


def added(relaxation):
    (change,) = relaxation.change
    return set(change.to) - set(change.from_)


@pytest.fixture(scope="module")
def found():
    spec = cloudy()
    told = ways_out(
        asked(spec), time_limit_s=30, search_s=1e9, clock_s=lambda: 0.0
    ).relaxations
    return spec, told


@pytest.mark.slow
def test_a_single_nearer_region_is_a_way_out(found):
    spec, told = found
    single = next(r for r in told if [c.field for c in r.change] == ["sites.1.regions"])

    assert len(added(single)) == 1
    assert single.ask_ratio == 2.0
    assert single.change[0].not_enough == ("us-east-1",)
    assert cost(spec, {"sites.1.regions": single.change[0].to}) == pytest.approx(
        single.cost_usd_per_month
    )
    assert cost(spec, {}) is None


@pytest.mark.slow
def test_a_region_is_part_of_combinations_that_none_of_their_parts_replaces():
    spec = cloudy(policy__budget_usd_per_month=1.0)

    told = ways_out(asked(spec), time_limit_s=30, search_s=1e9, clock_s=lambda: 0.0)

    pairs = [
        r for r in told.relaxations if "sites.1.regions" in {c.field for c in r.change}
    ]
    assert pairs
    for r in pairs:
        changes = {c.field: c.to for c in r.change}
        assert cost(spec, changes) == pytest.approx(r.cost_usd_per_month)
        for left_out in changes:
            part = {f: v for f, v in changes.items() if f != left_out}
            assert cost(spec, part) is None


def test_only_regions_within_residency_at_known_prices_are_offered():
    (knob,) = region_knobs(asked(cloudy(workloads__0__residency=["eu"])))
    catalog = Catalog.shipped()

    assert knob.current == ("us-east-1",)
    assert "eu-central-1" in knob.others
    assert all(catalog.region("aws", name).zone == "eu" for name in knob.others)


def test_the_nearest_region_stands_first():
    (knob,) = region_knobs(asked(cloudy()))
    catalog = Catalog.shipped()
    ways = [catalog.rtt_s("eu-central-1", name) for name in knob.others[1:]]

    assert knob.others[0] == "eu-central-1"
    known = [way[0] for way in ways if way is not None]
    assert known == sorted(known)


def test_a_document_that_names_every_region_has_nothing_to_add():
    every = [r.name for r in Catalog.shipped().regions("lambda")]
    sites = [OFFICE, {"kind": "cloud", "provider": "lambda", "regions": every}]

    assert list(region_knobs(asked(cloudy(sites=sites)))) == []


@pytest.mark.parametrize("needed", [{"b"}, {"d"}, {"a", "c"}, {"a", "b", "c"}])
def test_the_fewest_regions_are_those_that_listing_finds(needed):
    allowed = ("a", "b", "c", "d")

    def suffices(some):
        return needed <= set(some)

    # A plan with all of them may use more than it needs.
    kept, short = fewest(("a", "b", "c"), allowed, suffices) if "d" not in needed else (
        fewest(("b", "d"), allowed, suffices)
    )  # fmt: skip

    least = min(
        (s for n in range(1, 5) for s in itertools.combinations(allowed, n) if suffices(s)),
        key=len,
    )  # fmt: skip
    assert set(kept) == set(least) == needed
    assert not suffices(short)


@pytest.mark.slow
def test_what_is_ruled_out_in_words_is_told_where_it_is_cheaper_and_only_there():
    spec = cloudy(workloads__0__slo__latency_ms=400)
    question = asked(spec)
    base = trial_of(answered(question, time_limit_s=30))

    told = list(openings(trials(question), base))

    fields = {r.change[0].field for r in told}
    assert "sites.1.purchase" in fields
    for r in told:
        (change,) = r.change
        then = cost(spec, {change.field: change.to})
        assert then == pytest.approx(r.cost_usd_per_month)
        assert then < base.solution.cost_usd_per_month
    costs = [r.cost_usd_per_month for r in told]
    assert costs == sorted(costs)
    if "sites.1.regions" not in fields:
        (knob,) = region_knobs(question)
        assert cost(spec, {knob.field: knob.most}) >= base.solution.cost_usd_per_month * (1 - 1e-4)  # fmt: skip


@pytest.mark.slow
def test_an_explanation_tells_them():
    spec = cloudy(workloads__0__slo__latency_ms=400)
    plan = decide(spec, world(), knowledge(spec))

    told = explained(
        spec, plan, knowledge(spec), world(), search_s=1e9, clock_s=lambda: 0.0
    )

    assert any(r.change[0].field == "sites.1.purchase" for r in told.openings)
