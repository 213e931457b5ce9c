"""An emitted plan against the document it answers: shares no code with the model.

Reads only the plan document, the spec, the catalogue and the profiles, and
re-derives cost, demand, capacity, stock, memory, lines, residency, quality, the
policy's limits, what a loss leaves, the promises themselves, the latencies that are
printed and how sure they are said to be. What it refuses is never shown as a plan.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.hardware import Purchase
from planner.domain.placement import FailureDomain
from planner.domain.profiles import Profile
from planner.domain.tariffs import TokenTariff
from planner.errors import PlanRejectedError
from planner.pipeline.asking.demands import Demands, demands
from planner.pipeline.asking.places import Place, places
from planner.pipeline.asking.ways import lines, shared_limits_bytes_per_s
from planner.pipeline.checking.by_request import broken_terms, called_usd
from planner.pipeline.checking.facts import Facts
from planner.pipeline.checking.machines import groups, machines_on
from planner.pipeline.checking.policy import broken_policy
from planner.pipeline.checking.predicted import mispredicted
from planner.pipeline.checking.promises import broken_promises
from planner.pipeline.checking.quality import below_floor
from planner.pipeline.checking.serving import served
from planner.pipeline.checking.stated import misrated, misstated
from planner.pipeline.checking.sureness import too_sure
from planner.pipeline.checking.survival import broken_survival
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument, PlanPurchase
from planner.units import (
    BYTES_PER_GB,
    BYTES_PER_GIB,
    BYTES_PER_KIB,
    H_PER_MONTH,
    S_PER_H,
)

# Floats add up in another order here than in the solver.
TOLERANCE_FRAC: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything that a plan is held against."""

    spec: Deployment
    catalog: Catalog
    profiles: Mapping[str, Sequence[Profile]]


def certified(plan: PlanDocument, inputs: Inputs) -> PlanDocument:
    """The plan marked as checked.

    Raises:
        PlanRejectedError: It breaks a rule; the first violations are named.
    """
    found = list(violations(plan, inputs))
    if found:
        shown = "; ".join(found[:5])
        raise PlanRejectedError(
            f"the plan fails its own check and is withheld: {shown}. This is a bug: "
            "please report it with the document"
        )
    if plan.certificate is None:
        raise AssertionError("a plan without a certificate is not certified")
    proof = plan.certificate.model_copy(update={"checked": True})
    return plan.model_copy(update={"certificate": proof})


def violations(plan: PlanDocument, inputs: Inputs) -> Iterator[str]:
    """Every rule that the plan breaks, in one sentence each."""
    offered = {p.offer.name: p for p in places(inputs.spec, inputs.catalog)}
    unknown = {p.offer for p in plan.placements} | {p.offer for p in plan.purchases}
    unknown -= set(offered)
    if unknown:
        yield f"{min(unknown)} is not offered at the document's sites"
        return
    asked = demands(inputs.spec)
    spec, catalog, profiles = inputs.spec, inputs.catalog, inputs.profiles
    facts = Facts(
        spec=spec, catalog=catalog, profiles=profiles, asked=asked, offered=offered
    )
    wrong = list(misstated(plan, facts))
    yield from wrong
    if wrong:
        # The other checks read these figures off the plan.
        return
    yield from misrated(plan, facts)
    yield from _cost(plan, inputs, offered)
    yield from _paid(plan)
    yield from _demand(plan, asked)
    yield from _stock(plan, offered)
    yield from _uplinks(plan, inputs, asked)
    yield from broken_terms(plan, spec, profiles)
    yield from _offline(plan, spec, asked)
    for p in plan.placements:
        yield from _residency_and_quality(p, plan, offered[p.offer])
    yield from _memory(plan, offered)
    yield from broken_policy(plan, facts)
    yield from broken_promises(plan, spec, catalog, profiles)
    serving = served(plan, spec, catalog, profiles)
    yield from mispredicted(plan, serving)
    yield from too_sure(plan, serving)
    yield from broken_survival(plan, facts)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE_FRAC, abs_tol=1e-6)


