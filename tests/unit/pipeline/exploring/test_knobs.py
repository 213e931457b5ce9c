"""Every kind of limit has a knob that only ever allows more."""

import itertools

import pytest

from planner.domain.placement import Solution
from planner.optimize.placement import place
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.exploring.dials import Dial, Scale, dials
from planner.pipeline.exploring.knobs import knobs
from planner.specs.edit import with_values
from tests.support.questions import asked, document, trials

HOURLY = {"kind": "hourly", "rates_rps": [2.0] * 12 + [20.0] * 12}
EVERY_LIMIT = {
    "workloads__0__traffic": HOURLY,
    "workloads__0__residency": ["eu"],
    "sites__0__uplink": {"access": "dsl"},
    "policy__survive": {"loss_of": ["site", "provider"], "traffic_frac": 0.5},
    "policy__least_machines": 2,
    "policy__spot_share_frac": 0.2,
    "policy__carbon_kgco2e_per_month": 5,
    "policy__most_configurations": 1,
    "policy__most_providers": 1,
    "policy__most_regions": 1,
    "policy__demand_error_frac": 0.3,
    "policy__spare_replicas": 1,
}


def fields(spec):
    return {k.field for k in knobs(asked(spec))}


def test_every_limit_of_a_document_has_a_knob():
    found = fields(document(**EVERY_LIMIT))

    assert found >= {
        "policy.budget_usd_per_month",
        "policy.carbon_kgco2e_per_month",
        "policy.spare_replicas",
        "policy.least_machines",
        "policy.most_configurations",
        "policy.most_providers",
        "policy.most_regions",
        "policy.confidence_frac",
        "policy.demand_error_frac",
        "policy.spot_share_frac",
        "policy.survive.traffic_frac",
        "policy.survive.loss_of",
        "sites.0.devices.0.stock",
        "sites.0.uplink.access",
        "workloads.0.slo.latency_ms",
        "workloads.0.slo.percentile",
        "workloads.0.traffic.scale_ratio",
        "workloads.0.quality.minimum_frac",
    }


def test_a_limit_that_is_not_set_has_no_knob():
    found = fields(document(policy__budget_usd_per_month=None))

    assert not {f for f in found if f.startswith("policy.most")}
    assert "policy.budget_usd_per_month" not in found
    assert "policy.spare_replicas" not in found


@pytest.mark.parametrize("name", ["latency_ms", "percentile", "rate_rps", "stock"])
def test_turning_a_dial_never_costs_more(name):
    spec, capacities = document(), Capacities()
    dial = next(d for d in dials(asked(spec)) if d.field.endswith(name))
    costs = []

    for turn in (0.0, 0.1, 0.5, 1.0):
        eased = with_values(spec, {dial.field: dial.at(turn)})
        answer = place(asked(eased, capacities).problem)
        assert isinstance(answer, Solution)
        costs.append(answer.cost_usd_per_month)

    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(costs))


@pytest.mark.parametrize(
    ("scale", "current", "to", "ratio"),
    [
        (Scale.AMOUNT, 100.0, 150.0, 1.5),
        (Scale.AMOUNT, 30.0, 10.0, 3.0),
        (Scale.COUNT, 1, 0, 2.0),
        (Scale.COUNT, 2, 5, 2.0),
        (Scale.FRACTION, 0.9, 0.5, 9.0),
        (Scale.FRACTION, 0.75, 0.6, 2.0),
        (Scale.PERCENT, 99.0, 95.0, 99 / 19),
    ],
)
def test_what_a_turn_asks_is_free_of_unit(scale, current, to, ratio):
    dial = Dial(field="f", current=current, limit=to, unit="u", scale=scale)

    assert dial.ask_ratio(to) == pytest.approx(ratio)
    assert dial.ask_ratio(current) == pytest.approx(1.0)


def test_scaling_hourly_traffic_is_multiplying_every_rate():
    scaled = document(workloads__0__traffic={**HOURLY, "scale_ratio": 3.0})
    rates = [3.0 * r for r in HOURLY["rates_rps"]]
    written = document(workloads__0__traffic={"kind": "hourly", "rates_rps": rates})

    assert asked(scaled).problem.rate_rps == asked(written).problem.rate_rps


BOARDS = {
    "workloads__0__traffic__rate_rps": 40,
    "policy__budget_usd_per_month": None,
}
# What forbids every plan, and the field that alone is turned until one is allowed.
FORBIDDING = {
    "sites.0.devices.0.stock": {"sites__0__devices__0__stock": 1},
    "workloads.0.traffic.rate_rps": {"workloads__0__traffic__rate_rps": 400},
    "workloads.0.slo.latency_ms": {"workloads__0__slo__latency_ms": 55},
    "workloads.0.slo.percentile": {
        "workloads__0__slo__latency_ms": 90,
        "workloads__0__slo__percentile": 99.9,
    },
    "workloads.0.quality.minimum_frac": {"workloads__0__quality__minimum_frac": 0.9},
    "policy.spare_replicas": {"policy__spare_replicas": 9},
    "policy.least_machines": {"policy__least_machines": 9},
    "policy.confidence_frac": {
        "workloads__0__slo__latency_ms": 70,
        "policy__confidence_frac": 0.999,
    },
    "policy.demand_error_frac": {"policy__demand_error_frac": 4},
    "policy.demand_rises.rise_frac": {
        "policy__demand_rises": {"most_at_once": 1, "rise_frac": 4}
    },
    "policy.budget_usd_per_month": {"policy__budget_usd_per_month": 0.1},
}


@pytest.mark.parametrize("field", FORBIDDING)
def test_turned_as_little_as_suffices_a_limit_allows_a_plan_and_a_little_less_does_not(
    field,
):
    spec, capacities = document(**BOARDS | FORBIDDING[field]), Capacities()
    question = asked(spec, capacities)
    knob = next(k for k in knobs(question) if k.field == field)

    def is_feasible(value):
        problem = asked(with_values(spec, {field: value}), capacities).problem
        return isinstance(place(problem), Solution)

    found = knob.least(trials(question), {}, start=knob.most, coarse_frac=1 / 256)

    assert not isinstance(place(question.problem), Solution)
    assert is_feasible(found.value)
    assert not is_feasible(found.not_enough)
    exact = isinstance(found.value, int) and abs(found.value - found.not_enough) == 1
    assert exact or found.value == pytest.approx(found.not_enough, rel=0.1, abs=0.02)
