"""Load curves of a language model on a GPU that nobody loaded with it.

TPOT comes from the decode roofline, calibrated on the shipped load curves, TTFT from
the prefill roofline. Where three other GPUs have the model's own TTFT at that load, it
comes out as far from the roofline as theirs does, by the peaks; no difference between
GPUs is expected there, so that is what its slopes are drawn towards. Part of TTFT is
the host's, so curves are compared beside the hosts that they were measured on, and a GPU
is predicted beside the instance type asked about, or the median one. Concurrency, tails and quality are those of the
most alike GPU that has a curve. Loads at which that one was saturated are left out,
and loads whose cache the new one has no memory for.

How far off: every GPU is left out in turn, and of TPOT and TTFT the worse one counts.
One GPU a replica: how work divides among several depends on how they are joined.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Device
from planner.domain.operations import Operations
from planner.domain.predictions import Prediction, Refused
from planner.domain.profiles import LoadCurve, LoadPoint
from planner.domain.variants import Precision, Variant
from planner.perf import peaks as roofs
from planner.perf.peaks import Peaks, Timed
from planner.perf.roofline import Observed, Request, Roofline, calibrated
from planner.perf.transfer import INTERVAL_FRAC
from planner.pipeline.asking.atlas import Atlas, runs_cuda
from planner.pipeline.asking.unmeasured.rows import Answer
from planner.reference.catalog import Catalog
from planner.units import milliseconds

# Formats of two bytes a number; quantized weights ran on too few GPUs to be left out.
HALVES: Final = frozenset({Precision.BF16, Precision.FP16})
BYTES_PER_VALUE: Final = 2
# Accelerators before compute capability 8.0, which have no bf16: engines take fp16.
WITHOUT_BF16: Final = (
    *("nvidia-m60", "nvidia-t4", "nvidia-t4g", "nvidia-quadro-rtx-6000"),
    *("nvidia-v100-16gb-pcie", "nvidia-v100-16gb-sxm", "nvidia-v100-32gb-sxm"),
)
# What an engine leaves of the memory to weights and cache, as vLLM by default.
USABLE_MEMORY_FRAC: Final = 0.9
# Curves say little of loads this much above their highest.
BEYOND_LOAD_RATIO: Final = 1.5
# How strongly: as `planner.perf.peaks.DRAW`. Of 0.1 to 10, left-out TTFT were 12 % off at
# 0.3, 10 % at 1 and 3, 12 % at 10.
OWN_DRAW: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A load point below saturation, and where it was seen."""

    curve: LoadCurve
    point: LoadPoint
    request: Request
    peaks: Peaks


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Logarithms of truth over prediction, each with its GPU left out."""

    tpot: tuple[float, ...]
    ttft: tuple[float, ...]

    def half_width(self, share_frac: float) -> float:
        """Half of the interval that holds so many of either."""
        return max(
            roofs.half_width(self.tpot, share_frac),
            roofs.half_width(self.ttft, share_frac),
        )


def seen_points(curves: Iterable[LoadCurve], atlas: Atlas, catalog: Catalog) -> list[Seen]:  # fmt: skip
    """Load points of single GPUs with known peaks, of models with known operations."""
    found = []
    for curve in curves:
        stated = atlas.operations.get(curve.model)
        device = catalog.device(curve.device)
        peaks = roofs.peaks_of(device, curve.variant.precision)
        host = catalog.host_speed_ratio(curve.device, instance_of(curve))
        if (
            curve.device_count == 1
            and curve.variant.precision in HALVES
            and curve.evidence.provenance is not Provenance.PREDICTED
            and stated is not None
            and stated.layers is not None
            and peaks is not None
        ):
            found += [
                Seen(
                    curve=curve,
                    point=point,
                    request=_request(stated, curve, point.concurrency, host),
                    peaks=peaks,
                )
                for point in _unsaturated(curve)
            ]
    return found


def instance_of(curve: LoadCurve) -> str:
    """The instance type that the source of a published curve names."""
    return curve.evidence.source.rpartition(": ")[2].partition(",")[0]


def _unsaturated(curve: LoadCurve) -> Sequence[LoadPoint]:
    """All but the highest load, at which the engine was run into the wall."""
    return curve.points[:-1] if len(curve.points) > 1 else curve.points


def _request(
    stated: Operations, curve: LoadCurve, concurrency: float, host_speed_ratio: float
) -> Request:
    if stated.layers is None or stated.kv_values_per_token is None:
        raise AssertionError("only models with known layers are asked about")
    return Request(
        parameters=stated.parameters,
        layers=stated.layers,
        weight_bytes=float(stated.parameters * BYTES_PER_VALUE),
        kv_bytes_per_token=float(stated.kv_values_per_token * BYTES_PER_VALUE),
        prompt_tokens=curve.prompt_tokens,
        output_tokens=curve.output_tokens,
        concurrency=concurrency,
        host_speed_ratio=host_speed_ratio,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What load curves of some GPUs taught about others."""

    decode: Roofline
    prefill: Roofline
    seen: tuple[Seen, ...]

    @classmethod
    def of(cls, seen: Sequence[Seen]) -> "Engine":
        """Calibrated on these load points."""
        return cls(
            decode=calibrated(
                [_observed(s, s.point.tpot_p50_s) for s in seen], is_prefill=False
            ),
            prefill=calibrated(
                [_observed(s, s.point.ttft_p50_s) for s in seen], is_prefill=True
            ),
            seen=tuple(seen),
        )

    def tpot_s(self, request: Request, peaks: Peaks) -> float:
        """Median time per output token."""
        return self.decode.time_s(request, peaks)

    def ttft_s(self, model: str, request: Request, peaks: Peaks) -> float:
        """Median time to first token."""
        told_s = self.prefill.time_s(request, peaks)
        apart = self._apart(model, request)
        if len(apart) < roofs.MIN_DEVICES:
            return told_s
        return told_s * roofs.time_s(apart, peaks, towards=(0.0, 0.0), draw=OWN_DRAW)

    def _apart(self, model: str, request: Request) -> list[Timed]:
        """The model's TTFT at that load on each GPU, over what the roofline says."""
        by_device: dict[str, list[Seen]] = defaultdict(list)
        for s in self.seen:
            same_shape = s.request.prompt_tokens == request.prompt_tokens
            if s.curve.model == model and same_shape:
                by_device[s.curve.device].append(s)
        found = []
        for device, points in by_device.items():
            points.sort(key=lambda s: s.point.concurrency)
            loads = [s.point.concurrency for s in points]
            if request.concurrency <= BEYOND_LOAD_RATIO * loads[-1]:
                log_s = np.interp(
                    math.log(request.concurrency),
                    np.log(loads),
                    np.log([s.point.ttft_p50_s for s in points]),
                )
                host = points[0].request.host_speed_ratio
                told_s = self.prefill.time_s(
                    replace(request, host_speed_ratio=host), points[0].peaks
                )
                timed = Timed(
                    device=device,
                    peaks=points[0].peaks,
                    time_s=math.exp(float(log_s)) / told_s,
                )
                found.append(timed)
        return found


