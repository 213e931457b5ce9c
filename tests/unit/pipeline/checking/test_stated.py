"""What a plan states of its placements' profiles is held against the offers' own."""

from dataclasses import replace
from functools import cache

import pytest

from planner.pipeline.asking.knowledge import Knowledge, learn
from planner.pipeline.checking.certify import Inputs, violations
from planner.pipeline.recommend import decide
from planner.ports import Unobserved
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from tests.support.questions import document, world

CATALOG = Catalog.shipped()


@cache
def planned(provider, region, instance_type):
    base = document().model_dump(mode="json", exclude_unset=True)
    base["models"][0]["source"]["name"] = "llama-3.1-8b"
    base["workloads"][0] |= {
        "origin": region,
        "traffic": {"kind": "constant", "rate_rps": 2},
        "payload": {"prompt_tokens": 200, "output_tokens": 100},
        "slo": {"percentile": 95, "ttft_ms": 2000, "tpot_ms": 100},
        "quality": None,
    }
    base["sites"] = [
        {"kind": "cloud", "provider": provider, "regions": [region],
         "instance_types": [instance_type], "purchase": ["on_demand"]}
    ]  # fmt: skip
    base["policy"] = {"predict_unmeasured": True}
    spec = parse_spec(base, document="doc")
    known = learn(spec, CATALOG, {}, None, on_progress=Unobserved().profiling)
    plan = decide(spec, world(), Knowledge(profiles=known.profiles))
    assert plan.placements, plan.reasons
    return plan, Inputs(spec=spec, catalog=CATALOG, profiles=known.profiles)


KNOWN = ("aws", "us-east-1", "g6e.xlarge")


def as_beside(host):
    """What the known plan breaks where its predictions were made for another host."""
    plan, inputs = planned(*KNOWN)
    profiles = {
        model: tuple(replace(p, host=host) if p.host else p for p in every)
        for model, every in inputs.profiles.items()
    }
    return list(violations(plan, replace(inputs, profiles=profiles)))


def test_a_prediction_beside_the_offers_own_host_passes_and_is_said_to_be():
    plan, inputs = planned(*KNOWN)

    assert list(violations(plan, inputs)) == []
    assert "beside aws g6e.xlarge" in plan.placements[0].profile_source
    assert any("beside aws g6e.xlarge" in line.what for line in plan.evidence)


@pytest.mark.parametrize("host", [None, "aws", "aws g6e.2xlarge"])
def test_a_prediction_beside_another_host_is_refused(host):
    (broken,) = as_beside(host)

    assert broken.endswith(
        f"its times are those beside {host}, and its host is aws g6e.xlarge"
    )


def test_an_offer_whose_host_nobody_measured_is_predicted_beside_any():
    plan, inputs = planned("azure", "eastus", "Standard_NV36ads_A10_v5")

    assert list(violations(plan, inputs)) == []
    assert "beside" not in plan.placements[0].profile_source
