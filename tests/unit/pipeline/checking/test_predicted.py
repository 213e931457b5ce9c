"""Printed latencies and sureness that do not follow from the plan are refused."""

from dataclasses import replace
from functools import cache

import pytest

from planner.pipeline.asking.by_request import with_hosted
from planner.pipeline.asking.knowledge import Knowledge, published
from planner.pipeline.checking import sureness
from planner.pipeline.checking.certify import Inputs, violations
from planner.pipeline.recommend import decide
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from tests.support.by_request import document as by_request
from tests.support.questions import document, world

CATALOG = Catalog.shipped()


def spec(**changes):
    base = document().model_dump(mode="json", exclude_unset=True)
    base["policy"] = {"share_machines": False}
    base["workloads"][0] |= changes
    return base


def one_at_a_time():
    return spec()


def in_turn():
    """Two on the same boards, which have to be shared."""
    base = spec()
    first = base["workloads"][0] | {"slo": {"percentile": 95, "latency_ms": 1000}}
    base["workloads"] = [first, first | {"name": "doors"}]
    base["sites"][0]["devices"][0]["stock"] = 1
    base["policy"] = {"share_machines": True}
    return base


def batched():
    """So many that only batches on a GPU carry them."""
    base = spec(
        traffic={"kind": "constant", "rate_rps": 9000},
        slo={"percentile": 95, "latency_ms": 400},
        quality=None,
    )
    base["models"][0]["source"]["name"] = "resnet-50"
    base["sites"] = [
        {
            "kind": "cloud",
            "provider": "aws",
            "regions": ["eu-central-1"],
            "instance_types": ["g4dn.xlarge", "g6.xlarge"],
        }
    ]
    base["workloads"][0]["origin"] = "eu-central-1"
    return base


def language():
    base = spec(
        traffic={"kind": "constant", "rate_rps": 2},
        slo={"percentile": 95, "ttft_ms": 2000, "tpot_ms": 100},
        payload={"prompt_tokens": 200, "output_tokens": 100},
        quality=None,
    )
    base["models"][0]["source"]["name"] = "llama-3.1-8b"
    base["sites"] = [
        {"kind": "cloud", "provider": "aws", "regions": ["us-east-1"]},
        {"kind": "cloud", "provider": "gcp", "regions": ["us-central1"]},
    ]
    base["workloads"][0]["origin"] = "us-east-1"
    return base


KINDS = {
    "one at a time": one_at_a_time,
    "in turn": in_turn,
    "batched": batched,
    "language": language,
    "called": by_request,
}


@cache
def planned(kind):
    asked = parse_spec(KINDS[kind](), document="doc")
    known = with_hosted(asked, published(asked, CATALOG))
    if kind == "in turn":
        # Without a memory for each nothing is shared.
        known = {
            m: tuple(replace(p, memory_bytes=1e8) for p in every)
            for m, every in known.items()
        }
    plan = decide(asked, world(), Knowledge(profiles=known))
    assert plan.placements, plan.reasons
    return plan, Inputs(spec=asked, catalog=CATALOG, profiles=known)


def found(kind, plan):
    return " | ".join(violations(plan, planned(kind)[1]))


def with_placement(kind, update):
    plan, _ = planned(kind)
    first, *others = plan.placements
    return plan.model_copy(update={"placements": (update(first), *others)})


def with_workload(kind, **changes):
    plan, _ = planned(kind)
    first, *others = plan.workloads
    changed = first.model_copy(update=changes)
    return plan.model_copy(update={"workloads": (changed, *others)})


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_as_emitted_passes(kind):
    plan, _ = planned(kind)

    assert found(kind, plan) == ""


def test_every_law_is_asked_for_by_one_of_these_plans():
    alone, together, many = (
        planned(kind)[0].placements[0]
        for kind in ("one at a time", "in turn", "batched")
    )

    assert (alone.max_batch, alone.shared_with) == (1, ())
    assert together.shared_with == ("doors",)
    assert many.max_batch > 1
    terms = {p.by_request.kind for p in planned("called")[0].placements}
    assert terms == {"serverless", "hosted_api"}


