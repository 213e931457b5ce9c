"""What stands behind a plan's promises: trials, joint confidence, caution, uplinks out."""

from typing import Annotated

from pydantic import Field

from planner.specs.base import NonNegative, Share, Spec
from planner.specs.placements import PlanVariant


class PlanOffline(Spec):
    """What of a workload is answered within its promise while its site's uplink is down.

    `answered_frac` is the share in the hours when it is least; `required_frac` is
    what the document asks for, None where it asks for nothing.
    """

    site: str
    workload: str
    answered_frac: Share
    required_frac: Share | None = None


class PlanRises(Spec):
    """What it costs that workloads may rise above their rates.

    `premium_usd_per_month` is what the plan costs beyond the one for the rates alone.
    """

    most_at_once: Annotated[int, Field(ge=0)]
    n_rising: Annotated[int, Field(ge=0)]
    largest_rise_frac: NonNegative
    premium_usd_per_month: float


class PlanSafety(Spec):
    """What caution costs, and how likely the bill outgrows the budget.

    The trusting plan takes every profile and rate at its word: confidence one half
    and no error of demand. `premium_usd_per_month` is what this plan costs beyond it.
    `price_note` says what is known of how prices move, and from where.
    """

    trusting_usd_per_month: NonNegative
    premium_usd_per_month: float
    trusting_plan: str
    budget_exceeded_probability_frac: Share | None = None
    price_note: str = ""
    rises: PlanRises | None = None


class PlanSplit(Spec):
    """A workload that several uncertain profiles would have served too unsurely.

    `joint_frac` is the probability that all of them hold in the cheapest plan;
    `trusted_frac` the confidence at which each profile is taken now.
    """

    workload: str
    n_profiles: Annotated[int, Field(ge=0)]
    joint_frac: Share
    trusted_frac: Share
    is_on_one_profile: bool


class PlanJoint(Spec):
    """What was done so that a workload's profiles hold together as surely as asked.

    `price_usd_per_month` is what this plan costs beyond the one whose profiles only
    hold each on their own; `why_not` says why that one is shown nevertheless.
    """

    splits: Annotated[tuple[PlanSplit, ...], Field(min_length=1)]
    price_usd_per_month: float
    why_not: str = ""


class TriedWorkload(Spec):
    """What a workload's users saw in a simulated trial of the plan.

    `low_frac` and `high_frac` bound the simulation's own error (95 %). A plan that is
    tried on traces and, apart from that, on the hours they say nothing of, has two of
    these for each workload; `traffic` then says which.
    """

    workload: str
    traffic: str = ""
    n_requests: Annotated[int, Field(ge=0)]
    promised_frac: Share
    attainment_frac: Share
    low_frac: Share
    high_frac: Share

    @property
    def is_late(self) -> bool:
        """Whether it misses its promise by more than the simulation's own error."""
        return self.high_frac < self.promised_frac


class PlanCut(Spec):
    """A capacity that did not hold, and the part of it that is kept.

    It holds wherever the workload is run in this way: from the profile of that
    `source`, batched so, and on machines of its own or pooled.
    """

    workload: str
    model: str
    variant: PlanVariant
    device: str
    source: str
    max_batch: Annotated[int, Field(ge=1)]
    max_wait_ms: NonNegative
    is_pooled: bool
    kept_frac: Share


class TrialRound(Spec):
    """One plan tried, and the cuts that it led to; none where it held."""

    cost_usd_per_month: NonNegative
    workloads: tuple[TriedWorkload, ...]
    cuts: tuple[PlanCut, ...] = ()


class PlanSimulation(Spec):
    """The plan tried on simulated traffic, and what was cut until it held.

    Service times are those at the policy's confidence, and spares stand still.
    `why_not` says why the last round's plan does not hold, where it does not;
    `price_usd_per_month` is what the last plan costs beyond the first.
    """

    seed: Annotated[int, Field(ge=0)]
    traffic: str
    rounds: Annotated[tuple[TrialRound, ...], Field(min_length=1)]
    holds: bool
    why_not: str = ""
    price_usd_per_month: float = 0.0
