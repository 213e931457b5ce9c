"""The rows of the placement model, each named as in `planner.optimize.placement`."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from planner.domain.hardware import Purchase
from planner.domain.placement import Candidate, FailureDomain
from planner.optimize.loads import load
from planner.optimize.terms import (
    BoolArray,
    FloatArray,
    IntArray,
    Terms,
    terms,
    together,
)
from planner.optimize.variables import NONE, Load, Model

# Needs this near to whole machines would make factors that drown every tolerance.
LEAST_LAST: Final = 1e-3

DOMAIN_OF: Final[Mapping[FailureDomain, Callable[[Candidate], str | None]]] = {
    FailureDomain.SITE: lambda c: c.offer.site,
    FailureDomain.PROVIDER: lambda c: c.offer.provider,
    FailureDomain.SPOT_POOL: lambda c: (
        c.offer.name if c.offer.purchase is Purchase.SPOT else None
    ),
    FailureDomain.UPLINK: lambda c: c.uplink,
}


def add_rows(model: Model) -> None:
    """Every row that the problem asks for, but for the budget."""
    demand(model)
    capacity(model)
    whole(model)
    purchase(model)
    stock(model)
    uplink(model)
    resident(model)
    memory(model)
    least(model)
    spot(model)
    loss(model)
    offline(model)
    quality(model)
    carbon(model)
    variety(model)
    few_profiles(model)


def demand(model: Model) -> None:
    """All of every workload's traffic is served in every block."""
    s = model.sets
    c, t = model.cells
    row_of, n_rows = _numbered(s.is_active)
    served = terms(model.f[c, t], row=row_of[s.workload_of[c], t])
    model.milp.require(served, "==", np.ones(n_rows))


def capacity(model: Model) -> None:
    """Machines that are on carry what is routed to them, with spares to lose.

    What is paid by request stays within its limit, and needs no spares.
    """
    s = model.sets
    routed = load(model, s.group_of, 1.0 / s.capacity)
    spare = s.problem.limits.spare_replicas
    cell = np.arange(model.n.size)
    if spare:
        c, t = model.cells
        on_machines = ~s.is_by_request[s.group_of[c]]
        c, t = c[on_machines], t[on_machines]
        _at_most(model, model.f[c, t], model.awake[s.group_of[c], t])
        routed += terms(model.awake.ravel(), spare, row=cell)
    _carry(model, routed, cell)


def whole(model: Model) -> None:
    """What whole machines imply for fractions of them: nothing new, but a tighter search.

    And not only tighter: a need below the solver's tolerance would be served by none.
    """
    s = model.sets
    c, t = model.cells
    most = _most_of_a_workload(model)[c]
    need = most * s.rate[s.workload_of[c], t] / s.capacity[c]
    last = need - np.floor(need)
    alone = ~s.is_shared[s.group_of[c]] & ((need < 1) | (last > LEAST_LAST))
    tiny = need < LEAST_LAST
    on_machines = ~s.is_by_request[s.group_of[c]]
    told = on_machines & (need > 0) & (last > 0) & (alone | tiny)
    c, t, need, last = c[told], t[told], need[told], last[told]
    each = np.arange(len(c))
    served = terms(model.f[c, t], need / last / most[told], row=each)
    there = terms(model.n[s.group_of[c], t], -1.0, row=each)
    model.milp.require(served + there, "<=", need / last - np.ceil(need))


def _most_of_a_workload(model: Model) -> FloatArray:
    """The largest share of its workload's traffic that a candidate may get."""
    s = model.sets
    share = s.problem.limits.spot_share_frac
    most = np.ones(len(s.columns))
    if share:
        most[s.which(lambda c: c.offer.purchase is Purchase.SPOT)] = share
    return most


def purchase(model: Model) -> None:
    """Machines that are on are owned, committed to, or paid by the hour."""
    s = model.sets
    row_of, n_owned = _numbered(s.is_owned)
    shape = (n_owned, s.n_blocks)
    rows = np.arange(n_owned * s.n_blocks).reshape(shape)
    kept = terms(model.own[s.is_owned][:, None], -1.0, row=rows)
    model.milp.require(model.on(row_of) + kept, "<=", np.zeros(rows.size))

    row_of, n_committed = _numbered(s.is_committed)
    number = {o.name: row_of[i] for i, o in enumerate(s.offers)}
    rows = np.arange(n_committed * s.n_blocks).reshape(n_committed, s.n_blocks)
    pays_for = np.array([number[m.pays_for] for m in s.commitments], dtype=np.int64)
    paid = terms(model.paid[s.is_committed], -1.0, row=rows)
    covered = terms(model.com[:, None], -1.0, row=rows[pays_for])
    left = together(model.on(row_of), covered, paid)
    model.milp.require(left, "<=", np.zeros(rows.size))


def stock(model: Model) -> None:
    """No more machines are on than can be had."""
    s = model.sets
    limits = s.problem.stock
    limited = s.which_offers(lambda o: o.name in limits) & ~s.is_owned
    row_of, _ = _numbered(limited)
    there = [limits[s.offers[o].name] for o in np.flatnonzero(limited)]
    model.milp.require(model.on(row_of), "<=", np.repeat(there, s.n_blocks))


