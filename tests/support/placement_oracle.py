"""The placement problem by listing: every count of machines, every set of candidates.

Shares no code with the model: counts and residents are listed one by one, money
is added up from the definition, and only the routing that is left, a linear
program of a few variables, is put to scipy.
"""

import itertools
import math

import numpy as np
from scipy.optimize import linprog

from planner.domain.hardware import Purchase
from planner.domain.placement import FailureDomain, Objective

TOLERANCE = 1e-7


def is_by_request(offer):
    """Paid by request there are no machines, only the offer's own limit."""
    return offer.purchase is Purchase.BY_REQUEST


def best_by_listing(problem):
    """The value of every objective of the best plan, in order; None if there is none."""
    listed = sorted(_plans(problem), key=lambda plan: plan[0])
    best = []
    for i, objective in enumerate(problem.objectives):
        found = math.inf
        for machines_usd, on, living in listed:
            if objective is Objective.COST and machines_usd >= found:
                break
            if objective is Objective.CARBON and _grams(problem, on) >= found:
                continue
            value = _routed(problem, on, living, machines_usd, objective, best[:i])
            found = min(found, value)
        if math.isinf(found):
            return None
        best.append(found)
    return tuple(best)


def _plans(problem):
    """Machines that are on by group and block, and who may live there."""
    groups = sorted({c.group for c in problem.candidates})
    offer_of = {c.group: c.offer for c in problem.candidates}
    by_block = [_counts(problem, groups, offer_of, t) for t in range(len(problem.blocks))]  # fmt: skip
    for counts in itertools.product(*by_block):
        on = {g: tuple(n[i] for n in counts) for i, g in enumerate(groups)}
        carbon = problem.limits.carbon_gco2e_per_month
        if carbon is not None and _grams(problem, on) > carbon + TOLERANCE:
            continue
        usd = _machines_usd(problem, on, offer_of)
        budget = problem.limits.budget_usd_per_month
        if budget is not None and usd > budget + TOLERANCE:
            continue
        for living in _homes(problem):
            yield usd, on, living


def _counts(problem, groups, offer_of, t):
    ranges = []
    for g in groups:
        members = [c for c in problem.candidates if c.group == g]
        if is_by_request(offer_of[g]):
            ranges.append(range(1))
            continue
        extra = problem.rises.extra_rps if problem.rises else {}
        most = sum(
            max(
                (problem.rate_rps[w][t] + extra.get(w, (0,) * 9)[t]) / c.capacity_rps
                for c in members
                if c.workload == w
            )
            for w in {c.workload for c in members}
        )
        most = math.ceil(most) + problem.limits.spare_replicas
        most = max(most, problem.limits.least_machines)
        ranges.append(range(min(most, problem.stock.get(offer_of[g].name, most)) + 1))
    for counts in itertools.product(*ranges):
        used = {}
        for g, n in zip(groups, counts, strict=True):
            used[offer_of[g].name] = used.get(offer_of[g].name, 0) + n
        if all(used.get(o, 0) <= limit for o, limit in problem.stock.items()):
            yield counts


def _machines_usd(problem, on, offer_of):
    hours = [b.h_per_month for b in problem.blocks]
    total = 0.0
    for offer in {o.name: o for o in offer_of.values()}.values():
        used = [
            sum(n[t] for g, n in on.items() if offer_of[g].name == offer.name)
            for t in range(len(hours))
        ]
        if offer.purchase is Purchase.OWNED:
            total += 730 * offer.price_usd_per_h * max(used)
            continue
        prices = [m.usd_per_h for m in problem.commitments if m.pays_for == offer.name]
        total += min(
            730 * kept * min(prices, default=0.0)
            + sum(
                h * offer.price_usd_per_h * max(0, n - kept)
                for h, n in zip(hours, used, strict=True)
            )
            for kept in (range(max(used) + 1) if prices else [0])
        )
    return total


def _grams(problem, on):
    offer_of = {c.group: c.offer.name for c in problem.candidates}
    return sum(
        problem.gco2e_per_machine_h.get(offer_of[g], 0.0) * b.h_per_month * n[t]
        for g, n in on.items()
        for t, b in enumerate(problem.blocks)
    )


