"""Hours searched apart though purchases for the whole month tie them together.

Some columns tie rows together (`Matrix.linking`): machines kept all month. With every
row that such a column stands in left aside, the rest falls into many small pieces p,
an hour of a workload each. By Dantzig and Wolfe (Decomposition Principle for Linear
Programs, 1960) a plan is then one way k to run every piece, and what is left aside:

    master    min  c·x + Σ_p,k cost[p,k]·λ[p,k]
              tied        A x + Σ_p,k A_p z[p,k]·λ[p,k]  within the rows' bounds   (prices μ)
              one way     Σ_k λ[p,k] = 1                                           each p
    pricing   min  (c_p − μ A_p)·z over whole z of piece p, each for itself

Ways are added where pricing finds better ones. For any prices the sum of the pieces'
optima bounds every plan from below, much nearer than the relaxation does: pieces are
whole there (Lagrangian bound; Geoffrion, 1974). Prices asked are the master's, drawn
towards those of the best bound so far, or they would jump for lack of ways (Wentges,
1997). A plan comes from the master with its month-long purchases held at the nearest
whole numbers: what is left falls apart again, a small choice among known ways each.
"""

import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from planner.domain.placement import Verdict
from planner.optimize.matrix import (
    Matrix,
    by_rows,
    parts,
    some_columns,
    some_rows,
    without,
)
from planner.optimize.milp import QUICK, Effort, Found, by_highs
from planner.optimize.terms import FloatArray, IntArray, sums_by

# Pieces worth the trouble: fewer or larger ones HiGHS searches as well in one tree.
LEAST_PIECES: Final = 64
MOST_PIECE_COLUMNS: Final = 2_000
LEAST_COLUMNS: Final = 4_000
# A piece is solved to this part of its cost: all pieces' errors add up to no more.
PIECE_GAP_FRAC: Final = 1e-5
# How far new prices are drawn to the best ones: far while the master knows few ways.
DRAWN_FRAC: Final = 0.8
DRAWN_LATE_FRAC: Final = 0.3
# Master and bound are near: prices may follow the master.
NEAR_FRAC: Final = 0.02
# Falling short of a tied row costs this many times the dearest thing in the program.
SHORT_COST_RATIO: Final = 10.0
# Known ways are chosen from quickly, and not to the last cent.
PLAN_S: Final = 20.0
PLAN_GAP_FRAC: Final = 1e-4
# Rounds end when so many together gained less than this part of the cost.
MOST_QUIET_ROUNDS: Final = 10
LEAST_GAIN_FRAC: Final = 1e-5
# A solver's tolerance on a reduced cost.
TOLERANCE: Final = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Tied:
    """The whole, what stays in the master, and the pieces; `rows` are the tied ones."""

    whole: Matrix
    rows: IntArray
    own: IntArray
    pieces: tuple[Matrix, ...]

    @property
    def is_worth_it(self) -> bool:
        """Whether the pieces are many and small."""
        return (
            len(self.whole.cost) >= LEAST_COLUMNS
            and len(self.pieces) >= LEAST_PIECES
            and max(len(p.cost) for p in self.pieces) <= MOST_PIECE_COLUMNS
        )


def tied(whole: Matrix) -> Tied | None:
    """The program taken apart; None where nothing ties it together."""
    if not whole.linking.any():
        return None
    is_tied = np.zeros(len(whole.row_lower), dtype=np.bool_)
    is_tied[whole.row_of_entry[whole.linking[whole.index]]] = True
    free = some_rows(
        some_columns(whole, np.flatnonzero(~whole.linking)), np.flatnonzero(~is_tied)
    )
    pieces = tuple(p for p in parts(free) if len(p.cost))
    is_own = np.ones(len(whole.cost), dtype=np.bool_)
    for piece in pieces:
        is_own[piece.variable] = False
    return Tied(
        whole=whole,
        rows=np.flatnonzero(is_tied),
        own=np.flatnonzero(is_own),
        pieces=pieces,
    )


def decomposed(
    whole: Tied, effort: Effort, prices: FloatArray, plans: Sequence[FloatArray]
) -> tuple[FloatArray | None, float]:
    """A plan where one was found, and what no plan can be cheaper than.

    The search begins with `prices` by row of the whole, and ways as in these plans.
    """
    search = _Search(whole)
    for plan in plans:
        search.master.add([(i, plan[p.variable]) for i, p in enumerate(whole.pieces)])
    asked = prices[whole.rows]
    least, quiet_rounds = math.inf, 0
    while quiet_rounds < MOST_QUIET_ROUNDS and search.ask(asked, effort):
        value = search.master.solve(effort)
        if value is None or value - search.bound <= effort.gap_frac / 2 * value:
            break
        gap = value - search.bound
        quiet_rounds = quiet_rounds + 1 if gap > least - LEAST_GAIN_FRAC * value else 0
        least = min(least, gap)
        is_near = value - search.bound <= NEAR_FRAC * value
        drawn = DRAWN_LATE_FRAC if is_near else DRAWN_FRAC
        asked = drawn * search.prices + (1 - drawn) * search.master.prices
    return search.master.plan(), search.bound


