"""Whether a plan's promises hold at its own rates, at the policy's confidence.

Spares may be lost: what is checked is the replica that carries a share of the
traffic when only the machines beyond the spares are left. Where demand may rise, the
same is checked for every set of workloads that may rise at once, one set after the
other; and while an uplink is down, for what its site then answers on all its machines.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, LoadCurve, Profile
from planner.domain.tariffs import FunctionTariff, Tariff
from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.perf.functions import predict_function
from planner.perf.language import predict_load
from planner.perf.latency import predict
from planner.perf.sharing import Sharer, shared
from planner.pipeline.asking.by_request import as_run
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.places import places
from planner.pipeline.asking.ways import Ways, lines
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument
from planner.units import seconds

# The capacity search works on a coarser lattice than a single prediction.
TOLERANCE_FRAC: Final = 5e-3
# Sets of workloads that rise together and are looked at one by one.
MOST_SETS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class _Serving:
    """A placement with everything that its promise depends on."""

    placement: PlanPlacement
    workload: Workload
    profile: Profile
    path: NetworkPath
    error_factor: float
    tariff: Tariff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """What may come: some workloads rise, or the uplink is down and no spare is idle."""

    risen: frozenset[str] = frozenset()
    is_offline: bool = False

    def rate_rps(self, s: _Serving, t: int) -> float:
        """What comes to a placement in a block."""
        if self.is_offline:
            return (
                s.placement.offline_rates_rps[t]
                if s.placement.offline_rates_rps
                else 0.0
            )
        risen = s.workload.rise_frac if s.workload.name in self.risen else 0.0
        return s.placement.rates_rps[t] * (1.0 + risen)

    def machines(self, p: PlanPlacement, t: int) -> int:
        """Those that carry it."""
        return p.machines_on[t] - (0 if self.is_offline else p.spare_machines)

    def rate_per_replica_rps(self, s: _Serving, t: int) -> float:
        """With all those machines carrying the block's traffic."""
        if s.tariff is not None:
            return self.rate_rps(s, t)
        p, left = s.placement, self.machines(s.placement, t)
        return (
            self.rate_rps(s, t) / (left * p.replicas // p.machines) if left > 0 else 0.0
        )

    def __str__(self) -> str:
        if self.is_offline:
            return " while the uplink is down"
        return f" when {', '.join(sorted(self.risen))} rises" if self.risen else ""


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
        stated = stated_profile(p, profiles.get(p.model, ()))
        profile = as_run(stated, offers[p.offer]) if stated else None
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
                tariff=offers[p.offer].tariff,
            )
        )
    for s in serving:
        others = _sharing(s, serving)
        for case in _cases([s, *others], asked.most_rises):
            for t in range(len(plan.blocks)):
                if case.rate_rps(s, t) > 0:
                    yield from _late(s, others, t, case)


def _cases(together: Sequence[_Serving], most_rises: int) -> Iterator[_Case]:
    """Every set of rises that meet on these machines, and the loss of the uplink.

    More workloads risen only make it worse, so the largest sets are enough. Where
    there are too many of them, the one that is heaviest on the machines stands for all.
    """
    rising = {s.workload.name for s in together if s.workload.rise_frac > 0}
    most = min(most_rises, len(rising))
    if math.comb(len(rising), most) <= MOST_SETS:
        sets = list(itertools.combinations(sorted(rising), most))
    else:
        heaviest = sorted(rising, key=lambda w: _rise_load(w, together), reverse=True)
        sets = [tuple(heaviest[:most])]
    for risen in sets:
        yield _Case(risen=frozenset(risen))
    if any(s.placement.offline_rates_rps for s in together):
        yield _Case(is_offline=True)


def _rise_load(workload: str, together: Sequence[_Serving]) -> float:
    """Machines that its rise takes in its busiest block."""
    return sum(
        s.workload.rise_frac
        * s.placement.rate_rps
        * s.placement.machines
        / (s.placement.capacity_rps or 1.0)
        for s in together
        if s.workload.name == workload
    )


def stated_profile(p: PlanPlacement, profiles: Sequence[Profile]) -> Profile | None:
    """The very profile that the placement states."""
    return next((profile for profile in profiles if _is_stated(p, profile)), None)


def _is_stated(p: PlanPlacement, profile: Profile) -> bool:
    shape = (
        (profile.prompt_tokens, profile.output_tokens)
        if isinstance(profile, LoadCurve)
        else (None, None)
    )
    return (
        profile.variant == p.variant.variant()
        and shape == (p.profiled_prompt_tokens, p.profiled_output_tokens)
        and profile.device == p.device
        and profile.device_count == p.device_count // _replicas_per_machine(p)
        and profile.evidence.source == p.profile_source
    )


def _replicas_per_machine(p: PlanPlacement) -> int:
    # What is paid by request has no machines, and each answers for itself.
    return max(1, p.replicas // p.machines) if p.machines else 1


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


def _late(
    s: _Serving, others: Sequence[_Serving], t: int, case: _Case
) -> Iterator[str]:
    p, slo = s.placement, s.workload.slo
    if s.tariff is None and case.machines(p, t) <= 0:
        yield f"{p.workload} on {p.offer}: traffic but no machine beyond the spares"
        return
    slack = 1 + TOLERANCE_FRAC
    if isinstance(slo, LatencySlo):
        late_s = _latency_s(s, others, t, slo, case)
        if late_s > slo.latency_s * slack:
            yield f"{p.workload} on {p.offer} answers in {late_s:.4f} s{case}"
    elif not _tokens_in_time(s, case.rate_per_replica_rps(s, t), slo, slack):
        yield f"{p.workload} on {p.offer} misses its token times{case}"


def _latency_s(
    s: _Serving, others: Sequence[_Serving], t: int, slo: LatencySlo, case: _Case
) -> float:
    if not isinstance(s.profile, BatchProfile):
        return float("inf")
    rate = case.rate_per_replica_rps(s, t)
    if isinstance(s.tariff, FunctionTariff):
        called = predict_function(
            s.profile, s.tariff, rate, s.path, error_factor=s.error_factor
        )
        return called.quantile_s(slo.percentile_frac)
    if others:
        everyone = [s, *others]
        sharers = [_sharer(o) for o in everyone]
        rates = [case.rate_per_replica_rps(o, t) for o in everyone]
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


def _tokens_in_time(
    s: _Serving, rate_per_replica_rps: float, slo: TokenSlo, slack: float
) -> bool:
    if isinstance(s.profile, BatchProfile):
        return False
    tokens = predict_load(
        s.profile,
        rate_per_replica_rps,
        s.path.rtt_s,
        percentile_frac=slo.percentile_frac,
        error_factor=s.error_factor,
        prompt_tokens=s.workload.prompt_tokens,
        output_tokens=s.workload.output_tokens,
    )
    return tokens.ttft_s <= slo.ttft_s * slack and tokens.tpot_s <= slo.tpot_s * slack
