"""The limits of a document that can be turned, how far, and how much a turn asks.

A dial is a number of the document that can move in the direction that only ever
adds plans. `limit` is as far as it may go; between the two a larger turn never
takes a plan away, so the smallest sufficient one is found by bisection.

How much a turn asks is free of scale and unit: the factor by which an amount
changes, a count (plus one) changes, or the odds of a fraction change.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from planner.domain.workloads import LatencySlo, Workload
from planner.pipeline.asking.question import Question
from planner.specs.by_request import HostedApi, Serverless
from planner.specs.deployment import Deployment
from planner.specs.policy import Policy
from planner.specs.sites import EdgeSite
from planner.specs.traffic import ConstantTraffic, ShapeTraffic

# How far a latency promise or a line may be stretched before it is another product.
LATENCY_FACTOR: Final = 50.0
BANDWIDTH_FACTOR: Final = 100.0
ACCOUNT_FACTOR: Final = 100
LEAST_RATE_FRAC: Final = 0.01
LEAST_SURVIVING_FRAC: Final = 0.01
MOST_STOCK: Final = 100_000
# What the policy allows for the limits on variety.
MOST_KINDS: Final = 1000
LEAST_PERCENTILE: Final = 50.0
LARGEST_DROP_FRAC: Final = 0.99
# Odds of one in a thousand and beyond are told as certain.
CERTAIN_FRAC: Final = 0.999


class Scale(StrEnum):
    """What kind of number a dial turns."""

    AMOUNT = "amount"
    COUNT = "count"
    FRACTION = "fraction"
    PERCENT = "percent"


# What "one unit" of each is: a tenth of an amount, one of a count, five points of a
# fraction, one point of a percentile.
UNIT_STEPS: Final = {
    Scale.AMOUNT: 0.1,
    Scale.COUNT: 1.0,
    Scale.FRACTION: 0.05,
    Scale.PERCENT: 1.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """A number of the document, how far it may be turned, and what kind it is."""

    field: str
    current: float
    limit: float
    unit: str
    scale: Scale = Scale.AMOUNT

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers make sense."""
        return self.scale is Scale.COUNT

    @property
    def is_geometric(self) -> bool:
        """Whether equal turns are equal factors."""
        return not self.is_whole and self.current > 0 and self.limit > 0

    def at(self, turn_frac: float) -> float:
        """The value after so much of the turn, from 0 (current) to 1 (limit).

        Geometric where both ends are positive, so that a bisection resolves
        small and large values alike.
        """
        if self.is_geometric:
            value = self.current * (self.limit / self.current) ** turn_frac
        else:
            value = self.current + (self.limit - self.current) * turn_frac
        return self.rounded(value)

    def turn_frac(self, value: float) -> float:
        """How much of the turn leads to the value."""
        if self.is_geometric:
            return math.log(value / self.current) / math.log(self.limit / self.current)
        return (value - self.current) / (self.limit - self.current)

    def rounded(self, value: float) -> float:
        """The value a person would write, never on the wrong side of the exact one."""
        toward = math.ceil if self.limit > self.current else math.floor
        if self.is_whole:
            return toward(value - 1e-9 if toward is math.ceil else value + 1e-9)
        if value == 0:
            return 0.0
        scale = 10.0 ** (math.floor(math.log10(abs(value))) - 3)
        # A value of four digits already is a hair off them as a float.
        hair = 1 - 1e-12 if toward is math.ceil else 1 + 1e-12
        written = float(f"{toward(value / scale * hair) * scale:.10g}")
        return min(written, self.limit) if toward is math.ceil else max(written, self.limit)  # fmt: skip

    def ask_ratio(self, value: float) -> float:
        """How much the value asks beyond the current one; 1 is nothing."""
        return _ratio(self.scale, self.current, value)

    def stepped(self, *, is_easier: bool) -> float:
        """One unit nearer to the limit, or one unit away from it."""
        up = (self.limit > self.current) == is_easier
        step = UNIT_STEPS[self.scale]
        if self.scale is Scale.AMOUNT and self.current > 0:
            return self.current * (1 + step if up else 1 / (1 + step))
        return float(f"{self.current + (step if up else -step):.10g}")


