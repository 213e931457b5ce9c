"""The ways out of "no": single changes, then pairs and triples, none superfluous.

Every relaxation offered was solved: the document with those fields changed was
asked and answered again, and the cost is that answer's. A single one is minimal:
`not_enough` falls short. In a combination no part suffices without the others, and no
part can be turned back by more than the resolution while the others stay. What falls
short was proved to: it was solved, or is turned no farther than something that was.

How combinations are found, with few solves. The furthest turn of each limit that
does not suffice alone is known from the search for single changes. Since larger
turns only add plans, two limits have a combination if and only if they suffice
when both are turned so far; three that hold no such pair, likewise. A limit is needed
where all others, turned so far, fall short: no combination lacks it. What asks least is then sought along the line on which both turn alike, and from either end.
The result is minimal in each part; that no other split of the same two limits
asks less is not proved. A combination that spares a limit next to nothing of what it
would be asked alone is not told.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from planner.pipeline.asking.question import Question
from planner.pipeline.exploring.kinds import plan_words
from planner.pipeline.exploring.knob import Found, Knob
from planner.pipeline.exploring.knobs import RESOLUTION_FRAC, DialKnob, knobs
from planner.pipeline.exploring.trials import SearchCutShortError, Trials
from planner.pipeline.solving.scenarios import Changes
from planner.ports import Scenarios
from planner.specs.ways_out import Change, Relaxation, Setting

# Combinations are for orientation: a 50-fold stretch is resolved to 6 %.
COMBINED_RESOLUTION_FRAC: Final = 1 / 64
MOST_COMBINATIONS: Final = 12
# A combination asks at least so much less of each limit than it would be asked alone.
SPARED_RATIO: Final = 1.05
# An answer of "no" is worth waiting for, but not forever.
SEARCH_S: Final = 30.0

# A knob with a value, and the largest one known to fall short beside the others.
Turned = tuple[Knob, Setting, Setting]
# Limits, each turned as far as it goes without sufficing alone.
Ends = Sequence[tuple[Knob, Setting]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysOut:
    """Relaxations, what asks least first; the note says what was left undone."""

    relaxations: tuple[Relaxation, ...]
    note: str
    n_solves: int


def ways_out(
    question: Question,
    *,
    time_limit_s: float,
    search_s: float = SEARCH_S,
    clock_s: Callable[[], float] = time.monotonic,
    scenarios: Scenarios | None = None,
) -> WaysOut:
    """Everything that makes the document solvable, as far as the time goes."""
    trials = Trials(
        question,
        time_limit_s=time_limit_s,
        search_s=search_s,
        clock_s=clock_s,
        scenarios=scenarios,
    )
    search = _Search(trials)
    note = ""
    try:
        turned = list(knobs(question))
        trials.limits = {knob.field: knob for knob in turned}
        search.singles(turned)
        search.pairs()
        search.triples()
    except SearchCutShortError:
        note = (
            f"the search was cut short after {search_s:g} s and {trials.n_solves} "
            "solves: there may be more ways, and ways that ask less"
        )
    if trials.n_undecided:
        note = f"{note}; " if note else ""
        note += f"{trials.n_undecided} solves ended without a proof and count as no"
    return WaysOut(
        relaxations=tuple(search.found()), note=note, n_solves=trials.n_solves
    )


class _Search:
    """What was found so far; each step only needs those before it."""

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._single: list[Relaxation] = []
        self._combined: list[Relaxation] = []
        # How far each limit goes without sufficing alone; absent: not at all.
        self._short: list[tuple[Knob, Setting]] = []
        self._sufficing: set[tuple[str, str]] = set()
        self._alone_ratio: dict[str, float] = {}

    def found(self) -> list[Relaxation]:
        """Single changes and combinations, what asks least first."""
        few = sorted(self._combined, key=lambda r: r.ask_ratio)[:MOST_COMBINATIONS]
        return sorted([*self._single, *few], key=lambda r: r.ask_ratio)

    def singles(self, all_knobs: Sequence[Knob]) -> None:
        """Each limit alone."""
        for knob, found in zip(
            all_knobs, self._trials.each(self._alone, all_knobs), strict=True
        ):
            if found is None:
                self._short.append((knob, knob.most))
                continue
            self._add(self._single, [(knob, found.value, found.not_enough)])
            self._alone_ratio[knob.field] = knob.ask_ratio(found.value)
            if found.not_enough != knob.current:
                self._short.append((knob, found.not_enough))

    def _alone(self, knob: Knob) -> Found | None:
        if self._trials.solve({knob.field: knob.most}) is None:
            return None
        return knob.least(
            self._trials, {}, start=knob.most, coarse_frac=RESOLUTION_FRAC
        )

    def pairs(self) -> None:
        """Two limits that only together suffice."""
        starts = self._sufficient(
            [
                two
                for two in itertools.combinations(self._short, 2)
                if two[0][0].field != two[1][0].field
            ]
        )
        self._sufficing = {_fields(pair) for pair in starts}
        self._offer_all(starts)

    def triples(self) -> None:
        """Three limits of which no two suffice however far they are turned."""
        starts = self._sufficient(
            [
                three
                for three in itertools.combinations(self._short, 3)
                if len({knob.field for knob, _ in three}) == 3
                and not any(
                    _fields(two) in self._sufficing
                    for two in itertools.combinations(three, 2)
                )
            ]
        )
        self._offer_all(starts)

    def _sufficient(self, turned: Sequence[Ends]) -> list[Ends]:
        """Those that lead to a plan; what holds no needed limit is not asked."""
        needed = self._needed()
        if needed is None:
            return []
        open_ = [ends for ends in turned if needed <= {k.field for k, _ in ends}]
        answers = self._trials.each(self._suffice, open_)
        return [ends for ends, yes in zip(open_, answers, strict=True) if yes]

    def _needed(self) -> set[str] | None:
        """Limits without which no turn of all others leads to a plan; None: nothing does.

        Larger turns only add plans: where all others fall short, so do any of them.
        """
        every = dict(self._short_ends())
        if self._is_out(every):
            return None
        without = [{f: v for f, v in every.items() if f != field} for field in every]
        out = self._trials.each(self._is_out, without)
        return {field for field, is_out in zip(every, out, strict=True) if is_out}

    def _short_ends(self) -> Iterable[tuple[str, Setting]]:
        return ((knob.field, end) for knob, end in self._short)

    def _is_out(self, changes: Changes) -> bool:
        return self._trials.allows(changes) and self._trials.is_impossible(changes)

    def _offer_all(self, starts: Sequence[Ends]) -> None:
        for best in self._trials.each(self._best_split, starts):
            if best is not None and self._is_irreducible(best):
                self._add(self._combined, best)

    def _suffice(self, turned: Iterable[tuple[Knob, Setting]]) -> bool:
        changes = {knob.field: value for knob, value in turned}
        return self._trials.suffices(changes)

    def _best_split(self, ends: Ends) -> list[Turned] | None:
        """The split of the turns that asks least, of those tried."""
        best: list[Turned] | None = None
        for start in self._starts(ends):
            turned = self._minimal(start)
            if turned is not None and (
                best is None or _ask_ratio(turned) < _ask_ratio(best)
            ):
                best = turned
        return best

    def _starts(
        self, ends: Sequence[tuple[Knob, Setting]]
    ) -> Iterable[list[tuple[Knob, Setting]]]:
        yield list(ends)
        yield list(reversed(ends))
        dials = [(k, v) for k, v in ends if isinstance(k, DialKnob)]
        if len(dials) == len(ends):
            yield self._alike(dials)

    def _alike(
        self, ends: Sequence[tuple[DialKnob, Setting]]
    ) -> list[tuple[Knob, Setting]]:
        """The least common share of the way to the ends."""

        def at(share_frac: float) -> list[tuple[Knob, Setting]]:
            return [(knob, knob.part_of(end, share_frac)) for knob, end in ends]

        low, high = 0.0, 1.0
        while high - low > COMBINED_RESOLUTION_FRAC:
            middle = (low + high) / 2
            low, high = (low, middle) if self._suffice(at(middle)) else (middle, high)
        return at(high)

    def _minimal(self, start: Sequence[tuple[Knob, Setting]]) -> list[Turned] | None:
        """Each limit in turn as near to where it stands as the others let it.

        None where one is hardly spared anything, or a sum cannot be limited at all: nobody
        states what the offers emit that a plan without the limit takes.
        """
        values = {knob.field: value for knob, value in start}
        turned = []
        for knob, value in start:
            others = {f: v for f, v in values.items() if f != knob.field}
            found = knob.least(
                self._trials,
                others,
                start=value,
                coarse_frac=COMBINED_RESOLUTION_FRAC,
            )
            if found is None or not self._is_spared(knob, found.value):
                return None
            values[knob.field] = found.value
            turned.append((knob, found.value, found.not_enough))
        return turned

    def _is_spared(self, knob: Knob, value: Setting) -> bool:
        alone_ratio = self._alone_ratio.get(knob.field, math.inf)
        return alone_ratio >= knob.ask_ratio(value) * SPARED_RATIO

    def _is_irreducible(self, turned: Sequence[Turned]) -> bool:
        for count in range(1, len(turned)):
            for part in itertools.combinations(turned, count):
                if self._suffice((knob, value) for knob, value, _ in part):
                    return False
        return True

    def _add(self, to: list[Relaxation], turned: Sequence[Turned]) -> None:
        changes = {knob.field: value for knob, value, _ in turned}
        trial = self._trials.solve(changes)
        if trial is None:
            return
        relaxation = Relaxation(
            change=tuple(
                Change(
                    field=knob.field,
                    from_=knob.current,
                    to=value,
                    unit=knob.unit,
                    not_enough=not_enough,
                )
                for knob, value, not_enough in turned
            ),
            cost_usd_per_month=trial.solution.cost_usd_per_month,
            ask_ratio=_ask_ratio(turned),
            plan=plan_words(trial.solution),
        )
        to.append(relaxation)


def _fields(turned: Iterable[tuple[Knob, Setting]]) -> tuple[str, str]:
    one, other = sorted(knob.field for knob, _ in turned)
    return one, other


def _ask_ratio(turned: Sequence[Turned]) -> float:
    return math.prod(max(1.0, knob.ask_ratio(value)) for knob, value, _ in turned)
