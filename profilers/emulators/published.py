"""What others measured on devices, arranged as the tables that ratios come from.

One table a precision: device × model → the fastest published p50 at batch 1. A
device often has two runtimes in the sweep and neither is best for all sizes
(ArmNN wins large models, XNNPACK small ones), so the faster one of each model
counts: it is what a user would run.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from planner.domain.operations import family
from planner.domain.profiles import BatchProfile, Profile
from planner.domain.variants import Precision, Runtime

# CPU runtimes of the MLPerf open edge sweep; a GPU's or a TPU's time says nothing
# about a device's processor.
CPU_RUNTIMES = frozenset({Runtime.TFLITE, Runtime.ARMNN})
FAMILIES = frozenset({"mobilenet-v1", "mobilenet-v2", "mobilenet-v3", "efficientnet"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The fastest published time of a model on a device, and where it stands."""

    p50_s: float
    runtime: Runtime
    source: str
    as_of: dt.date


Table = Mapping[str, Mapping[str, Published]]  # by device, by model


def tables(profiles: Iterable[Profile]) -> Mapping[Precision, Table]:
    """The profiles of whole devices at batch 1, by precision, device and model."""
    found: dict[Precision, dict[str, dict[str, Published]]] = {}
    for profile in profiles:
        if not isinstance(profile, BatchProfile) or not _teaches(profile):
            continue
        row = Published(
            p50_s=profile.points[0].p50_s,
            runtime=profile.variant.runtime,
            source=profile.evidence.source,
            as_of=profile.evidence.as_of,
        )
        of_device = found.setdefault(profile.variant.precision, {}).setdefault(
            profile.device, {}
        )
        known = of_device.get(profile.model)
        if known is None or row.p50_s < known.p50_s:
            of_device[profile.model] = row
    return found


def _teaches(profile: BatchProfile) -> bool:
    return (
        profile.points[0].batch == 1
        and profile.device_count == 1
        and profile.variant.runtime in CPU_RUNTIMES
        and profile.variant.sparsity_frac == 0
        and family(profile.model) in FAMILIES
    )


def times(table: Table) -> Mapping[str, Mapping[str, float]]:
    """The table's seconds alone."""
    return {
        device: {model: row.p50_s for model, row in rows.items()}
        for device, rows in table.items()
    }
