"""What `planner verify` sends besides a steady stream: an hour, all hours, or a trace.

hour      one placement's rate in that hour of the day or week, in its bursts
all hours each hour at its own rate, all cut to the same length: rates are kept,
          time runs so many times faster
trace     the busiest stretch of that length, at the trace's own stamps; a placement
          that serves a share of its workload gets that share of the requests
"""

from dataclasses import dataclass

import numpy as np

from planner.errors import SpecError
from planner.pipeline.asking.demands import demands
from planner.pipeline.exploring.explain import spec_of
from planner.simulate.arrays import Floats
from planner.simulate.arrivals import Arrivals, Bursts, arrivals, bursts
from planner.simulate.fit import arrivals_of, scaled
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument
from planner.specs.traces import Trace
from planner.units import S_PER_H


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests to be sent to a placement, and what traffic that is in words."""

    arrivals: Arrivals
    words: str


def hour_load(
    plan: PlanDocument,
    placement: PlanPlacement,
    *,
    hour: int,
    length_s: float,
    seed: int,
) -> Load:
    """One hour of the plan's day or week.

    Raises:
        SpecError: The plan has no such hour, or sends nothing in it.
    """
    rates = _rates_rps(plan, placement)
    if not 0 <= hour < len(rates):
        raise SpecError(
            f"--hour {hour}: the plan's hours are 0 to {len(rates) - 1}"
            + ("; it is the same at each" if len(rates) == 1 else "")
        )
    rate_rps = rates[hour]
    if rate_rps <= 0:
        raise SpecError(f"--hour {hour}: the plan sends nothing to this placement then")
    sent = arrivals(
        [rate_rps],
        hour_s=length_s,
        rng=np.random.default_rng(seed),
        modulation=_bursts(plan, placement, rates),
    )
    return Load(
        arrivals=sent, words=f"hour {hour} of the plan, {rate_rps:.4g} requests/s"
    )


def all_hours_load(
    plan: PlanDocument, placement: PlanPlacement, *, length_s: float, seed: int
) -> Load:
    """Every hour of the plan's day or week, each cut short."""
    rates = _rates_rps(plan, placement)
    hour_s = length_s / len(rates)
    sent = arrivals(
        rates,
        hour_s=hour_s,
        rng=np.random.default_rng(seed),
        modulation=_bursts(plan, placement, rates),
    )
    return Load(
        arrivals=sent,
        words=f"the plan's {len(rates)} hours at their own rates, each cut to "
        f"{hour_s:.3g} s: time runs {S_PER_H / hour_s:.4g} times faster, rates do not",
    )


def trace_load(
    placement: PlanPlacement, trace: Trace, *, length_s: float, seed: int
) -> Load:
    """The busiest stretch of a trace."""
    rng = np.random.default_rng(seed)
    whole = arrivals_of(trace, rng)
    from_s = _busiest_s(whole.at_s, min(length_s, whole.span_s))
    inside = np.flatnonzero((whole.at_s >= from_s) & (whole.at_s < from_s + length_s))
    part = whole.only(inside)
    own = Arrivals(
        at_s=part.at_s - from_s,
        span_s=min(length_s, whole.span_s),
        prompt_tokens=part.prompt_tokens,
        output_tokens=part.output_tokens,
    )
    share = f", {placement.share_frac:.0%} of it" if placement.share_frac < 1 else ""
    return Load(
        arrivals=scaled(own, placement.share_frac, rng),
        words=f"trace {trace.name} from its second {from_s:,.0f} on, its busiest "
        f"{own.span_s:g} s{share}",
    )


def _busiest_s(at_s: Floats, length_s: float) -> float:
    """When the stretch with the most requests begins: with one of them."""
    ends = np.searchsorted(at_s, at_s + length_s)
    return float(at_s[np.argmax(ends - np.arange(at_s.size))])


def _rates_rps(plan: PlanDocument, placement: PlanPlacement) -> tuple[float, ...]:
    """The placement's rate in each hour of the day or week."""
    if not placement.rates_rps:
        return (placement.rate_rps,)
    blocks = demands(spec_of(plan)).block_of_hour
    return tuple(placement.rates_rps[b] for b in blocks)


def _bursts(
    plan: PlanDocument, placement: PlanPlacement, rates: tuple[float, ...]
) -> Bursts | None:
    if plan.spec is None:
        return None
    spec = spec_of(plan)
    declared = next(
        w.traffic.burstiness for w in spec.workloads if w.name == placement.workload
    )
    if declared is None:
        return None
    mean_rps = sum(rates) / len(rates)
    # A share of bursts is as much less bursty: what exceeds Poisson's goes with the rate.
    excess = (declared.dispersion_ratio - 1) * placement.share_frac
    return bursts(
        dispersion_ratio=1 + excess,
        time_scale_s=declared.time_scale_s,
        rate_rps=mean_rps,
    )