def _homes(problem):
    """The largest sets of candidates that fit the memories and the variety allowed."""
    everyone = range(len(problem.candidates))
    found = []
    for size in range(len(everyone), -1, -1):
        for some in itertools.combinations(everyone, size):
            living = [problem.candidates[i] for i in some]
            if _fit(problem, living) and not any(set(some) <= f for f in found):
                found.append(set(some))
    return [{problem.candidates[i].name for i in f} for f in found]


def _fit(problem, living):
    limits = problem.limits
    for pool in {c.pool for c in living if c.pool}:
        there = [c for c in living if c.pool == pool]
        size = there[0].offer.memory_bytes
        if size is not None and len(there) > 1 and sum(c.memory_bytes for c in there) > size:  # fmt: skip
            return False
    kinds = [
        (limits.most_configurations, {(c.profile.model, c.profile.variant, c.offer.instance_type) for c in living}),
        (limits.most_providers, {c.offer.provider for c in living}),
        (limits.most_regions, {(c.offer.provider, c.offer.site) for c in living}),
    ]  # fmt: skip
    kinds += [
        (
            most,
            {(c.profile.variant, c.profile.device) for c in living if c.workload == w},
        )
        for w, most in limits.most_profiles.items()
    ]
    return all(most is None or len(used) <= most for most, used in kinds)


def _least_machines_rows(problem, on, living, cells):
    """Machines are asked for as far as traffic is not paid by request."""
    least = problem.limits.least_machines
    for w, rates in problem.rate_rps.items():
        groups = {c.group for c in problem.candidates if c.workload == w and c.name in living}  # fmt: skip
        for t, rate in enumerate(rates):
            if rate > 0 and least:
                count = sum(on[g][t] for g in groups)
                spared = [-least * (c.workload == w and s == t and is_by_request(c.offer)) for c, s in cells]  # fmt: skip
                yield spared, count - least


def _routed(problem, on, living, machines_usd, objective, kept):
    """The best value of the objective over all routings; infinite without any."""
    for lost, parts in _losses(problem):
        if not _survives(problem, on, living, lost, parts):
            return math.inf
    cells = _cells(problem, living)
    upper, equal = _routing_rows(problem, on, cells)
    upper += _least_machines_rows(problem, on, living, cells)
    aims = {
        o: [_coefficient(problem, c, t, o) for c, t in cells]
        for o in {objective, Objective.COST, *problem.objectives}
    }
    fixed = {
        Objective.COST: machines_usd,
        Objective.CARBON: _grams(problem, on),
        Objective.LATENCY: 0.0,
        Objective.QUALITY: 0.0,
    }
    for earlier, value in zip(problem.objectives, kept, strict=False):
        room = 1e-6 * max(abs(value), 1e-3)
        upper.append((aims[earlier], value - fixed[earlier] + room))
    budget = problem.limits.budget_usd_per_month
    if budget is not None:
        upper.append((aims[Objective.COST], budget - machines_usd + TOLERANCE))
    value = _least(aims[objective], upper, equal)
    return value + fixed[objective]


def _cells(problem, living):
    extra = problem.rises.extra_rps if problem.rises else {}
    return [
        (c, t)
        for c in problem.candidates
        if c.name in living
        for t in range(len(problem.blocks))
        if problem.rate_rps[c.workload][t] + extra.get(c.workload, (0,) * 9)[t] > 0
    ]


def _coefficient(problem, c, t, objective):
    rate, hours = problem.rate_rps[c.workload][t], problem.blocks[t].h_per_month
    asked = sum(
        b.h_per_month * r
        for rates in problem.rate_rps.values()
        for b, r in zip(problem.blocks, rates, strict=True)
    )
    return {
        Objective.COST: 3600 * hours * rate * c.usd_per_request,
        Objective.LATENCY: c.latency_s * hours * rate / asked,
        Objective.QUALITY: (1 - (c.quality_frac or 0.0)) * hours * rate / asked,
        Objective.CARBON: 0.0,
    }[objective]


