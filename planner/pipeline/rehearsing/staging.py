"""A plan on the simulator's stage: its machines, its ways, its profiles.

Machines are the plan's by the hour; every batch draws its time from the profile that
the placement stands on. A shared uplink is a line of its own each way, where
`planner.perf` takes both ways as one queue.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import Offer, Purchase
from planner.domain.profiles import BatchProfile, HostedTimes, LoadCurve
from planner.domain.tariffs import FunctionTariff, Tariff, TokenTariff
from planner.perf.service import (
    STRATA,
    beside_s,
    lone_knots,
    rested_s,
    service_knots,
)
from planner.pipeline.rehearsing.parts import Part
from planner.pipeline.rehearsing.replay_traffic import Sending
from planner.reference.catalog import Catalog
from planner.simulate.boot_times import boot_s
from planner.simulate.calibration import calibrated
from planner.simulate.scenario import (
    Autoscaling,
    Batches,
    Calendar,
    Group,
    Hosted,
    Instances,
    OneAtATime,
    Outage,
    Placed,
    Routing,
    Scenario,
    Service,
    Stream,
    Way,
)
from planner.units import H_PER_MONTH

# Kubernetes looks every 15 s and waits 5 minutes before it takes machines away
# (--horizontal-pod-autoscaler-sync-period, -downscale-stabilization; v1.31 defaults).
LOOK_S: Final = 15.0
PATIENCE: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Under what a plan is tried.

    Service times are taken at `confidence_frac` of each profile's error band (0.5: as
    measured). With `autoscales` machines follow the traffic, between one and twice
    the plan's; a new one serves after its boot time and `cold_start_s`.
    Every request spends `jitter_s` on its way on average beyond what the plan counts.
    """

    confidence_frac: float
    are_spares_idle: bool
    routing: Routing = Routing.SHARE
    autoscales: bool = False
    cold_start_s: float = 0.0
    are_interrupted: bool = False
    outages: tuple[Outage, ...] = ()
    timeout_s: float = math.inf
    jitter_s: float = 0.0


def scenario(
    parts: Sequence[Part],
    sent: Sending,
    block_of_hour: Sequence[int],
    catalog: Catalog,
    conditions: Conditions,
) -> Scenario:
    """Streams and groups of a plan under these conditions."""
    by_group: dict[str, list[Part]] = defaultdict(list)
    for part in parts:
        by_group[part.group].append(part)
    workloads = {p.workload.name: p.workload for p in parts}
    return Scenario(
        streams=tuple(
            Stream(
                workload=w.name,
                slo=w.slo,
                arrivals=sent.arrivals[w.name],
                prompt_tokens=w.prompt_tokens or 0,
                output_tokens=w.output_tokens or 0,
            )
            for w in workloads.values()
        ),
        groups=tuple(
            _group(members, catalog, conditions) for members in by_group.values()
        ),
        calendar=Calendar(
            block_of_hour=tuple(
                block_of_hour[h % len(block_of_hour)] for h in sent.hours
            ),
            hour_s=sent.hour_s,
            into_s=sent.into_s,
        ),
        outages=conditions.outages,
        timeout_s=conditions.timeout_s,
    )


def _group(members: Sequence[Part], catalog: Catalog, conditions: Conditions) -> Group:
    first = members[0]
    if first.offer.tariff is not None:
        return _called_group(members, conditions)
    offer, device = first.offer, catalog.device(first.offer.device)
    idle = first.spares if conditions.are_spares_idle else 0
    watts = [
        None if w is None else w * offer.device_count
        for w in (device.idle_w, device.active_w)
    ]
    return Group(
        name=f"{offer.name}: {', '.join(sorted({p.workload.name for p in members}))}",
        placements=_placements(members, conditions),
        machines_on=tuple(max(n - idle, 1) if n else 0 for n in first.machines_on),
        replicas_per_machine=first.replicas_per_machine,
        routing=conditions.routing,
        scaling=_scaling(members, conditions) if conditions.autoscales else None,
        interruptions_per_h=_interruptions_per_h(offer, conditions),
        replacement_s=boot_s(offer.provider) + conditions.cold_start_s,
        usd_per_h=offer.price_usd_per_h,
        idle_w=watts[0],
        active_w=watts[1],
    )


