"""From times of other models on the device, in the same precision (`planner.perf.transfer`).

A batch of b is a model of b times the operations and of the same parameters, whose time
here is the batch's: its time there follows as that of any model, and is refused as that
of any model where the ones measured on both devices are all smaller. Batches that were
read off here are predicted one by one as well: what follows from the ends of a line lies
on no line. No published table
holds the same models in batches on both devices, so its interval is that of models; the
widest of all batches holds for each.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Device
from planner.domain.operations import Operations
from planner.domain.predictions import Prediction, Refused
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.profiling import HERE
from planner.domain.servers import Timing
from planner.domain.variants import Precision
from planner.perf.transfer import Transferred, transferred
from planner.pipeline.asking.atlas import Atlas, Setting, setting_of, years
from planner.pipeline.asking.batches import at_batch
from planner.pipeline.asking.unmeasured.rows import (
    Z_BAND,
    Z_INTERVAL,
    Answer,
    rescaled,
    row_words,
    server_elsewhere,
)
from planner.units import milliseconds

TIMING_REFERENCES: Final = (
    "planner profile SPEC --reference-models: then published models are timed on this "
    "machine, too, and one of your own is predicted from those"
)


def from_models(
    profiles: Sequence[BatchProfile], device: Device, atlas: Atlas
) -> list[Answer]:
    """One prediction a setting of the device, from the source that says it best."""
    answers: list[Answer] = []
    for precision in dict.fromkeys(p.variant.precision for p in profiles):
        sources = [
            _read_off(p)
            for p in profiles
            if p.variant.precision is precision and p.device != device.name
        ]
        predicted: list[Answer] = []
        refused: list[Refused] = []
        for target in atlas.on(device.name, precision):
            tried = [(s, _across(s, s.points[0], target, atlas)) for s in sources]
            found = [(s, t) for s, t in tried if isinstance(t, Transferred)]
            refused += [t for _, t in tried if isinstance(t, Refused)]
            if found:
                source, first = _surest(found)
                batches, refusal = _batches(source, first, target, atlas)
                told = _told_by_models(source, batches, target, device, atlas)
                predicted.append(told)
                predicted += [refusal] if refusal else []
        answers += predicted or _nearest_miss(
            precision, device, refused, _way_in(sources, atlas)
        )
    return answers


def _read_off(source: BatchProfile) -> BatchProfile:
    """With a point for every batch that a plan may choose."""
    largest = source.points[-1].batch
    wanted = {p.batch for p in source.points}.union(
        b for b in source.batch_grid if b <= largest
    )
    points = tuple(at_batch(source.points, batch) for batch in sorted(wanted))
    return replace(source, points=points)


def _nearest_miss(
    precision: Precision, device: Device, refused: Sequence[Refused], way_in: str
) -> list[Refused]:
    """Of many ways that did not lead there, the one that came nearest."""
    if not refused:
        return []
    nearest = max(refused, key=lambda r: r.n_common)
    reason = f"{precision} on {device.name}: {nearest.reason}{way_in}"
    return [replace(nearest, reason=reason, precision=precision)]


def _way_in(sources: Sequence[BatchProfile], atlas: Atlas) -> str:
    """What would let the user's own model be compared with published ones; else empty."""
    timed = [s for s in atlas.columns if s.device == HERE]
    if not any(map(_is_own, sources)) or any(setting_of(s) in timed for s in sources):
        return ""
    if timed:
        ways = " and ".join(f"{s.precision} on {s.runtime}" for s in timed)
        return (
            f", or bring it as {ways}: so published models were timed on this machine"
        )
    return f", or {TIMING_REFERENCES}"


def _across(
    source: BatchProfile, point: ServicePoint, target: Setting, atlas: Atlas
) -> Transferred | Refused:
    here = atlas.seconds(setting_of(source))
    name = _name(source)
    stated = source.operations or atlas.operations.get(name)
    own = {} if stated is None else {name: _of_batch(stated, point.batch)}
    counted = {} if source.operations is None else atlas.counted
    return transferred(
        name,
        {**here, name: point.p50_s},
        atlas.seconds(target),
        {**atlas.operations, **counted, **own},
        family_known=not _is_own(source),
    )


def _name(source: BatchProfile) -> str:
    """The user's own model is no published one, whatever the document calls it."""
    named = f"your {source.model}" if _is_own(source) else source.model
    return source.model_sha256 or named


