"""What every limit that can be relaxed has in common."""

from dataclasses import dataclass
from typing import Protocol

from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Changes
from planner.specs.ways_out import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The smallest value that suffices, and the largest known not to."""

    value: Setting
    not_enough: Setting


class Knob(Protocol):
    """One limit: where it stands, and as far as it goes."""

    @property
    def field(self) -> str:
        """Its path in the document."""
        ...

    @property
    def current(self) -> Setting:
        """What the document says."""
        ...

    @property
    def unit(self) -> str:
        """What its value counts."""
        ...

    @property
    def most(self) -> Setting:
        """As far as it may be turned."""
        ...

    def ask_ratio(self, value: Setting) -> float:
        """How much a value asks; 1 is nothing."""
        ...

    def reaches(self, one: Setting, other: Setting) -> bool:
        """Whether one value is turned as far as the other at least: it has all its plans."""
        ...

    def least(
        self, trials: Trials, others: Changes, *, start: Setting, coarse_frac: float
    ) -> Found | None:
        """The smallest value that suffices beside the others; `start` is known to.

        Numbers are resolved to `coarse_frac` of the whole turn.
        """
        ...
