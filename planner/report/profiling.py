"""What profiling found, as tables and as plain data."""

from collections.abc import Sequence
from dataclasses import asdict

from planner.domain.profiles import BatchProfile
from planner.domain.profiling import ProfilingOutcome
from planner.report.tables import Table, table
from planner.units import milliseconds


def profiling_tables(outcome: ProfilingOutcome) -> tuple[Table, ...]:
    """Profiles by device and variant, then failures and warnings where there are any."""
    profiles = table(
        "Profiles",
        ["model", "variant", "device", "how", ">batch 1", ">largest batch", ">up to", ">accuracy"],
        [_row(p) for p in outcome.profiles],
        footnotes=outcome.warnings,
    )  # fmt: skip
    if not outcome.failures:
        return (profiles,)
    failures = table(
        "Not measured",
        ["model", "variant", "device", "reason"],
        [(f.model, str(f.variant), f.device, f.reason) for f in outcome.failures],
    )
    return profiles, failures


def _row(p: BatchProfile) -> Sequence[str]:
    first, last = p.points[0], p.points[-1]
    quality = p.quality
    accuracy = "not evaluated"
    if quality is not None:
        low, high = quality.low_frac, quality.high_frac
        interval = "" if low is None or high is None else f" ({low:.3f}–{high:.3f})"
        accuracy = f"{quality.value_frac:.3f}{interval}"
    return (
        p.model,
        str(p.variant),
        p.device,
        p.evidence.provenance.value,
        f"{milliseconds(first.p50_s):.3f} ms",
        f"{milliseconds(last.p50_s):.3f} ms for {last.batch}",
        f"+{p.evidence.error_frac:.0%}",
        accuracy,
    )


def outcome_data(outcome: ProfilingOutcome) -> dict[str, object]:
    """Plain data, as `planner profile --json` prints it."""
    return {
        "kind": "profiles",
        "version": 1,
        "n_measured": outcome.n_measured,
        "n_cached": outcome.n_cached,
        "profiles": [_plain(p) for p in outcome.profiles],
        "failures": [_plain(f) for f in outcome.failures],
        "warnings": list(outcome.warnings),
        "environment": dict(outcome.environment),
    }


def _plain(record: object) -> dict[str, object]:
    data = asdict(record)  # type: ignore[call-overload]  # a frozen record of ours
    evidence = data.get("evidence")
    if evidence is not None:
        evidence["as_of"] = evidence["as_of"].isoformat()
    return dict(data)
