"""The monthly bill of a solution, line by line, each with its source and date."""

from collections.abc import Iterable, Sequence

from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import Assignment
from planner.reference.catalog import Catalog
from planner.specs.plan import CostLine, PlanCost
from planner.units import S_PER_MONTH, usd_per_month

PURCHASE_WORDS = {
    Purchase.ON_DEMAND: "on demand",
    Purchase.SPOT: "spot",
    Purchase.OWNED: "owned",
}


def machine_words(offer: Offer) -> str:
    """An offer in words, as bills and reasons name it.

    Example: ``m7g.2xlarge on demand in aws eu-central-1``.
    """
    if offer.purchase is Purchase.OWNED:
        return f"{offer.instance_type} at {offer.site}"
    purchase = PURCHASE_WORDS[offer.purchase]
    return f"{offer.instance_type} {purchase} in {offer.provider} {offer.site}"


def bill(assignments: Sequence[Assignment], catalog: Catalog) -> PlanCost:
    """Lines that add up to the total."""
    lines = tuple(line for a in assignments for line in _lines(a, catalog))
    return PlanCost(
        total_usd_per_month=sum(line.usd_per_month for line in lines), lines=lines
    )


def _lines(a: Assignment, catalog: Catalog) -> Iterable[CostLine]:
    c = a.candidate
    yield CostLine(
        item=f"{a.machines} × {machine_words(c.offer)}, for {c.workload}",
        usd_per_month=usd_per_month(c.offer.price_usd_per_h) * a.machines,
        source=c.offer.price_source,
        as_of=c.offer.price_as_of,
    )
    if c.usd_per_request > 0:
        usd_per_gb, source = catalog.egress_usd_per_gb(c.offer.provider, c.offer.site)
        yield CostLine(
            item=f"answers leaving {c.offer.provider} {c.offer.site} at "
            f"{usd_per_gb:g} USD/GB, for {c.workload}",
            usd_per_month=S_PER_MONTH * c.usd_per_request * a.rate_rps,
            source=source,
            as_of=c.offer.price_as_of,
        )
