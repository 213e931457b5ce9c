"""What a prediction is made from: measured profiles, rescaled and named."""

import math
from collections.abc import Iterable
from dataclasses import replace
from statistics import NormalDist
from typing import Final

from planner.domain.evidence import BAND_QUANTILE_FRAC, Evidence, Provenance
from planner.domain.factors import Factor
from planner.domain.hardware import Device
from planner.domain.predictions import Prediction, Refused
from planner.domain.profiles import BatchProfile, Profile, ServicePoint
from planner.domain.servers import ServerCost
from planner.perf.transfer import INTERVAL_FRAC
from planner.pipeline.asking.atlas import setting_of, teaches
from planner.units import milliseconds

Z_BAND: Final = NormalDist().inv_cdf(BAND_QUANTILE_FRAC)
Z_INTERVAL: Final = NormalDist().inv_cdf((1 + INTERVAL_FRAC) / 2)
Answer = Prediction | Refused


def rescaled(point: ServicePoint, ratio: float) -> ServicePoint:
    """Every time of a point, multiplied; what it took of energy there is not known."""

    def scaled(time_s: float | None) -> float | None:
        return None if time_s is None else time_s * ratio

    return replace(
        point,
        p50_s=point.p50_s * ratio,
        mean_s=scaled(point.mean_s),
        p90_s=scaled(point.p90_s),
        p95_s=scaled(point.p95_s),
        p99_s=scaled(point.p99_s),
        energy_j=None,
    )


def stretched(
    source: BatchProfile,
    device: Device,
    *,
    change: Factor,
    sigma: float,
    server: ServerCost | None,
    rested_s: float,
    stated_by: str,
    why: str,
) -> Prediction:
    """The source's times on a device, each by one factor between two bounds.

    `sigma` is the factor's own, in logarithms; `stated_by` and `why` say who argues it.
    """
    ratio = change.middle_ratio
    whole = math.hypot(sigma, source.evidence.sigma())
    points = tuple(rescaled(p, ratio) for p in source.points)
    first_s = points[0].p50_s
    note = (
        f"{milliseconds(source.points[0].p50_s):.3g} ms as {setting_of(source)} × "
        f"{ratio:.3g}, between {change.low_ratio:.3g} and {change.high_ratio:.3g}: {why}"
    )
    return Prediction(
        profile=replace(
            source,
            device=device.name,
            points=points,
            server=server,
            rested_s=rested_s,
            evidence=Evidence(
                provenance=Provenance.PREDICTED,
                source=f"{source.evidence.source}; {stated_by}",
                as_of=min(source.evidence.as_of, device.as_of),
                error_frac=math.expm1(Z_BAND * whole),
                note=note,
            ),
            artifact_sha256=None,
            conditions=None,
        ),
        low_s=first_s * math.exp(-Z_INTERVAL * whole),
        high_s=first_s * math.exp(Z_INTERVAL * whole),
        rows=(row_words(source), note),
        narrower=f"measuring it on {device.name} for a few minutes",
    )


def server_elsewhere(
    source: BatchProfile, *, ratio: float, sigma: float
) -> ServerCost | None:
    """What serving costs there, where `source` knows it: so many times as much.

    `sigma` is the ratio's own, in logarithms. No core is left to the server there.
    """
    cost = source.server
    if cost is None:
        return None
    known = cost.evidence
    told = f"{milliseconds(cost.processor_s):.2f} ms of it on {source.device} × {ratio:.3g}"
    return replace(
        cost,
        processor_s=cost.processor_s * ratio,
        latency_s=cost.latency_s * ratio,
        rested_s=cost.rested_s * ratio,
        stirred_s=cost.stirred_s * ratio,
        shared_frac=1.0,
        evidence=replace(
            known,
            provenance=Provenance.PREDICTED,
            source=f"{known.source}, for {source.device}",
            error_frac=math.expm1(Z_BAND * math.hypot(known.sigma(), sigma)),
            note="; ".join(filter(None, [told, known.note])),
        ),
    )


def row_words(profile: BatchProfile) -> str:
    """The profile as a reader finds it again: model, setting, time, source."""
    known = profile.evidence
    is_emulated = known.provenance is Provenance.EMULATED
    return (
        f"{profile.model}, {setting_of(profile)}: "
        f"{milliseconds(profile.points[0].p50_s):.4g} ms "
        f"({'emulated: ' if is_emulated else ''}{known.source})"
    )


def usable(profiles: Iterable[Profile]) -> list[BatchProfile]:
    """The profiles that others may be predicted from: of one item, on one device."""
    return [
        p
        for p in profiles
        if isinstance(p, BatchProfile)
        and teaches(p)
        and p.evidence.provenance is not Provenance.PREDICTED
    ]
