"""What a plan states of its placements' profiles is held against the offers' own."""

import datetime as dt
from dataclasses import replace
from functools import cache

import pytest

from planner.domain.evidence import Provenance
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


class ProvidersAlone(Catalog):
    """The shipped facts, but of hosts only their providers."""

    def hosts(self, device):
        return tuple(h for h in super().hosts(device) if " " not in h)


def as_beside(host, catalog=CATALOG):
    """What the known plan breaks where its predictions were made for another host."""
    plan, inputs = planned(*KNOWN)
    profiles = {
        model: tuple(replace(p, host=host) if p.host else p for p in every)
        for model, every in inputs.profiles.items()
    }
    return list(violations(plan, replace(inputs, catalog=catalog, profiles=profiles)))


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


def test_where_only_the_provider_is_known_its_median_host_counts():
    catalog = ProvidersAlone.shipped()

    assert as_beside("aws", catalog) == []
    for other in (None, "aws g6e.xlarge"):
        (broken,) = as_beside(other, catalog)
        assert broken.endswith("and its host is aws")


def test_an_offer_whose_host_nobody_measured_is_predicted_beside_any():
    plan, inputs = planned("azure", "eastus", "Standard_NV36ads_A10_v5")

    assert list(violations(plan, inputs)) == []
    assert "beside" not in plan.placements[0].profile_source


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("provenance", Provenance.MEASURED, "provenance is stated as measured"),
        ("error_frac", 0.01, "error is stated as 0.01"),
        ("profile_as_of", dt.date(2026, 8, 1), "date is stated as 2026-08-01"),
    ],
)
def test_a_prediction_is_not_said_to_be_more_than_it_is(field, value, words):
    plan, inputs = planned(*KNOWN)
    first, *others = plan.placements
    changed = first.model_copy(update={field: value})

    tampered = plan.model_copy(update={"placements": (changed, *others)})

    assert words in " | ".join(violations(tampered, inputs))
