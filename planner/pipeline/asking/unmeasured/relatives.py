"""From a relative that has a published table, of a device that has none (`planner.reference.relatives`)."""

import math
from collections.abc import Sequence
from dataclasses import replace

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Device
from planner.domain.predictions import Prediction
from planner.domain.profiles import BatchProfile
from planner.pipeline.asking.atlas import Setting, setting_of
from planner.pipeline.asking.unmeasured.rows import (
    Z_BAND,
    Z_INTERVAL,
    Answer,
    rescaled,
    row_words,
    server_elsewhere,
)
from planner.reference.relatives import RELATIVES, Relative
from planner.units import milliseconds


def from_relatives(profiles: Sequence[BatchProfile], device: Device) -> list[Answer]:
    """One prediction a setting that the relative has, in precisions with a factor."""
    relative = RELATIVES.get(device.name)
    if relative is None:
        return []
    surest: dict[Setting, BatchProfile] = {}
    for p in profiles:
        if p.device == relative.device and p.variant.precision in relative.factors:
            known = surest.get(setting_of(p))
            if known is None or p.evidence.error_frac < known.evidence.error_frac:
                surest[setting_of(p)] = p
    return [_told(p, relative, device) for p in surest.values()]


def _told(source: BatchProfile, relative: Relative, device: Device) -> Prediction:
    change = relative.factors[source.variant.precision]
    ratio = change.middle_ratio
    sigma = math.hypot(change.sigma, source.evidence.sigma())
    points = tuple(rescaled(p, ratio) for p in source.points)
    note = (
        f"{milliseconds(source.points[0].p50_s):.3g} ms as {setting_of(source)} × "
        f"{ratio:.3g}, between {change.low_ratio:.3g} and {change.high_ratio:.3g}: "
        f"{relative.argument}"
    )
    return Prediction(
        profile=replace(
            source,
            device=device.name,
            points=points,
            server=server_elsewhere(source, ratio=ratio, sigma=change.sigma),
            rested_s=source.rested_s * ratio,
            evidence=Evidence(
                provenance=Provenance.PREDICTED,
                source=f"{source.evidence.source}; {relative.source}",
                as_of=min(source.evidence.as_of, device.as_of),
                error_frac=math.expm1(Z_BAND * sigma),
                note=note,
            ),
            artifact_sha256=None,
            conditions=None,
        ),
        low_s=points[0].p50_s * math.exp(-Z_INTERVAL * sigma),
        high_s=points[0].p50_s * math.exp(Z_INTERVAL * sigma),
        rows=(row_words(source), note),
        narrower=f"measuring it on {device.name} for a few minutes",
    )
