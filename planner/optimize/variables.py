"""The sets and variables of the placement model (`planner.optimize.placement`).

Sets are numbered: candidates c, workloads w, groups g, offers o, commitments m
and hour blocks t. Everything known of them stands in arrays by number.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import Candidate, Commitment, PlacementProblem
from planner.optimize.program import Milp
from planner.optimize.terms import (
    BoolArray,
    FloatArray,
    IntArray,
    Terms,
    terms,
    together,
)
from planner.units import H_PER_MONTH, S_PER_H

NONE = -1  # stands in an array of numbers where there is no such thing


@dataclass(frozen=True, kw_only=True)
class Sets:
    """What the variables range over, and the figures of each."""

    problem: PlacementProblem
    columns: tuple[Candidate, ...]
    workloads: tuple[str, ...]
    groups: tuple[str, ...]
    offers: tuple[Offer, ...]
    commitments: tuple[Commitment, ...]
    workload_of: IntArray  # by candidate
    group_of: IntArray  # by candidate
    offer_of: IntArray  # by group
    hours: FloatArray  # by block
    rate: FloatArray  # by workload and block
    extra: FloatArray  # how much higher it may rise, by workload and block

    @property
    def n_blocks(self) -> int:
        """Hour blocks."""
        return len(self.hours)

    @cached_property
    def is_active(self) -> BoolArray:
        """By workload and block: anyone may ask."""
        active: BoolArray = (self.rate + self.extra) > 0
        return active

    @cached_property
    def capacity(self) -> FloatArray:
        """Requests/s of one machine, by candidate."""
        return self.figures(lambda c: c.capacity_rps)

    @cached_property
    def is_shared(self) -> BoolArray:
        """By group: several candidates live there."""
        return np.bincount(self.group_of, minlength=len(self.groups)) > 1

    @cached_property
    def memory_short(self) -> BoolArray:
        """By group: not everything that may live there fits at once.

        A candidate alone was seen to fit before it became one.
        """
        asked = np.bincount(
            self.group_of,
            weights=self.figures(lambda c: c.memory_bytes),
            minlength=len(self.groups),
        )
        there = np.array(
            [
                np.inf if m is None else m
                for m in (self.offers[o].memory_bytes for o in self.offer_of)
            ]
        )
        short: BoolArray = self.is_shared & (asked > there)
        return short

    @cached_property
    def is_owned(self) -> BoolArray:
        """By offer."""
        return self.which_offers(lambda o: o.purchase is Purchase.OWNED)

    @cached_property
    def is_by_request(self) -> BoolArray:
        """By group: no machines, but a limit that its candidates share."""
        by_request = self.which_offers(lambda o: o.purchase is Purchase.BY_REQUEST)
        found: BoolArray = by_request[self.offer_of]
        return found

    @cached_property
    def is_committed(self) -> BoolArray:
        """By offer: some commitment may pay for its hours."""
        paid_for = {m.pays_for for m in self.commitments}
        return self.which_offers(lambda o: o.name in paid_for)

    def figures(self, of: Callable[[Candidate], float]) -> FloatArray:
        """One figure of every candidate."""
        return np.fromiter(map(of, self.columns), dtype=np.float64, count=len(self.columns))  # fmt: skip

    def numbers(self, of: Callable[[Candidate], int]) -> IntArray:
        """One number of every candidate."""
        return np.fromiter(map(of, self.columns), dtype=np.int64, count=len(self.columns))  # fmt: skip

    def which(self, is_so: Callable[[Candidate], bool]) -> BoolArray:
        """Candidates of a kind."""
        return np.fromiter(map(is_so, self.columns), dtype=np.bool_, count=len(self.columns))  # fmt: skip

    def which_offers(self, is_so: Callable[[Offer], bool]) -> BoolArray:
        """Offers of a kind."""
        return np.fromiter(map(is_so, self.offers), dtype=np.bool_, count=len(self.offers))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Rows terms ≤ n; `machines` numbers the n of each row, g·T + t."""

    terms: Terms
    machines: IntArray


