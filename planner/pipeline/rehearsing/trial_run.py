"""Propose, simulate, cut: a plan is shown after it held on simulated traffic.

The plan's machines, without its spares and at the policy's confidence in every
profile, serve traffic of the declared shape (or the user's own traces). A workload
whose attainment is below its promise by more than the simulation's own error has
capacities that do not hold. For each placement at fault, bisection finds the part s of
its traffic at which it keeps the promise, and the capacity of every candidate of the
same workload, profile and way of batching is multiplied by CUT·s; members of a pool
are cut together. The model is solved again, and so on, for at most MOST_ROUNDS plans.

Where traces cover a part of the day or week, a second run has the other hours at the
plan's rates and in the bursts of the document, and the promise must hold in each.

What a cut holds for is said in `planner.pipeline.solving.cuts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from planner.domain.placement import NoPlan, Solution
from planner.errors import SolverTimeoutError
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.question import Question
from planner.pipeline.rehearsing.parts import parts_of_solution
from planner.pipeline.rehearsing.replay_traffic import AS_DECLARED, Wish, sending
from planner.pipeline.rehearsing.staging import Conditions, scenario
from planner.pipeline.rehearsing.stretches import hours_left
from planner.pipeline.solving.answered import Answered, answered
from planner.pipeline.solving.cuts import Way, cut, recorded
from planner.simulate.fit import scaled
from planner.simulate.measure import in_time, share_with_error
from planner.simulate.requests import Requests
from planner.simulate.run import Run, run
from planner.simulate.scenario import Scenario, Stream
from planner.specs.assurance import PlanSimulation, TrialRound, TriedWorkload
from planner.specs.shapes import H_PER_DAY

SEED: Final = 1
MOST_ROUNDS: Final = 6
# Enough for a 95 % interval of ± 0.15 % around a promise of 95 % under Poisson traffic.
MOST_REQUESTS: Final = 200_000
# Bursts must come and go often enough to be averaged over.
MOST_BURSTY_REQUESTS: Final = 500_000
# Where a sample leaves it open whether a promise is kept, one this much longer decides.
LONGER: Final = 4
# What bisection finds holds on one sample of traffic; a little less holds on others.
CUT: Final = 0.97
BISECTIONS: Final = 5
LEAST_PART: Final = 1 / 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The last plan solved, and what it and those before it did."""

    answered: Answered
    record: PlanSimulation


def try_out(
    found: Answered,
    *,
    time_limit_s: float,
    wish: Wish = AS_DECLARED,
    seed: int = SEED,
) -> Tried:
    """The plan after its trial: the same one, or one that was solved with cuts.

    `wish` holds the traces of those workloads whose own requests are known. Where no
    plan holds, the last one that was found is given, and the record says why not.
    """
    runs = _runs(found.question, wish, seed)
    rounds: list[TrialRound] = []
    first_usd = found.solution.cost_usd_per_month
    while True:
        seen = [r.tried(found.question, found.solution) for r in runs]
        workloads = tuple(w for s in seen for w in s.workloads)
        late = [w for w in workloads if w.is_late]
        cuts = _least(s.cuts() for s in seen) if len(rounds) < MOST_ROUNDS - 1 else {}
        rounds.append(_round(found.solution, workloads, cuts))
        why_not = _names(late)
        if cuts:
            again = _solved(cut(found.asked, rounds), time_limit_s, found.solution)
            if isinstance(again, Answered):
                found = again
                continue
            why_not = f"{why_not}; with the capacities that hold, {again}"
        return Tried(
            answered=found,
            record=PlanSimulation(
                seed=seed,
                traffic="; then ".join(r.words for r in runs),
                rounds=tuple(rounds),
                holds=not late,
                why_not=why_not,
                price_usd_per_month=found.solution.cost_usd_per_month - first_usd,
            ),
        )


