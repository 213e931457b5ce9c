"""What could still be measured before acting on a plan, as part of `plan.json`."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from planner.specs.base import NonNegative, Share, Spec


class PlanSession(Spec):
    """A session on one device that settles the profiles of one model there.

    `commands` take it where the planner cannot.
    """

    model: str
    device: str
    variants: tuple[str, ...]
    where: str
    is_here: bool
    time_s: NonNegative
    price_usd: NonNegative
    price_usd_per_h: NonNegative
    price_source: str
    price_as_of: dt.date
    commands: tuple[str, ...] = ()


class PlanMeasurement(PlanSession):
    """What a session is worth.

    `saving_usd_per_month` is the expected saving of knowing it alone, `best_…` that of
    the luckiest world; `cheaper_probability_frac` how likely it leads to a cheaper plan,
    `dearer_probability_frac` how likely it shows that today's plan cannot be kept at its
    cost. `adds_usd_per_month` is what it saves beyond those that are to be taken before
    it, None unless it is to be taken.
    """

    saving_usd_per_month: NonNegative
    best_saving_usd_per_month: NonNegative
    cheaper_probability_frac: Share
    dearer_probability_frac: Share
    verdict: Literal["take", "over_budget", "not_worth_its_price", "failed"]
    adds_usd_per_month: float | None = None


class MeasurementTaken(Spec):
    """A measurement that this run made, and what the plan cost before and after it.

    None: there was no plan.
    """

    model: str
    device: str
    n_profiles: Annotated[int, Field(ge=0)]
    before_usd_per_month: NonNegative | None
    after_usd_per_month: NonNegative | None


class MeasurementFailed(Spec):
    """A measurement that was tried here and settled nothing; it is not proposed again."""

    model: str
    device: str
    reason: str


class PlanMeasuring(Spec):
    """Which measurements could change this plan, and what not knowing still costs.

    `measurements` are those that could, those to take first in their order;
    `n_powerless` counts those that could not, however they turned out.
    `regret_usd_per_month` is what perfect knowledge of every profile would still save
    after the measurements to take, on average; None where there was no time to know.
    """

    budget_usd: NonNegative
    within_months: Annotated[float, Field(gt=0)]
    price_usd: NonNegative
    measurements: tuple[PlanMeasurement, ...]
    taken: tuple[MeasurementTaken, ...] = ()
    failed: tuple[MeasurementFailed, ...] = ()
    n_powerless: Annotated[int, Field(ge=0)]
    regret_now_usd_per_month: NonNegative | None
    regret_usd_per_month: NonNegative | None
    n_worlds: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
    n_solves: Annotated[int, Field(ge=0)]
    is_cut_short: bool = False
    note: str = ""


class PlanPoints(Spec):
    """How many batch sizes of the user's own models were timed, and why not the others.

    `n_read_off` lie on lines between timed ones that are as sure as the profiles' bands
    say; `n_beyond` the best plan does not use, even where it takes all of them to be as
    fast as the timed ones allow. `n_plans` were made to know that.
    """

    n_curves: Annotated[int, Field(ge=0)]
    n_grid: Annotated[int, Field(ge=0)]
    n_timed: Annotated[int, Field(ge=0)]
    n_read_off: Annotated[int, Field(ge=0)]
    n_beyond: Annotated[int, Field(ge=0)]
    n_plans: Annotated[int, Field(ge=0)]


class PlanWayToFit(Spec):
    """Measurements that together could lead to a plan where there is none.

    `probability_frac` is how likely they do, `adds_probability_frac` what that is beyond
    the ways to be taken before, None unless it is to be taken. `usd_per_month` is what
    the plan would then cost, in the middle of the draws that have one.
    """

    measurements: Annotated[tuple[PlanSession, ...], Field(min_length=1)]
    price_usd: NonNegative
    time_s: NonNegative
    probability_frac: Share
    usd_per_month: NonNegative | None
    verdict: Literal["take", "over_budget", "adds_nothing"]
    adds_probability_frac: Share | None = None


class PlanFitting(Spec):
    """Which measurements could lead to a plan, and how likely.

    `ways` share no measurement, those to take first in their order. `n_measurable` counts
    all that are left and did not fail. `probability_frac` is how likely those to take lead
    to a plan, `possible_frac` how likely perfect knowledge of every profile does, failed
    ones too; None where there was no time to know.
    """

    budget_usd: NonNegative
    price_usd: NonNegative
    ways: tuple[PlanWayToFit, ...]
    taken: tuple[MeasurementTaken, ...] = ()
    failed: tuple[MeasurementFailed, ...] = ()
    n_measurable: Annotated[int, Field(ge=0)]
    probability_frac: Share
    possible_frac: Share | None
    n_worlds: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)]
    n_solves: Annotated[int, Field(ge=0)]
    is_cut_short: bool = False
    note: str = ""
