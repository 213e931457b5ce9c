"""What a measurement is worth: the dearest that anyone should pay for it.

Today's plan costs C₀ a month. Where the truth of a set S of profiles is known to be z,
the best plan costs C(z_S), and who does not like it keeps today's. So knowing S is worth

    V(S) = C₀ − E[min(C₀, C(z_S))]                                        USD/month

(expected value of perfect information, Raiffa and Schlaifer, "Applied Statistical
Decision Theory", 1961; Howard, IEEE Trans. SSC 2, 1966), never less than nothing. The
mean is over the worlds of `planner.pipeline.informing.worlds`, the same for every S.

Measurements are taken greedily: the one with the largest V(S ∪ m) − V(S) over `months`
per dollar first, of what the budget still allows and what saves more than it costs;
none, and it stops. What costs nothing but time comes before all that costs money. What
even perfect knowledge of all profiles could still save on top is the regret:

    regret = max(0, V(all) − V(S))

Latency only makes capacity smaller, so C(z) rises with z: where the luckiest world of a
set saves nothing, no world of it or of its parts does. One solve rules the set out, and
halving finds the few sessions among hundreds that could change the plan.

A wider band is never worth less where a profile must turn out quicker than its figure
to matter. Where it would do at its figure and only its band is feared, a wider band
also makes a good end less likely, and can be worth less.
"""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.profiles import ProfileKey
from planner.pipeline.exploring.kinds import TOLERANCE_FRAC
from planner.pipeline.informing.draws import Draws, OutOfTimeError
from planner.pipeline.informing.prices import Session, keys_of

# A cent a month is the bill's own rounding.
LEAST_SAVING_USD: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What knowing a set of profiles does, over all worlds.

    `changes_frac` is how likely a cheaper plan is found, `dearer_frac` how likely it
    turns out that today's plan does not keep its promises at its cost.
    """

    saving_usd_per_month: float
    best_usd_per_month: float
    changes_frac: float
    dearer_frac: float


NOTHING: Final = Worth(
    saving_usd_per_month=0.0, best_usd_per_month=0.0, changes_frac=0.0, dearer_frac=0.0
)


class Values:
    """V(S), by what the best plans cost in the worlds of a set."""

    def __init__(self, draws: Draws, *, today_usd_per_month: float) -> None:
        self._draws = draws
        self._today = today_usd_per_month
        self._room = max(LEAST_SAVING_USD, TOLERANCE_FRAC * today_usd_per_month)

    def could_save(self, keys: frozenset[ProfileKey]) -> bool:
        """Whether any world of the set has a cheaper plan.

        Raises:
            OutOfTimeError: No time is left.
        """
        return bool(keys) and self._is_cheaper(self._draws.luckiest_usd_per_month(keys))

    def of(self, keys: frozenset[ProfileKey]) -> Worth:
        """What knowing the set is worth.

        Raises:
            OutOfTimeError: No time is left.
        """
        return self._worth(keys) if self.could_save(keys) else NOTHING

    def _worth(self, keys: frozenset[ProfileKey]) -> Worth:
        costs = self._draws.each_usd_per_month(keys)
        savings = [self._today - c if self._is_cheaper(c) else 0.0 for c in costs]
        return Worth(
            saving_usd_per_month=statistics.fmean(savings),
            best_usd_per_month=max(savings),
            changes_frac=statistics.fmean(s > 0 for s in savings),
            dearer_frac=statistics.fmean(c > self._today + self._room for c in costs),
        )

    def _is_cheaper(self, cost: float) -> bool:
        return cost < self._today - self._room


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What every session is worth alone, which ones to take, and what is left.

    `alone` has those that could change the plan by themselves, as far as there was
    time; `chosen` is in the order of taking, each with what it adds to those before it. `regret_usd_per_month` is None
    where there was no time to know it.
    """

    alone: Mapping[Session, Worth]
    chosen: tuple[tuple[Session, float], ...]
    today_regret_usd_per_month: float | None
    regret_usd_per_month: float | None
    is_cut_short: bool


def promising(sessions: Sequence[Session], values: Values) -> Iterable[Session]:
    """The sessions of which any world alone has a cheaper plan.

    Raises:
        OutOfTimeError: No time is left; what came before it is promising.
    """
    if not values.could_save(keys_of(sessions)):
        return
    if len(sessions) == 1:
        yield sessions[0]
        return
    middle = len(sessions) // 2
    yield from promising(sessions[:middle], values)
    yield from promising(sessions[middle:], values)


def weigh(
    sessions: Sequence[Session],
    values: Values,
    *,
    budget_usd: float,
    months: float,
    cannot: Collection[tuple[str, str]] = (),
) -> Weighed:
    """Every session weighed, and the ones worth their price within the budget.

    `cannot` holds the models and devices whose sessions were tried in vain.
    """
    alone: dict[Session, Worth] = {}
    chosen: list[tuple[Session, float]] = []
    total = None
    is_cut_short = False
    try:
        total = values.of(keys_of(sessions)).saving_usd_per_month
        for session in promising(sessions, values):
            alone[session] = values.of(frozenset(session.keys))
        # One by one: what was chosen before the time ran out stands.
        able = [s for s in alone if (s.model, s.device) not in cannot]
        chosen.extend(_taken(able, values, budget_usd=budget_usd, months=months))
    except OutOfTimeError:
        is_cut_short = True
    saved = math.fsum(adds for _, adds in chosen)
    return Weighed(
        alone=alone,
        chosen=tuple(chosen),
        today_regret_usd_per_month=total,
        regret_usd_per_month=None if total is None else max(0.0, total - saved),
        is_cut_short=is_cut_short,
    )


def _taken(
    able: Sequence[Session], values: Values, *, budget_usd: float, months: float
) -> Iterable[tuple[Session, float]]:
    """What to measure, in order; a budget of nothing measures nothing."""
    left = list(able)
    taken: list[Session] = []
    money_usd, known = budget_usd, 0.0
    while left and budget_usd > 0:
        adds = {
            s: values.of(keys_of([*taken, s])).saving_usd_per_month - known
            for s in left
            if s.price_usd <= money_usd
        }
        worth = [s for s in adds if pays(adds[s], s.price_usd, months=months)]
        if not worth:
            return
        best = max(worth, key=lambda s: _per_usd(adds[s], s))
        yield best, adds[best]
        taken.append(best)
        left.remove(best)
        money_usd -= best.price_usd
        known += adds[best]


def pays(saving_usd_per_month: float, price_usd: float, *, months: float) -> bool:
    """Whether a saving of that much is more than its price within so many months."""
    saved = saving_usd_per_month
    return saved >= LEAST_SAVING_USD and saved * months > price_usd


def _per_usd(saving: float, session: Session) -> tuple[float, float, str]:
    if session.price_usd == 0:
        return (math.inf, saving, session.device)
    return (saving / session.price_usd, saving, session.device)
