"""Everything published, arranged by how it was run: what predictions learn from.

Published models that were timed on the user's own machine are columns beside these.

One column a setting (device, runtime, precision, with a server in the times or
without) with the best published p50 of each model at batch 1 on one device.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from planner.domain.hardware import Device, DeviceKind
from planner.domain.operations import Operations
from planner.domain.profiles import BatchProfile, LoadCurve, Profile
from planner.domain.servers import Timing
from planner.domain.variants import Precision, Runtime
from planner.reference.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Setting:
    """Where and how something ran."""

    device: str
    runtime: Runtime
    precision: Precision
    timing: Timing

    def __str__(self) -> str:
        served = ", served" if self.timing is Timing.SERVER else ""
        return f"{self.precision} on {self.runtime} on {self.device}{served}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Atlas:
    """Published times at batch 1 by setting and model; curves; operations of models.

    `counted` are those of published models that were timed on this machine: they go
    with the user's own, which was counted in the same way.
    """

    columns: Mapping[Setting, Mapping[str, BatchProfile]]
    by_model: Mapping[str, tuple[BatchProfile, ...]]
    curves: tuple[LoadCurve, ...]
    operations: Mapping[str, Operations]
    counted: Mapping[str, Operations] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Catalog, references: Sequence[BatchProfile] = ()) -> "Atlas":
        """All of a catalogue's profiles, and columns of published models timed here."""
        models = [m.name for m in catalog.models()]
        profiles = [p for m in models for p in catalog.profiles(m)]
        stated = {m: catalog.operations(m) for m in models}
        return cls(
            columns=_columns([*profiles, *references]),
            by_model=_by_model(profiles),
            curves=tuple(p for p in profiles if isinstance(p, LoadCurve)),
            operations={m: o for m, o in stated.items() if o is not None},
            counted={p.model: p.operations for p in references if p.operations},
        )

    def on(self, device: str, precision: Precision) -> tuple[Setting, ...]:
        """The settings in which models were measured on a device."""
        return tuple(
            s for s in self.columns if (s.device, s.precision) == (device, precision)
        )

    def seconds(self, setting: Setting) -> dict[str, float]:
        """The column's times alone."""
        rows = self.columns.get(setting, {})
        return {model: p.points[0].p50_s for model, p in rows.items()}


def runs_cuda(device: Device) -> bool:
    """Whether engines for NVIDIA's accelerators run there; others are another world."""
    return device.kind is DeviceKind.GPU and device.name.startswith("nvidia-")


def setting_of(profile: BatchProfile) -> Setting:
    """Where and how a profile was measured."""
    variant = profile.variant
    return Setting(
        device=profile.device,
        runtime=variant.runtime,
        precision=variant.precision,
        timing=profile.timing,
    )


def teaches(profile: BatchProfile) -> bool:
    """Whether it states a dense model's time for one item on one whole device."""
    return (
        profile.points[0].batch == 1
        and profile.device_count == 1
        and profile.variant.sparsity_frac == 0
    )


def years(dates: Iterable[dt.date]) -> str:
    """The years that dates span."""
    found = sorted({date.year for date in dates})
    return f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _columns(
    profiles: Iterable[Profile],
) -> Mapping[Setting, Mapping[str, BatchProfile]]:
    found: dict[Setting, dict[str, BatchProfile]] = defaultdict(dict)
    for p in profiles:
        if isinstance(p, BatchProfile) and teaches(p):
            column = found[setting_of(p)]
            known = column.get(p.model)
            if known is None or p.points[0].p50_s < known.points[0].p50_s:
                column[p.model] = p
    return dict(found)


def _by_model(profiles: Iterable[Profile]) -> Mapping[str, tuple[BatchProfile, ...]]:
    found: dict[str, list[BatchProfile]] = defaultdict(list)
    for p in profiles:
        if isinstance(p, BatchProfile) and p.device_count == 1:
            found[p.model].append(p)
    return {model: tuple(rows) for model, rows in found.items()}