class _Search:
    """Pricing and master, and the best bound so far with its prices."""

    def __init__(self, whole: Tied) -> None:
        self._pricing = _Pricing(whole)
        self.master = _Master(whole)
        self.bound = -math.inf
        self.prices = np.zeros(len(whole.rows))

    def ask(self, prices: FloatArray, effort: Effort) -> bool:
        """Whether the answers came in time."""
        asked = self._pricing.ask(prices, effort)
        if asked is None:
            return False
        self.master.add(asked.ways)
        if asked.bound > self.bound:
            self.bound, self.prices = asked.bound, prices
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    bound: float
    ways: tuple[tuple[int, FloatArray], ...]  # piece and its values, where they are new


class _Pricing:
    """The best way of every piece at given prices; asked again only where they moved."""

    def __init__(self, whole: Tied) -> None:
        self._tied = whole
        self._costs: list[FloatArray] = [np.zeros(0)] * len(whole.pieces)
        self._found: list[Found | None] = [None] * len(whole.pieces)

    def ask(self, prices: FloatArray, effort: Effort) -> _Asked | None:
        """None where the limit passed first."""
        t = self._tied
        prices = _sound(t, prices)
        reduced = _reduced(t, prices)
        moved = [
            i
            for i, piece in enumerate(t.pieces)
            if self._found[i] is None
            or not np.array_equal(self._costs[i], reduced[piece.variable])
        ]
        exact = replace(effort, gap_frac=PIECE_GAP_FRAC)
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            answers = workers.map(
                lambda i: by_highs(
                    replace(t.pieces[i], cost=reduced[t.pieces[i].variable]),
                    exact,
                    **QUICK,
                ),
                moved,
            )
            for i, found in zip(moved, answers, strict=True):
                if found is None or found.verdict is not Verdict.OPTIMAL:
                    return None
                self._found[i], self._costs[i] = found, reduced[t.pieces[i].variable]
        told = [f for f in self._found if f is not None]
        return _Asked(
            bound=_least_own(t, reduced)
            + _paid(t, prices)
            + sum(f.bound for f in told),
            ways=tuple((i, told[i].values) for i in moved),
        )


def _reduced(t: Tied, prices: FloatArray) -> FloatArray:
    """Costs less what tied rows pay."""
    by_row = np.zeros(len(t.whole.row_lower))
    by_row[t.rows] = prices
    paid = sums_by(
        t.whole.index, by_row[t.whole.row_of_entry] * t.whole.value, len(t.whole.cost)
    )
    reduced: FloatArray = t.whole.cost - paid
    return reduced


def _sound(t: Tied, prices: FloatArray) -> FloatArray:
    """Prices of the sign that their row's bounds allow."""
    least = np.where(np.isfinite(t.whole.row_upper[t.rows]), -np.inf, 0.0)
    most = np.where(np.isfinite(t.whole.row_lower[t.rows]), np.inf, 0.0)
    return np.clip(prices, least, most)


def _paid(t: Tied, prices: FloatArray) -> float:
    """What the tied rows' bounds are worth at these prices."""
    lower, upper = t.whole.row_lower[t.rows], t.whole.row_upper[t.rows]
    at = np.where(prices > 0, lower, upper)
    return float((prices[prices != 0] * at[prices != 0]).sum())


def _least_own(t: Tied, reduced: FloatArray) -> float:
    """The least that the master's own columns can add, to a solver's tolerance."""
    pays = reduced[t.own] < -TOLERANCE
    if not pays.any():
        return 0.0
    return float((reduced[t.own][pays] * t.whole.upper[t.own][pays]).sum())


