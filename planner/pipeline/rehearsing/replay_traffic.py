"""The traffic that a plan is tried on: its own rates, its declared bursts, or a trace.

Hours of the document's day or week follow each other, all cut to the same length so
that no more than so many requests are sent; at one constant rate there is one hour, as
long as it takes. What varies within hours keeps its own clock. A trace comes at its own
instants, in the hours of the day and week that they fall in, and workloads without one
send at the plan's rates meanwhile. The document's own traces come as many times as it
counts them; of two traces with dates the one that is later in the day or week comes later.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from planner.domain.workloads import TokenSlo, Workload
from planner.simulate.arrivals import Arrivals, arrivals, bursts
from planner.simulate.fit import arrivals_of, into_cycle_s, scaled
from planner.specs.deployment import Deployment
from planner.specs.shapes import Shape, Traffic, shaped
from planner.specs.traces import Trace
from planner.specs.traffic import (
    Burstiness,
    ConstantTraffic,
    HourlyTraffic,
    TraceTraffic,
)
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
    """Everyone's requests, the simulated hours, and what that is in words.

    `first_hour` is the hour of the day or week that the first one is, and `into_s` how
    much of it is over before the first request may come.
    """

    arrivals: Mapping[str, Arrivals]
    hour_s: float
    words: str
    first_hour: int = 0
    into_s: float = 0.0


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
    stamps = _stamped(wish.traces, len(block_of_hour))
    hour_s, n_hours = _hours(workloads, traffic, stamps, most_requests)
    counted = _counted(spec, wish)
    found: dict[str, Arrivals] = {}
    for w, entropy in zip(workloads, seeds, strict=True):
        rng = np.random.default_rng(entropy)
        trace = wish.traces.get(w.name)
        if trace is not None:
            own = arrivals_of(trace, rng, declared_bytes=w.request_bytes)
            times = scaled(own, counted[w.name], rng)
            found[w.name] = times.later(stamps.begins_s[w.name])
        else:
            first = stamps.first_hour
            found[w.name] = _sent(
                traffic[w.name], hour_s, (first, stamps.into_s, n_hours), rng
            )
    words = "; ".join(
        _words(w, traffic[w.name], wish, counted.get(w.name, wish.scale_ratio))
        for w in workloads
    )
    return Sending(
        arrivals=found,
        hour_s=hour_s,
        words=words,
        first_hour=stamps.first_hour,
        into_s=stamps.into_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stamps:
    """The instant of the cycle that traces are tried from, and when each begins."""

    first_hour: int
    into_s: float
    begins_s: Mapping[str, float]
    span_s: float


def _stamped(traces: Mapping[str, Trace], cycle_h: int) -> _Stamps:
    """Traces without a date begin with the first of those that have one."""
    into_s = {
        name: into_cycle_s(trace, cycle_h)
        for name, trace in traces.items()
        if trace.starts_at is not None
    }
    first_s = min(into_s.values(), default=0.0)
    begins_s = {name: into_s.get(name, first_s) - first_s for name in traces}
    ends_s = [begins_s[name] + trace.span_s for name, trace in traces.items()]
    return _Stamps(
        first_hour=int(first_s // S_PER_H),
        into_s=first_s % S_PER_H,
        begins_s=begins_s,
        span_s=max(ends_s, default=0.0),
    )


def _counted(spec: Deployment, wish: Wish) -> dict[str, float]:
    """How many times each trace's requests come; the document's own as it says."""
    found = {}
    for w in spec.workloads:
        trace, own = wish.traces.get(w.name), w.traffic
        if trace is None:
            continue
        found[w.name] = wish.scale_ratio
        is_own = isinstance(own, TraceTraffic) and own.read.sha256 == trace.sha256
        if isinstance(own, TraceTraffic) and is_own:
            feared = 1.0 + spec.policy.demand_error_frac
            found[w.name] *= own.scale_ratio * feared
    return found


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
    traffic: Traffic,
    hour_s: float,
    hours: tuple[int, float, float],
    rng: np.random.Generator,
) -> Arrivals:
    """Traffic of so many hours, from so far into the first; the last may be a part."""
    rates = traffic.rates_rps
    first, into_s, n_hours = hours
    whole = math.ceil(into_s / hour_s + n_hours)
    sent = arrivals(
        [rates[(first + hour) % len(rates)] for hour in range(whole)],
        hour_s=hour_s,
        rng=rng,
        modulation=bursts(
            dispersion_ratio=traffic.dispersion_ratio,
            time_scale_s=traffic.time_scale_s,
            rate_rps=traffic.rate_rps,
        ),
    )
    span_s = n_hours * hour_s
    inside = np.flatnonzero((sent.at_s >= into_s) & (sent.at_s < into_s + span_s))
    mine = sent.only(inside)
    return replace(mine, at_s=mine.at_s - into_s, span_s=span_s)


def _hours(
    workloads: Sequence[Workload],
    traffic: Mapping[str, Traffic],
    stamps: _Stamps,
    most_requests: int,
) -> tuple[float, float]:
    """Length and number of simulated hours."""
    if stamps.span_s > 0:
        return S_PER_H, stamps.span_s / S_PER_H
    cycle = max(len(t.rates_rps) for t in traffic.values())
    per_hour_rps = sum(cost(w) * traffic[w.name].rate_rps for w in workloads)
    longest_s = most_requests / (per_hour_rps * cycle)
    if cycle == 1:
        return longest_s, 1.0
    return min(longest_s, S_PER_H), float(cycle)


def cost(workload: Workload) -> float:
    """What a request costs to simulate, in requests that are answered at once."""
    if isinstance(workload.slo, TokenSlo) and workload.output_tokens is not None:
        return max(1.0, workload.output_tokens / TOKENS_PER_REQUEST)
    return 1.0


def _words(workload: Workload, traffic: Traffic, wish: Wish, times_it: float) -> str:
    name = workload.name
    times = f", {times_it:g} times" if times_it != 1 else ""
    if name in wish.traces:
        return f"{name}: trace {wish.traces[name].name}{times}"
    rates = "the planned rates" if wish.shape is None else f"a {wish.shape} week"
    if traffic.dispersion_ratio > 1:
        return (
            f"{name}: bursts, dispersion {traffic.dispersion_ratio:.4g}, of about "
            f"{traffic.time_scale_s:.4g} s, at {rates}{times}"
        )
    return f"{name}: Poisson at {rates}{times}"
