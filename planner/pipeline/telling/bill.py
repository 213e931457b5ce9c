"""The monthly bill of a solution, line by line, each with its source and date."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import Assignment, PlacementProblem, Purchased, Solution
from planner.domain.tariffs import TokenTariff
from planner.optimize.solution import purchase_usd_per_month
from planner.pipeline.asking.by_request import charges
from planner.pipeline.asking.options import Option
from planner.reference.catalog import Catalog
from planner.specs.plan import CostLine, PlanCost, PlanPurchase
from planner.units import BYTES_PER_GB, S_PER_H

PURCHASE_WORDS = {
    Purchase.ON_DEMAND: "on demand",
    Purchase.SPOT: "spot",
    Purchase.OWNED: "owned",
    Purchase.BY_REQUEST: "by request",
}


def machine_words(offer: Offer) -> str:
    """An offer in words, as bills and reasons name it.

    Example: ``m7g.2xlarge on demand in aws eu-central-1``.
    """
    if offer.purchase is Purchase.OWNED:
        return f"{offer.instance_type} at {offer.site}"
    purchase = PURCHASE_WORDS[offer.purchase]
    return f"{offer.instance_type} {purchase} in {offer.provider} {offer.site}"


def bill(
    problem: PlacementProblem,
    solution: Solution,
    catalog: Catalog,
    behind: Mapping[str, Option],
) -> PlanCost:
    """Lines that add up to the total."""
    users: dict[str, dict[str, None]] = defaultdict(dict)
    for a in solution.assignments:
        users[a.candidate.offer.name][a.candidate.workload] = None
    lines = [
        _machines_line(problem, p, tuple(users[p.offer.name]))
        for p in solution.purchases
    ]
    for a in solution.assignments:
        option = behind[a.candidate.name]
        lines += _request_lines(problem, a, option)
        lines += _egress_lines(problem, a, option, catalog)
    return PlanCost(
        total_usd_per_month=sum(line.usd_per_month for line in lines),
        lines=tuple(lines),
    )


def _machines_line(
    problem: PlacementProblem, p: Purchased, workloads: tuple[str, ...]
) -> CostLine:
    words = machine_words(p.offer)
    if p.commitment is not None:
        item = f"{p.kept} × {words}, committed for {p.commitment.term_months} months"
    elif p.kept:
        item = f"{p.kept} × {words}"
    elif len(set(p.paid_by_hour)) == 1:
        item = f"{p.paid_by_hour[0]} × {words}"
    else:
        hours = sum(
            b.h_per_month * n
            for b, n in zip(problem.blocks, p.paid_by_hour, strict=True)
        )
        item = f"{words}, up to {max(p.paid_by_hour)}, {hours:,.0f} machine-hours"
    return CostLine(
        item=f"{item}, for {', '.join(workloads)}",
        usd_per_month=purchase_usd_per_month(problem, p),
        source=p.commitment.source if p.commitment else p.offer.price_source,
        as_of=p.offer.price_as_of,
    )


def requests_usd_per_month(problem: PlacementProblem, a: Assignment) -> float:
    """What an assignment's requests cost beside its machines."""
    return a.candidate.usd_per_request * requests_per_month(problem, a)


def requests_per_month(problem: PlacementProblem, a: Assignment) -> float:
    """How many requests an assignment answers."""
    return sum(
        S_PER_H * block.h_per_month * rate
        for block, rate in zip(problem.blocks, a.rates_rps, strict=True)
    )


def _request_lines(
    problem: PlacementProblem, a: Assignment, option: Option
) -> Iterable[CostLine]:
    """What is paid by request: so many units at so much each."""
    offer, requests = a.candidate.offer, requests_per_month(problem, a)
    charged = charges(
        offer.tariff, option.workload, option.profile, option.error_factor
    )
    for charge in charged if requests > 0 else ():
        units = requests * charge.per_request
        yield CostLine(
            item=f"{machine_words(offer)}: {units:,.4g} {charge.unit} × {charge.price}, "
            f"for {a.candidate.workload}",
            usd_per_month=units * charge.usd_per_unit,
            source=offer.price_source,
            as_of=offer.price_as_of,
        )


def _egress_lines(
    problem: PlacementProblem, a: Assignment, option: Option, catalog: Catalog
) -> Iterable[CostLine]:
    c, requests = a.candidate, requests_per_month(problem, a)
    if option.place.is_edge or isinstance(c.offer.tariff, TokenTariff):
        return
    usd_per_gb, source = catalog.egress_usd_per_gb(c.offer.provider, c.offer.site)
    sent_gb = requests * option.workload.response_bytes / BYTES_PER_GB
    if sent_gb * usd_per_gb > 0:
        yield CostLine(
            item=f"answers leaving {c.offer.provider} {c.offer.site} at "
            f"{usd_per_gb:g} USD/GB, for {c.workload}",
            usd_per_month=sent_gb * usd_per_gb,
            source=source,
            as_of=c.offer.price_as_of,
        )


def purchases(
    problem: PlacementProblem, solution: Solution
) -> tuple[PlanPurchase, ...]:
    """The purchase list of the plan document."""
    return tuple(
        PlanPurchase(
            offer=p.offer.name,
            purchase=p.offer.purchase,
            kept=p.kept,
            term_months=p.commitment.term_months if p.commitment else None,
            kept_usd_per_h=(
                p.commitment.usd_per_h if p.commitment else p.offer.price_usd_per_h
            ),
            paid_by_hour=p.paid_by_hour,
            usd_per_h=p.offer.price_usd_per_h,
            usd_per_month=purchase_usd_per_month(problem, p),
        )
        for p in solution.purchases
    )


def parts_usd_per_month(
    problem: PlacementProblem, solution: Solution
) -> Mapping[str, float]:
    """Each assignment's part of the bill, by candidate name; the parts are the whole.

    Machines of one offer are shared out by the machine-hours of each group, those
    of a pool by how much of its capacity each member uses; a pool that stands idle
    is shared out evenly. What is paid by request has no machines to be shared out.
    """
    hours: dict[str, float] = {}
    for a in solution.assignments:
        share = _share_of_group(problem, a, solution)
        on = sum(
            b.h_per_month * n
            for b, n in zip(problem.blocks, a.machines_on, strict=True)
        )
        hours[a.candidate.name] = on * share
    paid: dict[str, float] = defaultdict(float)
    for p in solution.purchases:
        paid[p.offer.name] += purchase_usd_per_month(problem, p)
    of_offer: dict[str, float] = defaultdict(float)
    for a in solution.assignments:
        of_offer[a.candidate.offer.name] += hours[a.candidate.name]
    return {
        a.candidate.name: requests_usd_per_month(problem, a)
        + paid[a.candidate.offer.name]
        * hours[a.candidate.name]
        / (of_offer[a.candidate.offer.name] or 1.0)
        for a in solution.assignments
    }


def _share_of_group(
    problem: PlacementProblem, a: Assignment, solution: Solution
) -> float:
    members = [
        b for b in solution.assignments if b.candidate.group == a.candidate.group
    ]
    used = [_used_h(problem, b) for b in members]
    if sum(used) == 0:
        return 1 / len(members)
    return _used_h(problem, a) / sum(used)


def _used_h(problem: PlacementProblem, a: Assignment) -> float:
    return sum(
        block.h_per_month * rate / a.candidate.capacity_rps
        for block, rate in zip(problem.blocks, a.rates_rps, strict=True)
    )
