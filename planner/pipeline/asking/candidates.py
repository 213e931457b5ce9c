"""From options to columns of the model: what each sustains, and what a request costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.placement import Candidate, Objective
from planner.domain.profiles import BatchProfile
from planner.domain.tariffs import FunctionTariff, TokenTariff
from planner.domain.workloads import LatencySlo, TokenSlo
from planner.perf.capacity import CapacityQuery, capacities_rps
from planner.perf.functions import predict_function
from planner.perf.language import load_capacity_rps, predict_load
from planner.perf.latency import predict
from planner.pipeline.asking.by_request import charges
from planner.pipeline.asking.limits import limits_rps
from planner.pipeline.asking.obstacles import Obstacle
from planner.pipeline.asking.options import Option, Refusal
from planner.pipeline.asking.pools import Membership, memberships
from planner.units import BYTES_PER_GB

# A latency objective may run machines below their capacity: lower load, lower latency.
LOAD_LEVELS_FRAC: Final = (1.0, 0.75, 0.5, 0.25)

Egress = Callable[[str, str], float]


class Capacities:
    """Capacities of single replicas, each computed once however often it is asked."""

    def __init__(self) -> None:
        self._known: dict[CapacityQuery, float] = {}

    def of(self, options: Sequence[Option]) -> list[float]:
        """Requests/s that one replica of each option sustains within the SLO."""
        by_request = [i for i, o in enumerate(options) if o.place.offer.tariff]
        limits = limits_rps([options[i] for i in by_request])
        limited = dict(zip(by_request, limits, strict=True))
        queries = [_query(o) for o in options]
        new = [q for q in dict.fromkeys(queries) if q and q not in self._known]
        if new:
            answers = (float(c) for c in capacities_rps(new))
            self._known.update(zip(new, answers, strict=True))
        return [
            limited[i]
            if i in limited
            else _language_capacity_rps(o)
            if q is None
            else self._known[q]
            for i, (o, q) in enumerate(zip(options, queries, strict=True))
        ]


def _query(option: Option) -> CapacityQuery | None:
    slo, profile = option.workload.slo, option.profile
    if option.place.offer.tariff is not None:
        return None
    if not isinstance(slo, LatencySlo) or not isinstance(profile, BatchProfile):
        return None
    return CapacityQuery(
        profile=profile,
        policy=option.policy,
        path=option.path,
        percentile_frac=slo.percentile_frac,
        limit_s=slo.latency_s,
        error_factor=option.error_factor,
    )


def _language_capacity_rps(option: Option) -> float:
    slo, profile = option.workload.slo, option.profile
    if isinstance(slo, TokenSlo) and not isinstance(profile, BatchProfile):
        return load_capacity_rps(
            profile,
            slo,
            option.path.rtt_s,
            error_factor=option.error_factor,
            prompt_tokens=option.workload.prompt_tokens,
            output_tokens=option.workload.output_tokens,
        )
    raise AssertionError("options pair promises with profiles of their own kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns of the model, the option behind each, and the options that are too slow."""

    candidates: tuple[Candidate, ...]
    behind: Mapping[str, Option]
    pools: Mapping[str, Membership]
    too_slow: tuple[Option, ...]


def columns(
    options: Sequence[Option],
    capacities: Capacities,
    *,
    egress_usd_per_gb: Egress,
    objectives: Sequence[Objective],
    share_machines: bool,
) -> Columns:
    """Columns for every option whose capacity is not zero, alone and in pools."""
    by_latency = Objective.LATENCY in objectives
    options = worth_batching(options, capacities)
    sustained = capacities.of(options)
    found: list[tuple[Option, Membership | None, float, float]] = []
    for option, capacity in zip(options, sustained, strict=True):
        if capacity > 0:
            for level in _levels(option, by_latency=by_latency):
                rate = capacity * level
                slo_s = slo_percentile_s(option, rate) if by_latency else 0.0
                found.append((option, None, rate, slo_s))
    # How long a pool's requests wait on average is not known, only that it is no more
    # than allowed: with latency as an aim they are left out.
    if share_machines and not by_latency:
        found += [(m.option, m, m.capacity_rps, 0.0) for m in memberships(options)]
    with_quality = Objective.QUALITY in objectives
    numbered = [(f"c{i}", *entry) for i, entry in enumerate(found)]
    return Columns(
        candidates=tuple(
            _column(
                name,
                option,
                capacity,
                latency_s=slo_s,
                pool=member.pool if member else None,
                egress_usd_per_gb=egress_usd_per_gb,
                with_quality=with_quality or option.workload.is_mean_floor,
            )
            for name, option, member, capacity, slo_s in numbered
        ),
        behind={name: option for name, option, _, _, _ in numbered},
        pools={name: member for name, _, member, _, _ in numbered if member},
        too_slow=tuple(o for o, c in zip(options, sustained, strict=True) if c <= 0),
    )


