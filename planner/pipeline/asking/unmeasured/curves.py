"""Load curves of a language model on a GPU that nobody loaded with it.

TPOT and TTFT are those of `unmeasured.loads`, beside each host that is asked about: an
instance type, a provider's median one, or the median of all that have the GPU.
Concurrency, tails and quality are those of the most alike GPU that has a curve. Loads at
which that one was saturated are left out, and loads whose cache the new one has no
memory for. One GPU a replica: how work divides among several depends on how they are
joined.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
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
from planner.perf.transfer import INTERVAL_FRAC
from planner.pipeline.asking.atlas import Atlas, runs_cuda
from planner.pipeline.asking.unmeasured.loads import (
    HALVES,
    Engine,
    KnownOfHost,
    LeftOut,
    Seen,
    left_out,
    request_of,
    seen_points,
    unsaturated,
)
from planner.pipeline.asking.unmeasured.rows import Answer
from planner.reference.catalog import Catalog
from planner.units import milliseconds

# Accelerators before compute capability 8.0, which have no bf16: engines take fp16.
WITHOUT_BF16: Final = (
    *("nvidia-m60", "nvidia-t4", "nvidia-t4g", "nvidia-quadro-rtx-6000"),
    *("nvidia-v100-16gb-pcie", "nvidia-v100-16gb-sxm", "nvidia-v100-32gb-sxm"),
)
# What an engine leaves of the memory to weights and cache, as vLLM by default.
USABLE_MEMORY_FRAC: Final = 0.9


def from_curves(
    curves: Sequence[LoadCurve],
    device: Device,
    atlas: Atlas,
    catalog: Catalog,
    *,
    hosts: Sequence[str | None] = (None,),
) -> list[Answer]:
    """One prediction for each host and shape of request that other GPUs were loaded with.

    A host is an instance type, a provider, or None for the median of all that are known.
    """
    others = [c for c in curves if c.device != device.name]
    own = seen_points(others, atlas, catalog)
    if not runs_cuda(device) or not others:
        return []
    if not own:
        return [Refused(reason=_untaught(others[0], atlas))]
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
    engine = Engine.of(seen)
    errors = {
        kind: left_out(seen, catalog, kind) for kind in {*map(KnownOfHost.of, hosts)}
    }
    shapes: dict[tuple[int, int], list[Seen]] = defaultdict(list)
    for s in own:
        shapes[s.curve.prompt_tokens, s.curve.output_tokens].append(s)
    return [
        _told(
            points,
            There(
                device=device,
                peaks=peaks,
                host=host,
                host_speed_ratio=catalog.host_speed_ratio(device.name, host),
                host_source=catalog.host_source,
            ),
            engine=engine,
            errors=errors[KnownOfHost.of(host)],
            atlas=atlas,
        )
        for host in hosts
        for _, points in sorted(shapes.items())
    ]


def _untaught(curve: LoadCurve, atlas: Atlas) -> str:
    """Why a curve says nothing of other GPUs."""
    stated = atlas.operations.get(curve.model)
    if stated is None or stated.layers is None:
        missing = "no source states its parameters and layers"
    elif curve.variant.precision not in HALVES:
        missing = f"too few GPUs were loaded with models in {curve.variant.precision}"
    else:
        missing = "its curves are of several GPUs together, or of one whose peaks nobody states"  # fmt: skip
    return f"{curve.model}: load curves on {curve.device} lead to no other GPU, for {missing}"


def _timed(seen: Seen) -> Timed:
    return Timed(
        device=seen.curve.device, peaks=seen.peaks, time_s=seen.point.tpot_p50_s
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """Where it is asked about: a GPU, its host, and the speed of one of that's threads."""

    device: Device
    peaks: Peaks
    host: str | None
    host_speed_ratio: float
    host_source: str

    @property
    def source(self) -> str:
        """Who states its peaks, and the speed of the host that was asked about."""
        if self.host is None:
            return self.device.source
        return f"{self.device.source}; beside {self.host}: {self.host_source}"

    @property
    def host_words(self) -> str:
        """Whose thread prepares the first token."""
        whose = self.host or "the median of its known hosts"
        return (
            f"{whose}, one thread {self.host_speed_ratio:.2f} x the median GPU host's"
        )


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
    loads = [p for p in unsaturated(shape) if p.concurrency <= room]
    if not loads:
        return Refused(
            reason=f"{device.name}: its memory does not hold {shape.model}'s weights "
            "and the cache of one request"
        )
    curve = replace(
        shape,
        variant=_variant(shape, device),
        device=device.name,
        host=there.host,
        points=tuple(_predicted(p, shape, stated, there, engine) for p in loads),
        evidence=_evidence(points, there, errors),
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


def _variant(shape: LoadCurve, device: Device) -> Variant:
    """What engines take there, where it is not another's own choice."""
    if device.name in WITHOUT_BF16:
        return replace(shape.variant, precision=Precision.FP16)
    if shape.device in WITHOUT_BF16:
        return replace(shape.variant, precision=Precision.BF16)
    return shape.variant


def _most_at_once(stated: Operations, shape: LoadCurve, device: Device) -> float:
    """Requests whose cache fits beside the weights; any number where memory is unknown."""
    if device.memory_bytes is None:
        return math.inf
    request = request_of(stated, shape, 1.0, 1.0)
    free = USABLE_MEMORY_FRAC * device.memory_bytes - request.weight_bytes
    tokens = shape.prompt_tokens + shape.output_tokens
    return max(free / (tokens * request.kv_bytes_per_token), 0.0)


def _predicted(
    point: LoadPoint, shape: LoadCurve, stated: Operations, there: There, engine: Engine
) -> LoadPoint:
    """The load point with new medians; tails keep their ratio to the median."""
    request = request_of(stated, shape, point.concurrency, there.host_speed_ratio)
    tpot_s = engine.tpot_s(request, there.peaks)
    ttft_s = engine.ttft_s(shape.model, request, there.peaks)
    answer_s = ttft_s + tpot_s * (shape.output_tokens - 1)
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


def _evidence(points: Sequence[Seen], there: There, errors: LeftOut) -> Evidence:
    names = sorted({s.curve.device for s in points})
    own = [s.curve.evidence for s in points]
    return Evidence(
        provenance=Provenance.PREDICTED,
        source="; ".join(
            dict.fromkeys([*(e.source.partition(": ")[0] for e in own), there.source])
        ),
        as_of=min(there.device.as_of, *(e.as_of for e in own)),
        error_frac=math.expm1(errors.half_width(2 * INTERVAL_FRAC - 1)),
        note=(
            "TPOT from a roofline of its peaks, TTFT from one of its peaks and of its host "
            f"({there.host_words}), and from the model's own on {', '.join(names)}; "
            "leaving each GPU out, half of the TPOT were within "
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
