"""What holds for the whole plan."""

from typing import Annotated

from pydantic import Field

from planner.domain.placement import Objective
from planner.specs.base import NonNegative, Spec


class Policy(Spec):
    """Budget, objective, confidence and spares."""

    budget_usd_per_month: NonNegative | None = None
    objective: Objective = Objective.COST
    confidence_frac: Annotated[float, Field(ge=0.5, le=0.999)] = 0.9
    spare_replicas: Annotated[int, Field(ge=0, le=100)] = 0