def uplink(model: Model) -> None:
    """What leaves an edge site fits its line; in parts of what the line carries."""
    s = model.sets
    limits = s.problem.uplink_bytes_per_s
    number = {u: i for i, u in enumerate(limits)}
    row_of = s.numbers(lambda c: NONE if c.uplink is None else number.get(c.uplink, NONE))  # fmt: skip
    if np.all(row_of == NONE):
        return
    there = np.array(list(limits.values()))
    part = np.where(there > 0, there, 1.0)
    sent = s.figures(lambda c: c.uplink_bytes_per_request) / part[row_of]
    fits = np.repeat((there > 0).astype(float), s.n_blocks)
    model.milp.require(load(model, row_of, sent), "<=", fits)


def resident(model: Model) -> None:
    """Traffic is routed to a candidate only where it lives."""
    c, t = model.cells
    housed = model.y[c] != NONE
    _at_most(model, model.f[c[housed], t[housed]], model.y[c[housed]])


def memory(model: Model) -> None:
    """Everything that lives on a machine fits it."""
    s = model.sets
    row_of, n_rows = _numbered(s.memory_short)
    c = np.flatnonzero(s.memory_short[s.group_of])
    there = [
        s.offers[s.offer_of[g]].memory_bytes or 0.0
        for g in np.flatnonzero(s.memory_short)
    ]
    # In parts of the machine: bytes would drown every tolerance.
    whole = np.array([size or 1.0 for size in there])
    row = row_of[s.group_of[c]]
    part = s.figures(lambda c: c.memory_bytes)[c] / whole[row]
    fits = [1.0 if size else 0.0 for size in there]
    left = terms(model.y[c], part, row=row)
    if n_rows:
        model.milp.require(left, "<=", fits)


def least(model: Model) -> None:
    """Every workload has so many machines on in every block that has traffic.

    The part of it that is paid by request needs none.
    """
    s = model.sets
    count = s.problem.limits.least_machines
    if count < 1:
        return
    c, t = np.nonzero((s.rate > 0)[s.workload_of])
    m = model.milp.variables(len(c))
    by_request = s.is_by_request[s.group_of[c]]
    _at_most(model, m[by_request], model.f[c, t][by_request], count)
    # Two candidates of one workload in a group count its machines once.
    pair = (s.group_of[c] * len(s.workloads) + s.workload_of[c]) * s.n_blocks + t
    _, first, row = np.unique(pair[~by_request], return_index=True, return_inverse=True)
    machines = (s.group_of[c] * s.n_blocks + t)[~by_request][first]
    _carry(model, terms(m[~by_request], row=row), machines)
    housed = model.y[c] != NONE
    _at_most(model, m[housed], model.y[c[housed]], count)
    row_of, n_rows = _numbered(s.rate > 0)
    counted = terms(m, row=row_of[s.workload_of[c], t])
    model.milp.require(counted, "==", np.full(n_rows, float(count)))
    model.standing_by.append((c, m))


def spot(model: Model) -> None:
    """No more of a workload's traffic runs on machines that can be taken away."""
    s = model.sets
    share = s.problem.limits.spot_share_frac
    if share is None:
        return
    c, t = model.cells
    taken = s.which(lambda c: c.offer.purchase is Purchase.SPOT)[c]
    row_of, n_rows = _numbered(s.is_active)
    row = row_of[s.workload_of[c[taken]], t[taken]]
    model.milp.require(
        terms(model.f[c[taken], t[taken]], row=row), "<=", np.full(n_rows, share)
    )


def loss(model: Model) -> None:
    """With any one domain lost, the machines that are left carry the traffic."""
    limits = model.sets.problem.limits
    for kind in limits.survives:
        names = [DOMAIN_OF[kind](c) for c in model.sets.columns]
        number = {d: i for i, d in enumerate(dict.fromkeys(names)) if d is not None}
        domain = np.array([NONE if d is None else number[d] for d in names])
        part = np.full(len(model.sets.workloads), limits.survivable_frac)
        for lost in number.values():
            _carried_by(model, domain != lost, part)


def offline(model: Model) -> None:
    """With every uplink lost, the sites' own machines carry their part.

    Sites share no machines: all lines lost at once ask no more than each alone.
    """
    s = model.sets
    parts = s.problem.limits.offline_frac
    if parts:
        part = np.array([parts.get(w, 0.0) for w in s.workloads])
        _carried_by(model, s.which(lambda c: c.uplink is None), part)


def _carried_by(model: Model, is_left: BoolArray, part: FloatArray) -> None:
    """So much of each workload is carried by those that are left."""
    s = model.sets
    asked = (s.rate > 0) & (part > 0)[:, None]
    c, t = np.nonzero(is_left[:, None] & asked[s.workload_of])
    r = model.milp.variables(len(c), upper=1.0)
    row_of, _ = _numbered(asked)
    w = s.workload_of[c]
    parts = np.broadcast_to(part[:, None], asked.shape)[asked]
    model.milp.require(terms(r, row=row_of[w, t]), "==", parts)
    housed = model.y[c] != NONE
    _at_most(model, r[housed], model.y[c[housed]])
    busy = s.rate[w, t] / s.capacity[c]
    cell = s.group_of[c] * s.n_blocks + t
    cells, row = np.unique(cell, return_inverse=True)
    _carry(model, terms(r, busy, row=row), cells)
    _lines_hold(model, c, t, r)
    model.standing_by.append((c, r))


