"""What a plan says of one placement, as what a request sent to it may be held to.

The SLO is the promise. Percentiles are predictions: they may be exceeded by the
profile's error band, and by more only if the plan was wrong.
"""

from dataclasses import dataclass

from planner.errors import ProfilingError, SpecError
from planner.specs.plan import (
    PlanDocument,
    PlanPlacement,
    PlanWorkload,
)
from planner.units import seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPromise:
    """The least share of right answers; `is_floor` where the user asked for it."""

    metric: str
    minimum_frac: float
    is_floor: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One placement's promise; `way_s` is the plan's network, both ways, with payload."""

    placement: PlanPlacement
    origin: str
    percentile_frac: float
    latency_s: float
    way_s: float
    rate_rps: float
    predicted_s: tuple[tuple[float, float], ...]
    error_frac: float
    quality: QualityPromise | None


def described(placement: PlanPlacement) -> str:
    """A placement in a few words."""
    return (
        f"{placement.model}, {placement.variant}, batch ≤ {placement.max_batch}, "
        f"{placement.replicas} × on {placement.device} at {placement.site}"
    )


def promise_of(plan: PlanDocument, workload: str, *, site: str | None) -> Promise:
    """The promise of the workload's placement (at that site, where it has several).

    Raises:
        SpecError: No such workload or site in the plan, or several to choose from.
        ProfilingError: A promise that only a language model's stream can be held to.
    """
    chosen = _workload(plan, workload)
    latency_ms = chosen.slo.latency_ms
    if latency_ms is None:
        raise ProfilingError(
            f"workload '{workload}' is promised times to first and next token; verify "
            "measures whole answers only: use the load generator of its own server "
            "(vllm bench serve) and compare with the plan's report"
        )
    placement = _placement(plan, workload, site)
    predicted = placement.predicted
    parts = placement.breakdown
    way_ms = 0.0 if parts is None else parts.rtt_ms + parts.transfer_ms
    return Promise(
        placement=placement,
        origin=chosen.origin,
        percentile_frac=chosen.slo.percentile / 100,
        latency_s=seconds(latency_ms),
        way_s=seconds(way_ms),
        rate_rps=placement.rate_rps,
        predicted_s=(
            (0.50, seconds(predicted.p50_ms)),
            (0.95, seconds(predicted.p95_ms)),
            (0.99, seconds(predicted.p99_ms)),
        ),
        error_frac=placement.error_frac,
        quality=_quality(chosen, placement),
    )


def _workload(plan: PlanDocument, name: str) -> PlanWorkload:
    for workload in plan.workloads:
        if workload.name == name:
            return workload
    known = ", ".join(w.name for w in plan.workloads)
    raise SpecError(f"plan '{plan.name}' has no workload '{name}'; it has: {known}")


def _placement(plan: PlanDocument, workload: str, site: str | None) -> PlanPlacement:
    all_of_it = [p for p in plan.placements if p.workload == workload]
    found = [p for p in all_of_it if site in (None, p.site)]
    if len(found) == 1:
        return found[0]
    sites = ", ".join(p.site for p in all_of_it) or "nowhere"
    if not found:
        raise SpecError(
            f"workload '{workload}' has no placement"
            f"{f' at {site}' if site else ''}; the plan places it: {sites}"
        )
    raise SpecError(
        f"workload '{workload}' has {len(found)} placements ({sites}), and a URL is one "
        "of them: say which with --site"
    )


def _quality(workload: PlanWorkload, placement: PlanPlacement) -> QualityPromise | None:
    floor, seen = workload.quality_floor, placement.quality
    # A floor for the mean over all traffic is no promise of one placement's.
    if floor is not None and floor.over == "each_request":
        return QualityPromise(
            metric=floor.metric, minimum_frac=floor.minimum_frac, is_floor=True
        )
    if seen is None:
        return None
    least = seen.value if seen.low is None else seen.low
    return QualityPromise(metric=seen.metric, minimum_frac=least, is_floor=False)
