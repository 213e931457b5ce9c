"""Little traffic is paid by request, much of it by the hour: where one turns into the other."""

import datetime as dt
import re
from pathlib import Path

import pytest
import yaml

import planner
from planner.domain.hardware import Purchase
from planner.pipeline.asking.by_request import with_hosted
from planner.pipeline.recommend import recommend
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from tests.support.by_request import MACHINE, REGION, document
from tests.support.questions import world

# The function is billed a whole second a call, whatever it takes: 2 GiB at 1e-5 USD
# each, and 0.2 USD for a million calls.
USD_PER_CALL = 2 * 1e-5 + 0.2e-6


def machine_usd_per_h():
    offers = Catalog.shipped().offers("aws", [REGION], [Purchase.ON_DEMAND])
    return next(o.price_usd_per_h for o in offers if o.instance_type == MACHINE)


def cameras(traffic, **policy):
    data = document()
    data["models"] = data["models"][1:]
    data["workloads"] = [{**data["workloads"][1], "traffic": traffic}]
    data["sites"] = [s for s in data["sites"] if s["kind"] != "hosted_api"]
    data["policy"] |= policy
    return recommend(parse_spec(data, document="doc"), world())


def constant(rate_rps):
    return {"kind": "constant", "rate_rps": rate_rps}


@pytest.mark.parametrize(("times", "kind"), [(0.95, "by_request"), (1.05, "on_demand")])
def test_the_crossover_is_where_an_hour_of_calls_costs_an_hour_of_a_machine(
    times, kind
):
    crossover_rps = machine_usd_per_h() / (3600 * USD_PER_CALL)

    plan = cameras(constant(times * crossover_rps))

    (placement,) = plan.placements
    assert placement.purchase.value == kind
    by_request = times * crossover_rps * 3600 * 730 * USD_PER_CALL
    expected = min(by_request, machine_usd_per_h() * 730)
    assert plan.cost.total_usd_per_month == pytest.approx(expected, rel=1e-6)
    assert plan.certificate is not None
    assert plan.certificate.checked


def test_nights_are_paid_by_request_and_days_by_the_hour():
    rates = [0.5] * 18 + [20.0] * 6

    plan = cameras({"kind": "hourly", "rates_rps": rates})

    called, machine = sorted(plan.placements, key=lambda p: p.machines)
    assert [b.h_per_month for b in plan.blocks] == pytest.approx([547.5, 182.5])
    assert called.rates_rps == pytest.approx((0.5, 0.0), abs=1e-6)
    assert machine.machines_on == (0, 1)
    night = 0.5 * 3600 * 547.5 * USD_PER_CALL
    assert plan.cost.total_usd_per_month == pytest.approx(
        night + 182.5 * machine_usd_per_h(), rel=1e-6
    )
    assert called.cost_usd_per_month == pytest.approx(night, rel=1e-6)
    assert {p.offer for p in plan.purchases} == {machine.offer}
    assert [w for w in plan.warnings if "never run as classify-2gib" in w]


def test_no_more_calls_than_may_run_at_once():
    data = document()
    data["models"], data["workloads"] = data["models"][1:], data["workloads"][1:]
    data["sites"] = [data["sites"][2]]
    data["sites"][0]["functions"][0]["most_concurrent"] = 1
    plan = recommend(parse_spec(data, document="doc"), world())
    (placement,) = plan.placements
    # One instance: of those who come, a/(1 + a) find it at work, and 5 % may.
    at_work_s = (placement.breakdown.service_ms + placement.breakdown.wait_ms) / 1000
    most_rps = 0.05 / 0.95 / at_work_s
    assert placement.capacity_rps == pytest.approx(most_rps, rel=1e-3)
    data["workloads"][0]["traffic"] = constant(1.02 * most_rps)

    beyond = recommend(parse_spec(data, document="doc"), world())

    assert beyond.status.value == "infeasible"
    changes = {c.field: c.to for r in beyond.relaxations for c in r.change}
    assert changes["workloads.0.traffic.rate_rps"] == pytest.approx(most_rps, rel=0.01)
    assert changes["sites.0.functions.0.most_concurrent"] == 2
    assert "the limit of your account there" in " ".join(r.sentence for r in beyond.reasons)  # fmt: skip


