"""Why nothing fits: which demand, limit or budget stands in the way, in sentences."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from planner.domain.placement import PlacementProblem, Solution
from planner.domain.workloads import LatencySlo, Workload
from planner.optimize.placement import place
from planner.pipeline.asking.candidates import Capacities, slo_percentile_s
from planner.pipeline.asking.obstacles import Obstacle
from planner.pipeline.asking.options import Option
from planner.pipeline.asking.places import devices
from planner.pipeline.asking.question import Question
from planner.specs.ways_out import Reason
from planner.units import milliseconds

# A rate so small that what is seen is an idle machine.
IDLE_RPS: Final = 1e-6
# Repeats of a measurement on a quiet machine differ by less.
_STEADY_FRAC: Final = 0.25


def reasons(question: Question, *, time_limit_s: float) -> tuple[Reason, ...]:
    """Workloads that nothing can serve; else the limits that the whole runs into."""
    problem = question.problem
    served = {c.workload for c in problem.candidates}
    alone = [
        reason
        for w in question.workloads
        if w.name not in served
        for reason in _unservable(w, question)
    ]
    return tuple(alone) or tuple(_limits(problem, time_limit_s))


def _unservable(w: Workload, question: Question) -> Iterable[Reason]:
    refusals = [r for r in question.refusals if r.workload == w.name]
    if not refusals:
        sentence = "no site of the document sells or owns any machine"
        yield Reason(subject=w.name, sentence=sentence)
        return
    slow = [o for o in question.too_slow if o.workload.name == w.name]
    if slow:
        yield _fastest(w, slow)
        yield from _too_unsure(w, slow)
    counted = Counter(
        r.obstacle for r in refusals if r.obstacle not in {Obstacle.SLO, Obstacle.UNMEASURED}
    )  # fmt: skip
    for obstacle, count in counted.most_common():
        examples = dict.fromkeys(r.reason for r in refusals if r.obstacle is obstacle)
        shown = "; ".join(list(examples)[:3])
        more = f" and {len(examples) - 3} more" if len(examples) > 3 else ""
        sentence = f"{obstacle.value} rules out {count} ways: {shown}{more}"
        yield Reason(subject=w.name, sentence=sentence)
    if not slow and not counted:
        devices = sorted({p.device for p in question.knowledge.profiles[w.model]})
        known = ", ".join(devices[:6]) or "no device at all"
        sentence = f"no machine on offer has a profile of {w.model}; it was profiled on {known}"
        yield Reason(subject=w.name, sentence=f"{sentence}; {_unforeseen(question)}")


def _unforeseen(question: Question) -> str:
    """Why nothing is predicted of what is on offer, or how to find out."""
    offered = devices(question.places)
    if not question.spec.policy.predict_unmeasured or not offered:
        return "policy.predict_unmeasured: true takes predictions, where profiles lead there"
    return f"planner predict SPEC --device {offered[0]} says why it is not predicted"


def _fastest(w: Workload, slow: Sequence[Option]) -> Reason:
    idle = {id(o): slo_percentile_s(o, IDLE_RPS) for o in slow}
    best = min(slow, key=lambda o: idle[id(o)])
    found_ms = milliseconds(idle[id(best)])
    network_ms = milliseconds(best.path.rtt_s + best.path.transfer_s)
    percentile = w.slo.percentile_frac * 100
    if isinstance(w.slo, LatencySlo):
        promise = f"p{percentile:g} within {milliseconds(w.slo.latency_s):g} ms"
        found = f"{found_ms:.1f} ms, of which the network {network_ms:.1f} ms"
    else:
        promise = (
            f"p{percentile:g} of TTFT within {milliseconds(w.slo.ttft_s):g} ms and of "
            f"TPOT within {milliseconds(w.slo.tpot_s):g} ms"
        )
        found = f"TTFT {found_ms:.1f} ms"
    return Reason(
        subject=w.name,
        sentence=f"nothing keeps {promise} even when idle; the fastest, {_way(best)}, "
        f"needs {found} (at the policy's confidence)",
    )


def _too_unsure(w: Workload, slow: Sequence[Option]) -> Iterable[Reason]:
    """What its figures would let through, and only their error band rules out."""
    by_figures = [replace(o, error_factor=1.0) for o in slow]
    capacities_rps = Capacities().of(by_figures)
    kept = [o for o, rps in zip(by_figures, capacities_rps, strict=True) if rps > 0]
    if not kept:
        return
    best = min(kept, key=lambda o: o.profile.evidence.error_frac)
    known = best.profile.evidence
    figure_ms = milliseconds(slo_percentile_s(best, IDLE_RPS))
    what = "" if isinstance(w.slo, LatencySlo) else "TTFT "
    was_unsteady = known.repeats_frac > _STEADY_FRAC
    way_out = (
        "it was timed on a busy machine: planner profile SPEC --again, while that does "
        "nothing else, narrows it"
        if was_unsteady
        else f"measuring it on {best.place.offer.device} narrows that, a lower "
        "policy.confidence_frac takes more risk"
    )
    yield Reason(
        subject=w.name,
        sentence=f"{_way(best)} would keep it by its figures alone ({what}{figure_ms:.1f} "
        f"ms when idle; {known.provenance}, {known.as_of}), but all that is sure, with "
        f"90 % probability, is that the truth is at most {1 + known.error_frac:.3g} times "
        f"that; {way_out}",
    )


def _way(option: Option) -> str:
    offer = option.place.offer
    return f"{option.profile.variant} on {offer.device} at {offer.site}"


def _limits(problem: PlacementProblem, time_limit_s: float) -> Iterable[Reason]:
    """Every limit without which, alone, there would be a plan; else the mix of them."""
    found = [
        *_budget(problem, time_limit_s),
        *_stocks(problem, time_limit_s),
        *_accounts(problem, time_limit_s),
        *_uplinks(problem, time_limit_s),
        *_offline(problem, time_limit_s),
        *_rises(problem, time_limit_s),
    ]
    if found:
        return found
    sentence = (
        "stock, uplinks and budget together cannot carry the demand; "
        "no single one of them is to blame"
    )
    return [Reason(subject=", ".join(problem.rate_rps), sentence=sentence)]


def _budget(problem: PlacementProblem, time_limit_s: float) -> Iterable[Reason]:
    budget = problem.limits.budget_usd_per_month
    if budget is None:
        return
    limits = replace(problem.limits, budget_usd_per_month=None)
    answer = place(replace(problem, limits=limits), time_limit_s=time_limit_s)
    if isinstance(answer, Solution):
        yield Reason(
            subject="policy.budget_usd_per_month",
            sentence=f"the cheapest plan costs {answer.cost_usd_per_month:,.2f} "
            f"USD/month; the budget is {budget:,.2f}",
        )


def _stocks(problem: PlacementProblem, time_limit_s: float) -> Iterable[Reason]:
    for name in problem.stock:
        fewer = {k: v for k, v in problem.stock.items() if k != name}
        if _solves(replace(problem, stock=fewer), time_limit_s):
            sentence = f"only {problem.stock[name]} in stock, and the plan needs more"
            yield Reason(subject=name, sentence=sentence)


def _accounts(problem: PlacementProblem, time_limit_s: float) -> Iterable[Reason]:
    """Limits of what is paid by request."""
    limited = {
        c.offer.name
        for c in problem.candidates
        if c.offer.tariff is not None and math.isfinite(c.capacity_rps)
    }
    for name in sorted(limited):
        columns = tuple(
            replace(c, capacity_rps=math.inf) if c.offer.name == name else c
            for c in problem.candidates
        )
        if _solves(replace(problem, candidates=columns), time_limit_s):
            sentence = "the limit of your account there is too low for the demand"
            yield Reason(subject=name, sentence=sentence)


def _uplinks(problem: PlacementProblem, time_limit_s: float) -> Iterable[Reason]:
    for name in problem.uplink_bytes_per_s:
        others = {k: v for k, v in problem.uplink_bytes_per_s.items() if k != name}
        if _solves(replace(problem, uplink_bytes_per_s=others), time_limit_s):
            sentence = "its uplink cannot carry what has to leave the site"
            yield Reason(subject=name, sentence=sentence)


def _offline(problem: PlacementProblem, time_limit_s: float) -> Iterable[Reason]:
    for name, part in problem.limits.offline_frac.items():
        parts = {k: v for k, v in problem.limits.offline_frac.items() if k != name}
        limits = replace(problem.limits, offline_frac=parts)
        if _solves(replace(problem, limits=limits), time_limit_s):
            sentence = (
                f"{part:.0%} of it must be answered while the uplink is down, and the "
                "site's own machines cannot"
            )
            yield Reason(subject=name, sentence=sentence)


def _rises(problem: PlacementProblem, time_limit_s: float) -> Iterable[Reason]:
    if problem.rises is not None and _solves(
        replace(problem, rises=None), time_limit_s
    ):
        sentence = "the rates alone can be carried, their rises cannot"
        yield Reason(subject="policy.demand_rises", sentence=sentence)


def _solves(problem: PlacementProblem, time_limit_s: float) -> bool:
    return isinstance(place(problem, time_limit_s=time_limit_s), Solution)