def _cost(
    plan: PlanDocument, inputs: Inputs, offered: Mapping[str, Place]
) -> Iterator[str]:
    total = 0.0
    hours = [b.h_per_month for b in plan.blocks]
    for bought in plan.purchases:
        offer = offered[bought.offer].offer
        if (
            bought.term_months is None
            and bought.kept_usd_per_h != offer.price_usd_per_h
        ):
            yield f"{bought.offer} is priced {bought.kept_usd_per_h}, not as offered"
        if bought.usd_per_h != offer.price_usd_per_h:
            yield f"{bought.offer} is priced {bought.usd_per_h}, not as offered"
        by_hour = sum(h * n for h, n in zip(hours, bought.paid_by_hour, strict=True))
        cost = bought.kept * bought.kept_usd_per_h * H_PER_MONTH
        cost += by_hour * bought.usd_per_h
        if not _close(cost, bought.usd_per_month):
            yield f"{bought.offer} costs {cost:.4f}, not {bought.usd_per_month:.4f}"
        total += cost
    total += sum(_requests_usd(p, inputs, offered, hours) for p in plan.placements)
    total += sum(called_usd(p, inputs.spec, hours) for p in plan.placements)
    yield from _totals(plan, total, inputs)


def _requests_usd(
    p: PlanPlacement,
    inputs: Inputs,
    offered: Mapping[str, Place],
    hours: Sequence[float],
) -> float:
    offer = offered[p.offer].offer
    if offer.purchase is Purchase.OWNED or isinstance(offer.tariff, TokenTariff):
        return 0.0
    usd_per_gb, _ = inputs.catalog.egress_usd_per_gb(offer.provider, offer.site)
    spec = next(w for w in inputs.spec.workloads if w.name == p.workload)
    answers = sum(S_PER_H * h * r for h, r in zip(hours, p.rates_rps, strict=True))
    sent_bytes = answers * spec.payload.response_kib * BYTES_PER_KIB
    return sent_bytes / BYTES_PER_GB * usd_per_gb


def _totals(plan: PlanDocument, total: float, inputs: Inputs) -> Iterator[str]:
    stated = plan.cost.total_usd_per_month
    if not _close(total, stated):
        yield f"what is bought adds up to {total:.4f}, the plan says {stated:.4f}"
    if not _close(sum(c.usd_per_month for c in plan.cost.lines), stated):
        yield "the bill's lines do not add up to its total"
    if not _close(sum(p.cost_usd_per_month for p in plan.placements), stated):
        yield "the placements' parts do not add up to the total"
    budget = inputs.spec.policy.budget_usd_per_month
    if budget is not None and total > budget * (1 + TOLERANCE_FRAC) + 1e-6:
        yield f"the plan costs {total:.2f}, over the budget of {budget:.2f}"


def _paid(plan: PlanDocument) -> Iterator[str]:
    """Every machine that is on is paid for."""
    bought: dict[str, list[PlanPurchase]] = defaultdict(list)
    for purchase in plan.purchases:
        bought[purchase.offer].append(purchase)
    for offer, on in machines_on(plan).items():
        for t, count in enumerate(on):
            paid = sum(b.kept + b.paid_by_hour[t] for b in bought[offer])
            if count > paid:
                yield f"{count} of {offer} are on in {plan.blocks[t].name}, {paid} paid"


def _demand(plan: PlanDocument, asked: Demands) -> Iterator[str]:
    for w in asked.workloads:
        for t, rate in enumerate(w.rates_rps):
            served = sum(
                p.rates_rps[t] for p in plan.placements if p.workload == w.name
            )
            if not _close(served, rate):
                block = asked.blocks[t].name
                yield f"{w.name} asks {rate} requests/s in {block}, served {served}"