def test_tokens_are_multiplied_out_on_the_bill():
    data = document()

    plan = recommend(parse_spec(data, document="doc"), world())

    (chat,) = [p for p in plan.placements if p.workload == "assistant"]
    requests = 0.2 * 3600 * 730
    prompt, output = requests * 200 / 1e6 * 0.05, requests * 100 / 1e6 * 0.08
    lines = [c for c in plan.cost.lines if "for assistant" in c.item]
    assert [c.usd_per_month for c in lines] == pytest.approx([prompt, output])
    assert "105.1 M prompt tokens × 0.05 USD/M" in lines[0].item
    assert lines[0].source == "the vendor's status page"
    assert lines[0].as_of == dt.date(2026, 11, 1)
    assert chat.capacity_rps is not None
    assert chat.capacity_rps < 600 / 60
    assert (chat.machines, chat.machines_on, chat.predicted.p95_ms) == (0, (0,), None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"residency": ["eu"]}, "vendor-us is outside residency eu"),
        (
            {"slo": {"percentile": 99, "ttft_ms": 2000, "tpot_ms": 100}},
            "states times up to the 95th percentile",
        ),
        (
            {"slo": {"percentile": 95, "ttft_ms": 700, "tpot_ms": 100}},
            "TTFT 740.0 ms",
        ),
        (
            {"quality": {"metric": "mmlu", "minimum_frac": 0.5}},
            "mmlu of unstated on hosted is not known",
        ),
    ],
)
def test_what_a_vendor_does_not_promise_is_not_planned(change, words):
    data = document()
    data["models"], data["workloads"] = data["models"][:1], data["workloads"][:1]
    data["sites"] = [
        data["sites"][1],
        {"kind": "edge", "name": "office", "uplink": {"rtt_ms": 0, "bandwidth_mbps": 1e3}},
    ]  # fmt: skip
    data["policy"]["confidence_frac"] = 0.9
    data["workloads"][0] |= {"origin": "office", **change}

    plan = recommend(parse_spec(data, document="doc"), world())

    assert plan.status.value == "infeasible"
    assert words in " ".join(r.sentence for r in plan.reasons)


def test_what_a_request_emits_is_unknown_and_said():
    plan = cameras(constant(1.0), carbon_kgco2e_per_month=1e6)

    told = " ".join([*(r.sentence for r in plan.reasons), *plan.warnings])
    assert "nobody states what a request of classify-2gib at us-east-1 emits" in told
    assert not [p for p in plan.placements if p.by_request]


def test_everything_shows_in_what_is_written(tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(document()))

    plan = planner.recommend(spec)
    plan.write(tmp_path / "plan")

    report = (tmp_path / "plan" / "report.md").read_text()
    assert "llama-8b-instant, by request" in report
    assert "classify-2gib (2 GiB, runs like graviton3-8vcpu), by request" in report
    page = (tmp_path / "plan" / "report.html").read_text()
    assert "llama-8b-instant" in page
    manifests = tmp_path / "plan" / "manifests"
    assert (manifests / "by-request" / "litellm.yaml").is_file()
    assert (manifests / "by-request" / "sam-aws-us-east-1.yaml").is_file()
    guide = (manifests / "README.md").read_text()
    assert "Nothing of yours runs for these" in guide


def test_the_examples_readme_shows_a_hosted_model_as_it_is_written():
    readme = Path(__file__).parents[2] / "examples" / "night-shift" / "README.md"
    shown = re.findall(r"```yaml\n(.*?)```", readme.read_text(), re.DOTALL)
    data = document() | yaml.safe_load(shown[0])
    data["workloads"] = [data["workloads"][0] | {"origin": "office"}]
    office = {"rtt_ms": 1, "bandwidth_mbps": 10}
    data["sites"] += [{"kind": "edge", "name": "office", "uplink": office}]

    plan = recommend(parse_spec(data, document="doc"), world())

    (placement,) = plan.placements
    assert placement.instance_type == "their-8b-model"
    assert placement.zone == "eu"


def test_a_host_adds_to_what_is_known_of_a_model():
    spec = parse_spec(document(), document="doc")

    known = with_hosted(spec, {"classifier": ()})

    (times,) = known["chat"]
    assert times.device == "vendor-us/llama-8b-instant/by_request"
    assert known["classifier"] == ()