@pytest.mark.parametrize("factor", [0.7, 1.4])
@pytest.mark.parametrize("field", ["p50_ms", "p95_ms", "p99_ms"])
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "called"])
def test_another_percentile_is_refused(kind, field, factor):
    def changed(p):
        value = getattr(p.predicted, field) * factor
        said = p.predicted.model_copy(update={field: value})
        return p.model_copy(update={"predicted": said})

    plan = with_placement(kind, changed)

    assert f"{field.removesuffix('_ms')} " in found(kind, plan)


@pytest.mark.parametrize("field", ["ttft_ms", "tpot_ms"])
def test_other_token_times_are_refused(field):
    def changed(p):
        value = getattr(p.predicted, field) * 0.9
        said = p.predicted.model_copy(update={field: value})
        return p.model_copy(update={"predicted": said})

    said = found("language", with_placement("language", changed))

    assert f"has a {field.removesuffix('_ms')} of" in said
    assert "not that of its slowest placement" in said


def test_other_times_of_a_function_and_of_a_vendor_are_refused():
    plan, _ = planned("called")
    for p in plan.placements:
        field = "p95_ms" if p.by_request.kind == "serverless" else "ttft_ms"
        said = p.predicted.model_copy(update={field: getattr(p.predicted, field) * 0.8})
        others = [o for o in plan.placements if o is not p]
        tampered = plan.model_copy(
            update={"placements": (p.model_copy(update={"predicted": said}), *others)}
        )

        assert f"{p.workload} on {p.offer} " in found("called", tampered)


@pytest.mark.parametrize("kind", ["one at a time", "in turn", "batched", "language"])
def test_another_load_is_refused(kind):
    def changed(p):
        said = p.predicted.model_copy(
            update={"utilization_frac": p.predicted.utilization_frac * 0.8}
        )
        return p.model_copy(update={"predicted": said})

    assert "is busy for" in found(kind, with_placement(kind, changed))


@pytest.mark.parametrize("kind", ["one at a time", "batched"])
def test_parts_that_add_up_to_something_else_are_refused(kind):
    def changed(p):
        parts = p.breakdown.model_copy(
            update={"service_ms": p.breakdown.service_ms * 0.5}
        )
        return p.model_copy(update={"breakdown": parts})

    assert "parts of its latency" in found(kind, with_placement(kind, changed))


@pytest.mark.parametrize("kind", ["one at a time", "in turn", "batched"])
def test_another_figure_for_the_whole_workload_is_refused(kind):
    plan, _ = planned(kind)
    said = plan.workloads[0].predicted
    faster = said.model_copy(update={"p95_ms": said.p95_ms * 0.7})

    assert "answers p95" in found(kind, with_workload(kind, predicted=faster))
    assert "in time" in found(kind, with_workload(kind, attainment_frac=0.9))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.5, 0.97])
def test_another_sureness_is_refused(kind, part):
    plan, _ = planned(kind)
    sure = plan.workloads[0].slo_met_probability_frac

    said = found(kind, with_workload(kind, slo_met_probability_frac=sure * part))

    assert f"{plan.workloads[0].name} is sure by" in said


def test_a_sureness_that_is_true_takes_few_solves_to_check(monkeypatch):
    plan, _ = planned("batched")
    asked = []
    real = sureness.answered_in_time
    monkeypatch.setattr(
        sureness, "answered_in_time", lambda *a: asked.append(a) or real(*a)
    )

    assert found("batched", plan) == ""
    n_true = len(asked)
    found("batched", with_workload("batched", slo_met_probability_frac=0.5))

    # From end to end it would be 13.
    assert 0 < n_true <= 5 < len(asked) - n_true
