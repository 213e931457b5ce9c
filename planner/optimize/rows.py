"""The rows of the placement model, each named as in `planner.optimize.placement`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from planner.domain.hardware import Purchase
from planner.domain.placement import Candidate, FailureDomain
from planner.optimize.milp import Variable
from planner.optimize.variables import Model, Terms

# More machines of one group than this are never bought: it bounds `m ≤ M·y`.
MOST_MACHINES: Final = 10_000.0

DOMAIN_OF: Final[Mapping[FailureDomain, Callable[[Candidate], str | None]]] = {
    FailureDomain.SITE: lambda c: c.offer.site,
    FailureDomain.PROVIDER: lambda c: c.offer.provider,
    FailureDomain.SPOT_POOL: lambda c: (
        c.offer.name if c.offer.purchase is Purchase.SPOT else None
    ),
}


def add_rows(model: Model) -> None:
    """Every row that the problem asks for."""
    demand(model)
    capacity(model)
    purchase(model)
    stock(model)
    uplink(model)
    memory(model)
    least(model)
    spot(model)
    quality(model)
    carbon(model)
    variety(model)
    loss(model)
    budget(model)


def demand(model: Model) -> None:
    """All of every workload's traffic is served in every block."""
    served: dict[tuple[str, int], Terms] = {
        (w, t): [] for w in model.problem.rate_rps for t in model.blocks()
    }
    for c in model.columns:
        for t in model.blocks():
            served[c.workload, t].append((1.0, model.f[c.name, t]))
    for (w, t), terms in served.items():
        model.milp.require("demand", terms, "==", model.problem.rate_rps[w][t])


def capacity(model: Model) -> None:
    """Machines that are on carry what is routed to them, with spares to lose."""
    spare = float(model.problem.limits.spare_replicas)
    for g, members in model.groups.items():
        for t in model.blocks():
            busy = [(1 / c.capacity_rps, model.f[c.name, t]) for c in members]
            busy.append((-1.0, model.n[g, t]))
            if not spare:
                model.milp.require("capacity", busy, "<=", 0.0)
                continue
            for c in members:
                row = [*busy, (spare, model.resident(c))]
                model.milp.require("capacity", row, "<=", 0.0)


def purchase(model: Model) -> None:
    """Machines that are on are owned, committed to, or paid by the hour."""
    for o, kept in model.own.items():
        for t in model.blocks():
            model.milp.require("owned", [*model.on(o, t), (-1.0, kept)], "<=", 0.0)
    committed: dict[str, Terms] = defaultdict(list)
    for m in model.problem.commitments:
        if m.name in model.com:
            committed[m.pays_for].append((-1.0, model.com[m.name]))
    for (o, t), paid in model.paid.items():
        row = [*model.on(o, t), *committed[o], (-1.0, paid)]
        model.milp.require("hourly", row, "<=", 0.0)


def stock(model: Model) -> None:
    """No more machines are on than can be had."""
    for o, limit in model.problem.stock.items():
        if o in model.offers and o not in model.own:
            for t in model.blocks():
                model.milp.require("stock", model.on(o, t), "<=", limit)


def uplink(model: Model) -> None:
    """What leaves an edge site fits its line."""
    for u, limit in model.problem.uplink_bytes_per_s.items():
        leaving = [c for c in model.columns if c.uplink == u]
        for t in model.blocks():
            terms = [(c.uplink_bytes_per_request, model.f[c.name, t]) for c in leaving]
            if terms:
                model.milp.require("uplink", terms, "<=", limit)


def memory(model: Model) -> None:
    """Everything that lives on a shared machine fits it; alone, each was seen to fit."""
    for members in model.groups.values():
        there = members[0].offer.memory_bytes
        if there is None or sum(c.memory_bytes for c in members) <= there:
            continue
        row = [(c.memory_bytes, model.resident(c)) for c in members]
        model.milp.require("memory", row, "<=", there)


def least(model: Model) -> None:
    """Every workload has so many machines on in every block that has traffic."""
    count = model.problem.limits.least_machines
    if count < 1:
        return
    for w, rates in model.problem.rate_rps.items():
        members = [c for c in model.columns if c.workload == w]
        for t in model.blocks():
            if rates[t] > 0:
                counted = [(1.0, _counted(model, c, t)) for c in members]
                model.milp.require("least", counted, ">=", count)


