"""The limits of a document that can be relaxed, and how far each one turns.

A dial is a field whose value can move in the direction that only ever adds
plans. `limit` is as far as it may go; between the two a larger turn never takes
a plan away, so the smallest sufficient one is found by bisection.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from planner.domain.workloads import LatencySlo
from planner.pipeline.question import Question
from planner.specs.deployment import Deployment
from planner.specs.sites import EdgeSite
from planner.specs.workloads import ConstantTraffic

# How far a latency promise or a line may be stretched before it is another product.
LATENCY_FACTOR: Final = 50.0
BANDWIDTH_FACTOR: Final = 100.0
LEAST_RATE_FRAC: Final = 0.01
MOST_STOCK: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """A numeric field and the values it may take; `step` makes it whole numbers."""

    field: str
    current: float
    limit: float
    unit: str
    is_whole: bool = False

    def at(self, turn_frac: float) -> float:
        """The value after so much of the turn, from 0 (current) to 1 (limit).

        Geometric where both ends are positive, so that a bisection resolves
        small and large values alike.
        """
        if self.is_whole or self.current <= 0 or self.limit <= 0:
            value = self.current + (self.limit - self.current) * turn_frac
        else:
            value = self.current * (self.limit / self.current) ** turn_frac
        return self.rounded(value)

    def rounded(self, value: float) -> float:
        """The value a person would write, never on the wrong side of the exact one."""
        toward = math.ceil if self.limit > self.current else math.floor
        if self.is_whole:
            return toward(value - 1e-9 if toward is math.ceil else value + 1e-9)
        if value == 0:
            return 0.0
        scale = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
        return float(f"{toward(value / scale * (1 - 1e-12)) * scale:.10g}")


def dials(question: Question) -> Iterable[Dial]:
    """Every numeric limit of the document that might stand in the way."""
    yield from _policy(question.spec)
    yield from _sites(question.spec)
    yield from _workloads(question)


def _policy(spec: Deployment) -> Iterable[Dial]:
    policy = spec.policy
    if policy.spare_replicas:
        yield Dial(
            field="policy.spare_replicas",
            current=policy.spare_replicas,
            limit=0,
            unit="replicas",
            is_whole=True,
        )
    if policy.confidence_frac > 0.5:
        yield Dial(
            field="policy.confidence_frac",
            current=policy.confidence_frac,
            limit=0.5,
            unit="fraction",
        )


def _sites(spec: Deployment) -> Iterable[Dial]:
    for i, site in enumerate(spec.sites):
        if not isinstance(site, EdgeSite):
            continue
        for j, devices in enumerate(site.devices):
            yield Dial(
                field=f"sites.{i}.devices.{j}.stock",
                current=devices.stock,
                limit=MOST_STOCK,
                unit=devices.device,
                is_whole=True,
            )
        if site.uplink is not None and site.uplink.bandwidth_mbps is not None:
            yield Dial(
                field=f"sites.{i}.uplink.bandwidth_mbps",
                current=site.uplink.bandwidth_mbps,
                limit=site.uplink.bandwidth_mbps * BANDWIDTH_FACTOR,
                unit="Mbit/s",
            )


def _workloads(question: Question) -> Iterable[Dial]:
    for i, w in enumerate(question.workloads):
        path = f"workloads.{i}"
        slo = question.spec.workloads[i].slo
        if isinstance(w.slo, LatencySlo) and slo.latency_ms is not None:
            yield _stretch(f"{path}.slo.latency_ms", slo.latency_ms)
        if slo.ttft_ms is not None and slo.tpot_ms is not None:
            yield _stretch(f"{path}.slo.ttft_ms", slo.ttft_ms)
            yield _stretch(f"{path}.slo.tpot_ms", slo.tpot_ms)
        traffic = question.spec.workloads[i].traffic
        if isinstance(traffic, ConstantTraffic):
            yield Dial(
                field=f"{path}.traffic.rate_rps",
                current=traffic.rate_rps,
                limit=traffic.rate_rps * LEAST_RATE_FRAC,
                unit="requests/s",
            )
        floor = w.quality_minimum_frac
        if floor is not None:
            yield Dial(
                field=f"{path}.quality.minimum_frac",
                current=floor,
                limit=floor * 0.01,
                unit=w.quality_metric or "",
            )


def _stretch(field: str, current_ms: float) -> Dial:
    return Dial(
        field=field, current=current_ms, limit=current_ms * LATENCY_FACTOR, unit="ms"
    )