def _ratio(scale: Scale, one: float, other: float) -> float:
    if scale is Scale.PERCENT:
        return _ratio(Scale.FRACTION, one / 100, other / 100)
    if scale is Scale.FRACTION:
        ratio = _odds(one) / _odds(other)
    elif scale is Scale.COUNT or min(one, other) <= 0:
        ratio = (other + 1) / (one + 1)
    else:
        ratio = other / one
    return max(ratio, 1 / ratio)


def _odds(frac: float) -> float:
    safe = min(max(frac, 1 - CERTAIN_FRAC), CERTAIN_FRAC)
    return safe / (1 - safe)


def dials(question: Question) -> Iterable[Dial]:
    """Every numeric limit of the document that might stand in the way.

    Budget and carbon are not among them: what they would have to be is exactly
    the least that a plan without them takes.
    """
    yield from _counts(question.spec.policy)
    yield from _fractions(question.spec.policy)
    yield from _sites(question.spec)
    yield from _accounts(question.spec)
    yield from _workloads(question)


def _counts(policy: Policy) -> Iterable[Dial]:
    limits = (
        ("spare_replicas", policy.spare_replicas or None, 0, "replicas"),
        ("least_machines", policy.least_machines or None, 0, "machines"),
        (
            "most_configurations",
            policy.most_configurations,
            MOST_KINDS,
            "configurations",
        ),
        ("most_providers", policy.most_providers, MOST_KINDS, "providers"),
        ("most_regions", policy.most_regions, MOST_KINDS, "regions"),
        (
            "demand_rises.most_at_once",
            policy.demand_rises.most_at_once if policy.demand_rises else None,
            0,
            "workloads",
        ),
    )
    for name, current, limit, unit in limits:
        if current is not None and current != limit:
            yield Dial(
                field=f"policy.{name}",
                current=current,
                limit=limit,
                unit=unit,
                scale=Scale.COUNT,
            )


def _fractions(policy: Policy) -> Iterable[Dial]:
    limits = [
        ("confidence_frac", policy.confidence_frac, 0.5),
        ("demand_error_frac", policy.demand_error_frac, 0.0),
    ]
    if policy.spot_share_frac is not None:
        limits.append(("spot_share_frac", policy.spot_share_frac, 1.0))
    if policy.survive is not None:
        least = min(LEAST_SURVIVING_FRAC, policy.survive.traffic_frac)
        limits.append(("survive.traffic_frac", policy.survive.traffic_frac, least))
    if policy.demand_rises is not None:
        rise_frac = policy.demand_rises.rise_frac
        limits.append(("demand_rises.rise_frac", rise_frac, 0.0))
    for name, current, limit in limits:
        if current != limit:
            is_amount = name in {"demand_error_frac", "demand_rises.rise_frac"}
            yield Dial(
                field=f"policy.{name}",
                current=current,
                limit=limit,
                unit="fraction",
                scale=Scale.AMOUNT if is_amount else Scale.FRACTION,
            )


def _sites(spec: Deployment) -> Iterable[Dial]:
    for i, site in enumerate(spec.sites):
        if not isinstance(site, EdgeSite):
            continue
        for j, devices in enumerate(site.devices):
            if devices.stock < MOST_STOCK:
                yield Dial(
                    field=f"sites.{i}.devices.{j}.stock",
                    current=devices.stock,
                    limit=MOST_STOCK,
                    unit=devices.device,
                    scale=Scale.COUNT,
                )
        if site.uplink is not None and site.uplink.bandwidth_mbps is not None:
            yield Dial(
                field=f"sites.{i}.uplink.bandwidth_mbps",
                current=site.uplink.bandwidth_mbps,
                limit=site.uplink.bandwidth_mbps * BANDWIDTH_FACTOR,
                unit="Mbit/s",
            )


