"""When requests come: Poisson, in bursts, or at a trace's own instants.

Bursts are a Poisson process whose rate is switched between two levels by a Markov
chain (MMPP; Heffes and Lucantoni 1986). With the busy level a share p of the time,
correlation time τ = 1 / (σ_busy + σ_calm) and levels m_busy − m_calm = Δ relative to
a mean of 1, the index of dispersion of counts (variance over mean) in windows of t is

    I(t) = 1 + E·(1 − (1 − e^{−t/τ})·τ/t),     E = 2·λ·τ·p·(1 − p)·Δ²

at the mean rate λ. p is BUSY_SHARE, or as small as m_calm ≥ 0 needs: fewer, higher
bursts. Hours with other rates keep the levels, so their I − 1 goes with their rate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from planner.simulate.arrays import Floats, Ints

# How often traffic is busy where nothing says otherwise; a fifth of the time.
BUSY_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """Ascending instants over a span; what each request carries, where it is known.

    `size_ratio` compares payloads with the declared ones.
    """

    at_s: Floats
    span_s: float
    prompt_tokens: Floats | None = None
    output_tokens: Floats | None = None
    size_ratio: Floats | None = None

    @property
    def rate_rps(self) -> float:
        """Mean rate over the span."""
        return self.at_s.size / self.span_s

    def later(self, by_s: float) -> "Arrivals":
        """The same requests after a silence; the span begins where it began."""
        return replace(self, at_s=self.at_s + by_s, span_s=self.span_s + by_s)

    def only(self, numbers: Ints) -> "Arrivals":
        """These requests of them, over the same span."""

        def chosen(column: Floats | None) -> Floats | None:
            return None if column is None else column[numbers]

        return Arrivals(
            at_s=self.at_s[numbers],
            span_s=self.span_s,
            prompt_tokens=chosen(self.prompt_tokens),
            output_tokens=chosen(self.output_tokens),
            size_ratio=chosen(self.size_ratio),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Levels relative to the mean rate, the busy level's share of time, and τ."""

    busy_ratio: float
    calm_ratio: float
    busy_share_frac: float
    time_scale_s: float


def bursts(
    *, dispersion_ratio: float, time_scale_s: float, rate_rps: float
) -> Bursts | None:
    """Two levels with that index of dispersion at a mean rate; None for plain Poisson."""
    excess = dispersion_ratio - 1
    if excess <= 0 or rate_rps <= 0:
        return None
    pairs = 2 * rate_rps * time_scale_s / excess
    # From m_calm = 1 − p·Δ ≥ 0.
    share = min(BUSY_SHARE, pairs / (1 + pairs))
    apart = math.sqrt(1 / (pairs * share * (1 - share)))
    return Bursts(
        busy_ratio=1 + (1 - share) * apart,
        calm_ratio=max(1 - share * apart, 0.0),
        busy_share_frac=share,
        time_scale_s=time_scale_s,
    )


def arrivals(
    rates_rps: Sequence[float],
    *,
    hour_s: float,
    rng: np.random.Generator,
    modulation: Bursts | None = None,
) -> Arrivals:
    """Requests of one hour after the other, at those mean rates."""
    span_s = hour_s * len(rates_rps)
    edges_s, level = np.array([0.0, span_s]), np.ones(1)
    if modulation is not None:
        edges_s, level = _levels(modulation, span_s, rng)
    hours_s = hour_s * np.arange(len(rates_rps) + 1)
    all_s = np.union1d(edges_s, hours_s)
    middle_s = (all_s[:-1] + all_s[1:]) / 2
    hour = np.minimum((middle_s / hour_s).astype(np.int64), len(rates_rps) - 1)
    at_level = level[np.searchsorted(edges_s, middle_s, side="right") - 1]
    rate_rps = np.asarray(rates_rps, dtype=np.float64)[hour] * at_level
    # Operational time: expected requests so far, in which arrivals are uniform.
    expected = np.concatenate(([0.0], np.cumsum(rate_rps * np.diff(all_s))))
    count = int(rng.poisson(expected[-1]))
    drawn = np.sort(rng.random(count)) * expected[-1]
    return Arrivals(at_s=np.interp(drawn, expected, all_s), span_s=span_s)


def _levels(
    modulation: Bursts, span_s: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Switching instants over the span, and the level from each on."""
    share, tau_s = modulation.busy_share_frac, modulation.time_scale_s
    is_busy = bool(rng.random() < share)
    stays_s = {True: tau_s / (1 - share), False: tau_s / share}
    # Twice the switches expected, and more until the span is full.
    rounds = max(8, math.ceil(span_s / (stays_s[True] + stays_s[False])))
    edges = np.zeros(1)
    while edges[-1] < span_s:
        first = rng.exponential(stays_s[is_busy], rounds)
        second = rng.exponential(stays_s[not is_busy], rounds)
        stay_s = np.stack((first, second), axis=1).ravel()
        edges = np.concatenate((edges, edges[-1] + np.cumsum(stay_s)))
    ratio = {True: modulation.busy_ratio, False: modulation.calm_ratio}
    level = np.where(np.arange(edges.size) % 2 == 0, ratio[is_busy], ratio[not is_busy])
    inside = edges < span_s
    return np.append(edges[inside], span_s), level[inside]