def _observed(seen: Seen, time_s: float) -> Observed:
    return Observed(request=seen.request, peaks=seen.peaks, time_s=time_s)


def left_out(
    seen: Sequence[Seen], catalog: Catalog, beside: str | None = None
) -> LeftOut:
    """Every GPU left out in turn, of whose host as much is known as `beside` says.

    An instance type: the one that it was measured on. A provider: the median of its
    others. None: the median of all others.
    """
    tpot, ttft = [], []
    for device in dict.fromkeys(s.curve.device for s in seen):
        engine = Engine.of([s for s in seen if s.curve.device != device])
        for s in seen:
            if s.curve.device == device:
                host = _host_left_out(s, catalog, beside)
                request = replace(s.request, host_speed_ratio=host)
                decode_s = engine.tpot_s(request, s.peaks)
                first_s = engine.ttft_s(s.curve.model, request, s.peaks)
                tpot.append(math.log(s.point.tpot_p50_s / decode_s))
                ttft.append(math.log(s.point.ttft_p50_s / first_s))
    return LeftOut(tpot=tuple(tpot), ttft=tuple(ttft))


def _host_left_out(seen: Seen, catalog: Catalog, beside: str | None) -> float:
    device, instance = seen.curve.device, instance_of(seen.curve)
    if beside is None:
        return catalog.host_speed_ratio(device, None, without=instance)
    if " " in beside:
        return catalog.host_speed_ratio(device, instance)
    provider = instance.partition(" ")[0]
    return catalog.host_speed_ratio(device, provider, without=instance)


def from_curves(
    curves: Sequence[LoadCurve],
    device: Device,
    atlas: Atlas,
    catalog: Catalog,
    *,
    beside: str | None = None,
) -> list[Answer]:
    """One prediction for each shape of request that other GPUs were loaded with."""
    others = [c for c in curves if c.device != device.name]
    own = seen_points(others, atlas, catalog)
    if not runs_cuda(device) or not own:
        return []
    peaks = roofs.peaks_of(device, Precision.BF16)
    if peaks is None:
        reason = f"{device.name}: no source states its peaks and memory bandwidth"
        return [Refused(reason=reason)]
    every = [c for c in atlas.curves if c.device != device.name]
    seen = seen_points(every, atlas, catalog)
    known = [_timed(s) for s in seen]
    if roofs.is_beyond(known, peaks):
        reason = f"{device.name}: its peaks lie too far outside those of measured GPUs"
        return [Refused(reason=reason)]
    engine, errors = Engine.of(seen), left_out(seen, catalog, beside)
    shapes: dict[tuple[int, int], list[Seen]] = defaultdict(list)
    for s in own:
        shapes[s.curve.prompt_tokens, s.curve.output_tokens].append(s)
    there = There(
        device=device,
        peaks=peaks,
        host_speed_ratio=catalog.host_speed_ratio(device.name, beside),
    )
    return [
        _told(points, there, engine=engine, errors=errors, atlas=atlas)
        for _, points in sorted(shapes.items())
    ]