def _lines_hold(model: Model, c: IntArray, t: IntArray, r: IntArray) -> None:
    """What is rerouted fits the lines of edge sites, too."""
    s = model.sets
    lines = np.array([candidate.uplink or "" for candidate in s.columns])
    for u, there in s.problem.uplink_bytes_per_s.items():
        leaving = (lines == u)[c]
        sent = s.figures(lambda c: c.uplink_bytes_per_request)[c[leaving]]
        sent = sent * s.rate[s.workload_of[c[leaving]], t[leaving]] / (there or 1.0)
        fits = np.full(s.n_blocks, 1.0 if there else 0.0)
        model.milp.require(terms(r[leaving], sent, row=t[leaving]), "<=", fits)


def quality(model: Model) -> None:
    """The mean quality of a workload's answers over the month reaches its floor."""
    s = model.sets
    c, t = model.cells
    w = s.workload_of[c]
    good = s.figures(lambda c: c.quality_frac or 0.0)[c]
    requests = s.hours * s.rate
    for name, floor in s.problem.limits.least_mean_quality_frac.items():
        mine = w == s.workloads.index(name)
        asked = float(requests[s.workloads.index(name)].sum()) or 1.0
        above = (good[mine] - floor) * requests[w[mine], t[mine]] / asked
        model.milp.require(terms(model.f[c[mine], t[mine]], above), ">=", 0.0)


def carbon(model: Model) -> None:
    """Machines that are on emit no more than allowed."""
    limit = model.sets.problem.limits.carbon_gco2e_per_month
    if limit is not None:
        model.milp.require(model.carbon(), "<=", limit)


def variety(model: Model) -> None:
    """No more different configurations, providers or regions than someone can run."""
    s = model.sets
    limits = s.problem.limits
    kinds: list[tuple[int | None, Callable[[Candidate], str]]] = [
        (limits.most_configurations, configuration),
        (limits.most_providers, provider),
        (limits.most_regions, region),
    ]
    for most, kind in kinds:
        if most is None:
            continue
        names = [kind(c) for c in s.columns]
        number = {k: i for i, k in enumerate(dict.fromkeys(names))}
        z = model.milp.variables(len(number), upper=1.0, integer=True)
        of_its_kind = z[[number[k] for k in names]]
        _at_most(model, model.y, of_its_kind)
        model.milp.require(terms(z), "<=", most)


def few_profiles(model: Model) -> None:
    """No more profiles for a workload than may err independently of each other."""
    s = model.sets
    for workload, most in s.problem.limits.most_profiles.items():
        c = np.flatnonzero(s.workload_of == s.workloads.index(workload))
        names = [profile(s.columns[i]) for i in c]
        number = {k: i for i, k in enumerate(dict.fromkeys(names))}
        z = model.milp.variables(len(number), upper=1.0, integer=True)
        _at_most(model, model.y[c], z[[number[k] for k in names]])
        model.milp.require(terms(z), "<=", most)


def configuration(c: Candidate) -> str:
    """What has to be built, tested and watched as one thing."""
    return f"{c.profile.model} {c.profile.variant} on {c.offer.instance_type}"


def profile(c: Candidate) -> str:
    """Whose figures err together: a variant on a device."""
    return f"{c.profile.variant} on {c.profile.device}"


def provider(c: Candidate) -> str:
    """Whom one has an account with."""
    return c.offer.provider


def region(c: Candidate) -> str:
    """Where one has to be present."""
    return f"{c.offer.provider} {c.offer.site}"


def budget(model: Model, limit_usd_per_month: float) -> None:
    """The whole month costs no more than allowed."""
    model.milp.require(model.cost(), "<=", limit_usd_per_month)


def _at_most(
    model: Model, small: IntArray, large: IntArray, factor: float = 1.0
) -> None:
    """Rows small ≤ factor·large, one for one."""
    each = np.arange(len(small))
    left = terms(small, row=each) + terms(large, -factor, row=each)
    model.milp.require(left, "<=", np.zeros(len(each)))


def _carry(model: Model, left: Terms, machines: IntArray) -> None:
    """Rows left ≤ n; `machines` says which n, numbered g·T + t, each row means."""
    there = terms(model.n.ravel()[machines], -1.0, row=np.arange(len(machines)))
    model.milp.require(left + there, "<=", np.zeros(len(machines)))
    model.loads.append(Load(terms=left, machines=machines))


def _numbered(is_meant: BoolArray) -> tuple[IntArray, int]:
    """Numbers from 0 for what is meant, NONE for the rest, and how many there are."""
    numbers = np.full(is_meant.shape, NONE)
    count = int(is_meant.sum())
    numbers[is_meant] = np.arange(count)
    return numbers, count
