"""Profiles of a model on devices that nobody measured it on, each from one step.

Three ways, by what is known of the device (`planner.perf` has their mathematics):

    models   other models were measured there, in the same precision    transfer.py
    sizes    the model was measured on another size of that processor   sizes.py
    peaks    only its peaks are known, and the model's times on others  peaks.py

and a fourth for language models (`unmeasured_language.py`). Predictions are never
predicted from. What is predicted is said to be: provenance, interval, rows used.
Of models and sizes only single requests are predicted, since nothing published says
how larger batches fare there; batch 1 is never optimistic about capacity.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Final

from planner.domain.evidence import BAND_QUANTILE_FRAC, Evidence, Provenance
from planner.domain.hardware import Device
from planner.domain.predictions import Prediction, Refused
from planner.domain.profiles import BatchProfile, Profile, ServicePoint
from planner.domain.variants import Runtime
from planner.perf import peaks as roofs
from planner.perf.sizes import Size, factor, is_comparable
from planner.perf.transfer import INTERVAL_FRAC, Transferred, transferred
from planner.pipeline.asking.atlas import (
    Atlas,
    Setting,
    runs_cuda,
    setting_of,
    teaches,
    years,
)
from planner.reference.catalog import Catalog
from planner.reference.devices import CPU_NAME
from planner.units import milliseconds

_Z_BAND: Final = NormalDist().inv_cdf(BAND_QUANTILE_FRAC)
_Z_INTERVAL: Final = NormalDist().inv_cdf((1 + INTERVAL_FRAC) / 2)
# TFLite takes one thread unless told otherwise, and the sweep does not say.
MAY_USE_ONE_THREAD: Final = frozenset({Runtime.TFLITE})


Answer = Prediction | Refused


def from_models(
    profiles: Sequence[BatchProfile], device: Device, atlas: Atlas
) -> list[Answer]:
    """One prediction a setting of the device, from the source that says it best."""
    answers: list[Answer] = []
    for precision in dict.fromkeys(p.variant.precision for p in profiles):
        sources = [
            p
            for p in profiles
            if p.variant.precision is precision and p.device != device.name
        ]
        predicted: list[Answer] = []
        refused: list[Refused] = []
        for target in atlas.on(device.name, precision):
            tried = [(s, _across(s, target, atlas)) for s in sources]
            found = [(s, t) for s, t in tried if isinstance(t, Transferred)]
            refused += [t for _, t in tried if isinstance(t, Refused)]
            if found:
                told = _told_by_models(*_surest(found), target, atlas)
                predicted.append(told)
        answers += predicted or _nearest_miss(f"{precision} on {device.name}", refused)
    return answers


def _nearest_miss(where: str, refused: Sequence[Refused]) -> list[Refused]:
    """Of many ways that did not lead there, the one that came nearest."""
    if not refused:
        return []
    nearest = max(refused, key=lambda r: r.n_common)
    return [Refused(reason=f"{where}: {nearest.reason}", n_common=nearest.n_common)]


def _across(
    source: BatchProfile, target: Setting, atlas: Atlas
) -> Transferred | Refused:
    here = atlas.seconds(setting_of(source))
    return transferred(
        source.model,
        {**here, source.model: source.points[0].p50_s},
        atlas.seconds(target),
        atlas.operations,
    )


def _surest(
    found: Sequence[tuple[BatchProfile, Transferred]],
) -> tuple[BatchProfile, Transferred]:
    """The source with the narrowest band, under the band of the next.

    The narrowest of many is so by luck as well: it held 84 % of left-out times at fp32
    where the next one's band holds 90 % (`tests/bench/prediction.py`).
    """
    ranked = sorted(found, key=lambda pair: pair[1].error_frac)
    (source, best), (_, next_best) = ranked[0], ranked[min(1, len(ranked) - 1)]
    half = next_best.high_s / next_best.p50_s
    return source, replace(
        best,
        low_s=best.p50_s / half,
        high_s=best.p50_s * half,
        error_frac=next_best.error_frac,
    )


def _told_by_models(
    source: BatchProfile, found: Transferred, target: Setting, atlas: Atlas
) -> Prediction:
    column = atlas.columns[target]
    taught = [column[m].evidence for m in found.common]
    by = "operations and times" if found.used_operations else "times alone"
    note = (
        f"{milliseconds(source.points[0].p50_s):.3g} ms as {setting_of(source)} × "
        f"{found.ratio:.3g}, learned from {by} of {len(found.common)} models measured "
        f"there ({years(e.as_of for e in taught)}); 90 % of left-out models lay within "
        f"the interval that is stated"
    )
    sources = dict.fromkeys(
        [source.evidence.source, *(e.source.partition(": ")[0] for e in taught)]
    )
    measured = source.evidence.provenance is Provenance.IMPORTED
    # Published tables carry their own noise into the left-out errors; others add it.
    own_sigma = 0.0 if measured else source.evidence.sigma()
    sigma = math.hypot(math.log1p(found.error_frac) / _Z_BAND, own_sigma)
    widened = math.exp(_Z_INTERVAL * own_sigma)
    profile = replace(
        source,
        variant=replace(source.variant, runtime=target.runtime),
        device=target.device,
        points=(_scaled(source.points[0], found.ratio),),
        evidence=Evidence(
            provenance=Provenance.PREDICTED,
            source="; ".join(sources),
            as_of=min(source.evidence.as_of, *(e.as_of for e in taught)),
            error_frac=math.expm1(_Z_BAND * sigma),
            note=note,
        ),
        artifact_sha256=None,
    )
    return Prediction(
        profile=profile,
        low_s=found.low_s / widened,
        high_s=found.high_s * widened,
        rows=(_row(source), *(_row(column[m]) for m in found.common)),
        narrower=(
            f"measuring it on {target.device}; short of that, a time on a device "
            "whose published times go more nearly with these"
        ),
    )


def from_sizes(
    profiles: Sequence[BatchProfile], device: Device, catalog: Catalog
) -> list[Answer]:
    """One prediction a setting, from the nearest measured size of the generation."""
    generation, there = _sized(device.name, catalog)
    if there is None:
        return []
    nearest: dict[Setting, tuple[BatchProfile, Size]] = {}
    for source in profiles:
        name, here = _sized(source.device, catalog)
        if here is None or source.device == device.name or name != generation:
            continue
        if not is_comparable(here, there):
            continue
        key = replace(setting_of(source), device=device.name)
        known = nearest.get(key)
        if known is None or _apart(here, there) < _apart(known[1], there):
            nearest[key] = (source, here)
    return [_told_by_size(s, here, there, device) for s, here in nearest.values()]


def _sized(device: str, catalog: Catalog) -> tuple[str, Size | None]:
    match, speed = CPU_NAME.fullmatch(device), catalog.images_per_s(device)
    if match is None or speed is None:
        return device, None
    return match["generation"], Size(vcpus=int(match["vcpus"]), images_per_s=speed[0])


def _apart(here: Size, there: Size) -> float:
    return abs(math.log(here.vcpus / there.vcpus))


def _told_by_size(
    source: BatchProfile, here: Size, there: Size, device: Device
) -> Prediction:
    all_cores = source.variant.runtime not in MAY_USE_ONE_THREAD
    change = factor(here, there, uses_all_cores=all_cores)
    sigma = math.hypot(change.sigma, source.evidence.sigma())
    point = _scaled(source.points[0], change.middle_ratio)
    threads = (
        "one thread alone"
        if not all_cores
        else f"{there.vcpus} instead of {here.vcpus} vCPUs"
    )
    note = (
        f"{milliseconds(source.points[0].p50_s):.3g} ms as {setting_of(source)} × "
        f"{change.middle_ratio:.3g}, between {change.low_ratio:.3g} and "
        f"{change.high_ratio:.3g}: by published image rates of both sizes "
        f"({here.images_per_s:.4g} and {there.images_per_s:.4g} images/s), and by {threads}"
    )
    return Prediction(
        profile=replace(
            source,
            device=device.name,
            points=(point,),
            evidence=Evidence(
                provenance=Provenance.PREDICTED,
                source=f"{source.evidence.source}; {device.source}",
                as_of=min(source.evidence.as_of, device.as_of),
                error_frac=math.expm1(_Z_BAND * sigma),
                note=note,
            ),
            artifact_sha256=None,
        ),
        low_s=point.p50_s * math.exp(-_Z_INTERVAL * sigma),
        high_s=point.p50_s * math.exp(_Z_INTERVAL * sigma),
        rows=(_row(source), note),
        narrower=f"measuring it on {device.name} for a few minutes",
    )


def from_peaks(
    profiles: Sequence[BatchProfile], device: Device, atlas: Atlas, catalog: Catalog
) -> list[Answer]:
    """One prediction a setting of at least three other accelerators."""
    if not runs_cuda(device):
        return []
    answers: list[Answer] = []
    for variant in dict.fromkeys(p.variant for p in profiles):
        peaks = roofs.peaks_of(device, variant.precision)
        alike = [
            p for p in profiles if p.variant == variant and p.device != device.name
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
        for variant in dict.fromkeys(p.variant for p in rows):
            if variant.precision == precision:
                alike = [p for p in rows if p.variant == variant]
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
    )
    first = points[0].p50_s
    return Prediction(
        profile=profile,
        low_s=first * math.exp(-half),
        high_s=first * math.exp(half),
        rows=tuple(_row(p) for p in rows),
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
    return replace(_scaled(point, p50_s / point.p50_s), batch=batch)


def _scaled(point: ServicePoint, ratio: float) -> ServicePoint:
    def scaled(time_s: float | None) -> float | None:
        return None if time_s is None else time_s * ratio

    return replace(
        point,
        p50_s=point.p50_s * ratio,
        mean_s=scaled(point.mean_s),
        p90_s=scaled(point.p90_s),
        p95_s=scaled(point.p95_s),
        p99_s=scaled(point.p99_s),
    )


def _sources(rows: Iterable[BatchProfile]) -> list[str]:
    return [p.evidence.source.partition(": ")[0] for p in rows]


def _row(profile: BatchProfile) -> str:
    return (
        f"{profile.model}, {setting_of(profile)}: "
        f"{milliseconds(profile.points[0].p50_s):.4g} ms ({profile.evidence.source})"
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
