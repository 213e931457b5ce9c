"""Why there is no plan, and what would have to change: reasons and relaxations."""

from typing import Annotated

from pydantic import Field

from planner.specs.base import NonNegative, Spec

# What a field of the spec holds; None is a limit that nobody set.
Setting = bool | float | str | tuple[str, ...] | None


class Change(Spec):
    """One field of the spec, and what it would have to be.

    `not_enough` is the largest change towards `to` that was solved and falls short.
    """

    field: str
    from_: Annotated[Setting, Field(alias="from")]
    to: Setting
    unit: str
    not_enough: Setting = None

    model_config = Spec.model_config | {"populate_by_name": True}


class Relaxation(Spec):
    """Changes that together make the spec feasible, none of them superfluous.

    Verified by solving. `ask_ratio` says how much they ask: the product over the
    changes of the factor by which an amount changes, a count (plus one) changes,
    or the odds of a fraction change. `plan` is what is then run, in words.
    """

    change: tuple[Change, ...]
    cost_usd_per_month: NonNegative
    ask_ratio: Annotated[float, Field(ge=1)] = 1.0
    plan: str = ""


class Reason(Spec):
    """What stands in the way, in one sentence."""

    subject: str
    sentence: str
