"""What the document asks for, in the planner's own units."""

from dataclasses import dataclass

from planner.domain.placement import Block, DemandRises
from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.pipeline.asking.hours import gather
from planner.specs.deployment import Deployment
from planner.specs.policy import DemandRises as RisesSpec
from planner.specs.workloads import Slo
from planner.specs.workloads import Workload as WorkloadSpec
from planner.units import BYTES_PER_KIB, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """Hour blocks, every workload with its rate in each, and the block of every hour.

    `most_rises` is how many workloads may rise at once.
    """

    blocks: tuple[Block, ...]
    workloads: tuple[Workload, ...]
    most_rises: int = 0
    block_of_hour: tuple[int, ...] = (0,)

    def rises(self) -> DemandRises | None:
        """What may come on top of the rates; None where nothing does."""
        rising = [w for w in self.workloads if w.rise_frac > 0]
        if not rising or not self.most_rises:
            return None
        return DemandRises(
            extra_rps={
                w.name: tuple(w.rise_frac * r for r in w.rates_rps) for w in rising
            },
            most_at_once=self.most_rises,
        )


def demands(spec: Deployment) -> Demands:
    """Every workload of the document; rates as high as the policy fears them."""
    hours = gather(
        {w.name: w.traffic for w in spec.workloads},
        most_blocks=spec.policy.most_hour_blocks,
    )
    feared = 1.0 + spec.policy.demand_error_frac
    rises = spec.policy.demand_rises
    return Demands(
        blocks=hours.blocks,
        workloads=tuple(
            _demand(
                w,
                tuple(feared * r for r in hours.rates_rps[w.name]),
                rise_frac=_rise_frac(w, rises),
            )
            for w in spec.workloads
        ),
        most_rises=rises.most_at_once if rises else 0,
        block_of_hour=hours.block_of_hour,
    )


def _rise_frac(spec: WorkloadSpec, rises: RisesSpec | None) -> float:
    if rises is None or not rises.most_at_once:
        return 0.0
    own = spec.traffic.rise_frac
    return rises.rise_frac if own is None else own


def _demand(
    spec: WorkloadSpec, rates_rps: tuple[float, ...], *, rise_frac: float
) -> Workload:
    floor = spec.quality
    return Workload(
        name=spec.name,
        model=spec.model,
        origin=spec.origin,
        rates_rps=rates_rps,
        slo=_slo(spec.slo),
        request_bytes=spec.payload.request_kib * BYTES_PER_KIB,
        response_bytes=spec.payload.response_kib * BYTES_PER_KIB,
        prompt_tokens=spec.payload.prompt_tokens,
        output_tokens=spec.payload.output_tokens,
        quality_metric=floor.metric if floor else None,
        quality_minimum_frac=floor.minimum_frac if floor else None,
        quality_allowed_drop_frac=floor.allowed_drop_frac if floor else None,
        worst_slice_minimum_frac=floor.worst_slice_minimum_frac if floor else None,
        is_mean_floor=floor is not None and floor.over == "mean",
        residency=spec.residency,
        rise_frac=rise_frac,
        offline_frac=spec.offline_frac,
    )


def _slo(slo: Slo) -> LatencySlo | TokenSlo:
    percentile_frac = slo.percentile / 100
    if slo.latency_ms is not None:
        return LatencySlo(
            percentile_frac=percentile_frac, latency_s=seconds(slo.latency_ms)
        )
    if slo.ttft_ms is None or slo.tpot_ms is None:
        raise AssertionError("the document was checked to hold one kind of promise")
    return TokenSlo(
        percentile_frac=percentile_frac,
        ttft_s=seconds(slo.ttft_ms),
        tpot_s=seconds(slo.tpot_ms),
    )
