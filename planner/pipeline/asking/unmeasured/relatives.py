"""From a relative that has a published table, of a device that has none (`planner.reference.relatives`)."""

from collections.abc import Sequence

from planner.domain.hardware import Device
from planner.domain.predictions import Prediction
from planner.domain.profiles import BatchProfile
from planner.pipeline.asking.atlas import Setting, setting_of
from planner.pipeline.asking.unmeasured.rows import (
    Answer,
    server_elsewhere,
    stretched,
)
from planner.reference.relatives import RELATIVES, Relative


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
    return stretched(
        source,
        device,
        change=change,
        sigma=change.sigma,
        server=server_elsewhere(source, ratio=ratio, sigma=change.sigma),
        rested_s=source.rested_s * ratio,
        stated_by=relative.source,
        why=relative.argument,
    )
