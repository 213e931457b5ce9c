"""A plan's times as tables: promise, prediction, how sure, and where the time goes."""

from collections.abc import Iterable
from typing import Final

from planner.domain.evidence import Provenance
from planner.report.adding import added_up
from planner.report.sentences import (
    NOTHING,
    PROVENANCE_MEANING,
    PROVENANCE_WORDS,
    exact,
    known,
    latency,
    limit,
    surely,
)
from planner.report.tables import Table, table, where
from planner.specs.placements import LatencyBreakdown, TokenPrediction
from planner.specs.plan import PlanDocument, PlanSlo, PlanWorkload

BREAKDOWN_NOTE: Final = (
    "Means, which add up; percentiles do not. Network: round trip. Transfer: payload "
    "over bandwidth. Wait: for a batch and in the queue."
)
SERVER_NOTE: Final = (
    "Server: taking a request in and sending its answer. Where it shows 0, it is not "
    "known or part of the service."
)


def promise(slo: PlanSlo) -> str:
    """What was promised, in a few words."""
    limits = [
        f"{word}{limit(value)}"
        for word, value in (
            ("", slo.latency_ms),
            ("TTFT ", slo.ttft_ms),
            ("TPOT ", slo.tpot_ms),
        )
        if value is not None
    ]
    return f"{exact(slo.percentile)} % in {', '.join(limits)}" if limits else NOTHING


def latency_table(plan: PlanDocument) -> Table:
    """What users will see against what was promised, and how sure that is."""
    has_tokens = any(isinstance(w.predicted, TokenPrediction) for w in plan.workloads)
    token_headings = [">TTFT", ">TPOT"] if has_tokens else []
    rows = [
        (
            w.name,
            promise(w.slo),
            *(_token_times(w) if has_tokens else ()),
            latency(w.predicted.p50_ms),
            latency(w.predicted.p95_ms),
            latency(w.predicted.p99_ms),
            surely(w.attainment_frac),
            surely(w.slo_met_probability_frac),
            _how_known(plan, w),
        )
        for w in plan.workloads
    ]
    return table(
        "Latency against the promise",
        [
            *("Workload", "Promise", *token_headings, ">p50", ">p95", ">p99"),
            *(">In time", ">Sure", "How known"),
        ],
        rows,
        footnotes=_latency_notes(plan, has_tokens=has_tokens),
    )


def _token_times(workload: PlanWorkload) -> tuple[str, str]:
    seen = workload.predicted
    if isinstance(seen, TokenPrediction):
        return latency(seen.ttft_ms), latency(seen.tpot_ms)
    return NOTHING, NOTHING


def _how_known(plan: PlanDocument, workload: PlanWorkload) -> str:
    """Each provenance behind a workload, with its widest band."""
    bands: dict[Provenance, float] = {}
    for p in plan.placements:
        if p.workload == workload.name:
            bands[p.provenance] = max(p.error_frac, bands.get(p.provenance, 0.0))
    return "; ".join(known(p, e) for p, e in bands.items()) or NOTHING


def _latency_notes(plan: PlanDocument, *, has_tokens: bool) -> Iterable[str]:
    yield "In time: share of requests answered within the promise."
    yield (
        "Sure: probability that the promise is kept, given how far the figures may "
        "be off."
    )
    yield (
        "Error up to x %: with 90 % probability the truth is at most x % above "
        "the figure."
    )
    if has_tokens:
        yield (
            "TTFT: time to the first token. TPOT: time per further token. "
            "p50, p95, p99: time to the whole answer."
        )
    used = {p.provenance for p in plan.placements}
    for provenance in (p for p in Provenance if p in used):
        words = PROVENANCE_WORDS[provenance]
        yield f"{words.capitalize()}: {PROVENANCE_MEANING[provenance]}."


def breakdown_table(plan: PlanDocument) -> Table | None:
    """What the mean latency is made of; None where no placement states it."""
    parts = [(p, p.breakdown) for p in plan.placements if p.breakdown is not None]
    if not parts:
        return None
    has_server = any(b.server_ms for _, b in parts)
    n_parts = 5 if has_server else 4
    rows = []
    for p, b in parts:
        means = added_up(breakdown_ms(b)[:n_parts], decimals=_ms_decimals(b))
        rows.append((p.workload, where(p), *means.parts, means.total))
    headings = [">Network", ">Transfer", ">Wait", ">Service", ">Server"][:n_parts]
    return table(
        "Where the time goes",
        ["Workload", "Where", *(f"{h}, ms" for h in (*headings, ">Mean in all"))],
        rows,
        footnotes=[BREAKDOWN_NOTE, *([SERVER_NOTE] if has_server else [])],
    )


def breakdown_ms(parts: LatencyBreakdown) -> tuple[float, float, float, float, float]:
    """Network, transfer, wait, service and server."""
    return (
        parts.rtt_ms,
        parts.transfer_ms,
        parts.wait_ms,
        parts.service_ms,
        parts.server_ms,
    )


def _ms_decimals(parts: LatencyBreakdown) -> int:
    return 1 if sum(breakdown_ms(parts)) >= 10 else 3
