"""What load curves of some GPUs teach about others, and how far off that is.

TPOT comes from the decode roofline (`planner.perf.roofline`), calibrated on the shipped
load curves, TTFT from the prefill roofline. Where three other GPUs have the model's own
TTFT at that load, it comes out as far from the roofline as theirs does, by the peaks; no
difference between GPUs is expected there, so that is what its slopes are drawn towards.
Part of TTFT is the host's, so curves are compared beside the hosts that they were
measured on.

How far off: every GPU is left out in turn, and of TPOT and TTFT the worse one counts.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np

from planner.domain.evidence import Provenance
from planner.domain.operations import Operations
from planner.domain.profiles import LoadCurve, LoadPoint
from planner.domain.variants import Precision
from planner.perf import peaks as roofs
from planner.perf.peaks import Peaks, Timed
from planner.perf.roofline import Observed, Request, Roofline, calibrated
from planner.pipeline.asking.atlas import Atlas
from planner.reference.catalog import Catalog

# Formats of two bytes a number; quantized weights ran on too few GPUs to be left out.
HALVES: Final = frozenset({Precision.BF16, Precision.FP16})
BYTES_PER_VALUE: Final = 2
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
                    request=request_of(stated, curve, point.concurrency, host),
                    peaks=peaks,
                )
                for point in unsaturated(curve)
            ]
    return found


def instance_of(curve: LoadCurve) -> str:
    """The instance type that the source of a published curve names."""
    return curve.evidence.source.rpartition(": ")[2].partition(",")[0]


def unsaturated(curve: LoadCurve) -> Sequence[LoadPoint]:
    """All but the highest load, at which the engine was run into the wall."""
    return curve.points[:-1] if len(curve.points) > 1 else curve.points


def request_of(
    stated: Operations, curve: LoadCurve, concurrency: float, host_speed_ratio: float
) -> Request:
    """The curve's request at a load, in what the roofline's terms ask for."""
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
        if len({a.device for a in apart}) < roofs.MIN_DEVICES:
            return told_s
        return told_s * roofs.time_s(apart, peaks, towards=(0.0, 0.0), draw=OWN_DRAW)

    def _apart(self, model: str, request: Request) -> list[Timed]:
        """The model's TTFT at that load on each GPU and host, over the roofline's."""
        by_host: dict[tuple[str, float], list[Seen]] = defaultdict(list)
        for s in self.seen:
            same_shape = s.request.prompt_tokens == request.prompt_tokens
            if s.curve.model == model and same_shape:
                by_host[s.curve.device, s.request.host_speed_ratio].append(s)
        found = []
        for (device, host), points in by_host.items():
            points.sort(key=lambda s: s.point.concurrency)
            loads = [s.point.concurrency for s in points]
            if request.concurrency <= BEYOND_LOAD_RATIO * loads[-1]:
                log_s = np.interp(
                    math.log(request.concurrency),
                    np.log(loads),
                    np.log([s.point.ttft_p50_s for s in points]),
                )
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


class KnownOfHost(Enum):
    """How much is known of the host beside a GPU."""

    INSTANCE = "its instance type"
    PROVIDER = "its provider, whose median counts"
    NOTHING = "nothing: the median of all hosts that have it counts"

    @classmethod
    def of(cls, host: str | None) -> "KnownOfHost":
        """What a host's name says: `gcp g2-standard-4`, `gcp`, or None."""
        if host is None:
            return cls.NOTHING
        return cls.INSTANCE if " " in host else cls.PROVIDER


def left_out(
    seen: Sequence[Seen], catalog: Catalog, known: KnownOfHost = KnownOfHost.NOTHING
) -> LeftOut:
    """Every GPU left out in turn, of whose host so much is known.

    No median holds the instance type that the truth was measured on.
    """
    tpot, ttft = [], []
    for device in dict.fromkeys(s.curve.device for s in seen):
        engine = Engine.of([s for s in seen if s.curve.device != device])
        for s in seen:
            if s.curve.device == device:
                host = _host_left_out(s, catalog, known)
                request = replace(s.request, host_speed_ratio=host)
                decode_s = engine.tpot_s(request, s.peaks)
                first_s = engine.ttft_s(s.curve.model, request, s.peaks)
                tpot.append(math.log(s.point.tpot_p50_s / decode_s))
                ttft.append(math.log(s.point.ttft_p50_s / first_s))
    return LeftOut(tpot=tuple(tpot), ttft=tuple(ttft))


def _host_left_out(seen: Seen, catalog: Catalog, known: KnownOfHost) -> float:
    device, instance = seen.curve.device, instance_of(seen.curve)
    if known is KnownOfHost.INSTANCE:
        return catalog.host_speed_ratio(device, instance)
    is_provider = known is KnownOfHost.PROVIDER
    beside = instance.partition(" ")[0] if is_provider else None
    return catalog.host_speed_ratio(device, beside, without=instance)
