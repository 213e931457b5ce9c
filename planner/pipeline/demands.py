"""What the document asks for, in the planner's own units."""

from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.specs.deployment import Deployment
from planner.specs.workloads import Slo
from planner.specs.workloads import Workload as WorkloadSpec
from planner.units import BYTES_PER_KIB, seconds


def demands(spec: Deployment) -> tuple[Workload, ...]:
    """Every workload of the document."""
    return tuple(_demand(w) for w in spec.workloads)


def _demand(spec: WorkloadSpec) -> Workload:
    floor = spec.quality
    return Workload(
        name=spec.name,
        model=spec.model,
        origin=spec.origin,
        rate_rps=spec.traffic.rate_rps,
        slo=_slo(spec.slo),
        request_bytes=spec.payload.request_kib * BYTES_PER_KIB,
        response_bytes=spec.payload.response_kib * BYTES_PER_KIB,
        prompt_tokens=spec.payload.prompt_tokens,
        output_tokens=spec.payload.output_tokens,
        quality_metric=floor.metric if floor else None,
        quality_minimum_frac=floor.minimum_frac if floor else None,
        residency=spec.residency,
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
