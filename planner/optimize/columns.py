"""Columns that no optimum needs are left out before the model is built.

A column is dominated by another of the same workload that is no worse in
capacity, cost per request, latency, time on the way, quality, memory and what it
sends over the uplink. Two cases keep every row and raise no objective when the
dominated one's traffic and machines are moved one for one to its better, so that
an optimum without it exists:

    same offer, same pool      the machines stay the same
    any offers, none shared    the better one's machines can be had without limit by
                               the hour (requests to it sent without limit), and cost
                               and emit no more by the hour; the
                               dominated one's are not kept all month (owned or
                               committed ones may be free at other hours)

Columns give way only to those of their own configuration, provider, region or
profile where the variety of these is limited, of their own failure domain where its loss
must be survived, and of spot or not spot where spot is limited. Of equals the
first is kept.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from planner.domain.hardware import Purchase
from planner.domain.placement import Candidate, PlacementProblem
from planner.optimize.rows import DOMAIN_OF, configuration, profile, provider, region
from planner.optimize.terms import BoolArray, FloatArray, IntArray

Word = str | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What of the problem decides which columns may take another's place."""

    problem: PlacementProblem
    kept_all_month: frozenset[str]  # offers that commitments pay for

    def kind(self, c: Candidate) -> tuple[Word, ...]:
        """Only columns of the same kind are compared."""
        limits = self.problem.limits
        words: list[Word] = [c.workload, c.uplink]
        words += [DOMAIN_OF[domain](c) for domain in limits.survives]
        if limits.most_configurations is not None:
            words.append(configuration(c))
        if limits.most_providers is not None:
            words.append(provider(c))
        if limits.most_regions is not None:
            words.append(region(c))
        if c.workload in limits.most_profiles:
            words.append(profile(c))
        if limits.spot_share_frac is not None:
            words.append(c.offer.purchase is Purchase.SPOT)
        return tuple(words)

    def losses(self, c: Candidate) -> tuple[float, ...]:
        """What is better the smaller it is, whatever the offer."""
        return (
            -c.capacity_rps,
            c.usd_per_request,
            c.latency_s,
            c.network_s,
            -(c.quality_frac or 0.0),
            c.memory_bytes,
            c.uplink_bytes_per_request,
        )

    def dear(self, c: Candidate) -> tuple[float, ...]:
        """What an hour of its machines costs; nothing where it has none."""
        if self.is_by_request(c):
            return (0.0, 0.0)
        grams = self.problem.gco2e_per_machine_h.get(c.offer.name, 0.0)
        return (c.offer.price_usd_per_h, grams)

    @staticmethod
    def is_by_request(c: Candidate) -> bool:
        """It has no machines, but perhaps a limit."""
        return c.offer.purchase is Purchase.BY_REQUEST

    def gives_way(self, c: Candidate) -> bool:
        """Its machines are nobody else's, at no other hour."""
        return (
            c.pool is None
            and c.offer.purchase is not Purchase.OWNED
            and c.offer.name not in self.kept_all_month
        )

    def takes_over(self, c: Candidate) -> bool:
        """Its machines can be had without limit, by the hour, or requests to it sent."""
        return (
            c.pool is None
            and not (self.is_by_request(c) and math.isfinite(c.capacity_rps))
            and c.offer.purchase is not Purchase.OWNED
            and c.offer.name not in self.problem.stock
        )


def undominated(problem: PlacementProblem) -> tuple[Candidate, ...]:
    """The columns that are left, in their own order."""
    known = _Known(
        problem=problem,
        kept_all_month=frozenset(m.pays_for for m in problem.commitments),
    )
    all_of_them = problem.candidates
    kinds = [known.kind(c) for c in all_of_them]
    places = [(*k, c.offer.name, c.pool) for k, c in zip(kinds, all_of_them, strict=True)]  # fmt: skip
    kept = np.ones(len(all_of_them), dtype=np.bool_)
    for rivals in _together(places, np.arange(len(kept))):
        some = [all_of_them[i] for i in rivals]
        losses = np.array([known.losses(c) for c in some])
        anyone = np.ones(len(some), dtype=np.bool_)
        kept[rivals] = _front(losses, takes_over=anyone, gives_way=anyone)
    alone = [i for i in np.flatnonzero(kept) if all_of_them[i].pool is None]
    for rivals in _together([kinds[i] for i in alone], np.array(alone, dtype=np.int64)):
        some = [all_of_them[i] for i in rivals]
        losses = np.array([(*known.losses(c), *known.dear(c)) for c in some])
        kept[rivals] = _front(
            losses,
            takes_over=np.array([known.takes_over(c) for c in some]),
            gives_way=np.array([known.gives_way(c) for c in some]),
        )
    return tuple(all_of_them[i] for i in np.flatnonzero(kept))


def _together(
    kinds: Sequence[tuple[Word, ...]], numbers: IntArray
) -> Iterator[IntArray]:
    """Numbers of each kind that has more than one."""
    kind_numbers: dict[tuple[Word, ...], int] = {}
    of = np.array([kind_numbers.setdefault(k, len(kind_numbers)) for k in kinds])
    if not len(of):
        return
    order = np.argsort(of, kind="stable")
    ends = np.cumsum(np.bincount(of))
    for start, end in zip(ends - np.bincount(of), ends, strict=True):
        if end - start > 1:
            yield numbers[order[start:end]]


def _front(
    losses: FloatArray, *, takes_over: BoolArray, gives_way: BoolArray
) -> BoolArray:
    """Which rows stay: sorted, no row is dominated by a later one.

    Sorting costs n log n; each row that stays is compared with what is left.
    """
    losses = losses[:, losses.max(axis=0) > losses.min(axis=0)]
    stays = np.ones(len(losses), dtype=np.bool_)
    left = np.lexsort(losses.T[::-1]) if losses.shape[1] else np.arange(len(losses))
    while len(left) > 1:
        first, left = left[0], left[1:]
        if takes_over[first]:
            beaten = gives_way[left] & np.all(losses[left] >= losses[first], axis=1)
            stays[left[beaten]] = False
            left = left[~beaten]
    return stays
