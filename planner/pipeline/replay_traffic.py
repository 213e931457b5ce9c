"""The traffic that a plan is tried on: its own rates, its declared bursts, or a trace.

Hours of the document's day or week follow each other, all cut to the same length so
that no more than so many requests are sent; where a day has too few, it is repeated.
What varies within hours keeps its own clock. A trace comes at its own instants, and
workloads without one send at the plan's rates meanwhile.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.workloads import TokenSlo, Workload
from planner.simulate.arrivals import Arrivals, Bursts, arrivals, bursts
from planner.simulate.fit import arrivals_of
from planner.specs.deployment import Deployment
from planner.specs.traces import Trace
from planner.specs.workloads import Burstiness
from planner.units import S_PER_H

# A language model's requests count as many as their output tokens over this: what one
# request of a batch costs to simulate, an engine's step costs for some tokens.
TOKENS_PER_REQUEST: Final = 8

NO_TRACES: Final[Mapping[str, Trace]] = {}


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
    traces: Mapping[str, Trace],
    most_requests: int,
    seed: int,
) -> Sending:
    """Requests of every workload over the same span."""
    seeds = np.random.SeedSequence([seed, len(workloads)]).spawn(len(workloads))
    rngs = {
        w.name: np.random.default_rng(s) for w, s in zip(workloads, seeds, strict=True)
    }
    declared = {w.name: w.traffic.burstiness for w in spec.workloads}
    span_s = max((t.span_s for t in traces.values()), default=0.0)
    hour_s, n_hours = (
        (S_PER_H, math.ceil(span_s / S_PER_H))
        if traces
        else _hours(workloads, block_of_hour, most_requests)
    )
    found: dict[str, Arrivals] = {}
    for w in workloads:
        if w.name in traces:
            found[w.name] = arrivals_of(
                traces[w.name],
                rngs[w.name],
                declared_bytes=w.request_bytes,
            )
            continue
        rates = [
            w.rates_rps[block_of_hour[h % len(block_of_hour)]] for h in range(n_hours)
        ]
        found[w.name] = arrivals(
            rates,
            hour_s=min(hour_s, span_s) if traces and n_hours == 1 else hour_s,
            rng=rngs[w.name],
            modulation=_bursts(declared[w.name], w, block_of_hour),
        )
    return Sending(arrivals=found, hour_s=hour_s, words=_words(declared, traces))


def _hours(
    workloads: Sequence[Workload], block_of_hour: Sequence[int], most_requests: int
) -> tuple[float, int]:
    """Length and number of simulated hours."""
    per_cycle_rps = sum(
        _cost(w) * w.rates_rps[block] for w in workloads for block in block_of_hour
    )
    longest_s = most_requests / per_cycle_rps
    if len(block_of_hour) == 1:
        return longest_s, 1
    cycles = max(1, math.floor(longest_s / S_PER_H))
    return min(longest_s, S_PER_H), cycles * len(block_of_hour)


def _cost(workload: Workload) -> float:
    if isinstance(workload.slo, TokenSlo) and workload.output_tokens is not None:
        return max(1.0, workload.output_tokens / TOKENS_PER_REQUEST)
    return 1.0


def _bursts(
    declared: Burstiness | None, workload: Workload, block_of_hour: Sequence[int]
) -> Bursts | None:
    if declared is None:
        return None
    rates = [workload.rates_rps[block] for block in block_of_hour]
    return bursts(
        dispersion_ratio=declared.dispersion_ratio,
        time_scale_s=declared.time_scale_s,
        rate_rps=math.fsum(rates) / len(rates),
    )


def _words(
    declared: Mapping[str, Burstiness | None], traces: Mapping[str, Trace]
) -> str:
    parts = [f"{name}: trace {trace.name}" for name, trace in sorted(traces.items())]
    for name, bursty in declared.items():
        if name not in traces:
            parts.append(
                f"{name}: Poisson at the planned rates"
                if bursty is None
                else f"{name}: bursts, dispersion {bursty.dispersion_ratio:g}, "
                f"of about {bursty.time_scale_s:g} s, at the planned rates"
            )
    return "; ".join(parts)