def _timed(seen: Seen) -> Timed:
    return Timed(
        device=seen.curve.device, peaks=seen.peaks, time_s=seen.point.tpot_p50_s
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """Where it is asked about: a GPU, and the speed of one thread beside it."""

    device: Device
    peaks: Peaks
    host_speed_ratio: float


def _told(
    points: Sequence[Seen],
    there: There,
    *,
    engine: Engine,
    errors: LeftOut,
    atlas: Atlas,
) -> Answer:
    device = there.device
    shape = min(points, key=lambda s: _apart(s.peaks, there.peaks)).curve
    stated = atlas.operations[shape.model]
    room = _most_at_once(stated, shape, device)
    loads = [p for p in _unsaturated(shape) if p.concurrency <= room]
    if not loads:
        return Refused(
            reason=f"{device.name}: its memory does not hold {shape.model}'s weights "
            "and the cache of one request"
        )
    curve = replace(
        shape,
        variant=_variant(shape.variant, device),
        device=device.name,
        points=tuple(_predicted(p, shape, stated, there, engine) for p in loads),
        evidence=_evidence(points, device, errors),
    )
    half = roofs.half_width(errors.tpot, INTERVAL_FRAC)
    first_s = curve.points[0].tpot_p50_s
    return Prediction(
        profile=curve,
        low_s=first_s * math.exp(-half),
        high_s=first_s * math.exp(half),
        rows=tuple(dict.fromkeys(_row(s.curve) for s in points)),
        narrower=f"one hour of load on {device.name}, where it can be had",
    )


def _variant(variant: Variant, device: Device) -> Variant:
    if device.name in WITHOUT_BF16:
        return replace(variant, precision=Precision.FP16)
    return variant


def _most_at_once(stated: Operations, shape: LoadCurve, device: Device) -> float:
    """Requests whose cache fits beside the weights; any number where memory is unknown."""
    if device.memory_bytes is None:
        return math.inf
    request = _request(stated, shape, 1.0, 1.0)
    free = USABLE_MEMORY_FRAC * device.memory_bytes - request.weight_bytes
    tokens = shape.prompt_tokens + shape.output_tokens
    return max(free / (tokens * request.kv_bytes_per_token), 0.0)


def _predicted(
    point: LoadPoint, shape: LoadCurve, stated: Operations, there: There, engine: Engine
) -> LoadPoint:
    """The load point with new medians; tails keep their ratio to the median."""
    request = _request(stated, shape, point.concurrency, there.host_speed_ratio)
    tpot_s = engine.tpot_s(request, there.peaks)
    ttft_s = engine.ttft_s(shape.model, request, there.peaks)
    answer_s = ttft_s + tpot_s * shape.output_tokens
    decode, first = tpot_s / point.tpot_p50_s, ttft_s / point.ttft_p50_s
    whole = answer_s / point.e2e_p50_s
    rate_rps = point.concurrency / answer_s
    return LoadPoint(
        concurrency=point.concurrency,
        rate_rps=rate_rps,
        ttft_p50_s=ttft_s,
        ttft_p95_s=point.ttft_p95_s * first,
        ttft_p99_s=point.ttft_p99_s * first,
        tpot_p50_s=tpot_s,
        tpot_p95_s=point.tpot_p95_s * decode,
        tpot_p99_s=point.tpot_p99_s * decode,
        e2e_p50_s=answer_s,
        e2e_p95_s=point.e2e_p95_s * whole,
        e2e_p99_s=point.e2e_p99_s * whole,
        output_tokens_per_s=rate_rps * shape.output_tokens,
    )


def _evidence(points: Sequence[Seen], device: Device, errors: LeftOut) -> Evidence:
    names = sorted({s.curve.device for s in points})
    own = [s.curve.evidence for s in points]
    return Evidence(
        provenance=Provenance.PREDICTED,
        source="; ".join(
            dict.fromkeys([*(e.source.partition(": ")[0] for e in own), device.source])
        ),
        as_of=min(device.as_of, *(e.as_of for e in own)),
        error_frac=math.expm1(errors.half_width(2 * INTERVAL_FRAC - 1)),
        note=(
            "TPOT from a roofline of its peaks, TTFT from one of its peaks and of the "
            f"hosts it is sold with, and from the model's own on {', '.join(names)}; leaving each GPU out, half of the TPOT were within "
            f"{_median_frac(errors.tpot):.0%} and half of the TTFT within "
            f"{_median_frac(errors.ttft):.0%}"
        ),
    )


def _median_frac(errors: Sequence[float]) -> float:
    return float(np.median(np.abs(np.expm1(errors))))


def _apart(a: Peaks, b: Peaks) -> float:
    return abs(math.log(a.flop_per_s / b.flop_per_s)) + abs(
        math.log(a.memory_bytes_per_s / b.memory_bytes_per_s)
    )


def _row(curve: LoadCurve) -> str:
    first = curve.points[0]
    return (
        f"{curve.model}, {curve.variant} on {curve.device}, {curve.prompt_tokens}+"
        f"{curve.output_tokens} tokens: TTFT {milliseconds(first.ttft_p50_s):.4g} ms, "
        f"TPOT {milliseconds(first.tpot_p50_s):.4g} ms ({curve.evidence.source})"
    )
