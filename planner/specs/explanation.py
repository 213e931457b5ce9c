"""`planner explain`: what a plan hangs on, as a document."""

from typing import Annotated, Literal

from pydantic import Field

from planner.specs.base import NonNegative, Spec
from planner.specs.plan import RunnerUp
from planner.specs.ways_out import Change, Relaxation, Setting


class Outcome(Spec):
    """The best plan with one limit moved by a unit; None where there is none.

    `change_usd_per_month` and `aim_change_frac` (of the first objective's value)
    compare it with the best plan as things stand; below zero is better.
    """

    to: Setting
    cost_usd_per_month: NonNegative | None
    change_usd_per_month: float | None
    aim_change_frac: float | None


class Worth(Spec):
    """A limit, whether it binds, and what a unit of it is worth both ways.

    It binds where a unit more of it makes the first objective better or a unit
    less makes it worse. `easier` is None where the limit stands at its end,
    `harder` where no valid document goes further.
    """

    field: str
    current: Setting
    unit: str
    binds: bool
    easier: Outcome | None
    harder: Outcome | None


class Flip(Spec):
    """Where the plan changes in kind: machines, sites, purchases or variants.

    `change.to` is the first value that was found to change it, `change.not_enough`
    the last that was found to keep it; `becomes` is None where no plan is left.
    """

    what: str
    change: Change
    becomes: str | None
    cost_usd_per_month: NonNegative | None


class Steady(Spec):
    """Something that may be turned this far without changing the plan's kind."""

    what: str
    change: Change


class NearPlan(Spec):
    """A plan of another kind, nearly as good."""

    description: str
    cost_usd_per_month: NonNegative
    worse_frac: float
    without: tuple[str, ...]


class WorkloadRunnerUp(Spec):
    """The best plan that avoids what was chosen for a workload."""

    workload: str
    runner_up: RunnerUp


class Explanation(Spec):
    """What binds, what would flip the answer, and what is nearly as good.

    `openings` are words that the document rules out and that would make the plan
    better, each alone; `resolution_frac` is how near a flip is told to where it happens; `notes` say
    how figures were come by and what was left undone.
    """

    kind: Literal["explanation"] = "explanation"
    version: Literal[1] = 1
    name: str
    spec_sha256: str
    plan: str
    cost_usd_per_month: NonNegative
    worth: tuple[Worth, ...]
    flips: tuple[Flip, ...]
    steady: tuple[Steady, ...]
    near_within_frac: NonNegative
    near: tuple[NearPlan, ...]
    runners_up: tuple[WorkloadRunnerUp, ...]
    openings: tuple[Relaxation, ...] = ()
    resolution_frac: NonNegative
    n_solves: Annotated[int, Field(ge=0)]
    notes: tuple[str, ...]
