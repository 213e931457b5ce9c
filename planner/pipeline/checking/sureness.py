"""Whether a workload's promise is as probable as an emitted plan says.

The truth of a profile is log-normal about its figure: ln(truth / figure) has standard
deviation σ with Φ(ln(1 + error) / σ) = 0.9. Let f be the largest factor by which a
profile's times may grow before a placement misses its promise; the promise holds with
Φ(ln f / σ). Placements that rest on one profile err together, the least sure of them
speaks for all; different profiles err on their own:

    P(w) = Π_k min_{p rests on k} Φ(ln f_p / σ_p)

f is enclosed by halving, so P lies between two products, and so must what is stated. Where
one placement serves all, the search begins beside the f that the stated P would mean.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Final

from planner.domain.evidence import Evidence
from planner.errors import OutsideProfileError
from planner.pipeline.checking.promises import answered_in_time
from planner.pipeline.checking.serving import Serving, busiest_rates_rps, sharing
from planner.specs.plan import PlanDocument

# The plan looks no further either way: beyond, a profile is no evidence at all.
LARGEST_FACTOR: Final = 16.0
TOLERANCE_FRAC: Final = 1e-9  # of a probability
RESOLUTION_RATIO: Final = 1.003
# Of a factor: the last halving, and the lattices that times are computed on.
ROOM_FRAC: Final = 0.01
# One in ten is beyond the stated error.
Z_OF_ERROR: Final = 1.2815515655446004


def too_sure(plan: PlanDocument, serving: Sequence[Serving]) -> Iterator[str]:
    """Every workload that is said to be surer, or less sure, than it is."""
    stated_frac = {w.name: w.slo_met_probability_frac for w in plan.workloads}
    n_placements = Counter(s.workload.name for s in serving)
    least: dict[str, dict[tuple[str, str], tuple[float, float]]] = {}
    for s in serving:
        if s.placement.rate_rps <= 0:
            continue
        others = sharing(s, serving)
        name = s.workload.name
        stated = stated_frac.get(name) if n_placements[name] == 1 else None
        low, high = _largest_factors(s, others, _factor(s.profile.evidence, stated))
        ends = _ends(s, others, low, high)
        mine = least.setdefault(name, {})
        key = (s.profile.device, str(s.profile.variant))
        known = mine.get(key, (1.0, 1.0))
        mine[key] = (min(known[0], ends[0]), min(known[1], ends[1]))
    for w in plan.workloads:
        pairs = least.get(w.name, {}).values()
        low = math.prod(p[0] for p in pairs)
        high = math.prod(p[1] for p in pairs)
        stated = w.slo_met_probability_frac
        if not low - TOLERANCE_FRAC <= stated <= high + TOLERANCE_FRAC:
            yield (
                f"{w.name} is sure by {low:.4f} to {high:.4f}, the plan says "
                f"{w.slo_met_probability_frac:.4f}"
            )


def _largest_factors(
    s: Serving, others: Sequence[Serving], guess: float | None
) -> tuple[float, float]:
    """Two factors: at the first the promise holds, at the second it does not.

    A wrong `guess` only makes the search longer.
    """
    low, high = least, most = 1.0 / LARGEST_FACTOR, LARGEST_FACTOR
    if guess is not None and least * (1 + ROOM_FRAC) < guess < most / (1 + ROOM_FRAC):
        below, above = guess / (1 + ROOM_FRAC), guess * (1 + ROOM_FRAC)
        if not _holds(s, others, below):
            high = below
        elif _holds(s, others, above):
            low = above
        else:
            low, high = below, above
    if low == least and not _holds(s, others, low):
        return 0.0, low
    if high == most and _holds(s, others, high):
        return high, high
    while high > low * RESOLUTION_RATIO and _differ(_ends(s, others, low, high)):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _holds(s, others, middle) else (low, middle)
    return low, high


def _ends(
    s: Serving, others: Sequence[Serving], low: float, high: float
) -> tuple[float, float]:
    """How sure the least sure of them is, at the least and at the most."""
    at_least, at_most = (
        min(_within(o.profile.evidence, factor) for o in (s, *others))
        for factor in (low / (1 + ROOM_FRAC), high * (1 + ROOM_FRAC))
    )
    return at_least, at_most


def _differ(ends: tuple[float, float]) -> bool:
    return ends[1] - ends[0] > TOLERANCE_FRAC


def _holds(s: Serving, others: Sequence[Serving], factor: float) -> bool:
    slower = [replace(each, error_factor=factor) for each in (s, *others)]
    rates_rps = busiest_rates_rps(s, others)
    try:
        return answered_in_time(slower, rates_rps)
    except OutsideProfileError:
        return False


def _factor(known: Evidence, stated_frac: float | None) -> float | None:
    """The f of which Φ(ln f / σ) is what is stated; None where nothing is."""
    if stated_frac is None:
        return None
    sigma = math.log(1 + known.error_frac) / Z_OF_ERROR
    told_frac = min(max(stated_frac, TOLERANCE_FRAC), 1 - TOLERANCE_FRAC)
    return math.exp(sigma * NormalDist().inv_cdf(told_frac))


def _within(known: Evidence, factor: float) -> float:
    """Φ(ln f / σ)."""
    if factor <= 0:
        return 0.0
    sigma = math.log(1 + known.error_frac) / Z_OF_ERROR
    if sigma == 0:
        return 1.0 if factor >= 1 - ROOM_FRAC else 0.0
    return math.erfc(-math.log(factor) / sigma / math.sqrt(2)) / 2