def _levels(option: Option, *, by_latency: bool) -> tuple[float, ...]:
    # What is paid by request is no faster for being asked less.
    is_loaded = option.place.offer.tariff is None
    return LOAD_LEVELS_FRAC if by_latency and is_loaded else (1.0,)


def worth_batching(options: Sequence[Option], capacities: Capacities) -> list[Option]:
    """Options without the batches that cannot save a machine.

    Where a single machine carries all of the workload's busiest hour one request
    at a time, no batch can make it fewer.
    """
    singles = [o for o in options if o.policy.max_batch == 1]
    enough = set()
    for o, capacity in zip(singles, capacities.of(singles), strict=True):
        replicas = max(1, o.place.offer.device_count // o.profile.device_count)
        if capacity * replicas >= o.workload.risen_rps:
            enough.add((o.workload.name, o.place.offer.name, id(o.profile)))
    return [
        o
        for o in options
        if o.policy.max_batch == 1
        or (o.workload.name, o.place.offer.name, id(o.profile)) not in enough
    ]


def too_slow(option: Option) -> Refusal:
    """Why an option without capacity is none."""
    where = f"{option.place.offer.device} at {option.place.offer.site}"
    return Refusal(
        workload=option.workload.name,
        obstacle=Obstacle.SLO,
        reason=f"{option.profile.variant} on {where} misses it even when idle",
    )


def _column(
    name: str,
    option: Option,
    capacity_rps: float,
    *,
    latency_s: float,
    pool: str | None,
    egress_usd_per_gb: Egress,
    with_quality: bool,
) -> Candidate:
    offer, workload = option.place.offer, option.workload
    replicas = max(1, offer.device_count // option.profile.device_count)
    is_cloud = not option.place.is_edge
    is_shared = option.path.uplink_load_frac > 0
    payload_bytes = workload.request_bytes + workload.response_bytes
    # Whoever hosts a model charges for its tokens, not for what leaves.
    is_sent = is_cloud and not isinstance(offer.tariff, TokenTariff)
    egress = egress_usd_per_gb(offer.provider, offer.site) if is_sent else 0.0
    charged = charges(offer.tariff, workload, option.profile, option.error_factor)
    return Candidate(
        name=name,
        workload=workload.name,
        offer=offer,
        profile=option.profile,
        policy=option.policy,
        replicas_per_machine=replicas,
        capacity_rps=capacity_rps * replicas,
        latency_s=latency_s,
        usd_per_request=sum(c.usd_per_request for c in charged)
        + egress * workload.response_bytes / BYTES_PER_GB,
        uplink=option.path.line,
        uplink_bytes_per_request=payload_bytes if is_shared else 0.0,
        pool=pool,
        network_s=option.path.rtt_s + option.path.transfer_s,
        quality_frac=_quality_frac(option) if with_quality else None,
        memory_bytes=(option.profile.memory_bytes or 0.0) if pool else 0.0,
    )


def _quality_frac(option: Option) -> float:
    quality = option.profile.quality
    return 0.0 if quality is None else quality.value_frac


def slo_percentile_s(
    option: Option, rate_rps: float, *, error_factor: float | None = None
) -> float:
    """The SLO's percentile of the option's latency at a rate per replica.

    For a language model: its time to first token. `error_factor` stands in for
    the option's own.
    """
    slo, profile = option.workload.slo, option.profile
    factor = option.error_factor if error_factor is None else error_factor
    if isinstance(slo, LatencySlo) and isinstance(profile, BatchProfile):
        tariff = option.place.offer.tariff
        if isinstance(tariff, FunctionTariff):
            called = predict_function(profile, tariff, rate_rps, option.path, error_factor=factor)  # fmt: skip
            return called.quantile_s(slo.percentile_frac)
        seen = predict(
            profile, option.policy, rate_rps, option.path, error_factor=factor
        )
        return seen.quantile_s(slo.percentile_frac)
    if isinstance(slo, TokenSlo) and not isinstance(profile, BatchProfile):
        return predict_load(
            profile,
            rate_rps,
            option.path.rtt_s,
            percentile_frac=slo.percentile_frac,
            error_factor=factor,
            prompt_tokens=option.workload.prompt_tokens,
            output_tokens=option.workload.output_tokens,
        ).ttft_s
    raise AssertionError("options pair promises with profiles of their own kind")
