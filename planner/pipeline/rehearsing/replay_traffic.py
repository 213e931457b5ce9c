"""The traffic that a plan is tried on: its own rates, its declared bursts, or a trace.

Hours of the document's day or week follow each other, all cut to the same length so
that no more than so many requests are sent; at one constant rate there is one hour, as
long as it takes. What varies within hours keeps its own clock. A trace comes at its own
instants, in the hours of the day and week that they fall in; workloads without one send
at the plan's rates meanwhile, and so does each before its trace begins and after it
ends. The document's own traces come as many times as it counts them; of two traces with
dates the one that is later in the day or week comes later.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from planner.domain.workloads import TokenSlo, Workload
from planner.simulate.arrays import Floats
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

    `hours` are those of the day or week that the simulated ones are, and `into_s` is how
    much of the first is over before the first request may come.
    """

    arrivals: Mapping[str, Arrivals]
    hour_s: float
    words: str
    hours: tuple[int, ...] = (0,)
    into_s: float = 0.0


def sending(
    spec: Deployment,
    workloads: Sequence[Workload],
    block_of_hour: Sequence[int],
    *,
    wish: Wish,
    most_requests: int,
    seed: int,
    hours: Sequence[int] | None = None,
) -> Sending:
    """Requests of every workload over the same span: that of its traces, or all `hours`.

    Those are of the day or week; None: each of them once.
    """
    seeds = np.random.SeedSequence([seed, len(workloads)]).spawn(len(workloads))
    declared = {w.name: w.traffic.burstiness for w in spec.workloads}
    traffic = {
        w.name: _traffic(w, block_of_hour, declared[w.name], wish) for w in workloads
    }
    stamps = stamped(wish.traces, len(block_of_hour))
    span = _span(workloads, traffic, stamps, most_requests, hours)
    counted = times_counted(spec, wish)
    found: dict[str, Arrivals] = {}
    for w, entropy in zip(workloads, seeds, strict=True):
        rng = np.random.default_rng(entropy)
        trace = wish.traces.get(w.name)
        if trace is None:
            found[w.name] = _sent(traffic[w.name], span, rng)
            continue
        own = arrivals_of(trace, rng, declared_bytes=w.request_bytes)
        times = scaled(own, counted[w.name], rng).later(stamps.begins_s[w.name])
        if trace.span_s < stamps.span_s:
            around = _sent(traffic[w.name], span, rng)
            times = _around(times, trace.span_s, around, w)
        found[w.name] = times
    words = "; ".join(
        _words(w, traffic[w.name], wish, counted.get(w.name, wish.scale_ratio))
        for w in workloads
    )
    return Sending(
        arrivals=found,
        hour_s=span.hour_s,
        words=words,
        hours=span.hours,
        into_s=span.into_s,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamps:
    """The instant of the cycle that traces are tried from, and when each begins."""

    first_hour: int
    into_s: float
    begins_s: Mapping[str, float]
    span_s: float


def stamped(traces: Mapping[str, Trace], cycle_h: int) -> Stamps:
    """Traces without a date begin with the first of those that have one."""
    into_s = {
        name: into_cycle_s(trace, cycle_h)
        for name, trace in traces.items()
        if trace.starts_at is not None
    }
    first_s = min(into_s.values(), default=0.0)
    begins_s = {name: into_s.get(name, first_s) - first_s for name in traces}
    ends_s = [begins_s[name] + trace.span_s for name, trace in traces.items()]
    return Stamps(
        first_hour=int(first_s // S_PER_H),
        into_s=first_s % S_PER_H,
        begins_s=begins_s,
        span_s=max(ends_s, default=0.0),
    )


def times_counted(spec: Deployment, wish: Wish) -> dict[str, float]:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """Hours that are simulated, from so far into the first; the last may be a part."""

    hours: tuple[int, ...]
    hour_s: float
    into_s: float
    span_s: float


def _sent(traffic: Traffic, span: _Span, rng: np.random.Generator) -> Arrivals:
    """Traffic at the rates of those hours."""
    rates = traffic.rates_rps
    sent = arrivals(
        [rates[hour % len(rates)] for hour in span.hours],
        hour_s=span.hour_s,
        rng=rng,
        modulation=bursts(
            dispersion_ratio=traffic.dispersion_ratio,
            time_scale_s=traffic.time_scale_s,
            rate_rps=traffic.rate_rps,
        ),
    )
    at_s = sent.at_s - span.into_s
    mine = sent.only(np.flatnonzero((at_s >= 0) & (at_s < span.span_s)))
    return replace(mine, at_s=mine.at_s - span.into_s, span_s=span.span_s)


def _around(
    own: Arrivals, own_span_s: float, around: Arrivals, workload: Workload
) -> Arrivals:
    """A trace's requests (over the last `own_span_s` of its span) among others.

    The others carry what the document declares.
    """
    ends_s, begins_s = own.span_s, own.span_s - own_span_s
    others = around.only(
        np.flatnonzero((around.at_s < begins_s) | (around.at_s >= ends_s))
    )
    at_s = np.concatenate((own.at_s, others.at_s))
    order = np.argsort(at_s, kind="stable")

    def both(column: Floats | None, declared: float) -> Floats | None:
        if column is None:
            return None
        return np.concatenate((column, np.full(others.at_s.size, declared)))[order]

    return Arrivals(
        at_s=at_s[order],
        span_s=around.span_s,
        prompt_tokens=both(own.prompt_tokens, workload.prompt_tokens or 0),
        output_tokens=both(own.output_tokens, workload.output_tokens or 0),
        size_ratio=both(own.size_ratio, 1.0),
    )


def _span(
    workloads: Sequence[Workload],
    traffic: Mapping[str, Traffic],
    stamps: Stamps,
    most_requests: int,
    hours: Sequence[int] | None,
) -> _Span:
    """Hours of traces are whole ones; others are cut so that not too much is sent."""
    if stamps.span_s > 0:
        n_hours = math.ceil((stamps.into_s + stamps.span_s) / S_PER_H)
        return _Span(
            hours=tuple(range(stamps.first_hour, stamps.first_hour + n_hours)),
            hour_s=S_PER_H,
            into_s=stamps.into_s,
            span_s=stamps.span_s,
        )
    cycle = max(len(t.rates_rps) for t in traffic.values())
    sent = tuple(range(cycle)) if hours is None else tuple(hours)
    total_rps = math.fsum(
        cost(w) * t.rates_rps[h % len(t.rates_rps)]
        for w in workloads
        for t in (traffic[w.name],)
        for h in sent
    )
    hour_s = most_requests / total_rps
    if cycle > 1:
        hour_s = min(hour_s, S_PER_H)
    return _Span(hours=sent, hour_s=hour_s, into_s=0.0, span_s=hour_s * len(sent))


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