def _called_group(members: Sequence[Part], conditions: Conditions) -> Group:
    """What is paid by request: an offer's limit, and nothing that is on."""
    first = members[0]
    return Group(
        name=f"{first.offer.name}: {', '.join(sorted({p.workload.name for p in members}))}",
        placements=_placements(members, conditions),
        machines_on=tuple(0 for _ in first.rates_rps),
    )


def _placements(members: Sequence[Part], conditions: Conditions) -> tuple[Placed, ...]:
    return tuple(
        Placed(
            workload=p.workload.name,
            way=_way(p, conditions),
            service=_service(p, conditions.confidence_frac),
            rates_rps=p.rates_rps,
            usd_per_request=p.usd_per_request,
            offline_rates_rps=p.offline_rates_rps,
        )
        for p in members
    )


def _way(part: Part, conditions: Conditions) -> Way:
    workload, path, profile = part.workload, part.path, part.profile
    payload_bytes = workload.request_bytes + workload.response_bytes
    up_frac = workload.request_bytes / payload_bytes if payload_bytes else 0.0
    # What a server does outside of batches is, to a request, a part of its way.
    server_s = 0.0
    if isinstance(profile, BatchProfile):
        factor = profile.evidence.quantile_factor(conditions.confidence_frac)
        server_s = beside_s(profile, error_factor=factor)
    return Way(
        # The mean is the round trip's: what comes and goes is a part of it.
        rtt_s=path.rtt_s - path.jitter_s + server_s,
        jitter_s=path.jitter_s + conditions.jitter_s,
        up_s=path.transfer_s * up_frac,
        down_s=path.transfer_s * (1 - up_frac),
        line=path.line,
        is_line_shared=path.uplink_load_frac > 0,
    )


def _service(part: Part, confidence_frac: float) -> Service:
    profile = part.profile
    factor = profile.evidence.quantile_factor(confidence_frac)
    tariff = part.offer.tariff
    if isinstance(profile, HostedTimes):
        return _hosted(profile, tariff, factor)
    if isinstance(tariff, FunctionTariff) and isinstance(profile, BatchProfile):
        return Instances(
            strata=STRATA,
            knots_s=lone_knots(profile, error_factor=factor),
            cold_start_s=tariff.cold_start_s,
            cold_start_frac=tariff.cold_start_frac,
            most_at_once=tariff.most_concurrent,
        )
    if isinstance(profile, BatchProfile):
        knots = service_knots(profile, part.policy.max_batch, error_factor=factor)
        return Batches(
            strata=STRATA,
            knots_s=knots,
            policy=part.policy,
            rested_s=rested_s(profile, error_factor=factor),
        )
    if isinstance(profile, LoadCurve):
        return calibrated(profile, error_factor=factor)
    return OneAtATime(
        prefill_s_per_token=factor / profile.prompt_tokens_per_s,
        decode_s_per_token=factor / profile.output_tokens_per_s,
    )


def _hosted(profile: HostedTimes, tariff: Tariff | None, factor: float) -> Hosted:
    limits = (
        (tariff.most_requests_per_min, tariff.most_tokens_per_min)
        if isinstance(tariff, TokenTariff)
        else (None, None)
    )
    requests, tokens = (math.inf if most is None else most for most in limits)
    return Hosted(
        shares=np.array([t.percentile_frac for t in profile.times]),
        ttft_s=np.array([t.ttft_s for t in profile.times]) * factor,
        tpot_s=np.array([t.tpot_s for t in profile.times]) * factor,
        most_requests_per_min=requests,
        most_tokens_per_min=tokens,
    )


def _scaling(members: Sequence[Part], conditions: Conditions) -> Autoscaling:
    first = members[0]
    rate = sum(max(p.rates_rps) for p in members)
    used = sum(max(p.rates_rps) / p.capacity_rps for p in members)
    return Autoscaling(
        target_rps=rate / used if used else first.capacity_rps,
        least=1,
        most=2 * max(first.machines_on),
        interval_s=LOOK_S,
        patience=PATIENCE,
        lag_s=boot_s(first.offer.provider) + conditions.cold_start_s,
    )


def _interruptions_per_h(offer: Offer, conditions: Conditions) -> float:
    """From the upper end of the provider's monthly bucket, as a constant hazard."""
    frac = offer.interruption_frac_per_month
    if (
        not conditions.are_interrupted
        or offer.purchase is not Purchase.SPOT
        or not frac
    ):
        return 0.0
    return -math.log1p(-min(frac, 0.99)) / H_PER_MONTH