@dataclass(frozen=True, kw_only=True)
class Model:
    """Variables by the letters of the formulation; NONE where there is none.

    `loads` are all rows that ask for machines; `standing_by` pairs candidates with
    variables that give them something to do though no traffic is routed to them.
    """

    milp: Milp
    sets: Sets
    n: IntArray  # by group and block
    f: IntArray  # by candidate and block
    y: IntArray  # by candidate
    own: IntArray  # by offer
    com: IntArray  # by commitment
    paid: IntArray  # by offer and block
    awake: IntArray  # by group and block; of no size without spares
    loads: list[Load] = field(default_factory=list)
    standing_by: list[tuple[IntArray, IntArray]] = field(default_factory=list)

    @cached_property
    def cells(self) -> tuple[IntArray, IntArray]:
        """Candidates and blocks of all routing variables."""
        c, t = np.nonzero(self.f != NONE)
        return c, t

    def on(self, row_of: IntArray) -> Terms:
        """Machines that are on, of each offer in rows `row_of[o]`·T + t."""
        groups = np.flatnonzero(row_of[self.sets.offer_of] != NONE)
        rows = row_of[self.sets.offer_of[groups]][:, None] * self.sets.n_blocks
        return terms(self.n[groups], row=rows + np.arange(self.sets.n_blocks))

    def cost(self) -> Terms:
        """USD per month of everything that is bought."""
        s = self.sets
        price = np.array([o.price_usd_per_h for o in s.offers])
        hourly = np.flatnonzero(
            ~s.is_owned[s.offer_of] & ~s.is_committed[s.offer_of] & ~s.is_by_request
        )
        committed = np.flatnonzero(s.is_committed)
        owned = np.flatnonzero(s.is_owned)
        kept = np.array([m.usd_per_h for m in s.commitments])
        c, t = self.cells
        usd = s.figures(lambda c: c.usd_per_request)[c]
        requests = S_PER_H * s.hours[t] * s.rate[s.workload_of[c], t]
        return together(
            terms(self.n[hourly], price[s.offer_of[hourly]][:, None] * s.hours),
            terms(self.paid[committed], price[committed][:, None] * s.hours),
            terms(self.own[owned], H_PER_MONTH * price[owned]),
            terms(self.com, H_PER_MONTH * kept),
            terms(self.f[c, t], usd * requests),
        )

    def mean_latency(self) -> Terms:
        """Seconds, averaged over all requests of the month."""
        return self._per_request(lambda c: c.latency_s)

    def mean_quality_loss(self) -> Terms:
        """One less the quality, averaged over all requests of the month."""
        return self._per_request(lambda c: 1.0 - (c.quality_frac or 0.0))

    def mean_network(self) -> Terms:
        """Seconds on the way, averaged over all requests of the month."""
        return self._per_request(lambda c: c.network_s)

    def carbon(self) -> Terms:
        """Grams of CO2 equivalent per month of the machines that are on."""
        s = self.sets
        machines = np.flatnonzero(~s.is_by_request)
        offers = [s.offers[o] for o in s.offer_of[machines]]
        grams = np.array([s.problem.gco2e_per_machine_h[o.name] for o in offers])
        return terms(self.n[machines], grams[:, None] * s.hours)

    def _per_request(self, figure: Callable[[Candidate], float]) -> Terms:
        s = self.sets
        c, t = self.cells
        requests = s.hours[t] * s.rate[s.workload_of[c], t]
        asked = float((s.hours * s.rate).sum()) or 1.0
        return terms(self.f[c, t], s.figures(figure)[c] * requests / asked)


def variables(problem: PlacementProblem, columns: Sequence[Candidate]) -> Model:
    """All variables that every plan has; the rows are `planner.optimize.rows`."""
    s = _sets(problem, columns)
    milp = Milp()
    n_groups, n_offers, n_blocks = len(s.groups), len(s.offers), s.n_blocks
    f = np.full((len(s.columns), n_blocks), NONE)
    routed = s.is_active[s.workload_of]
    f[routed] = milp.variables(int(routed.sum()), upper=1.0)
    y = np.full(len(s.columns), NONE)
    lives = _must_live_somewhere(s)
    y[lives] = milp.variables(
        int(lives.sum()), upper=1.0, integer=s.memory_short[s.group_of[lives]]
    )
    own = np.full(n_offers, NONE)
    stock = [problem.stock.get(o.name, np.inf) for o in s.offers]
    own[s.is_owned] = milp.variables(
        int(s.is_owned.sum()),
        upper=np.array(stock)[s.is_owned],
        integer=True,
        linking=True,
    )
    paid = np.full((n_offers, n_blocks), NONE)
    paid[s.is_committed] = milp.variables((int(s.is_committed.sum()), n_blocks))
    spare = problem.limits.spare_replicas > 0
    return Model(
        milp=milp,
        sets=s,
        n=milp.variables(
            (n_groups, n_blocks),
            upper=np.where(s.is_by_request, 1.0, np.inf)[:, None],
            integer=~s.is_by_request[:, None],
        ),
        f=f,
        y=y,
        own=own,
        com=milp.variables(len(s.commitments), integer=True, linking=True),
        paid=paid,
        awake=milp.variables((n_groups if spare else 0, n_blocks), upper=1.0, integer=True),
    )  # fmt: skip


def _must_live_somewhere(s: Sets) -> BoolArray:
    """Candidates of which some row asks whether they live on their machines at all."""
    limits = s.problem.limits
    varied = (limits.most_configurations, limits.most_providers, limits.most_regions)
    if any(most is not None for most in varied):
        return np.ones(len(s.columns), dtype=np.bool_)
    few = [s.workloads.index(w) for w in limits.most_profiles]
    lives: BoolArray = s.memory_short[s.group_of] | np.isin(s.workload_of, few)
    return lives


def _sets(problem: PlacementProblem, columns: Sequence[Candidate]) -> Sets:
    workloads = {w: i for i, w in enumerate(problem.rate_rps)}
    groups: dict[str, int] = {}
    offers: dict[str, int] = {}
    offer_of: list[int] = []
    sold: list[Offer] = []
    group_of = np.empty(len(columns), dtype=np.int64)
    for i, c in enumerate(columns):
        name = c.group
        g = groups.get(name)
        if g is None:
            g = groups[name] = len(groups)
            if c.offer.name not in offers:
                offers[c.offer.name] = len(offers)
                sold.append(c.offer)
            offer_of.append(offers[c.offer.name])
        group_of[i] = g
    rises = problem.rises
    # Where none may rise, nobody asks in an hour without traffic.
    extra = rises.extra_rps if rises and rises.most_at_once else {}
    still = (0.0,) * len(problem.blocks)
    return Sets(
        problem=problem,
        columns=tuple(columns),
        workloads=tuple(workloads),
        groups=tuple(groups),
        offers=tuple(sold),
        commitments=tuple(m for m in problem.commitments if m.pays_for in offers),
        workload_of=_numbers(workloads[c.workload] for c in columns),
        group_of=group_of,
        offer_of=_numbers(offer_of),
        hours=np.array([b.h_per_month for b in problem.blocks]),
        rate=_table(problem.rate_rps[w] for w in workloads),
        extra=_table(extra.get(w, still) for w in workloads),
    )


def _numbers(numbers: Iterable[int]) -> IntArray:
    return np.array(list(numbers), dtype=np.int64)


def _table(rows: Iterable[tuple[float, ...]]) -> FloatArray:
    return np.array(list(rows), dtype=np.float64)