def _names(late: Sequence[TriedWorkload]) -> str:
    if not late:
        return ""
    worst = ", ".join(
        f"{w.workload} keeps {w.attainment_frac:.1%} of {w.promised_frac:.1%}"
        + (f" ({w.traffic})" if w.traffic else "")
        for w in late
    )
    return f"on simulated traffic {worst}"


def _solved(question: Question, time_limit_s: float, start: Solution) -> Answered | str:
    try:
        found = answered(question, time_limit_s=time_limit_s, start=start)
    except SolverTimeoutError:
        return f"no plan was found within {time_limit_s:g} s"
    return "no plan exists" if isinstance(found, NoPlan) else found


def _runs(question: Question, wish: Wish, seed: int) -> "list[_Trial]":
    """The traffic wished for, and the hours that its traces leave out."""
    blocks = demands(question.spec).block_of_hour
    left = hours_left(wish.traces, question.workloads, blocks) if wish.traces else ()
    if not left:
        return [_Trial(question, wish, seed)]
    rest = replace(wish, traces={})
    return [
        _Trial(question, wish, seed, name="as the traces have it"),
        _Trial(question, rest, seed, name=_hour_words(left, len(blocks)), hours=left),
    ]


def _hour_words(left: Sequence[int], cycle_h: int) -> str:
    period = "week" if cycle_h > H_PER_DAY else "day"
    return f"the other {len(left)} of {cycle_h} hours of the {period}"


def _least(cuts: Iterable[Mapping[Way, float]]) -> dict[Way, float]:
    found: dict[Way, float] = {}
    for each in cuts:
        for way, kept in each.items():
            found[way] = min(found.get(way, 1.0), kept)
    return found


