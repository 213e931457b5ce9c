"""Rows that whole machines imply, added where the relaxation breaks them.

For workload w in block t, any set S of its candidates with machines of their own and
the share u of its traffic that must be served there or by R, a set of others,

    Σ_c∈S cap[c]·n[c,t] + rate[w,t]·Σ_c∈R f[c,t]  ≥  u·rate[w,t]

holds in every plan: S and R are all candidates (u = 1), or all but the spot ones where
these may get no more than a share (u = 1 − share). Divided by the capacity of some k in
S and rounded (Marchand and Wolsey, Aggregation and Mixed Integer Rounding to Solve
MIPs, 2001), with a = u·rate/cap[k], φ = a − ⌊a⌋, r[c] = cap[c]/cap[k]:

    Σ_c∈S (⌊r[c]⌋ + min(1, (r[c] − ⌊r[c]⌋)/φ))·n[c,t] + rate/(cap[k]·φ)·Σ_c∈R f[c,t]  ≥  ⌈a⌉

Fractions of large machines, the cheapest by the request, break such rows; plans do
not. The row `whole` of `planner.optimize.rows` is the case of one candidate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import Purchase
from planner.optimize.terms import BoolArray, FloatArray, IntArray, terms
from planner.optimize.variables import Model

# Fewer whole machines than this to choose from are searched as fast without.
LEAST_MACHINE_COLUMNS: Final = 500
# With many machines of a kind a fraction of one is no great matter.
MOST_MACHINES: Final = 20.0
# Rows nearer to whole machines than this have factors that drown every tolerance.
LEAST_LAST: Final = 1e-2
# Broken by less, a row is not worth its place.
LEAST_BREACH_FRAC: Final = 1e-3
MOST_ROWS_A_CELL: Final = 4
MOST_ROUNDS: Final = 6
# Rounds end when the relaxation rises by less.
LEAST_RISE_FRAC: Final = 1e-3

Relaxed = Callable[[], tuple[float, FloatArray] | None]


def tighten(model: Model, relaxed: Relaxed) -> None:
    """Add rows until the relaxation, solved anew each time, gains little by more."""
    s = model.sets
    if int(_has_its_own(model).sum()) * s.n_blocks < LEAST_MACHINE_COLUMNS:
        return
    cost = -np.inf
    for _ in range(MOST_ROUNDS):
        answer = relaxed()
        if answer is None or answer[0] - cost < LEAST_RISE_FRAC * abs(answer[0]):
            return
        cost, values = answer
        if not _add_broken(model, values):
            return


def _has_its_own(model: Model) -> BoolArray:
    """Candidates whose machines nobody shares."""
    s = model.sets
    alone: BoolArray = ~(s.is_shared | s.is_by_request)[s.group_of]
    return alone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cover:
    """S, R and u of one workload."""

    workload: int
    on_machines: IntArray
    others: IntArray
    share: float


def _covers(model: Model) -> Iterator[_Cover]:
    s = model.sets
    own = _has_its_own(model)
    spot = s.which(lambda c: c.offer.purchase is Purchase.SPOT)
    limit = s.problem.limits.spot_share_frac
    anyone = np.ones_like(own)
    # Which candidates stand for whole machines, which are looked at at all, and u.
    kinds = [(own, anyone, 1.0)]
    if (own & spot).any():
        kinds += [(own & ~spot, anyone, 1.0), (own & spot, anyone, 1.0)]
        if limit is not None:
            kinds.append((own & ~spot, ~spot, 1.0 - limit))
    for w in range(len(s.workloads)):
        mine = s.workload_of == w
        for on_machines, meant, share in kinds:
            if share > 0 and (mine & on_machines).any():
                yield _Cover(
                    workload=w,
                    on_machines=np.flatnonzero(mine & on_machines),
                    others=np.flatnonzero(mine & meant & ~on_machines),
                    share=share,
                )


def _add_broken(model: Model, values: FloatArray) -> int:
    """How many rows the values broke; they stand in the model now."""
    return sum(_add(model, cover, values) for cover in _covers(model))


def _add(model: Model, cover: _Cover, values: FloatArray) -> int:
    s = model.sets
    blocks = np.flatnonzero(s.rate[cover.workload] > 0)
    rate = s.rate[cover.workload, blocks]
    capacity = s.capacity[cover.on_machines]
    by = np.unique(capacity)
    need = cover.share * rate / by[:, None]
    last = need - np.floor(need)
    usable = (last > LEAST_LAST) & (need < MOST_MACHINES)
    last = np.where(usable, last, 1.0)
    ratio = capacity / by[:, None]
    rest = ratio - np.floor(ratio)
    n = model.n[s.group_of[cover.on_machines]][:, blocks]
    f = model.f[cover.others][:, blocks]
    # By capacity k, block and candidate.
    factor = np.floor(ratio)[:, None, :] + np.minimum(1.0, rest[:, None, :] / last[:, :, None])  # fmt: skip
    other = rate / by[:, None] / last
    reached = np.einsum("ktc,ct->kt", factor, values[n]) + other * values[f].sum(axis=0)
    breach = np.where(usable, 1.0 - reached / np.ceil(need), 0.0)
    worst = np.argsort(-breach, axis=0)[:MOST_ROWS_A_CELL]
    k, t = worst.ravel(), np.tile(np.arange(len(blocks)), len(worst))
    broken = breach[k, t] > LEAST_BREACH_FRAC
    k, t = k[broken], t[broken]
    each = np.arange(len(k))[:, None]
    left = terms(n.T[t], factor[k, t], row=each) + terms(
        f.T[t], other[k, t][:, None], row=each
    )
    if len(k):
        model.milp.require(left, ">=", np.ceil(need[k, t]))
    return len(k)
