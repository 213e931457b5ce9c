"""What still works when a site's uplink is down: the site's own machines, used best.

    choose    a[c,t]   share of its workload that candidate c at the site answers
    load      Σ_c∈g rate[w,t]·a[c,t]/cap[c]  ≤  n[g,t]              each g,t
    once      Σ_c∈w a[c,t]                   ≤  1                   each w,t
    required  Σ_c∈w a[c,t] + s[w,t]          ≥  required[w]         each w,t
    planned   a[c,t] + s[c,t]                ≥  f[c,t]              each c,t
    all       Σ_c∈w a[c,t] + s[w,t]          ≥  1                   each w,t

The shortfalls s are made least, those of `required` first, then those of what the
machines answer anyway, then the rest. Nothing is bought for it: the machines are the
plan's, spares included, and within the loads under which every promise holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.placement import Assignment, FailureDomain, Solution
from planner.domain.workloads import Workload
from planner.optimize.program import Milp
from planner.optimize.terms import FloatArray, IntArray, terms
from planner.pipeline.asking.question import Question
from planner.specs.assurance import PlanOffline
from planner.specs.deployment import Deployment

SOLVE_S: Final = 10.0
# What came first may fall short by this much more while the next is made best.
KEPT_FRAC: Final = 1e-9

Rates = Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site's own machines, the workloads that begin there, and what each requires."""

    workloads: Sequence[Workload]
    assignments: Sequence[Assignment]
    required_frac: Sequence[float]


def offline_rates_rps(question: Question, solution: Solution) -> Rates:
    """What each candidate at a site with an uplink answers while it is down, by block."""
    found: dict[str, tuple[float, ...]] = {}
    for name in _lines(question.spec):
        site = _site(name, question, solution)
        if site.assignments:
            found |= answered_rps(site)
    return found


def offline(
    question: Question, solution: Solution, rates_rps: Rates
) -> tuple[PlanOffline, ...]:
    """For every site with an uplink, the share of each workload that is answered."""
    found = []
    for name in _lines(question.spec):
        site = _site(name, question, solution)
        for w, required in zip(site.workloads, site.required_frac, strict=True):
            mine = [
                rates_rps[a.candidate.name]
                for a in site.assignments
                if a.candidate.workload == w.name
            ]
            shares = [
                sum(r[t] for r in mine) / asked
                for t, asked in enumerate(w.rates_rps)
                if asked > 0
            ]
            found.append(
                PlanOffline(
                    site=name,
                    workload=w.name,
                    answered_frac=min(1.0, min(shares, default=1.0)),
                    required_frac=required or None,
                )
            )
    return tuple(found)


def _lines(spec: Deployment) -> list[str]:
    return [s.name for s in spec.edge_sites() if s.uplink is not None]


def _site(name: str, question: Question, solution: Solution) -> Site:
    mine = [w for w in question.workloads if w.origin == name]
    limits = question.problem.limits
    everyone = (
        limits.survivable_frac if FailureDomain.UPLINK in limits.survives else 0.0
    )
    return Site(
        workloads=mine,
        assignments=[
            a
            for a in solution.assignments
            if a.candidate.uplink is None and a.candidate.offer.site == name
        ],
        required_frac=[max(w.offline_frac, everyone) for w in mine],
    )


def answered_rps(site: Site) -> Rates:
    """What each of the site's candidates answers, in requests/s by block."""
    rates = np.array([w.rates_rps for w in site.workloads])
    number = {w.name: i for i, w in enumerate(site.workloads)}
    of = np.array([number[a.candidate.workload] for a in site.assignments])
    planned = np.array([a.rates_rps for a in site.assignments]) / np.where(
        rates[of] > 0, rates[of], 1.0
    )
    shares = _best_shares(site, rates, of, planned)
    return {
        a.candidate.name: tuple((rates[i] * share).tolist())
        for a, i, share in zip(site.assignments, of, shares, strict=True)
    }


def _best_shares(
    site: Site, rates: FloatArray, of: IntArray, planned: FloatArray
) -> FloatArray:
    """The program above; where the site answers all of it anyway, as it does."""
    everything = np.zeros_like(rates)
    np.add.at(everything, of, planned)
    if np.all((everything >= 1 - KEPT_FRAC) | (rates == 0)):
        return planned
    n_blocks = rates.shape[1]
    milp = Milp()
    a = milp.variables(planned.shape, upper=1.0)
    by_workload = of[:, None] * n_blocks + np.arange(n_blocks)
    each = np.arange(planned.size).reshape(planned.shape)
    _within_machines(milp, site, a, rates[of])
    milp.require(terms(a, row=by_workload), "<=", np.ones(rates.size))
    required = np.repeat(site.required_frac, n_blocks)
    answer = None
    for rows, least in (
        (by_workload, required),
        (each, planned.ravel()),
        (by_workload, np.ones(rates.size)),
    ):
        if answer is not None:
            milp.keep(answer, room_frac=KEPT_FRAC, least_room=KEPT_FRAC)
        short = milp.variables(len(least))
        own = terms(short, row=np.arange(len(least)))
        milp.require(terms(a, row=rows) + own, ">=", least)
        milp.minimise(terms(short))
        answer = milp.solve(time_limit_s=SOLVE_S)
    if answer is None:
        raise AssertionError("three programs were solved")
    values = np.clip(answer.values[a], 0.0, 1.0)
    whole = np.zeros_like(rates)
    np.add.at(whole, of, values)
    shares: FloatArray = values / np.maximum(whole, 1.0)[of]
    return shares


def _within_machines(milp: Milp, site: Site, a: IntArray, rates: FloatArray) -> None:
    groups = {x.candidate.group: x for x in site.assignments}
    number = {g: i for i, g in enumerate(groups)}
    group = np.array([number[x.candidate.group] for x in site.assignments])
    capacity = np.array([x.candidate.capacity_rps for x in site.assignments])
    row = group[:, None] * rates.shape[1] + np.arange(rates.shape[1])
    on = np.array([x.machines_on for x in groups.values()], dtype=np.float64)
    milp.require(terms(a, rates / capacity[:, None], row=row), "<=", on.ravel())
