"""What `planner verify` found, as a table, closing lines and plain data."""

import math
from typing import Final

from planner.domain.verification import Check, Figure, Finding, Verification
from planner.report.sentences import NOTHING, clean
from planner.report.tables import Table, table

SIGNIFICANT_DIGITS: Final = 4
FINDING_WORDS: Final = {
    Finding.PASS: "pass",
    Finding.FAIL: "FAIL",
    Finding.UNDECIDED: "undecided",
}
PREDICTION_WORDS: Final = {
    Finding.PASS: "as predicted",
    Finding.FAIL: "not as predicted",
    Finding.UNDECIDED: "open",
}
_VERDICTS: Final = {
    Finding.PASS: "it keeps what the plan promises",
    Finding.FAIL: "it does not keep what the plan promises",
    Finding.UNDECIDED: "these requests do not settle it",
}


def verification_table(found: Verification) -> Table:
    """A row for each thing that was promised or predicted."""
    return table(
        f"{found.workload} at {found.url}: {found.placement}",
        ["What", ">Plan", ">Seen", ">95 % interval", "Finding", "Because"],
        [_row(c) for c in found.checks],
        footnotes=found.notes,
    )


def _row(check: Check) -> tuple[str, ...]:
    words = FINDING_WORDS if check.decides else PREDICTION_WORDS
    return (
        check.subject.replace("_", " "),
        _promised(check),
        NOTHING if check.observed is None else figure(check.observed),
        NOTHING if check.observed is None else interval(check.observed),
        words[check.finding],
        check.sentence,
    )


def _promised(check: Check) -> str:
    if check.promised is None:
        return NOTHING
    sign = {"errors": "≤ ", "throughput": ""}.get(check.subject)
    if sign is None:
        sign = "≥ " if check.decides else ""
    return sign + figure(check.promised)


def figure(given: Figure) -> str:
    """A number with its unit.

    Example:
        >>> figure(Figure(value=0.95, unit="frac")), figure(Figure(value=31.04159, unit="ms"))
        ('95 %', '31.04 ms')
    """
    return f"{_number(given.value, given.unit)}{_unit(given)}"


def interval(given: Figure) -> str:
    """The interval around a figure; an open end is said to be one.

    Example:
        >>> interval(Figure(value=3.0, unit="ms", low=2.0))
        '2 to open ms'
    """
    if given.low is None and given.high is None:
        return NOTHING
    ends = (given.low, given.high)
    words = ["open" if e is None else _number(e, given.unit) for e in ends]
    return f"{' to '.join(words)}{_unit(given)}"


def _number(value: float, unit: str) -> str:
    if math.isinf(value):
        return "none"
    shown = 100 * value if unit == "frac" else value
    return f"{shown:.{SIGNIFICANT_DIGITS}g}"


def _unit(given: Figure) -> str:
    words = {"rps": " /s", "frac": " %"}.get(given.unit, f" {given.unit}")
    return "" if math.isinf(given.value) else words


def closing_lines(found: Verification) -> tuple[str, ...]:
    """The verdict and what it rests on."""
    counted = ", ".join(f"{n} {kind}" for kind, n in found.outcomes.items())
    failed = [c for c in found.checks if c.decides and c.finding is found.finding]
    reasons = "; ".join(f"{c.subject.replace('_', ' ')}: {c.sentence}" for c in failed)
    why = "" if found.finding is Finding.PASS or not reasons else f": {reasons}"
    return (
        clean(
            f"{found.n_sent} requests at {found.rate_rps:g}/s within "
            f"{found.length_s:g} s: {counted}"
        ),
        clean(f"{FINDING_WORDS[found.finding]}: {_VERDICTS[found.finding]}{why}"),
    )


def verification_data(found: Verification, *, stored: str | None) -> dict[str, object]:
    """Plain data, as `planner verify --json` prints it."""
    return {
        "kind": "verification",
        "version": 1,
        "finding": found.finding.value,
        "workload": found.workload,
        "url": found.url,
        "placement": found.placement,
        "measured_at": found.measured_at.isoformat(),
        "rate_rps": found.rate_rps,
        "length_s": found.length_s,
        "n_sent": found.n_sent,
        "outcomes": {kind.value: n for kind, n in found.outcomes.items()},
        "checks": [_check_data(c) for c in found.checks],
        "notes": list(found.notes),
        "stored": stored,
    }


def _check_data(check: Check) -> dict[str, object]:
    return {
        "subject": check.subject,
        "finding": check.finding.value,
        "decides": check.decides,
        "promised": _figure_data(check.promised),
        "observed": _figure_data(check.observed),
        "sentence": check.sentence,
    }


def _figure_data(given: Figure | None) -> dict[str, object] | None:
    """Infinite figures (no answer) have no number in JSON: None."""
    if given is None:
        return None
    ends = {"value": given.value, "low": given.low, "high": given.high}
    finite = {k: None if v is None or math.isinf(v) else v for k, v in ends.items()}
    return {**finite, "unit": given.unit}
