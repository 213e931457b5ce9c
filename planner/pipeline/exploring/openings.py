"""What the document rules out in words, and what allowing it would be worth.

Regions of an allowed provider that it does not name, ways to buy, types of machine,
zones of residency, shared machines, a failure it wants survived: each is allowed on
its own and solved for, and told where the plan gets better in what comes first.
"""

from collections.abc import Iterable, Sequence

from planner.pipeline.exploring.kinds import TOLERANCE_FRAC, plan_words
from planner.pipeline.exploring.knob import Knob
from planner.pipeline.exploring.knobs import WordKnob, knobs
from planner.pipeline.exploring.regions import RegionsKnob, fewest
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Trial
from planner.specs.ways_out import Change, Relaxation, Setting


def openings(trials: Trials, base: Trial) -> Iterable[Relaxation]:
    """Every single word that makes a better plan, what helps most first.

    Raises:
        SearchCutShortError: No time is left.
    """
    turned = [
        (knob, value)
        for knob in knobs(trials.question)
        if isinstance(knob, WordKnob | RegionsKnob)
        for value in _values(knob)
    ]
    found = trials.each(lambda turn: _opening(trials, base, *turn), turned)
    better = [(trial, told) for trial, told in filter(None, found)]
    for _, told in sorted(better, key=lambda pair: pair[0].aims):
        yield told


def _values(knob: WordKnob | RegionsKnob) -> Sequence[Setting]:
    if isinstance(knob, RegionsKnob):
        return (knob.most,)
    return [value for value, _ in knob.choices]


def _opening(
    trials: Trials, base: Trial, knob: Knob, value: Setting
) -> tuple[Trial, Relaxation] | None:
    best = trials.solve({knob.field: value})
    if best is None or not _is_better(best, base):
        return None
    if isinstance(knob, RegionsKnob):
        value = _needed(trials, knob, best)
        best = trials.solve({knob.field: value}) or best
    change = Change(field=knob.field, from_=knob.current, to=value, unit=knob.unit)
    return best, Relaxation(
        change=(change,),
        cost_usd_per_month=best.solution.cost_usd_per_month,
        ask_ratio=max(1.0, knob.ask_ratio(value)),
        plan=plan_words(best.solution),
    )


def _needed(trials: Trials, knob: RegionsKnob, best: Trial) -> tuple[str, ...]:
    """The fewest regions with which the plan is as good as with all of them."""
    used = knob.used(best)

    def suffices(added: Sequence[str]) -> bool:
        trial = trials.solve({knob.field: (*knob.current, *added)})
        return trial is not None and not _is_better(best, trial)

    return (*knob.current, *fewest(used, used, suffices)[0])


def _is_better(one: Trial, other: Trial) -> bool:
    """In what comes first, by more than the solver's tolerance."""
    room = TOLERANCE_FRAC * max(abs(other.aims[0]), 1e-9)
    return one.aims[0] < other.aims[0] - room
