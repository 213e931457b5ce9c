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

from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, Profile
from planner.domain.tariffs import FunctionTariff
from planner.domain.workloads import LatencySlo, TokenSlo
from planner.perf.functions import predict_function
from planner.perf.language import predict_load
from planner.perf.latency import predict
from planner.perf.sharing import Sharer, shared
from planner.pipeline.asking.demands import demands
from planner.pipeline.checking.serving import Serving, served, sharing
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
class _Case:
    """What may come: some workloads rise, or the uplink is down and no spare is idle."""

    risen: frozenset[str] = frozenset()
    is_offline: bool = False

    def rate_rps(self, s: Serving, t: int) -> float:
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

    def rate_per_replica_rps(self, s: Serving, t: int) -> float:
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
    serving = served(plan, spec, catalog, profiles)
    for p in plan.placements:
        if not any(s.placement is p for s in serving):
            yield f"{p.workload} on {p.offer}: no such profile or no way there"
    for s in serving:
        others = sharing(s, serving)
        for case in _cases([s, *others], asked.most_rises):
            for t in range(len(plan.blocks)):
                if case.rate_rps(s, t) > 0:
                    yield from _late(s, others, t, case)


def _cases(together: Sequence[Serving], most_rises: int) -> Iterator[_Case]:
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


def _rise_load(workload: str, together: Sequence[Serving]) -> float:
    """Machines that its rise takes in its busiest block."""
    return sum(
        s.workload.rise_frac
        * s.placement.rate_rps
        * s.placement.machines
        / (s.placement.capacity_rps or 1.0)
        for s in together
        if s.workload.name == workload
    )


def _late(s: Serving, others: Sequence[Serving], t: int, case: _Case) -> Iterator[str]:
    p, slo = s.placement, s.workload.slo
    if s.tariff is None and case.machines(p, t) <= 0:
        yield f"{p.workload} on {p.offer}: traffic but no machine beyond the spares"
        return
    slack = 1 + TOLERANCE_FRAC
    everyone = [s, *others]
    rates_rps = [case.rate_per_replica_rps(o, t) for o in everyone]
    if isinstance(slo, LatencySlo):
        late_s = _latency_s(everyone, rates_rps, slo)
        if late_s > slo.latency_s * slack:
            yield f"{p.workload} on {p.offer} answers in {late_s:.4f} s{case}"
    elif not _tokens_in_time(s, rates_rps[0], slo, slack):
        yield f"{p.workload} on {p.offer} misses its token times{case}"


def answered_in_time(everyone: Sequence[Serving], rates_rps: Sequence[float]) -> bool:
    """Whether the first keeps its promise on a replica that all send so much to.

    Raises:
        OutsideProfileError: A load beyond what its profile knows.
    """
    slo = everyone[0].workload.slo
    if isinstance(slo, LatencySlo):
        return _latency_s(everyone, rates_rps, slo) <= slo.latency_s
    return _tokens_in_time(everyone[0], rates_rps[0], slo, 1.0)


def _latency_s(
    everyone: Sequence[Serving], rates_rps: Sequence[float], slo: LatencySlo
) -> float:
    s, rate = everyone[0], rates_rps[0]
    if not isinstance(s.profile, BatchProfile):
        return float("inf")
    if isinstance(s.tariff, FunctionTariff):
        called = predict_function(
            s.profile, s.tariff, rate, s.path, error_factor=s.error_factor
        )
        return called.quantile_s(slo.percentile_frac)
    if len(everyone) > 1:
        sharers = [_sharer(o) for o in everyone]
        return shared(sharers, rates_rps, 0).quantile_s(slo.percentile_frac)
    policy = BatchPolicy(
        max_batch=s.placement.max_batch, max_wait_s=seconds(s.placement.max_wait_ms)
    )
    seen = predict(s.profile, policy, rate, s.path, error_factor=s.error_factor)
    return seen.quantile_s(slo.percentile_frac)


def _sharer(s: Serving) -> Sharer:
    if isinstance(s.profile, BatchProfile) and isinstance(s.workload.slo, LatencySlo):
        return Sharer(
            profile=s.profile,
            path=s.path,
            slo=s.workload.slo,
            error_factor=s.error_factor,
        )
    raise AssertionError("only batch profiles with a latency promise share machines")


def _tokens_in_time(
    s: Serving, rate_per_replica_rps: float, slo: TokenSlo, slack: float
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
