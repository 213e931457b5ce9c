"""How far an autoscaler may go beyond the plan.

    extra machines = min(⌈HEADROOM_FRAC · machines⌉,
                         ⌊(budget - cost of the plan) · machines / cost of the plan⌋)

so that all placements at their limit together stay within a budget the user set.
Owned machines cannot be scaled.
"""

import math
from typing import Final

from planner.manifests.placed import Placed
from planner.specs.plan import PlanDocument

# A rule, not a measurement: a quarter more than planned, and at least one machine.
HEADROOM_FRAC: Final = 0.25


def max_replicas(placed: Placed, plan: PlanDocument) -> int:
    """The most replicas an autoscaler may run of a placement."""
    placement = placed.placement
    if placement.site_kind == "edge":
        return placement.replicas
    extra = math.ceil(HEADROOM_FRAC * placement.machines)
    budget, cost = plan.policy.budget_usd_per_month, plan.cost.total_usd_per_month
    if budget is not None and cost > 0:
        left = max(0.0, (budget - cost) * placement.machines / cost)
        extra = min(extra, math.floor(left))
    return placement.replicas + extra * placed.replicas_per_machine