def _counted(model: Model, c: Candidate, t: int) -> Variable:
    """Machines of c's group, if c lives on them, else none."""
    m = model.milp.variable("m")
    model.milp.require("least", [(1.0, m), (-1.0, model.n[c.group, t])], "<=", 0.0)
    row = [(1.0, m), (-MOST_MACHINES, model.resident(c))]
    model.milp.require("least", row, "<=", 0.0)
    return m


def spot(model: Model) -> None:
    """No more of a workload's traffic runs on machines that can be taken away."""
    share = model.problem.limits.spot_share_frac
    if share is None:
        return
    for w, rates in model.problem.rate_rps.items():
        members = [
            c
            for c in model.columns
            if c.workload == w and c.offer.purchase is Purchase.SPOT
        ]
        for t in model.blocks():
            terms = [(1.0, model.f[c.name, t]) for c in members]
            if terms:
                model.milp.require("spot", terms, "<=", share * rates[t])


def loss(model: Model) -> None:
    """With any one domain lost, the machines that are left carry the traffic."""
    for kind in model.problem.limits.survives:
        domain_of = DOMAIN_OF[kind]
        lost = dict.fromkeys(d for c in model.columns if (d := domain_of(c)))
        for domain in lost:
            left = [c for c in model.columns if domain_of(c) != domain]
            for t in model.blocks():
                _carried_by(model, left, t)


def _carried_by(model: Model, left: Iterable[Candidate], t: int) -> None:
    part = model.problem.limits.survivable_frac
    rerouted: dict[str, Terms] = {w: [] for w in model.problem.rate_rps}
    busy: dict[str, Terms] = defaultdict(list)
    leaving: dict[str, Terms] = defaultdict(list)
    for c in left:
        r = model.milp.variable("r")
        rerouted[c.workload].append((1.0, r))
        busy[c.group].append((1 / c.capacity_rps, r))
        if c.uplink is not None:
            leaving[c.uplink].append((c.uplink_bytes_per_request, r))
        if c.name in model.y:
            rate = model.problem.rate_rps[c.workload][t]
            row = [(1.0, r), (-rate, model.y[c.name])]
            model.milp.require("loss", row, "<=", 0.0)
    for w, terms in rerouted.items():
        need = part * model.problem.rate_rps[w][t]
        model.milp.require("loss", terms, ">=", need)
    for g, terms in busy.items():
        model.milp.require("loss", [*terms, (-1.0, model.n[g, t])], "<=", 0.0)
    for u, terms in leaving.items():
        limit = model.problem.uplink_bytes_per_s.get(u)
        if limit is not None:
            model.milp.require("loss", terms, "<=", limit)


def quality(model: Model) -> None:
    """The mean quality of a workload's answers over the month reaches its floor."""
    for w, floor in model.problem.limits.least_mean_quality_frac.items():
        terms = [
            (block.h_per_month * ((c.quality_frac or 0.0) - floor), model.f[c.name, t])
            for c in model.columns
            if c.workload == w
            for t, block in enumerate(model.problem.blocks)
        ]
        model.milp.require("quality", terms, ">=", 0.0)


def carbon(model: Model) -> None:
    """Machines that are on emit no more than allowed."""
    limit = model.problem.limits.carbon_gco2e_per_month
    if limit is not None:
        model.milp.require("carbon", model.carbon(), "<=", limit)


def variety(model: Model) -> None:
    """No more different configurations, providers or regions than someone can run."""
    limits = model.problem.limits
    kinds: list[tuple[int | None, Callable[[Candidate], str]]] = [
        (limits.most_configurations, configuration),
        (limits.most_providers, lambda c: c.offer.provider),
        (limits.most_regions, lambda c: f"{c.offer.provider} {c.offer.site}"),
    ]
    for most, kind in kinds:
        if most is None:
            continue
        z: dict[str, Variable] = {}
        for c in model.columns:
            if kind(c) not in z:
                z[kind(c)] = model.milp.variable("z", upper=1, integer=True)
            row = [(1.0, model.resident(c)), (-1.0, z[kind(c)])]
            model.milp.require("variety", row, "<=", 0.0)
        model.milp.require("variety", [(1.0, v) for v in z.values()], "<=", most)


def configuration(c: Candidate) -> str:
    """What has to be built, tested and watched as one thing."""
    return f"{c.profile.model} {c.profile.variant} on {c.offer.instance_type}"


def budget(model: Model) -> None:
    """The whole month costs no more than allowed."""
    limit = model.problem.limits.budget_usd_per_month
    if limit is not None:
        model.milp.require("budget", model.cost(), "<=", limit)
