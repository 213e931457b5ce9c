"""What users will see of an assignment, and how likely the promise is to hold.

Percentiles are best estimates: the profile's own figures at the planned rate,
spread over all machines that were bought, spares included. The probability that
the promise holds is that of the profile's error band staying within the largest
factor by which service may slow down before the SLO percentile passes the SLO.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from planner.domain.placement import Assignment
from planner.domain.profiles import BatchProfile
from planner.domain.tariffs import FunctionTariff
from planner.domain.workloads import LatencySlo, TokenSlo
from planner.errors import OutsideProfileError
from planner.perf.functions import FunctionPrediction, predict_function
from planner.perf.language import LanguagePrediction, predict_load
from planner.perf.latency import LatencyPrediction as BatchPrediction
from planner.perf.latency import predict
from planner.perf.sharing import SharedPrediction, Sharer, shared
from planner.pipeline.asking.options import Option
from planner.specs.placements import (
    LatencyBreakdown,
    LatencyPrediction,
    TokenPrediction,
)
from planner.units import milliseconds

# Slow-downs looked at: beyond this, a profile is no evidence at all.
LARGEST_FACTOR: Final = 16.0
BISECTIONS: Final = 16

Served = BatchPrediction | SharedPrediction | FunctionPrediction
Seen = Served | LanguagePrediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica in its busiest hours: what is asked of it, and by whom.

    `others` are the workloads that share it, with what they send to it. `limit_rps`
    is what may be sent to an endpoint that is paid by request.
    """

    option: Option
    rate_rps: float
    others: tuple[tuple[Option, float], ...] = ()
    limit_rps: float = math.inf

    def seen(self, *, error_factor: float = 1.0) -> Seen:
        """What its users see if service is that much slower than the profile says."""
        profile, workload = self.option.profile, self.option.workload
        tariff = self.option.place.offer.tariff
        if isinstance(profile, BatchProfile) and isinstance(tariff, FunctionTariff):
            return predict_function(
                profile,
                tariff,
                self.rate_rps,
                self.option.path,
                error_factor=error_factor,
            )
        if not isinstance(profile, BatchProfile):
            seen = predict_load(
                profile,
                self.rate_rps,
                self.option.path.rtt_s,
                percentile_frac=workload.slo.percentile_frac,
                error_factor=error_factor,
                prompt_tokens=workload.prompt_tokens,
                output_tokens=workload.output_tokens,
            )
            if tariff is None:
                return seen
            return replace(seen, utilization_frac=min(1.0, self.rate_rps / self.limit_rps))  # fmt: skip
        if self.others:
            everyone = [(self.option, self.rate_rps), *self.others]
            sharers = [_sharer(option, error_factor) for option, _ in everyone]
            return shared(sharers, [rate for _, rate in everyone], 0)
        return predict(
            profile,
            self.option.policy,
            self.rate_rps,
            self.option.path,
            error_factor=error_factor,
        )


def _sharer(option: Option, error_factor: float) -> Sharer:
    profile, slo = option.profile, option.workload.slo
    if isinstance(profile, BatchProfile) and isinstance(slo, LatencySlo):
        return Sharer(
            profile=profile, path=option.path, slo=slo, error_factor=error_factor
        )
    raise AssertionError("only batch profiles with a latency promise share machines")


def replica(
    assignment: Assignment,
    sharing: Sequence[Assignment],
    behind: Mapping[str, Option],
) -> Replica:
    """One of an assignment's replicas, all machines that are on in use, spares too."""
    option = behind[assignment.candidate.name]
    if option.place.offer.tariff is not None:
        # Paid by request: all of it goes to one and the same endpoint.
        return Replica(
            option=option,
            rate_rps=assignment.rate_rps,
            limit_rps=assignment.candidate.capacity_rps,
        )
    t = _busiest(assignment, sharing)
    replicas = assignment.machines_on[t] * assignment.candidate.replicas_per_machine
    return Replica(
        option=option,
        rate_rps=assignment.rates_rps[t] / replicas if replicas else 0.0,
        others=tuple(
            (behind[a.candidate.name], a.rates_rps[t] / replicas) for a in sharing
        ),
    )


def _busiest(assignment: Assignment, sharing: Sequence[Assignment]) -> int:
    """The block in which a machine of the group has most to do."""
    members = [assignment, *sharing]

    def load(t: int) -> float:
        used = sum(a.rates_rps[t] / a.candidate.capacity_rps for a in members)
        machines = assignment.machines_on[t]
        return used / machines if machines else 0.0

    return max(range(len(assignment.machines_on)), key=load)


def attainment_frac(seen: Seen, slo: LatencySlo | TokenSlo) -> float:
    """Share of requests within the promise."""
    if isinstance(seen, Served) and isinstance(slo, LatencySlo):
        return float(seen.probability_within(slo.latency_s))
    if isinstance(seen, LanguagePrediction) and isinstance(slo, TokenSlo):
        return seen.attainment_frac(slo)
    raise AssertionError("options pair promises with profiles of their own kind")