def _routing_rows(problem, on, cells):
    upper, equal = [], []
    limits = problem.limits
    for t in range(len(problem.blocks)):
        for w in problem.rate_rps:
            mine = [float(c.workload == w and s == t) for c, s in cells]
            asked = any(mine) or problem.rate_rps[w][t] > 0
            equal.append((mine, float(asked)))
            if limits.spot_share_frac is not None:
                spot = [m * (c.offer.purchase is Purchase.SPOT) for m, (c, _) in zip(mine, cells, strict=True)]  # fmt: skip
                upper.append((spot, limits.spot_share_frac))
        for rates in _rates_that_may_come(problem, t):
            for g, n in on.items():
                busy = [rates[c.workload] / c.capacity_rps * (c.group == g and s == t) for c, s in cells]  # fmt: skip
                upper.append((busy, _room(problem, g, n[t], limits.spare_replicas)))
            for u, limit in problem.uplink_bytes_per_s.items():
                sent = [rates[c.workload] * c.uplink_bytes_per_request * (c.uplink == u and s == t) for c, s in cells]  # fmt: skip
                upper.append((sent, limit))
    for w, floor in limits.least_mean_quality_frac.items():
        below = [
            (floor - (c.quality_frac or 0.0)) * problem.rate_rps[w][t] * problem.blocks[t].h_per_month * (c.workload == w)
            for c, t in cells
        ]  # fmt: skip
        upper.append((below, 0.0))
    return upper, equal


def _room(problem, group, machines, spares):
    members = [c for c in problem.candidates if c.group == group]
    return 1 if is_by_request(members[0].offer) else max(0, machines - spares)


def _rates_that_may_come(problem, t):
    """Every set of rises, one by one."""
    stated = {w: rates[t] for w, rates in problem.rate_rps.items()}
    if problem.rises is None:
        return [stated]
    most = min(problem.rises.most_at_once, len(stated))
    return [
        {
            w: r + (problem.rises.extra_rps[w][t] if w in risen else 0.0)
            for w, r in stated.items()
        }
        for risen in itertools.combinations(stated, most)
    ]


def _losses(problem):
    """Names of the candidates that each loss takes away, and what must still be served."""
    of = {
        FailureDomain.SITE: lambda c: c.offer.site,
        FailureDomain.PROVIDER: lambda c: c.offer.provider,
        FailureDomain.UPLINK: lambda c: c.uplink,
        FailureDomain.SPOT_POOL: lambda c: (
            c.offer.name if c.offer.purchase is Purchase.SPOT else None
        ),
    }
    for kind in problem.limits.survives:
        for domain in {of[kind](c) for c in problem.candidates} - {None}:
            lost = {c.name for c in problem.candidates if of[kind](c) == domain}
            yield lost, dict.fromkeys(problem.rate_rps, problem.limits.survivable_frac)
    if problem.limits.offline_frac:
        lost = {c.name for c in problem.candidates if c.uplink is not None}
        yield lost, problem.limits.offline_frac


def _survives(problem, on, living, lost, parts):
    for t in range(len(problem.blocks)):
        cells = [(c, t) for c in problem.candidates if c.name in living and c.name not in lost]  # fmt: skip
        upper, equal = [], []
        for w, rates in problem.rate_rps.items():
            mine = [float(c.workload == w) for c, _ in cells]
            equal.append((mine, parts.get(w, 0.0) * (rates[t] > 0)))
        for g, n in on.items():
            busy = [problem.rate_rps[c.workload][t] / c.capacity_rps * (c.group == g) for c, _ in cells]  # fmt: skip
            upper.append((busy, _room(problem, g, n[t], 0)))
        for u, limit in problem.uplink_bytes_per_s.items():
            sent = [problem.rate_rps[c.workload][t] * c.uplink_bytes_per_request * (c.uplink == u) for c, _ in cells]  # fmt: skip
            upper.append((sent, limit))
        if math.isinf(_least([0.0] * len(cells), upper, equal)):
            return False
    return True


def _least(aim, upper, equal):
    if not aim:
        holds = all(b >= 0 for _, b in upper) and all(b == 0 for _, b in equal)
        return 0.0 if holds else math.inf
    found = linprog(
        aim,
        A_ub=np.array([a for a, _ in upper]) if upper else None,
        b_ub=[b for _, b in upper] or None,
        A_eq=np.array([a for a, _ in equal]),
        b_eq=[b for _, b in equal],
    )
    return found.fun if found.status == 0 else math.inf
