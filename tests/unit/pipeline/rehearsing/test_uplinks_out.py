"""What is owed while an uplink is out: the part that must work offline, and no more."""

import math

import pytest

from planner.pipeline.rehearsing.staging import Conditions
from planner.pipeline.rehearsing.uplinks_out import owed
from planner.simulate.scenario import Outage
from planner.specs.assurance import PlanOffline
from planner.specs.simulation import SimulatedWorkload, SimulationDocument, Timeline
from tests.support.plans import storefront_plan


def seen(high_frac):
    workload = SimulatedWorkload(
        name="till", n_requests=100, n_given_up=50, rate_rps=1.0, promised_frac=0.95,
        attainment_frac=high_frac, low_frac=0.0, high_frac=high_frac, is_kept=False,
        mean_ms=None, p50_ms=None, p95_ms=None, p99_ms=None, by_hour=(),
    )  # fmt: skip
    return SimulationDocument(
        name="p", spec_sha256="", seed=1, traffic="", simulated_s=1.0, hour_s=1.0,
        n_requests=100, workloads=(workload,), machines=(), cost_usd=0.0,
        energy_kwh=None, timeline=Timeline(step_s=1.0, workloads=(), machines=()),
    )  # fmt: skip


def conditions(site, *, until_s=math.inf):
    outage = Outage(line=site, from_s=0.0, until_s=until_s)
    return Conditions(confidence_frac=0.5, are_spares_idle=False, outages=(outage,))


def plan(required_frac):
    told = PlanOffline(
        site="store", workload="till", answered_frac=0.6, required_frac=required_frac
    )
    return storefront_plan().model_copy(update={"offline": (told,)})


@pytest.mark.parametrize(
    ("required_frac", "high_frac", "promised_frac", "is_kept"),
    [(0.5, 0.6, 0.475, True), (0.8, 0.6, 0.76, False), (None, 0.0, 0.0, True)],
)
def test_a_share_of_the_promise_is_owed(
    required_frac, high_frac, promised_frac, is_kept
):
    document = owed(seen(high_frac), plan(required_frac), conditions("store"))

    (workload,) = document.workloads
    assert workload.promised_frac == pytest.approx(promised_frac)
    assert workload.is_kept == is_kept
    assert any("The uplink of store is out" in line for line in document.assumptions)


@pytest.mark.parametrize(
    "during", [conditions("elsewhere"), conditions("store", until_s=9.0)]
)
def test_other_lines_and_short_outages_change_no_promise(during):
    assert owed(seen(0.6), plan(0.5), during) == seen(0.6)
