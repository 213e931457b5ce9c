"""The traffic that a plan is tried on: its own rates, its declared bursts, or a trace.

Hours of the document's day or week follow each other, all cut to the same length so
that no more than so many requests are sent; at one constant rate there is one hour, as
long as it takes. What varies within hours keeps its own clock. A trace comes at its own instants, and
workloads without one send at the plan's rates meanwhile.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from planner.domain.workloads import TokenSlo, Workload
from planner.simulate.arrivals import Arrivals, arrivals, bursts
from planner.simulate.fit import arrivals_of, scaled
from planner.simulate.shapes import Shape, Traffic, shaped
from planner.specs.deployment import Deployment
from planner.specs.traces import Trace
from planner.specs.workloads import Burstiness, ConstantTraffic, HourlyTraffic
from planner.units import S_PER_H

# A language model's requests count as many as their output tokens over this: what one
# request of a batch costs to simulate, an engine's step costs for some tokens.
TOKENS_PER_REQUEST: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What traffic is wanted instead of the document's own, and how much of it.

    `traces` by workload; `shape` for workloads without one, at their mean rate; all
    requests `scale_ratio` times.
    """

    traces: Mapping[str, Trace] = field(default_factory=dict)
    shape: Shape | None = None
    scale_ratio: float = 1.0


AS_DECLARED: Final = Wish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Everyone's requests, the simulated hours, and what that is in words."""

    arrivals: Mapping[str, Arrivals]
    hour_s: float
    words: str


def sending(
    spec: Deployment,
    workloads: Sequence[Workload],
    block_of_hour: Sequence[int],
    *,
    wish: Wish,
    most_requests: int,
    seed: int,
) -> Sending:
    """Requests of every workload over the same span."""
    seeds = np.random.SeedSequence([seed, len(workloads)]).spawn(len(workloads))
    declared = {w.name: w.traffic.burstiness for w in spec.workloads}
    traffic = {
        w.name: _traffic(w, block_of_hour, declared[w.name], wish) for w in workloads
    }
    hour_s, n_hours = _hours(workloads, traffic, wish, most_requests)
    found: dict[str, Arrivals] = {}
    for w, entropy in zip(workloads, seeds, strict=True):
        rng = np.random.default_rng(entropy)
        trace = wish.traces.get(w.name)
        if trace is not None:
            own = arrivals_of(trace, rng, declared_bytes=w.request_bytes)
            found[w.name] = scaled(own, wish.scale_ratio, rng)
        else:
            found[w.name] = _sent(traffic[w.name], hour_s, n_hours, rng)
    words = "; ".join(_words(w, traffic[w.name], wish) for w in workloads)
    return Sending(arrivals=found, hour_s=hour_s, words=words)


def section(traffic: Traffic) -> ConstantTraffic | HourlyTraffic:
    """Fitted traffic as a document states it, rates to four digits."""
    burstiness = None
    if traffic.dispersion_ratio > 1:
        burstiness = Burstiness(
            dispersion_ratio=_rounded(traffic.dispersion_ratio),
            time_scale_s=_rounded(traffic.time_scale_s),
        )
    rates = tuple(_rounded(r) for r in traffic.rates_rps)
    if len(rates) == 1:
        return ConstantTraffic(
            kind="constant", rate_rps=rates[0], burstiness=burstiness
        )
    return HourlyTraffic(kind="hourly", rates_rps=rates, burstiness=burstiness)


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _traffic(
    workload: Workload,
    block_of_hour: Sequence[int],
    declared: Burstiness | None,
    wish: Wish,
) -> Traffic:
    rates = tuple(workload.rates_rps[b] * wish.scale_ratio for b in block_of_hour)
    if wish.shape is not None:
        return shaped(wish.shape, math.fsum(rates) / len(rates))
    if declared is None:
        return Traffic(rates_rps=rates)
    return Traffic(
        rates_rps=rates,
        dispersion_ratio=declared.dispersion_ratio,
        time_scale_s=declared.time_scale_s,
    )


def _sent(
    traffic: Traffic, hour_s: float, n_hours: float, rng: np.random.Generator
) -> Arrivals:
    """So many hours of traffic; the last one may be a part of one."""
    rates = traffic.rates_rps
    whole = math.ceil(n_hours)
    sent = arrivals(
        [rates[hour % len(rates)] for hour in range(whole)],
        hour_s=hour_s,
        rng=rng,
        modulation=bursts(
            dispersion_ratio=traffic.dispersion_ratio,
            time_scale_s=traffic.time_scale_s,
            rate_rps=traffic.rate_rps,
        ),
    )
    span_s = n_hours * hour_s
    inside = np.flatnonzero(sent.at_s < span_s)
    return replace(sent.only(inside), span_s=span_s)


def _hours(
    workloads: Sequence[Workload],
    traffic: Mapping[str, Traffic],
    wish: Wish,
    most_requests: int,
) -> tuple[float, float]:
    """Length and number of simulated hours."""
    if wish.traces:
        return S_PER_H, max(t.span_s for t in wish.traces.values()) / S_PER_H
    cycle = max(len(t.rates_rps) for t in traffic.values())
    per_hour_rps = sum(_cost(w) * traffic[w.name].rate_rps for w in workloads)
    longest_s = most_requests / (per_hour_rps * cycle)
    if cycle == 1:
        return longest_s, 1.0
    return min(longest_s, S_PER_H), float(cycle)


def _cost(workload: Workload) -> float:
    if isinstance(workload.slo, TokenSlo) and workload.output_tokens is not None:
        return max(1.0, workload.output_tokens / TOKENS_PER_REQUEST)
    return 1.0


def _words(workload: Workload, traffic: Traffic, wish: Wish) -> str:
    name = workload.name
    times = f", {wish.scale_ratio:g} times" if wish.scale_ratio != 1 else ""
    if name in wish.traces:
        return f"{name}: trace {wish.traces[name].name}{times}"
    rates = "the planned rates" if wish.shape is None else f"a {wish.shape} week"
    if traffic.dispersion_ratio > 1:
        return (
            f"{name}: bursts, dispersion {traffic.dispersion_ratio:g}, of about "
            f"{traffic.time_scale_s:g} s, at {rates}{times}"
        )
    return f"{name}: Poisson at {rates}{times}"
