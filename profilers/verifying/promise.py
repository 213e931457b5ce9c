"""What a plan says of one placement, as what a request sent to it may be held to.

The SLO is the promise. Percentiles are predictions: they may be exceeded by the
profile's error band, and by more only if the plan was wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from planner.errors import SpecError
from planner.specs.placements import PlanPlacement, TokenPrediction
from planner.specs.plan import PlanDocument, PlanSlo, PlanWorkload
from planner.units import seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPromise:
    """The least share of right answers; `is_floor` where the user asked for it."""

    metric: str
    minimum_frac: float
    is_floor: bool


class Quantity(StrEnum):
    """What a user waits for."""

    LATENCY = "latency"  # the whole answer
    TTFT = "time to first token"
    TPOT = "time per token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the promised share of requests stays within."""

    quantity: Quantity
    limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A percentile that the plan predicts; `way_s` of it is the network's."""

    subject: str
    quantity: Quantity
    frac: float
    predicted_s: float
    way_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One placement's promise; `way_s` is the plan's network, both ways, with payload.

    A language model's has limits for its tokens, and counts of them.
    """

    placement: PlanPlacement
    origin: str
    percentile_frac: float
    limits: tuple[Limit, ...]
    way_s: float
    rate_rps: float
    predictions: tuple[Prediction, ...]
    error_frac: float
    quality: QualityPromise | None
    prompt_tokens: int = 0
    output_tokens: int = 0

    @property
    def is_of_tokens(self) -> bool:
        """Whether it is a language model's."""
        return any(limit.quantity is Quantity.TTFT for limit in self.limits)

    @property
    def wait_s(self) -> float:
        """What a user is promised to wait for the first thing to see."""
        return self.limits[0].limit_s


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
    """
    chosen = _workload(plan, workload)
    placement = _placement(plan, workload, site)
    parts = placement.breakdown
    way_ms = 0.0 if parts is None else parts.rtt_ms + parts.transfer_ms
    return Promise(
        placement=placement,
        origin=chosen.origin,
        percentile_frac=chosen.slo.percentile / 100,
        limits=tuple(_limits(chosen.slo)),
        way_s=seconds(way_ms),
        rate_rps=placement.rate_rps,
        predictions=tuple(
            _predictions(placement, chosen.slo.percentile / 100, seconds(way_ms))
        ),
        error_frac=placement.error_frac,
        quality=_quality(chosen, placement),
        prompt_tokens=chosen.prompt_tokens or 0,
        output_tokens=chosen.output_tokens or 0,
    )


def _limits(slo: PlanSlo) -> Iterator[Limit]:
    for quantity, limit_ms in (
        (Quantity.TTFT, slo.ttft_ms),
        (Quantity.TPOT, slo.tpot_ms),
        (Quantity.LATENCY, slo.latency_ms),
    ):
        if limit_ms is not None:
            yield Limit(quantity=quantity, limit_s=seconds(limit_ms))


def _predictions(
    placement: PlanPlacement, slo_frac: float, way_s: float
) -> Iterator[Prediction]:
    predicted = placement.predicted
    words = f"p{100 * slo_frac:g} of "
    told: list[tuple[str, Quantity, float, float | None, float]] = [
        ("p50", Quantity.LATENCY, 0.50, predicted.p50_ms, way_s),
        ("p95", Quantity.LATENCY, 0.95, predicted.p95_ms, way_s),
        ("p99", Quantity.LATENCY, 0.99, predicted.p99_ms, way_s),
    ]
    if isinstance(predicted, TokenPrediction):
        told += [
            (
                f"{words}{Quantity.TTFT}",
                Quantity.TTFT,
                slo_frac,
                predicted.ttft_ms,
                way_s,
            ),
            (
                f"{words}{Quantity.TPOT}",
                Quantity.TPOT,
                slo_frac,
                predicted.tpot_ms,
                0.0,
            ),
        ]
    for subject, quantity, frac, value_ms, own_way_s in told:
        # What nothing is known of is not predicted.
        if value_ms is None:
            continue
        yield Prediction(
            subject=subject,
            quantity=quantity,
            frac=frac,
            predicted_s=seconds(value_ms),
            way_s=own_way_s,
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
    if (
        floor is not None
        and floor.over == "each_request"
        and floor.minimum_frac is not None
    ):
        return QualityPromise(
            metric=floor.metric, minimum_frac=floor.minimum_frac, is_floor=True
        )
    if seen is None:
        return None
    least = seen.value if seen.low is None else seen.low
    return QualityPromise(metric=seen.metric, minimum_frac=least, is_floor=False)
