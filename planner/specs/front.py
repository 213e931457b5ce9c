"""`planner pareto`: the plans that nothing beats in every aim at once, as a document."""

from typing import Annotated, Literal

from pydantic import Field

from planner.domain.placement import Objective
from planner.specs.base import NonNegative, Share, Spec
from planner.specs.plan import PlanDocument


class FrontWorkload(Spec):
    """What a point gives a workload: the promise it keeps, its least quality.

    `latency_ms` is the time that the promise's percentile stays within at the
    policy's confidence (TTFT for language models).
    """

    name: str
    latency_ms: NonNegative
    quality_frac: Share | None


class FrontPoint(Spec):
    """A plan that no other beats in every aim.

    `promise_frac` is what every promised time of the document is multiplied by and
    the plan still keeps; `quality_frac` the least share of its best known quality
    that any workload gets, None where no quality is known.
    """

    cost_usd_per_month: NonNegative
    promise_frac: NonNegative
    quality_frac: float | None
    workloads: tuple[FrontWorkload, ...]
    description: str
    plan: PlanDocument


class Front(Spec):
    """Every point, the cheapest first; `complete` unless the notes say otherwise."""

    kind: Literal["front"] = "front"
    version: Literal[1] = 1
    name: str
    spec_sha256: str
    objectives: tuple[Objective, ...]
    points: tuple[FrontPoint, ...]
    complete: bool
    n_solves: Annotated[int, Field(ge=0)]
    notes: tuple[str, ...]
