"""A plan of a similar problem as values to begin the search with.

Searches that turn one thing (flip points, fronts, what a limit is worth) solve a
problem again and again in which yesterday's plan is often still the best. Its traffic
shares stand for f; n, own, com, paid, awake and y are the least that then keeps the
rows. Where a share has no column any more, a row breaks, or the model has variables of
other kinds, there is nothing to begin with.
"""

from dataclasses import astuple
from typing import Final

import numpy as np

from planner.domain.placement import Candidate, Solution
from planner.optimize.solution import NOISE_FRAC
from planner.optimize.terms import BoolArray, FloatArray, sums_by
from planner.optimize.variables import NONE, Model

# What HiGHS itself takes a row to hold within.
TOLERANCE: Final = 1e-7

Key = tuple[str | int | float | None, ...]


def start_values(model: Model, known: Solution) -> FloatArray | None:
    """A value for every variable such that every row holds; None where there is none."""
    whole = model.milp.matrix()
    s = model.sets
    parts = (model.n, model.f, model.y, model.own, model.com, model.paid, model.awake)
    n_known = sum(int((part != NONE).sum()) for part in parts)
    shares = _shares(model, known)
    if n_known != len(whole.cost) or s.is_by_request.any() or shares is None:
        return None
    values = np.zeros(n_known)
    values[model.f[model.cells]] = shares[model.cells]
    lives = model.y != NONE
    values[model.y[lives]] = shares[lives].any(axis=1)
    machines = _machines(model, values, shares > 0)
    values[model.n] = machines
    _bought(model, known, values, machines)
    rows = np.repeat(np.arange(len(whole.row_lower)), np.diff(whole.start))
    left = sums_by(rows, whole.value * values[whole.index], len(whole.row_lower))
    room = TOLERANCE * np.maximum(1.0, np.abs(left))
    holds = (left >= whole.row_lower - room) & (left <= whole.row_upper + room)
    return values if holds.all() and (values <= whole.upper + TOLERANCE).all() else None


def _key(c: Candidate) -> Key:
    """The same way of serving, whatever it is numbered."""
    p = c.profile
    return (
        *(c.workload, c.offer.name, c.pool, p.device, p.device_count, p.evidence.source),
        *(*astuple(c.policy), str(p.variant), p.variant.sparsity_frac),
    )  # fmt: skip


def _shares(model: Model, known: Solution) -> FloatArray | None:
    """By candidate and block; None where not all traffic finds a column."""
    s = model.sets
    column = {_key(c): i for i, c in enumerate(s.columns)}
    rates = np.zeros(model.f.shape)
    for a in known.assignments:
        i = column.get(_key(a.candidate))
        if len(a.rates_rps) != s.n_blocks or (i is None and a.rate_rps > 0):
            return None
        if i is not None:
            rates[i] = a.rates_rps
    asked = np.zeros(s.rate.shape)
    np.add.at(asked, s.workload_of, rates)
    if ((asked <= 0) & s.is_active).any():
        return None
    whole = np.where(asked > 0, asked, 1.0)
    shares: FloatArray = rates / whole[s.workload_of]
    return shares


def _machines(model: Model, values: FloatArray, works: BoolArray) -> FloatArray:
    """As few as carry the shares, one at least where anything runs."""
    s = model.sets
    runs = np.zeros(model.n.shape)
    np.maximum.at(runs, s.group_of, works.astype(np.float64))
    if model.awake.size:
        values[model.awake] = runs
    needed = runs.ravel()
    for load in model.loads:
        asked = load.terms.sums(values, len(load.machines))
        np.maximum.at(needed, load.machines, np.ceil(asked - NOISE_FRAC))
    return needed.reshape(model.n.shape)


def _bought(
    model: Model, known: Solution, values: FloatArray, machines: FloatArray
) -> None:
    """Boxes for the busiest block; commitments as they were, the rest by the hour."""
    s = model.sets
    on = np.zeros(model.paid.shape)
    np.add.at(on, s.offer_of, machines)
    owned = model.own != NONE
    values[model.own[owned]] = on[owned].max(axis=1)
    kept = {p.commitment.name: p.kept for p in known.purchases if p.commitment}
    number = {offer.name: o for o, offer in enumerate(s.offers)}
    for variable, m in zip(model.com, s.commitments, strict=True):
        values[variable] = kept.get(m.name, 0)
        on[number[m.pays_for]] -= kept.get(m.name, 0)
    paid = model.paid != NONE
    values[model.paid[paid]] = np.maximum(on[paid], 0.0)