def keeps_promise(replica: Replica, error_factor: float) -> bool:
    """Whether the SLO's percentile is within the SLO if service is that much slower."""
    try:
        seen = replica.seen(error_factor=error_factor)
    except OutsideProfileError:
        # A slower engine would be loaded beyond anything that was measured.
        return False
    slo = replica.option.workload.slo
    if isinstance(seen, LanguagePrediction) and isinstance(slo, TokenSlo):
        return seen.ttft_s <= slo.ttft_s and seen.tpot_s <= slo.tpot_s
    return attainment_frac(seen, slo) >= slo.percentile_frac


def slo_met_probability_frac(replica: Replica) -> float:
    """Probability, by the profile's error band, that the promise holds."""
    low, high = 1.0 / LARGEST_FACTOR, LARGEST_FACTOR
    if not keeps_promise(replica, low):
        return 0.0
    if keeps_promise(replica, high):
        low = high
    for _ in range(BISECTIONS if low < high else 0):
        middle = (low * high) ** 0.5
        if keeps_promise(replica, middle):
            low = middle
        else:
            high = middle
    return min(
        option.profile.evidence.probability_within(low)
        for option in (replica.option, *(o for o, _ in replica.others))
    )


def document(seen: Seen) -> LatencyPrediction | TokenPrediction:
    """The prediction as the plan document states it."""
    if isinstance(seen, Served):
        return LatencyPrediction(
            p50_ms=milliseconds(seen.quantile_s(0.50)),
            p95_ms=milliseconds(seen.quantile_s(0.95)),
            p99_ms=milliseconds(seen.quantile_s(0.99)),
            # A rate that fills the machine whole is a float near it.
            utilization_frac=min(1.0, seen.utilization_frac),
        )
    return TokenPrediction(
        p50_ms=_milliseconds(seen.p50_s),
        p95_ms=_milliseconds(seen.p95_s),
        p99_ms=_milliseconds(seen.p99_s),
        ttft_ms=milliseconds(seen.ttft_s),
        tpot_ms=milliseconds(seen.tpot_s),
        utilization_frac=seen.utilization_frac,
    )


def _milliseconds(time_s: float | None) -> float | None:
    return None if time_s is None else milliseconds(time_s)


def breakdown(seen: Seen) -> LatencyBreakdown | None:
    """Means of the parts; None for language models, whose runs state only sums."""
    if not isinstance(seen, Served):
        return None
    parts = seen.parts()
    return LatencyBreakdown(
        rtt_ms=milliseconds(parts.rtt_s),
        transfer_ms=milliseconds(parts.transfer_s),
        wait_ms=milliseconds(parts.wait_s),
        service_ms=milliseconds(parts.service_s),
        server_ms=milliseconds(parts.server_s),
    )


def together(
    seen: Sequence[tuple[float, Seen]],
) -> LatencyPrediction | TokenPrediction:
    """What a workload's users see, by the share of traffic each placement serves.

    Batch profiles: percentiles of the mixture. Language models: the worst
    placement's, since their runs state percentiles and not distributions.
    """
    if len(seen) == 1:
        return document(seen[0][1])
    batch = [(share, s) for share, s in seen if isinstance(s, Served)]
    if len(batch) == len(seen):
        return LatencyPrediction(
            p50_ms=milliseconds(_mixture_quantile_s(batch, 0.50)),
            p95_ms=milliseconds(_mixture_quantile_s(batch, 0.95)),
            p99_ms=milliseconds(_mixture_quantile_s(batch, 0.99)),
            utilization_frac=max(s.utilization_frac for _, s in batch),
        )
    documents = [d for _, s in seen if isinstance(d := document(s), TokenPrediction)]

    def worst(figure: Callable[[TokenPrediction], float]) -> float:
        return max(figure(d) for d in documents)

    def worst_known(figure: Callable[[TokenPrediction], float | None]) -> float | None:
        known = [f for d in documents if (f := figure(d)) is not None]
        return max(known) if len(known) == len(documents) else None

    return TokenPrediction(
        p50_ms=worst_known(lambda d: d.p50_ms),
        p95_ms=worst_known(lambda d: d.p95_ms),
        p99_ms=worst_known(lambda d: d.p99_ms),
        ttft_ms=worst(lambda d: d.ttft_ms),
        tpot_ms=worst(lambda d: d.tpot_ms),
        utilization_frac=worst(lambda d: d.utilization_frac),
    )


def _mixture_quantile_s(parts: Sequence[tuple[float, Served]], frac: float) -> float:
    quantiles = [s.quantile_s(frac) for _, s in parts]
    low, high = min(quantiles), max(quantiles)
    total = sum(share for share, _ in parts)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        within = sum(share * s.probability_within(middle) for share, s in parts)
        if within >= frac * total:
            high = middle
        else:
            low = middle
    return high
