"""Whether a plan's promises hold at its own rates, at the policy's confidence.

Spares may be lost: what is checked is the replica that carries a share of the
traffic when only the machines beyond the spares are left.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, LoadCurve, Profile
from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.perf.language import predict_load
from planner.perf.latency import predict
from planner.perf.sharing import Sharer, shared
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.places import places
from planner.pipeline.asking.ways import Ways, lines
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.plan import PlanDocument, PlanPlacement
from planner.units import seconds

# The capacity search works on a coarser lattice than a single prediction.
TOLERANCE_FRAC: Final = 5e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Serving:
    """A placement with everything that its promise depends on."""

    placement: PlanPlacement
    workload: Workload
    profile: Profile
    path: NetworkPath
    error_factor: float

    def rate_per_replica_rps(self, t: int) -> float:
        """With all machines beyond the spares carrying the block's traffic."""
        p = self.placement
        left = p.machines_on[t] - p.spare_machines
        return p.rates_rps[t] / (left * p.replicas // p.machines) if left > 0 else 0.0


def broken_promises(
    plan: PlanDocument,
    spec: Deployment,
    catalog: Catalog,
    profiles: Mapping[str, Sequence[Profile]],
) -> Iterator[str]:
    """Every placement that misses its promise, or whose profile nobody knows."""
    asked = demands(spec)
    ways = Ways(spec, catalog, lines=lines(spec, catalog), workloads=asked.workloads)
    offers = {p.offer.name: p.offer for p in places(spec, catalog)}
    workloads = {w.name: w for w in asked.workloads}
    serving: list[_Serving] = []
    for p in plan.placements:
        profile = stated_profile(p, profiles.get(p.model, ()))
        path = ways.path(workloads[p.workload], offers[p.offer])
        if profile is None or path is None:
            yield f"{p.workload} on {p.offer}: no such profile or no way there"
            continue
        factor = profile.evidence.quantile_factor(spec.policy.confidence_frac)
        serving.append(
            _Serving(
                placement=p,
                workload=workloads[p.workload],
                profile=profile,
                path=path,
                error_factor=factor,
            )
        )
    for s in serving:
        for t in range(len(plan.blocks)):
            if s.placement.rates_rps[t] > 0:
                yield from _late(s, _sharing(s, serving), t)


def stated_profile(p: PlanPlacement, profiles: Sequence[Profile]) -> Profile | None:
    """The very profile that the placement states."""
    return next((profile for profile in profiles if _is_stated(p, profile)), None)


def _is_stated(p: PlanPlacement, profile: Profile) -> bool:
    variant = profile.variant
    shape = (
        (profile.prompt_tokens, profile.output_tokens)
        if isinstance(profile, LoadCurve)
        else (None, None)
    )
    return (
        (variant.precision, variant.runtime, variant.sparsity_frac)
        == (p.variant.precision, p.variant.runtime, p.variant.sparsity_frac)
        and shape == (p.profiled_prompt_tokens, p.profiled_output_tokens)
        and profile.device == p.device
        and profile.device_count == p.device_count // (p.replicas // p.machines)
        and profile.evidence.source == p.profile_source
    )


def _sharing(one: _Serving, serving: Sequence[_Serving]) -> list[_Serving]:
    p = one.placement
    who = {p.workload, *p.shared_with}
    return [
        s
        for s in serving
        if s is not one
        and p.shared_with
        and s.placement.offer == p.offer
        and {s.placement.workload, *s.placement.shared_with} == who
        and s.placement.machines_on == p.machines_on
    ]


def _late(s: _Serving, others: Sequence[_Serving], t: int) -> Iterator[str]:
    p, slo = s.placement, s.workload.slo
    if p.machines_on[t] <= p.spare_machines:
        yield f"{p.workload} on {p.offer}: traffic but no machine beyond the spares"
        return
    slack = 1 + TOLERANCE_FRAC
    if isinstance(slo, LatencySlo):
        late_s = _latency_s(s, others, t, slo)
        if late_s > slo.latency_s * slack:
            yield f"{p.workload} on {p.offer} answers in {late_s:.4f} s"
    elif not _tokens_in_time(s, t, slo, slack):
        yield f"{p.workload} on {p.offer} misses its token times"


def _latency_s(
    s: _Serving, others: Sequence[_Serving], t: int, slo: LatencySlo
) -> float:
    if not isinstance(s.profile, BatchProfile):
        return float("inf")
    rate = s.rate_per_replica_rps(t)
    if others:
        everyone = [s, *others]
        sharers = [_sharer(o) for o in everyone]
        rates = [o.rate_per_replica_rps(t) for o in everyone]
        return shared(sharers, rates, 0).quantile_s(slo.percentile_frac)
    policy = BatchPolicy(
        max_batch=s.placement.max_batch, max_wait_s=seconds(s.placement.max_wait_ms)
    )
    seen = predict(s.profile, policy, rate, s.path, error_factor=s.error_factor)
    return seen.quantile_s(slo.percentile_frac)


def _sharer(s: _Serving) -> Sharer:
    if isinstance(s.profile, BatchProfile) and isinstance(s.workload.slo, LatencySlo):
        return Sharer(
            profile=s.profile,
            path=s.path,
            slo=s.workload.slo,
            error_factor=s.error_factor,
        )
    raise AssertionError("only batch profiles with a latency promise share machines")


def _tokens_in_time(s: _Serving, t: int, slo: TokenSlo, slack: float) -> bool:
    if isinstance(s.profile, BatchProfile):
        return False
    tokens = predict_load(
        s.profile,
        s.rate_per_replica_rps(t),
        s.path.rtt_s,
        percentile_frac=slo.percentile_frac,
        error_factor=s.error_factor,
        prompt_tokens=s.workload.prompt_tokens,
        output_tokens=s.workload.output_tokens,
    )
    return tokens.ttft_s <= slo.ttft_s * slack and tokens.tpot_s <= slo.tpot_s * slack
