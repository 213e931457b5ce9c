"""What candidates put on a thing they share, with the rises of demand that hit it hardest.

    load      Σ_c a[c]·rate[w,t]·f[c,t]  +  max over W, |W| ≤ Γ, of Σ_w∈W rise[w]
    where     rise[w] = Σ_c∈w a[c]·extra[w,t]·f[c,t]

The maximum is a linear program, and so by its dual the least Γ·θ + Σ_w π[w] with
rows `rises`: rise[w] ≤ θ + π[w], θ ≥ 0, π ≥ 0 (Bertsimas and Sim, The Price of
Robustness, 2004). Where no more than Γ workloads meet, all of them rise.
"""

import numpy as np

from planner.optimize.terms import FloatArray, IntArray, Terms, terms
from planner.optimize.variables import NONE, Model


def load(model: Model, row_of: IntArray, per_rps: FloatArray) -> Terms:
    """The load above, a = `per_rps`, of the candidates of each row `row_of[c]`·T + t."""
    s = model.sets
    c, t = model.cells
    meant = (row_of[c] != NONE) & (per_rps[c] > 0)
    c, t = c[meant], t[meant]
    w, f, row = s.workload_of[c], model.f[c, t], row_of[c] * s.n_blocks + t
    stated = terms(f, s.rate[w, t] * per_rps[c], row=row)
    rises = s.problem.rises
    if rises is None or not len(c):
        return stated
    rise = s.extra[w, t] * per_rps[c]
    meeting, pair_of = np.unique(row * len(s.workloads) + w, return_inverse=True)
    row_of_pair = meeting // len(s.workloads)
    n_meeting = np.bincount(row_of_pair)
    is_all = (n_meeting <= rises.most_at_once)[row]
    return (
        stated
        + terms(f[is_all], rise[is_all], row=row[is_all])
        + _worst(
            model,
            terms(f[~is_all], rise[~is_all], row=pair_of[~is_all]),
            np.where((n_meeting > rises.most_at_once)[row_of_pair], row_of_pair, NONE),
            rises.most_at_once,
        )
    )


def _worst(model: Model, rise: Terms, row_of_pair: IntArray, most: int) -> Terms:
    """Γ·θ + Σ π by row, with its rows `rises`; `rise` is numbered by pair."""
    pairs = np.flatnonzero(row_of_pair != NONE)
    rows, theta_of_pair = np.unique(row_of_pair[pairs], return_inverse=True)
    theta, pi = model.milp.variables(len(rows)), model.milp.variables(len(pairs))
    number_of = np.full(len(row_of_pair), NONE)
    number_of[pairs] = np.arange(len(pairs))
    left = (
        terms(rise.variable, rise.factor, row=number_of[rise.row])
        + terms(theta[theta_of_pair], -1.0, row=np.arange(len(pairs)))
        + terms(pi, -1.0, row=np.arange(len(pairs)))
    )
    model.milp.require(left, "<=", np.zeros(len(pairs)))
    return terms(theta, most, row=rows) + terms(pi, row=row_of_pair[pairs])