class _Master:
    """Known ways to run the pieces, and the best mixture of them."""

    def __init__(self, whole: Tied) -> None:
        self._tied = whole
        self._ways: list[_Way] = []
        tied_rows = some_rows(whole.whole, whole.rows)
        self._ties = [some_columns(tied_rows, p.variable) for p in whole.pieces]
        self._own = some_columns(tied_rows, whole.own)
        self._answer: Found | None = None

    @property
    def prices(self) -> FloatArray:
        """What a unit of each tied row is worth in the best mixture."""
        found = np.zeros(0) if self._answer is None else self._answer.row_prices
        return found[: len(self._tied.rows)]

    def add(self, ways: Sequence[tuple[int, FloatArray]]) -> None:
        """More ways, by piece."""
        for i, values in ways:
            ties, piece = self._ties[i], self._tied.pieces[i]
            way = np.where(piece.integer, np.round(values), values)
            used = sums_by(
                ties.row_of_entry, ties.value * way[ties.index], len(self._tied.rows)
            )
            rows = np.flatnonzero(used)
            self._ways.append(
                _Way(
                    piece=i,
                    values=way,
                    cost=float(piece.cost @ way),
                    rows=rows,
                    used=used[rows],
                )
            )

    def solve(self, effort: Effort) -> float | None:
        """The cost of the best mixture; None where the limit passed first."""
        basis = None if self._answer is None else self._answer.basis
        found = by_highs(self._matrix(), effort, is_relaxed=True, basis=basis)
        if found is None or found.verdict is not Verdict.OPTIMAL:
            return None
        self._answer = found
        return found.best

    def plan(self) -> FloatArray | None:
        """The cheapest known ways beside month-long purchases at the nearest whole numbers."""
        if self._answer is None:
            return None
        matrix = self._matrix()
        held = np.flatnonzero(matrix.linking & matrix.integer)
        values = np.zeros(len(matrix.cost))
        values[held] = np.round(self._answer.values[held])
        effort = Effort(
            solver="highs",
            until_s=time.perf_counter() + PLAN_S,
            gap_frac=PLAN_GAP_FRAC,
        )
        for rest in parts(without(matrix, held, values)):
            found = by_highs(rest, effort, **QUICK) if len(rest.cost) else None
            if found is None or found.verdict is Verdict.INFEASIBLE:
                return None
            values[rest.variable] = found.values
        return self._in_whole(values)

    def _in_whole(self, values: FloatArray) -> FloatArray | None:
        """The chosen ways as values of the whole; None where something falls short."""
        n_own, n_ways = len(self._tied.own), len(self._ways)
        if np.any(values[n_own:-n_ways] > TOLERANCE):
            return None
        told = np.zeros(len(self._tied.whole.cost))
        told[self._tied.own] = values[:n_own]
        for k in np.flatnonzero(values[-n_ways:] > 0.5):
            way = self._ways[k]
            told[self._tied.pieces[way.piece].variable] = way.values
        return told

    def _matrix(self) -> Matrix:
        """Own columns, what rows fall short by, ways; tied rows, one way for each piece."""
        whole, own, n_tied = self._tied.whole, self._own, len(self._tied.rows)
        n_own, n_ways = len(self._tied.own), len(self._ways)
        over = np.flatnonzero(np.isfinite(own.row_upper))
        under = np.flatnonzero(np.isfinite(own.row_lower))
        short_rows = np.concatenate([over, under])
        n_short = len(short_rows)
        piece_of = np.array([w.piece for w in self._ways], dtype=np.int64)
        way_of_entry = np.repeat(np.arange(n_ways), [len(w.rows) for w in self._ways])
        first_way = n_own + n_short
        start, index, value = by_rows(
            np.concatenate(
                [own.row_of_entry, short_rows, *(w.rows for w in self._ways), n_tied + piece_of]
            ),
            np.concatenate(
                [
                    own.index,
                    n_own + np.arange(n_short),
                    first_way + way_of_entry,
                    first_way + np.arange(n_ways),
                ]
            ),
            np.concatenate(
                [
                    own.value,
                    np.repeat([-1.0, 1.0], [len(over), len(under)]),
                    *(w.used for w in self._ways),
                    np.ones(n_ways),
                ]
            ),
            n_rows=n_tied + len(self._tied.pieces),
            n_columns=first_way + n_ways,
        )  # fmt: skip
        dearest = SHORT_COST_RATIO * float(np.abs(whole.cost).max())
        once = np.ones(len(self._tied.pieces))
        return Matrix(
            cost=np.concatenate(
                [own.cost, np.full(n_short, dearest), [w.cost for w in self._ways]]
            ),
            upper=np.concatenate([own.upper, np.full(n_short + n_ways, math.inf)]),
            integer=np.repeat(
                [*own.integer, False, True], [*[1] * n_own, n_short, n_ways]
            ),
            linking=np.repeat([*own.linking, False], [*[1] * n_own, n_short + n_ways]),
            row_lower=np.concatenate([own.row_lower, once]),
            row_upper=np.concatenate([own.row_upper, once]),
            start=start,
            index=index,
            value=value,
            variable=np.arange(first_way + n_ways),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """A way to run a piece: its cost, and what it uses of tied rows."""

    piece: int
    values: FloatArray
    cost: float
    rows: IntArray
    used: FloatArray
