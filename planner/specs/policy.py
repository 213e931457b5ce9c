"""What holds for the whole plan."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from planner.domain.placement import FailureDomain, Objective
from planner.specs.base import Fraction, NonNegative, Spec

AtLeastOne = Annotated[int, Field(ge=1, le=1000)]


class CommitmentTerms(Spec):
    """A discount for paying a provider's machines for a whole term, used or not.

    No source publishes every provider's terms, so the discount is the user's own
    figure, off the on-demand price.
    """

    provider: str
    term_months: Annotated[int, Field(ge=1, le=60)]
    discount_frac: Annotated[float, Field(gt=0, lt=1)]


class Survival(Spec):
    """Any one of these may be lost, and this part of all traffic is still carried."""

    loss_of: Annotated[tuple[FailureDomain, ...], Field(min_length=1)]
    traffic_frac: Fraction = 1.0


class DemandRises(Spec):
    """How many workloads may rise above their rates at the same time, and how far.

    Every workload may ask for `rise_frac` more than its rate (or for its own
    `traffic.rise_frac`), but never more than `most_at_once` of them in one hour.
    Machines and lines have room for it; money is counted for the rates as stated, and
    losses (`survive`, `offline_frac`) are survived at these.
    """

    most_at_once: Annotated[int, Field(ge=0, le=10_000)]
    rise_frac: Annotated[float, Field(ge=0, le=100)]


class Policy(Spec):
    """Budget, objective, confidence, spares, and what may be bought.

    `objective` is one, or several in order of priority. `demand_error_frac` is
    how much higher than stated every rate may turn out; `demand_rises` are those that
    only some workloads have at once. `predict_unmeasured` lets devices compete that
    nobody measured a model on, as slow as their band allows.
    """

    budget_usd_per_month: NonNegative | None = None
    objective: Objective | Annotated[tuple[Objective, ...], Field(min_length=1)] = (
        Objective.COST
    )
    confidence_frac: Annotated[float, Field(ge=0.5, le=0.999)] = 0.9
    demand_error_frac: Annotated[float, Field(ge=0, le=10)] = 0.0
    demand_rises: DemandRises | None = None
    spare_replicas: Annotated[int, Field(ge=0, le=100)] = 0
    least_machines: Annotated[int, Field(ge=0, le=1000)] = 0
    survive: Survival | None = None
    spot_share_frac: Annotated[float, Field(ge=0, le=1)] | None = None
    commitments: tuple[CommitmentTerms, ...] = ()
    share_machines: bool = True
    predict_unmeasured: bool = False
    most_hour_blocks: Annotated[int, Field(ge=1, le=168)] = 24
    most_configurations: AtLeastOne | None = None
    most_providers: AtLeastOne | None = None
    most_regions: AtLeastOne | None = None
    carbon_kgco2e_per_month: NonNegative | None = None

    @model_validator(mode="after")
    def _objectives_come_once(self) -> Self:
        if len(set(self.objectives)) != len(self.objectives):
            raise ValueError("objective names the same aim twice")
        return self

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The aims, the first one first; money always breaks ties."""
        first = self.objective
        named = (first,) if isinstance(first, Objective) else first
        return named if Objective.COST in named else (*named, Objective.COST)
