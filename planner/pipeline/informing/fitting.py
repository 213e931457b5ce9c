"""Which measurements could lead to a plan where today there is none.

A way out is a set W of sessions such that, with the truth of their profiles known and no
band left on them, a plan exists in the luckiest world, and in no smaller set's. How
likely it leads to a plan is the share of worlds (`planner.pipeline.informing.worlds`)
that have one,

    P(W) = share of worlds z with C(z_W) < ∞

Latency only makes capacity smaller, so with more profiles at their luckiest there is no
fewer plans: where all sessions together lead to none, none of them does, and one solve
says so. Where they do, a way is found in O(k log(n / k)) solves for k of n sessions
(QuickXplain: Junker, AAAI 2004), cheaper sessions sooner; leaving its sessions out, the
next one, until there is none. Ways share no session.

Ways are taken by what they add to the likelihood per dollar, as the budget allows:
measurements may fail to lead to a plan each, and what costs nothing comes first.
"""

import math
import statistics
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from planner.pipeline.informing.draws import Draws, OutOfTimeError
from planner.pipeline.informing.prices import Session, keys_of

# Enough to choose from; the others are dearer, or share devices with these.
MOST_WAYS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Sessions that together could lead to a plan, and what that would cost.

    `usd_per_month` is the median over the worlds that have a plan, None without any: then
    only luck beyond the drawn worlds' would do.
    """

    sessions: tuple[Session, ...]
    probability_frac: float
    usd_per_month: float | None

    @property
    def price_usd(self) -> float:
        """Of all its sessions."""
        return math.fsum(s.price_usd for s in self.sessions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """Every way found, and those to take in order, each with what it adds.

    `possible_frac` is how likely there is a plan once everything is known, None where
    there was no time to know it; `n_able` counts the sessions that can be held.
    """

    n_able: int
    ways: tuple[Way, ...]
    chosen: tuple[tuple[Way, float], ...]
    possible_frac: float | None
    is_cut_short: bool

    @property
    def probability_frac(self) -> float:
        """How likely the ways to take lead to a plan."""
        return math.fsum(adds for _, adds in self.chosen)


def fitting(
    sessions: Sequence[Session],
    draws: Draws,
    *,
    budget_usd: float,
    cannot: Collection[tuple[str, str]] = (),
) -> Fitting:
    """The ways that lead to a plan, and the ones to take within the budget.

    `cannot` holds the models and devices whose sessions were tried in vain.
    """
    found: list[Way] = []
    chosen: list[tuple[Way, float]] = []
    possible_frac = None
    is_cut_short = False
    able = [s for s in sessions if (s.model, s.device) not in cannot]
    try:
        is_possible = bool(sessions) and _could(draws, sessions)
        possible_frac = _probability(draws, sessions) if is_possible else 0.0
        found.extend(_ways(able, draws))
        chosen.extend(_taken(found, draws, budget_usd=budget_usd))
    except OutOfTimeError:
        is_cut_short = True
    return Fitting(
        n_able=len(able),
        ways=tuple(found),
        chosen=tuple(chosen),
        possible_frac=possible_frac,
        is_cut_short=is_cut_short,
    )


def _could(draws: Draws, sessions: Sequence[Session]) -> bool:
    return math.isfinite(draws.luckiest_usd_per_month(keys_of(sessions)))


def _probability(draws: Draws, sessions: Sequence[Session]) -> float:
    costs = draws.each_usd_per_month(keys_of(sessions))
    return statistics.fmean(math.isfinite(c) for c in costs)


def _ways(sessions: Sequence[Session], draws: Draws) -> Iterable[Way]:
    left = sorted(sessions, key=lambda s: (s.price_usd, s.time_s, s.model, s.device))
    for _ in range(MOST_WAYS):
        if not left or not _could(draws, left):
            return
        needed = minimal(left, lambda some: _could(draws, some))
        yield _way(needed, draws)
        left = [s for s in left if s not in needed]


def _way(sessions: Sequence[Session], draws: Draws) -> Way:
    costs = draws.each_usd_per_month(keys_of(sessions))
    plans = [c for c in costs if math.isfinite(c)]
    return Way(
        sessions=tuple(sessions),
        probability_frac=_probability(draws, sessions),
        usd_per_month=statistics.median(plans) if plans else None,
    )


def minimal(
    sessions: Sequence[Session], suffices: Callable[[Sequence[Session]], bool]
) -> list[Session]:
    """A set that suffices though no part of it does; earlier sessions are preferred.

    All of `sessions` suffice, none of them does not, and more is never less.
    """
    return _needed([], sessions, suffices, is_new=False)


def _needed(
    given: Sequence[Session],
    among: Sequence[Session],
    suffices: Callable[[Sequence[Session]], bool],
    *,
    is_new: bool,
) -> list[Session]:
    """What has to be added of these to what is given; `is_new` says that something was."""
    if is_new and suffices(given):
        return []
    if len(among) == 1:
        return list(among)
    sooner, later = among[: len(among) // 2], among[len(among) // 2 :]
    of_later = _needed([*given, *sooner], later, suffices, is_new=True)
    of_sooner = _needed([*given, *of_later], sooner, suffices, is_new=bool(of_later))
    return [*of_sooner, *of_later]


def _taken(
    ways: Sequence[Way], draws: Draws, *, budget_usd: float
) -> Iterable[tuple[Way, float]]:
    """What to measure, in order; a budget of nothing measures nothing."""
    left, taken = list(ways), list[Session]()
    money_usd, known_frac = budget_usd, 0.0
    while left and budget_usd > 0:
        adds = {
            w: _probability(draws, [*taken, *w.sessions]) - known_frac
            for w in left
            if w.price_usd <= money_usd
        }
        best = max(adds, key=lambda w: _per_usd(adds[w], w), default=None)
        if best is None or adds[best] <= 0:
            return
        yield best, adds[best]
        taken += best.sessions
        left.remove(best)
        money_usd -= best.price_usd
        known_frac += adds[best]


def _per_usd(adds_frac: float, way: Way) -> tuple[float, float]:
    if adds_frac <= 0:
        return (0.0, adds_frac)
    per_usd = math.inf if way.price_usd == 0 else adds_frac / way.price_usd
    return (per_usd, adds_frac)
