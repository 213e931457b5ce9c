"""From the peaks of accelerators, where three ran the model (`planner.perf.peaks`)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Device
from planner.domain.predictions import Prediction, Refused
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.perf import peaks as roofs
from planner.perf.transfer import INTERVAL_FRAC
from planner.pipeline.asking.atlas import Atlas, runs_cuda
from planner.pipeline.asking.unmeasured.rows import Answer, rescaled, row_words
from planner.reference.catalog import Catalog


def from_peaks(
    profiles: Sequence[BatchProfile], device: Device, atlas: Atlas, catalog: Catalog
) -> list[Answer]:
    """One prediction a setting of at least three other accelerators."""
    if not runs_cuda(device):
        return []
    answers: list[Answer] = []
    for variant, timing in dict.fromkeys((p.variant, p.timing) for p in profiles):
        peaks = roofs.peaks_of(device, variant.precision)
        alike = [
            p
            for p in profiles
            if (p.variant, p.timing) == (variant, timing) and p.device != device.name
        ]
        known = _timed(alike, catalog)
        if len({t.device for ts in known.values() for t in ts}) < roofs.MIN_DEVICES:
            continue
        if peaks is None:
            reason = f"{device.name}: no source states its peaks in {variant.precision}"
            answers.append(Refused(reason=reason))
            continue
        told = _told_by_peaks(
            alike, known, device=device, peaks=peaks, atlas=atlas, catalog=catalog
        )
        answers.append(told)
    return answers


def _timed(
    profiles: Iterable[BatchProfile], catalog: Catalog
) -> dict[int, list[roofs.Timed]]:
    """Times by batch of the accelerators with known peaks."""
    found: dict[int, list[roofs.Timed]] = {}
    for p in profiles:
        device = catalog.device(p.device)
        peaks = roofs.peaks_of(device, p.variant.precision)
        if peaks is None or not runs_cuda(device):
            continue
        for point in p.points:
            timed = roofs.Timed(device=p.device, peaks=peaks, time_s=point.p50_s)
            found.setdefault(point.batch, []).append(timed)
    return {
        batch: timed
        for batch, timed in found.items()
        if len({t.device for t in timed}) >= roofs.MIN_DEVICES
    }


def _left_out(
    precision: object, atlas: Atlas, catalog: Catalog
) -> tuple[float, ...]:  # fmt: skip
    """Errors of leaving each accelerator out, over all that ran in that precision."""
    things: list[Sequence[roofs.Timed]] = []
    for rows in atlas.by_model.values():
        for key in dict.fromkeys((p.variant, p.timing) for p in rows):
            if key[0].precision == precision:
                alike = [p for p in rows if (p.variant, p.timing) == key]
                things += _timed(alike, catalog).values()
    return roofs.left_out(things)


def _told_by_peaks(
    alike: Sequence[BatchProfile],
    known: Mapping[int, list[roofs.Timed]],
    *,
    device: Device,
    peaks: roofs.Peaks,
    atlas: Atlas,
    catalog: Catalog,
) -> Answer:
    variant = alike[0].variant
    batches = sorted(known)
    errors = _left_out(variant.precision, atlas, catalog)
    if roofs.is_beyond(known[batches[0]], peaks) or len(errors) < roofs.MIN_LEFT_OUT:
        return Refused(
            reason=f"{device.name}: its peaks lie too far outside those of the "
            f"accelerators that ran {alike[0].model} as {variant}"
        )
    half = roofs.half_width(errors, INTERVAL_FRAC)
    band = roofs.half_width(errors, 2 * INTERVAL_FRAC - 1)
    names = sorted({t.device for t in known[batches[0]]})
    shape = _nearest(alike, peaks, catalog)
    points = tuple(
        _shaped(shape, batch, roofs.time_s(known[batch], peaks)) for batch in batches
    )
    rows = [p for p in alike if p.device in names]
    note = (
        f"from its peaks ({peaks.flop_per_s / 1e12:.4g} Tflop/s, "
        f"{peaks.memory_bytes_per_s / 1e9:.4g} GB/s) and times on {', '.join(names)}; "
        f"so far off were 90 % of {len(errors)} times of left-out accelerators"
    )
    profile = BatchProfile(
        model=alike[0].model,
        variant=variant,
        device=device.name,
        points=points,
        evidence=Evidence(
            provenance=Provenance.PREDICTED,
            source="; ".join(dict.fromkeys([*_sources(rows), device.source])),
            as_of=min(device.as_of, *(p.evidence.as_of for p in rows)),
            error_frac=math.expm1(band),
            note=note,
        ),
        memory_bytes=shape.memory_bytes,
        quality=shape.quality,
        timing=shape.timing,
    )
    first = points[0].p50_s
    return Prediction(
        profile=profile,
        low_s=first * math.exp(-half),
        high_s=first * math.exp(half),
        rows=tuple(row_words(p) for p in rows),
        narrower=f"measuring it on {device.name}, or on more accelerators like it",
    )


def _nearest(
    alike: Sequence[BatchProfile], peaks: roofs.Peaks, catalog: Catalog
) -> BatchProfile:
    """The profile whose accelerator is most like it: its tails are lent."""

    def apart(profile: BatchProfile) -> float:
        its = roofs.peaks_of(catalog.device(profile.device), profile.variant.precision)
        if its is None:
            return math.inf
        return abs(math.log(its.flop_per_s / peaks.flop_per_s)) + abs(
            math.log(its.memory_bytes_per_s / peaks.memory_bytes_per_s)
        )

    return min(alike, key=apart)


def _shaped(shape: BatchProfile, batch: int, p50_s: float) -> ServicePoint:
    point = min(shape.points, key=lambda p: abs(math.log(p.batch / batch)))
    return replace(rescaled(point, p50_s / point.p50_s), batch=batch)


def _sources(rows: Iterable[BatchProfile]) -> list[str]:
    return [p.evidence.source.partition(": ")[0] for p in rows]