def _accounts(spec: Deployment) -> Iterable[Dial]:
    """What may be sent to what is paid by request: vendors raise it when asked."""
    for i, site in enumerate(spec.sites):
        if isinstance(site, HostedApi):
            for j, hosted in enumerate(site.models):
                path = f"sites.{i}.models.{j}"
                yield from _account(
                    f"{path}.most_requests_per_min",
                    hosted.most_requests_per_min,
                    "requests a minute",
                )
                yield from _account(
                    f"{path}.most_tokens_per_min",
                    hosted.most_tokens_per_min,
                    "tokens a minute",
                )
        elif isinstance(site, Serverless):
            for j, function in enumerate(site.functions):
                if function.most_concurrent is not None:
                    yield Dial(
                        field=f"sites.{i}.functions.{j}.most_concurrent",
                        current=function.most_concurrent,
                        limit=function.most_concurrent * ACCOUNT_FACTOR,
                        unit="at once",
                        scale=Scale.COUNT,
                    )


def _account(field: str, current: float | None, unit: str) -> Iterable[Dial]:
    if current is not None:
        yield Dial(
            field=field, current=current, limit=current * ACCOUNT_FACTOR, unit=unit
        )


def _workloads(question: Question) -> Iterable[Dial]:
    for i, w in enumerate(question.workloads):
        path = f"workloads.{i}"
        yield from _promises(question, i)
        field, current, unit = traffic(question.spec, i)
        yield Dial(
            field=field, current=current, limit=current * LEAST_RATE_FRAC, unit=unit
        )
        rise_frac = question.spec.workloads[i].traffic.rise_frac
        if rise_frac:
            yield Dial(
                field=f"{path}.traffic.rise_frac",
                current=rise_frac,
                limit=0.0,
                unit="fraction",
            )
        if w.offline_frac > 0:
            yield Dial(
                field=f"{path}.offline_frac",
                current=w.offline_frac,
                limit=0.0,
                unit="fraction",
                scale=Scale.FRACTION,
            )
        yield from _floors(w, path)


def _floors(w: Workload, path: str) -> Iterable[Dial]:
    floors = (
        ("minimum_frac", w.quality_minimum_frac),
        ("worst_slice_minimum_frac", w.worst_slice_minimum_frac),
    )
    for name, floor in floors:
        if floor is not None:
            yield Dial(
                field=f"{path}.quality.{name}",
                current=floor,
                limit=floor * 0.01,
                unit=w.quality_metric or "",
                scale=Scale.FRACTION,
            )
    allowed = w.quality_allowed_drop_frac
    if allowed is not None and allowed < LARGEST_DROP_FRAC:
        yield Dial(
            field=f"{path}.quality.allowed_drop_frac",
            current=allowed,
            limit=LARGEST_DROP_FRAC,
            unit=f"of {w.quality_metric}",
            scale=Scale.FRACTION,
        )


def traffic(spec: Deployment, i: int) -> tuple[str, float, str]:
    """The field that turns all of a workload's rates, its value, and its unit."""
    asked = spec.workloads[i].traffic
    if isinstance(asked, ConstantTraffic | ShapeTraffic):
        return f"workloads.{i}.traffic.rate_rps", asked.rate_rps, "requests/s"
    return f"workloads.{i}.traffic.scale_ratio", asked.scale_ratio, "times every rate"


def _promises(question: Question, i: int) -> Iterable[Dial]:
    slo, path = question.spec.workloads[i].slo, f"workloads.{i}.slo"
    if isinstance(question.workloads[i].slo, LatencySlo):
        limits = {"latency_ms": slo.latency_ms}
    else:
        limits = {"ttft_ms": slo.ttft_ms, "tpot_ms": slo.tpot_ms}
    for name, current_ms in limits.items():
        if current_ms is not None:
            yield Dial(
                field=f"{path}.{name}",
                current=current_ms,
                limit=current_ms * LATENCY_FACTOR,
                unit="ms",
            )
    if slo.percentile > LEAST_PERCENTILE:
        yield Dial(
            field=f"{path}.percentile",
            current=slo.percentile,
            limit=LEAST_PERCENTILE,
            unit="percentile",
            scale=Scale.PERCENT,
        )