def _is_own(source: BatchProfile) -> bool:
    return source.evidence.provenance in {Provenance.MEASURED, Provenance.EMULATED}


def _of_batch(stated: Operations, batch: int) -> Operations:
    values = stated.activation_values
    return replace(
        stated,
        macs=(stated.macs or stated.parameters) * batch,
        activation_values=None if values is None else values * batch,
    )


def _batches(
    source: BatchProfile, first: Transferred, target: Setting, atlas: Atlas
) -> tuple[list[Transferred], Refused | None]:
    """The source's batches there, up to the first that nothing is said of, and why."""
    found = [first]
    for point in source.points[1:]:
        told = _across(source, point, target, atlas)
        if isinstance(told, Refused):
            reason = f"batches of {point.batch} and more as {target}: {told.reason}"
            return found, replace(told, reason=reason)
        found.append(told)
    return found, None


def _surest(
    found: Sequence[tuple[BatchProfile, Transferred]],
) -> tuple[BatchProfile, Transferred]:
    """The source with the narrowest band, under the band of the next.

    The narrowest of many is so by luck as well: it held 85 % of left-out times at fp32
    where the next one's band holds 89 % (`tests/bench/prediction.py`).
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


def _elsewhere(source: BatchProfile, target: Setting) -> str:
    """That another engine ran there, and so will have to for the time to hold."""
    engine = source.variant.runtime
    is_same = target.runtime is engine
    return (
        "" if is_same else f" on {target.runtime}, and on {engine} where it was timed"
    )


def _told_by_models(
    source: BatchProfile,
    batches: Sequence[Transferred],
    target: Setting,
    device: Device,
    atlas: Atlas,
) -> Prediction:
    column, found = atlas.columns[target], batches[0]
    taught = [column[m].evidence for m in found.common]
    note = (
        f"{milliseconds(source.points[0].p50_s):.3g} ms as {setting_of(source)} × "
        f"{found.ratio:.3g}, learned from {found.used} of {len(found.common)} models "
        f"measured there{_elsewhere(source, target)} "
        f"({years(e.as_of for e in taught)}); its 90 % interval is by how far off "
        "these were when they were left out"
    )
    sources = dict.fromkeys(
        [source.evidence.source, *(e.source.partition(": ")[0] for e in taught)]
    )
    measured = source.evidence.provenance is Provenance.PUBLISHED
    # Published tables carry their own noise into the left-out errors; others add it.
    own_sigma = 0.0 if measured else source.evidence.sigma()
    band = max(b.error_frac for b in batches)
    sigma = math.hypot(math.log1p(band) / Z_BAND, own_sigma)
    half = max(b.high_s / b.p50_s for b in batches) * math.exp(Z_INTERVAL * own_sigma)
    # A server takes one core and hardly its vectors, these times took all of both.
    of_core = math.log(device.cores or 1) / 2 / Z_BAND
    server = server_elsewhere(
        source, ratio=found.ratio, sigma=math.hypot(sigma, of_core)
    )
    is_same_engine = target.runtime is source.variant.runtime
    profile = replace(
        source,
        variant=replace(source.variant, runtime=target.runtime),
        device=target.device,
        timing=target.timing,
        server=server if target.timing is Timing.MODEL else None,
        rested_s=source.rested_s * found.ratio,
        memory_bytes=source.memory_bytes if is_same_engine else None,
        memory_parts=source.memory_parts if is_same_engine else None,
        points=tuple(
            rescaled(point, told.ratio)
            for point, told in zip(source.points, batches, strict=False)
        ),
        evidence=Evidence(
            provenance=Provenance.PREDICTED,
            source="; ".join(sources),
            as_of=min(source.evidence.as_of, *(e.as_of for e in taught)),
            error_frac=math.expm1(Z_BAND * sigma),
            note=note,
        ),
        artifact_sha256=None,
        batch_grid=tuple(
            b for b in source.batch_grid if b <= source.points[len(batches) - 1].batch
        ),
        conditions=None,
    )
    return Prediction(
        profile=profile,
        low_s=found.p50_s / half,
        high_s=found.p50_s * half,
        rows=(row_words(source), *(row_words(column[m]) for m in found.common)),
        narrower=(
            f"measuring it on {target.device}; short of that, a time on a device "
            "whose published times go more nearly with these"
        ),
    )