class _Trial:
    """Two samples of traffic, the same for every plan: the longer one where in doubt."""

    def __init__(
        self,
        question: Question,
        wish: Wish,
        seed: int,
        *,
        name: str = "",
        hours: Sequence[int] | None = None,
    ) -> None:
        asked = demands(question.spec)
        self._name = name
        is_bursty = any(w.traffic.burstiness for w in question.spec.workloads)
        most = MOST_BURSTY_REQUESTS if is_bursty else MOST_REQUESTS
        self._block_of_hour = asked.block_of_hour
        self._seed = seed
        self._length = 0
        # A trace has a length of its own.
        lengths = (most,) if wish.traces else (most, most * LONGER)
        self._samples = [
            partial(
                sending,
                question.spec,
                question.workloads,
                asked.block_of_hour,
                wish=wish,
                most_requests=length,
                seed=seed,
                hours=hours,
            )
            for length in lengths
        ]
        self._sent = self._samples[0]()

    @property
    def words(self) -> str:
        """What was sent."""
        return f"{self._name}: {self._sent.words}" if self._name else self._sent.words

    def tried(self, question: Question, solution: Solution) -> "_Seen":
        """The plan on the shorter sample, on the longer one where that says too little."""
        seen = self._on_sample(question, solution)
        if self._length + 1 < len(self._samples) and seen.is_in_doubt:
            self._length += 1
            self._sent = self._samples[self._length]()
            seen = self._on_sample(question, solution)
        return seen

    def _on_sample(self, question: Question, solution: Solution) -> "_Seen":
        stage = scenario(
            parts_of_solution(question, solution),
            self._sent,
            self._block_of_hour,
            question.catalog,
            Conditions(
                confidence_frac=question.spec.policy.confidence_frac,
                are_spares_idle=True,
            ),
        )
        return _Seen(
            solution=solution, ran=run(stage, seed=self._seed), traffic=self._name
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A plan and what happened to its requests."""

    solution: Solution
    ran: Run
    traffic: str

    @property
    def workloads(self) -> tuple[TriedWorkload, ...]:
        """What each workload's users saw."""
        pairs = zip(self.ran.scenario.streams, self.ran.requests, strict=True)
        return tuple(
            _tried(stream, requests, self.traffic) for stream, requests in pairs
        )

    @property
    def is_in_doubt(self) -> bool:
        """Whether a workload falls short by less than the simulation's own error."""
        return any(
            w.attainment_frac < w.promised_frac <= w.high_frac for w in self.workloads
        )

    def cuts(self) -> dict[Way, float]:
        """A factor for every way of serving that is at fault, if a promise is missed."""
        late = {w.workload for w in self.workloads if w.is_late}
        found: dict[Way, float] = {}
        if not late:
            return found
        names = list(
            dict.fromkeys(
                a.candidate.group
                for a in self.solution.assignments
                if a.machines > 0 or a.candidate.offer.tariff is not None
            )
        )
        for g in self._at_fault(late):
            part = self._part_that_holds(g)
            for a in self.solution.assignments:
                if a.candidate.group == names[g]:
                    key = Way.of(a.candidate)
                    found[key] = min(found.get(key, 1.0), CUT * part)
        return found

    def _at_fault(self, late: set[str]) -> list[int]:
        """Groups where a late workload misses its promise; if none alone does, all."""
        serving, missing = [], []
        for g, group in enumerate(self.ran.scenario.groups):
            for p, placed in enumerate(group.placements):
                if placed.workload not in late:
                    continue
                serving.append(g)
                stream, requests = self._of(placed.workload)
                kept = in_time(stream.slo, requests)[requests.served_by(g, p)]
                if share_with_error(kept)[2] < stream.slo.percentile_frac:
                    missing.append(g)
        return sorted(set(missing or serving))

    def _of(self, workload: str) -> tuple[Stream, Requests]:
        streams = self.ran.scenario.streams
        i = next(i for i, s in enumerate(streams) if s.workload == workload)
        return streams[i], self.ran.requests[i]

    def _part_that_holds(self, g: int) -> float:
        """The largest part of a group's own traffic at which every promise holds."""
        group = self.ran.scenario.groups[g]
        streams = []
        for p, placed in enumerate(group.placements):
            stream, requests = self._of(placed.workload)
            mine = requests.served_by(g, p)
            streams.append(replace(stream, arrivals=stream.arrivals.only(mine)))
        alone = replace(self.ran.scenario, streams=tuple(streams), groups=(group,))
        low, high = LEAST_PART, 1.0
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if _holds(alone, middle, self.ran.seed):
                low = middle
            else:
                high = middle
        return low


def _holds(alone: Scenario, part: float, seed: int) -> bool:
    """Whether the promises hold with that part of the requests."""
    rng = np.random.default_rng([seed, round(part * 1e9)])
    thinner = tuple(
        replace(s, arrivals=scaled(s.arrivals, part, rng)) for s in alone.streams
    )
    ran = run(replace(alone, streams=thinner), seed=seed)
    return all(
        in_time(stream.slo, requests).mean() >= stream.slo.percentile_frac
        for stream, requests in zip(thinner, ran.requests, strict=True)
        if requests.sent_s.size
    )


def _tried(stream: Stream, requests: Requests, traffic: str) -> TriedWorkload:
    kept = in_time(stream.slo, requests)
    share, low, high = share_with_error(kept)
    return TriedWorkload(
        workload=stream.workload,
        traffic=traffic,
        n_requests=kept.size,
        promised_frac=stream.slo.percentile_frac,
        attainment_frac=share,
        low_frac=low,
        high_frac=high,
    )


def _round(
    solution: Solution, workloads: tuple[TriedWorkload, ...], kept: Mapping[Way, float]
) -> TrialRound:
    chosen = [a.candidate for a in solution.assignments]
    cuts = [recorded(c, kept[Way.of(c)]) for c in chosen if Way.of(c) in kept]
    return TrialRound(
        cost_usd_per_month=solution.cost_usd_per_month,
        workloads=workloads,
        cuts=tuple(dict.fromkeys(cuts)),
    )
