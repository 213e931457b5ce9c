"""The solver's values as assignments and purchases, without the solver's noise."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from planner.domain.hardware import Purchase
from planner.domain.placement import (
    Assignment,
    Certificate,
    PlacementProblem,
    Purchased,
    Solution,
)
from planner.optimize.search import Answer
from planner.optimize.terms import BoolArray, FloatArray, IntArray
from planner.optimize.variables import NONE, Model
from planner.units import H_PER_MONTH, S_PER_H

# Shares of a workload below this are the solver's tolerance, not traffic.
NOISE_FRAC: Final = 1e-6


def solution(model: Model, answer: Answer, proof: Certificate) -> Solution:
    """The plan that the values describe, with no machine more than its rows need."""
    s = model.sets
    values = _without_noise(model, answer)
    shares = np.where(model.f == NONE, 0.0, values[model.f])
    rates = shares * s.rate[s.workload_of]
    machines = _machines(model, values)
    works = shares.any(axis=1) | _stands_by(model, values, machines)
    assignments = tuple(
        Assignment(
            candidate=s.columns[c],
            rates_rps=tuple(rates[c].tolist()),
            machines_on=tuple(machines[s.group_of[c]].tolist()),
        )
        for c in np.flatnonzero(works)
    )
    purchases = tuple(_purchases(model, answer, machines))
    return Solution(
        assignments=assignments,
        purchases=purchases,
        cost_usd_per_month=cost_usd_per_month(s.problem, assignments, purchases),
        certificate=proof,
    )


def _without_noise(model: Model, answer: Answer) -> FloatArray:
    """Values whose shares add up to one exactly, and groups awake only if they serve."""
    s = model.sets
    c, t = model.cells
    f = model.f[c, t]
    shares = np.where(answer.values[f] > NOISE_FRAC, answer.values[f], 0.0)
    demand = s.workload_of[c] * s.n_blocks + t
    whole = np.bincount(demand, weights=shares, minlength=s.rate.size)
    values = answer.values.copy()
    values[f] = shares / whole[demand]
    if model.awake.size:
        cell = s.group_of[c] * s.n_blocks + t
        served = np.bincount(cell, weights=shares, minlength=model.n.size)
        values[model.awake.ravel()] = served > 0
    return values


def _machines(model: Model, values: FloatArray) -> IntArray:
    """Whole machines by group and block: no more than the rows need."""
    needed = np.zeros(model.n.size)
    for load in model.loads:
        asked = load.terms.sums(values, len(load.machines))
        # A solver's integers are floats near integers: 1.9999999 machines are two.
        np.maximum.at(needed, load.machines, np.ceil(asked - NOISE_FRAC))
    c, t = model.cells
    works = (values[model.f[c, t]] > 0) & np.isfinite(model.sets.capacity[c])
    cell = model.sets.group_of[c[works]] * model.sets.n_blocks + t[works]
    # However little it is, nobody serves it with no machine at all.
    needed[cell] = np.maximum(needed[cell], 1.0)
    solved = np.round(values[model.n.ravel()])
    machines = np.minimum(needed, solved).astype(np.int64).reshape(model.n.shape)
    machines[model.sets.is_by_request] = 0
    return machines


def _stands_by(model: Model, values: FloatArray, machines: IntArray) -> BoolArray:
    """Machines that serve nobody until something is lost are part of the plan, too."""
    s = model.sets
    there = machines.max(axis=1, initial=0)[s.group_of] > 0
    waits: BoolArray = there & ~s.is_shared[s.group_of]
    for c, v in model.standing_by:
        reachable = there[c] | s.is_by_request[s.group_of[c]]
        # A candidate comes once for every block: any one of them is enough.
        np.logical_or.at(waits, c, reachable & (values[v] > NOISE_FRAC))
    return waits


def _purchases(model: Model, answer: Answer, machines: IntArray) -> Iterator[Purchased]:
    s = model.sets
    on = np.zeros((len(s.offers), s.n_blocks), dtype=np.int64)
    np.add.at(on, s.offer_of, machines)
    never = (0,) * s.n_blocks
    for o, offer in enumerate(s.offers):
        most = int(on[o].max())
        if not most:
            continue
        if offer.purchase is Purchase.OWNED:
            yield Purchased(offer=offer, kept=most, paid_by_hour=never)
            continue
        covered = 0
        for number, m in zip(model.com, s.commitments, strict=True):
            kept = min(round(answer.values[number]), most - covered)
            if m.pays_for == offer.name and kept > 0:
                covered += kept
                yield Purchased(
                    offer=offer, kept=kept, paid_by_hour=never, commitment=m
                )
        beyond = tuple(np.maximum(on[o] - covered, 0).tolist())
        if any(beyond):
            yield Purchased(offer=offer, kept=0, paid_by_hour=beyond)


def cost_usd_per_month(
    problem: PlacementProblem,
    assignments: Sequence[Assignment],
    purchases: Sequence[Purchased],
) -> float:
    """The month's bill: machines kept, machines by the hour, and what requests cost."""
    requests = sum(
        S_PER_H * block.h_per_month * a.candidate.usd_per_request * rate
        for a in assignments
        for block, rate in zip(problem.blocks, a.rates_rps, strict=True)
    )
    return requests + sum(purchase_usd_per_month(problem, p) for p in purchases)


def purchase_usd_per_month(problem: PlacementProblem, p: Purchased) -> float:
    """What one purchase adds to the month's bill."""
    hourly = p.commitment.usd_per_h if p.commitment else p.offer.price_usd_per_h
    by_hour = sum(
        block.h_per_month * count
        for block, count in zip(problem.blocks, p.paid_by_hour, strict=True)
    )
    return hourly * p.kept * H_PER_MONTH + p.offer.price_usd_per_h * by_hour
