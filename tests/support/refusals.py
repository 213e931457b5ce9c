"""A "no" as the pipeline writes it, with its reasons and ways out."""

from planner.domain.placement import Verdict
from planner.specs.plan import (
    PlanCost,
    PlanDocument,
)
from planner.specs.ways_out import Change, Reason, Relaxation
from tests.support.plans import CREATED_AT, certificate, storefront_plan


def infeasible_plan() -> PlanDocument:
    """No plan: the budget and the promise are both too tight."""
    plan = storefront_plan()
    return PlanDocument(
        name="factory",
        status=Verdict.INFEASIBLE,
        created_at=CREATED_AT,
        planner_version="0.1.0",
        spec_sha256="ef56" * 16,
        certificate=certificate(0.0),
        policy=plan.policy.model_copy(update={"budget_usd_per_month": 100.0}),
        models=plan.models,
        cost=PlanCost(total_usd_per_month=0.0, lines=()),
        placements=(),
        workloads=(),
        evidence=(),
        warnings=(),
        reasons=(
            Reason(
                subject="line-inspection",
                sentence="18 of 60 requests/s find no machine within 20 ms and the "
                "budget of 100 USD/month",
            ),
            Reason(
                subject="budget", sentence="the cheapest plan costs 183.4512 USD/month"
            ),
        ),
        relaxations=(
            Relaxation(
                change=(
                    Change(
                        field="policy.budget_usd_per_month",
                        from_=100.0,
                        to=183.4512,
                        unit="usd_per_month",
                    ),
                ),
                cost_usd_per_month=183.4512,
            ),
            Relaxation(
                change=(
                    Change(
                        field="workloads.0.slo.latency_ms",
                        from_=20.0,
                        to=38.7312,
                        unit="ms",
                    ),
                ),
                cost_usd_per_month=61.32,
            ),
            Relaxation(
                change=(
                    Change(
                        field="workloads.0.quality.minimum_frac",
                        from_=0.35,
                        to=0.33179,
                        unit="frac",
                    ),
                    Change(
                        field="workloads.0.residency",
                        from_="eu",
                        to=None,
                        unit="none",
                    ),
                ),
                cost_usd_per_month=88.0,
            ),
        ),
    )
