"""What clients that wait for their answers see, as a table and as plain data."""

from collections.abc import Sequence
from typing import Final

from planner.domain.predictions import ClosedLoop
from planner.domain.profiles import LoadCurve, Profile
from planner.report.sentences import PROVENANCE_WORDS, latency, rate, share
from planner.report.tables import Table, table
from planner.units import milliseconds

# tests/bench/triton_tables.py: p95 within 9.1 % and 29.3 %, 928 rows (2026-11).
NOTE: Final = (
    "Each client waits for its answer before it asks again, without a pause; one "
    "replica, network not included; p50 is of the whole answer. The error is that of "
    "the figures it is made from; of loops held against published load tables half "
    "were within 10 % and nine tenths within 30 %."
)


def loops_table(
    title: str, loops: Sequence[ClosedLoop], reasons: Sequence[str]
) -> Table:
    """A row for each variant."""
    return table(
        title,
        ["Variant", ">Answers", ">p50", ">p95", ">p99", "Token by token", "How", ">Error up to"],
        [_row(loop) for loop in loops],
        footnotes=[
            NOTE,
            *(f"Not predicted: {r}." for r in reasons),
        ],
    )  # fmt: skip


def _row(loop: ClosedLoop) -> list[str]:
    evidence = loop.profile.evidence
    return [
        _variant(loop.profile),
        rate(loop.rate_rps),
        *(_time(t) for t in (loop.p50_s, loop.p95_s, loop.p99_s)),
        f"TTFT {_time(loop.ttft_s)}, then {_time(loop.gap_s)} a token"
        if loop.ttft_s is not None
        else "",
        PROVENANCE_WORDS[evidence.provenance],
        share(evidence.error_frac),
    ]


def _variant(profile: Profile) -> str:
    if not isinstance(profile, LoadCurve):
        return str(profile.variant)
    shape = f"{profile.prompt_tokens:,}+{profile.output_tokens:,} tokens"
    devices = f", {profile.device_count} devices" if profile.device_count > 1 else ""
    return f"{profile.variant}, {shape}{devices}"


def _time(time_s: float | None) -> str:
    return "" if time_s is None else latency(milliseconds(time_s))


def loop_data(loop: ClosedLoop) -> dict[str, object]:
    """Plain data, as `planner predict --clients N --json` prints it."""
    return {
        "variant": _variant(loop.profile),
        "clients": loop.clients,
        "rate_rps": loop.rate_rps,
        "p50_s": loop.p50_s,
        "p95_s": loop.p95_s,
        "p99_s": loop.p99_s,
        "ttft_s": loop.ttft_s,
        "gap_s": loop.gap_s,
        "provenance": loop.profile.evidence.provenance.value,
        "error_frac": loop.profile.evidence.error_frac,
    }
