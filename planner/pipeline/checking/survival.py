"""Whether what is left of a plan carries its part of the traffic when a domain is lost.

A way to route it is looked for within the capacities that the plan states,

    Σ_i∈w r[i,t] = part                                   each workload w asked in t
    Σ_i∈g rate[w,t]·r[i,t]/cap[i]  ≤  n[g,t]              machines g that are left
    Σ_i∈u bytes[w]·rate[w,t]·r[i,t] ≤ line[u]             each line u

and what is found is a plan itself, for its part of the traffic: its promises are then
held against the profiles as any plan's are, so that neither the capacities nor the
routing need be believed. What a lost uplink leaves is stated in the plan and checked
with it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import FailureDomain, Verdict
from planner.optimize.program import Milp
from planner.optimize.terms import FloatArray, IntArray, terms
from planner.pipeline.asking.demands import Demands
from planner.pipeline.asking.ways import lines, shared_limits_bytes_per_s
from planner.pipeline.checking.facts import Facts
from planner.pipeline.checking.machines import groups
from planner.pipeline.checking.promises import broken_promises
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument

SOLVE_S: Final = 10.0
# The plan's own whole machines may be this much fuller than full.
TOLERANCE_FRAC: Final = 1e-6

DOMAIN_OF: Final[Mapping[FailureDomain, Callable[[Offer], str | None]]] = {
    FailureDomain.SITE: lambda o: o.site,
    FailureDomain.PROVIDER: lambda o: o.provider,
    FailureDomain.SPOT_POOL: lambda o: o.name if o.purchase is Purchase.SPOT else None,
}


def broken_survival(plan: PlanDocument, facts: Facts) -> Iterator[str]:
    """Every loss that the plan does not survive as the policy asks."""
    spec, survive = facts.spec, facts.spec.policy.survive
    if survive is None:
        return
    calm = spec.model_copy(
        update={"policy": spec.policy.model_copy(update={"demand_rises": None})}
    )
    limits = shared_limits_bytes_per_s(lines(spec, facts.catalog))
    for kind, domain_of in DOMAIN_OF.items():
        if kind not in survive.loss_of:
            continue
        domains = {i: domain_of(facts.offered[p.offer].offer) for i, p in enumerate(plan.placements)}  # fmt: skip
        for lost in sorted({d for d in domains.values() if d is not None}):
            kept = [i for i, d in domains.items() if d != lost]
            left = _rerouted(
                _Left(
                    plan=plan, kept=kept, asked=facts.asked, limits_bytes_per_s=limits
                ),
                survive.traffic_frac,
            )
            if left is None:
                yield f"{survive.traffic_frac:.0%} of the traffic is not carried without {lost}"
                continue
            for broken in broken_promises(left, calm, facts.catalog, facts.profiles):
                yield f"without {lost}, {broken}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """The plan, which of its placements are left, and what is asked of them."""

    plan: PlanDocument
    kept: Sequence[int]
    asked: Demands
    limits_bytes_per_s: Mapping[str, float]


def _rerouted(left: _Left, part_frac: float) -> PlanDocument | None:
    """The plan for that part of the traffic on what is left; None where it is too little."""
    some = [left.plan.placements[i] for i in left.kept]
    names = [w.name for w in left.asked.workloads]
    rates = np.array([w.rates_rps for w in left.asked.workloads])
    n_blocks = rates.shape[1]
    of = np.array([names.index(p.workload) for p in some], dtype=np.int64)
    milp = Milp()
    r = milp.variables((len(some), n_blocks), upper=1.0)
    row = of[:, None] * n_blocks + np.arange(n_blocks)
    milp.require(terms(r, row=row), "==", part_frac * (rates > 0).ravel())
    _within_machines(milp, left, r, rates[of])
    _within_lines(milp, left, r, rates[of])
    milp.minimise(terms(r))
    answer = milp.solve(time_limit_s=SOLVE_S)
    if answer.certificate.verdict is Verdict.INFEASIBLE:
        return None
    carried = np.clip(answer.values[r], 0.0, 1.0) * rates[of]
    return left.plan.model_copy(
        update={
            "placements": tuple(
                _carrying(p, carried[i].tolist()) for i, p in enumerate(some)
            )
        }
    )


def _carrying(p: PlanPlacement, rates_rps: Sequence[float]) -> PlanPlacement:
    """The placement with those rates and all its machines at work."""
    return p.model_copy(
        update={
            "rates_rps": tuple(rates_rps),
            "offline_rates_rps": (),
            "spare_machines": 0,
        }
    )


def _within_machines(milp: Milp, left: _Left, r: IntArray, rates: FloatArray) -> None:
    number: dict[int, int] = {}
    on: list[Sequence[float]] = []
    by_offer: dict[str, int] = {}
    for members in groups(left.plan).values():
        first = members[0]
        is_called = first.purchase is Purchase.BY_REQUEST
        # Everyone who calls an offer shares its account's limit.
        g = by_offer.setdefault(first.offer, len(on)) if is_called else len(on)
        if g == len(on):
            full = 1 + TOLERANCE_FRAC
            on.append([full if is_called else full * n for n in first.machines_on])
        number |= {id(p): g for p in members}
    some = [left.plan.placements[i] for i in left.kept]
    per_rps = [
        0.0 if p.capacity_rps is None else (p.machines or 1) / (p.capacity_rps or 1e-9)
        for p in some
    ]
    n_blocks = r.shape[1]
    group = np.array([number[id(p)] for p in some], dtype=np.int64)
    row = group[:, None] * n_blocks + np.arange(n_blocks)
    used = np.array(per_rps)[:, None] * rates
    milp.require(terms(r, used, row=row), "<=", np.array(on).ravel())


def _within_lines(milp: Milp, left: _Left, r: IntArray, rates: FloatArray) -> None:
    n_blocks = r.shape[1]
    by_name = {w.name: w for w in left.asked.workloads}
    for origin, limit in left.limits_bytes_per_s.items():
        sent = np.array(
            [
                w.request_bytes + w.response_bytes
                if (w := by_name[p.workload]).origin == origin and p.site_kind == "cloud"
                else 0.0
                for p in (left.plan.placements[i] for i in left.kept)
            ]
        )  # fmt: skip
        row = np.broadcast_to(np.arange(n_blocks), r.shape)
        part = sent[:, None] * rates / (limit or 1.0)
        room = np.full(n_blocks, (1 + TOLERANCE_FRAC) if limit else 0.0)
        milp.require(terms(r, part, row=row), "<=", room)