def _stock(plan: PlanDocument, offered: Mapping[str, Place]) -> Iterator[str]:
    for name, on in machines_on(plan).items():
        stock = offered[name].offer.stock
        if stock is not None and max(on) > stock:
            yield f"{max(on)} of {name} on at once, {stock} in stock"


def _uplinks(plan: PlanDocument, inputs: Inputs, asked: Demands) -> Iterator[str]:
    limits = shared_limits_bytes_per_s(lines(inputs.spec, inputs.catalog))
    by_name = {w.name: w for w in asked.workloads}
    for t, block in enumerate(plan.blocks):
        leaving: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for p in plan.placements:
            w = by_name[p.workload]
            if p.site_kind == "cloud" and w.origin in limits:
                payload_bytes = w.request_bytes + w.response_bytes
                leaving[w.origin][w.name] += p.rates_rps[t] * payload_bytes
        for site, by_workload in leaving.items():
            rises = sorted(
                (by_name[w].rise_frac * sent for w, sent in by_workload.items()),
                reverse=True,
            )
            traffic = sum(by_workload.values()) + sum(rises[: asked.most_rises])
            if traffic > limits[site] * (1 + TOLERANCE_FRAC):
                yield (
                    f"{traffic:.0f} bytes/s leave {site} in {block.name}, its line "
                    f"carries {limits[site]:.0f}"
                )


def _offline(plan: PlanDocument, spec: Deployment, asked: Demands) -> Iterator[str]:
    """What sites answer while their uplink is down; its promise is checked elsewhere."""
    survive = spec.policy.survive
    lost = survive is not None and FailureDomain.UPLINK in survive.loss_of
    lines = {s.name for s in spec.edge_sites() if s.uplink is not None}
    stated = {(o.site, o.workload): o.answered_frac for o in plan.offline}
    for w in asked.workloads:
        mine = [
            p for p in plan.placements if p.workload == w.name and p.offline_rates_rps
        ]
        if any(p.site != w.origin or p.site_kind != "edge" for p in mine):
            yield f"{w.name} is said to be answered offline away from {w.origin}"
        if w.origin not in lines:
            continue
        # What nobody sends needs no answer.
        shares = [
            sum(p.offline_rates_rps[t] for p in mine) / rate
            for t, rate in enumerate(w.rates_rps)
            if rate > 0
        ]
        least = min(shares, default=1.0)
        needed = w.offline_frac
        if survive is not None and lost:
            needed = max(needed, survive.traffic_frac)
        said = stated.get((w.origin, w.name))
        if (
            said is None
            or said > least + TOLERANCE_FRAC
            or max(shares, default=0.0) > 1 + TOLERANCE_FRAC
        ):
            yield f"{w.name} is not answered offline as the plan says ({said})"
        if least < needed - TOLERANCE_FRAC:
            yield (
                f"{least:.1%} of {w.name} is answered while the uplink of {w.origin} is "
                f"down, {needed:.1%} is asked for"
            )


def _residency_and_quality(
    p: PlanPlacement, plan: PlanDocument, place: Place
) -> Iterator[str]:
    w = next(w for w in plan.workloads if w.name == p.workload)
    at_origin = place.offer.site == w.origin
    if w.residency and not at_origin and place.zone not in w.residency:
        yield f"{p.workload} on {p.offer} leaves its residency"
    if w.quality_floor is not None:
        yield from below_floor(p, w.quality_floor, plan.placements)


def _memory(plan: PlanDocument, offered: Mapping[str, Place]) -> Iterator[str]:
    for members in groups(plan).values():
        there = offered[members[0].offer].offer.memory_bytes
        needed = _needed_bytes(members)
        if there is not None and needed > there * (1 + TOLERANCE_FRAC):
            names = ", ".join(p.workload for p in members)
            yield f"{names} do not fit into the memory of {members[0].offer}"


def _needed_bytes(members: Iterable[PlanPlacement]) -> float:
    return sum((p.memory_gib or 0.0) * BYTES_PER_GIB for p in members)
