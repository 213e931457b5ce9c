"""Whether the emitted plan keeps what the policy says of the whole of it.

Spares, machines at least, the share on spot, carbon, and how many configurations,
providers and regions there may be; counted from the plan's own machines and rates,
with watts, grids and terms of payment from the catalogue and the document.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from planner.domain.hardware import Purchase
from planner.pipeline.asking.demands import Demands
from planner.pipeline.asking.places import Place
from planner.pipeline.checking.facts import Facts
from planner.pipeline.checking.machines import groups, machines_on
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument, PlanPurchase
from planner.specs.policy import Policy
from planner.units import GCO2E_PER_KGCO2E, W_PER_KW

TOLERANCE_FRAC: Final = 1e-6

Offered = Mapping[str, Place]


def broken_policy(plan: PlanDocument, facts: Facts) -> Iterator[str]:
    """Every such rule that the plan breaks, in one sentence each."""
    policy, asked, offered = facts.spec.policy, facts.asked, facts.offered
    for p in plan.placements:
        yield from _spares(p, policy.spare_replicas)
        if p.shared_with and not policy.share_machines:
            yield f"{p.workload} on {p.offer} shares its machines, which nobody may"
    for bought in plan.purchases:
        yield from _terms(bought, policy, offered[bought.offer])
    yield from _least(plan, policy.least_machines, asked)
    yield from _spot(plan, policy.spot_share_frac, asked, offered)
    yield from _carbon(plan, policy.carbon_kgco2e_per_month, facts)
    yield from _variety(plan, facts)


def _spares(p: PlanPlacement, asked: int) -> Iterator[str]:
    """Promises are held against what is left of machines beyond the stated spares."""
    works = p.purchase is not Purchase.BY_REQUEST and any(p.rates_rps)
    if works and p.spare_machines < asked:
        yield (
            f"{p.workload} on {p.offer} has {p.spare_machines} spare machines, {asked} "
            "are asked for"
        )


def _terms(bought: PlanPurchase, policy: Policy, place: Place) -> Iterator[str]:
    """Owned boxes are paid all month; what else is, is committed to as the document says."""
    offer = place.offer
    if offer.purchase is Purchase.OWNED:
        if any(bought.paid_by_hour):
            yield f"{offer.name} is owned, and paid by the hour"
        if bought.term_months is not None:
            yield f"{offer.name} is owned, and committed to"
        return
    if bought.kept and bought.term_months is None:
        yield f"{offer.name} is paid all month without a commitment"
    if bought.term_months is None:
        return
    known = [
        offer.price_usd_per_h * (1 - terms.discount_frac)
        for terms in policy.commitments
        if (terms.provider, terms.term_months) == (offer.provider, bought.term_months)
        and offer.purchase is Purchase.ON_DEMAND
    ]
    if not any(math.isclose(usd, bought.kept_usd_per_h, rel_tol=TOLERANCE_FRAC) for usd in known):  # fmt: skip
        yield (
            f"{offer.name} is committed to for {bought.term_months} months at "
            f"{bought.kept_usd_per_h}, which nobody offers"
        )


def _least(plan: PlanDocument, least: int, asked: Demands) -> Iterator[str]:
    """What is paid by request needs no machines for its part of the traffic."""
    if not least:
        return
    for w in asked.workloads:
        for t, rate in enumerate(w.rates_rps):
            if rate <= 0:
                continue
            on = sum(
                members[0].machines_on[t]
                for members in groups(plan).values()
                if any(p.workload == w.name for p in members)
            )
            called = sum(
                p.rates_rps[t]
                for p in plan.placements
                if p.workload == w.name and p.purchase is Purchase.BY_REQUEST
            )
            if on < least * (1 - called / rate) - TOLERANCE_FRAC:
                block = plan.blocks[t].name
                yield f"{w.name} has {on} machines in {block}, {least} are the least"


def _spot(
    plan: PlanDocument, share_frac: float | None, asked: Demands, offered: Offered
) -> Iterator[str]:
    if share_frac is None:
        return
    for w in asked.workloads:
        for t, rate in enumerate(w.rates_rps):
            taken = sum(
                p.rates_rps[t]
                for p in plan.placements
                if p.workload == w.name
                and offered[p.offer].offer.purchase is Purchase.SPOT
            )
            if taken > rate * (share_frac + TOLERANCE_FRAC):
                yield (
                    f"{taken / rate:.1%} of {w.name} runs on spot in "
                    f"{plan.blocks[t].name}, {share_frac:.1%} may"
                )


def _carbon(plan: PlanDocument, limit_kg: float | None, facts: Facts) -> Iterator[str]:
    if limit_kg is None:
        return
    emitted_g = 0.0
    for name, on in machines_on(plan).items():
        place = facts.offered[name]
        if place.offer.purchase is Purchase.BY_REQUEST:
            yield f"nobody states what a request to {name} emits"
            continue
        active_w = facts.catalog.device(place.offer.device).active_w
        if active_w is None or place.gco2e_per_kwh is None:
            yield f"nobody states what an hour of {name} emits"
            continue
        hours = sum(b.h_per_month * n for b, n in zip(plan.blocks, on, strict=True))
        kwh = hours * active_w * place.offer.device_count / W_PER_KW
        emitted_g += kwh * place.gco2e_per_kwh
    if emitted_g > limit_kg * GCO2E_PER_KGCO2E * (1 + TOLERANCE_FRAC):
        yield (
            f"the machines emit {emitted_g / GCO2E_PER_KGCO2E:.3f} kg of CO2e a month, "
            f"{limit_kg:g} are allowed"
        )


def _variety(plan: PlanDocument, facts: Facts) -> Iterator[str]:
    policy = facts.spec.policy
    offers = [facts.offered[p.offer].offer for p in plan.placements]
    configurations = set()
    for p, offer in zip(plan.placements, offers, strict=True):
        profile = facts.profile(p)
        # Two names for one model are one thing to build.
        model = profile.model if profile else p.model
        variant = profile.variant if profile else p.variant
        configurations.add((model, str(variant), offer.instance_type))
    for what, used, most in (
        ("configurations", len(configurations), policy.most_configurations),
        ("providers", len({o.provider for o in offers}), policy.most_providers),
        ("regions", len({(o.provider, o.site) for o in offers}), policy.most_regions),
    ):
        if most is not None and used > most:
            yield f"{used} {what} are used, {most} may be"
