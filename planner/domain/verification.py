"""What a running deployment was seen to do, held against the plan's promise."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a request."""

    ANSWERED = "answered"
    OVERLOADED = "turned away"  # 429 or 503: the endpoint sheds load
    FAILED = "failed"  # another 5xx
    REFUSED = "refused"  # another status that is no answer, 4xx above all
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"  # no connection
    DROPPED = "dropped"  # the connection broke before the answer was whole
    NOT_JSON = "not JSON"
    NOT_AN_ANSWER = "not an answer"  # JSON, but not what this model answers with


class Finding(StrEnum):
    """What a comparison with the promise came to."""

    PASS = "pass"  # noqa: S105 - a word, no secret
    FAIL = "fail"
    UNDECIDED = "undecided"  # the interval holds the promise: measure longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number with its unit and 95 % interval; None where an end is not bounded."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was promised or predicted, and what was seen of it.

    A check that does not `decides` compares a prediction: it never fails the whole.
    """

    subject: str
    finding: Finding
    sentence: str
    promised: Figure | None = None
    observed: Figure | None = None
    decides: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A deployment under the plan's traffic: what was sent, seen, and found.

    `rate_rps` is the rate that was sent; `notes` are what a reader must know of how
    the figures came about.
    """

    workload: str
    url: str
    placement: str
    rate_rps: float
    length_s: float
    measured_at: dt.datetime
    outcomes: Mapping[Outcome, int]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_sent(self) -> int:
        """Requests that were to be sent."""
        return sum(self.outcomes.values())

    @property
    def finding(self) -> Finding:
        """Of all that decides: one failure fails it, one doubt leaves it open."""
        found = {c.finding for c in self.checks if c.decides}
        if Finding.FAIL in found:
            return Finding.FAIL
        if Finding.UNDECIDED in found or not found:
            return Finding.UNDECIDED
        return Finding.PASS
