"""Whether what an emitted plan states of hours, offers and profiles is what they say.

Other checks read these figures off the plan; here they are held against their source.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from planner.domain.evidence import Provenance
from planner.domain.hardware import Offer
from planner.domain.profiles import LoadCurve, Profile
from planner.domain.workloads import Workload
from planner.pipeline.asking.by_request import as_run
from planner.pipeline.asking.places import Place
from planner.pipeline.checking.facts import Facts
from planner.pipeline.telling.quality import floor
from planner.reference.catalog import Catalog
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument
from planner.units import BYTES_PER_GIB

TOLERANCE_FRAC: Final = 1e-6


def misstated(plan: PlanDocument, facts: Facts) -> Iterator[str]:
    """Every figure that is not its source's."""
    hours = [b.h_per_month for b in facts.asked.blocks]
    if [b.h_per_month for b in plan.blocks] != hours:
        yield "the hours are not those of the document's traffic"
        return
    asked = {w.name: w for w in facts.asked.workloads}
    if [w.name for w in plan.workloads] != list(asked):
        yield "the workloads are not the document's"
        return
    for w in plan.workloads:
        known = asked[w.name]
        if w.quality_floor != floor(known) or w.residency != known.residency:
            yield f"{w.name} is promised another quality or residency than asked for"
    for p in plan.placements:
        where = f"{p.workload} on {p.offer}"
        profile = facts.profile(p)
        yield from (f"{where}: {what}" for what in _of_offer(p, facts.offered[p.offer]))
        if profile is not None:
            stated = (
                *_of_profile(p, profile),
                *_of_evidence(p, profile, facts.offered[p.offer].offer),
                *_of_host(p, profile, facts.catalog),
            )
            yield from (f"{where}: {what}" for what in stated)


def misrated(plan: PlanDocument, facts: Facts) -> Iterator[str]:
    """Every share and rate that is not what the placement's rates by hour come to."""
    hours = [b.h_per_month for b in facts.asked.blocks]
    asked = {w.name: w for w in facts.asked.workloads}
    for p in plan.placements:
        for what in _of_rates(p, asked[p.workload], hours):
            yield f"{p.workload} on {p.offer}: {what}"


def _of_rates(p: PlanPlacement, w: Workload, hours: Sequence[float]) -> Iterator[str]:
    served = sum(h * r for h, r in zip(hours, p.rates_rps, strict=True))
    asked = sum(h * r for h, r in zip(hours, w.rates_rps, strict=True))
    if not math.isclose(
        p.share_frac, min(1.0, served / asked), rel_tol=TOLERANCE_FRAC, abs_tol=1e-9
    ):
        yield f"its share is stated as {p.share_frac:.3f}, and is {served / asked:.3f}"
    if p.rate_rps != max(p.rates_rps):
        yield f"its rate is stated as {p.rate_rps:g}, and is {max(p.rates_rps):g}"


def _of_offer(p: PlanPlacement, place: Place) -> Iterator[str]:
    offer = place.offer
    for what, stated, true in (
        ("provider", p.provider, offer.provider),
        ("site", p.site, offer.site),
        ("kind of site", p.site_kind, "edge" if place.is_edge else "cloud"),
        ("instance type", p.instance_type, offer.instance_type),
        ("device", p.device, offer.device),
        ("devices", p.device_count, offer.device_count),
        ("purchase", p.purchase, offer.purchase),
        ("price", p.price_usd_per_h, offer.price_usd_per_h),
        ("machines", p.machines, max(p.machines_on)),
    ):
        if stated != true:
            yield f"its {what} is stated as {stated}, and is {true}"


def _of_evidence(p: PlanPlacement, known: Profile, offer: Offer) -> Iterator[str]:
    """What was not measured is not said to be, and no surer than it is."""
    run = as_run(known, offer)
    if run is None:
        return
    evidence = run.evidence
    for what, stated, true in (
        ("provenance", p.provenance, evidence.provenance),
        ("error", p.error_frac, evidence.error_frac),
        ("date", p.profile_as_of, evidence.as_of),
    ):
        if stated != true:
            yield f"its profile's {what} is stated as {stated}, and is {true}"


def _of_host(p: PlanPlacement, known: Profile, catalog: Catalog) -> Iterator[str]:
    """A prediction is for the narrowest host that is known of the offer."""
    if not isinstance(known, LoadCurve):
        return
    if known.evidence.provenance is not Provenance.PREDICTED:
        return
    own: str | None = f"{p.provider} {p.instance_type}"
    if own not in catalog.hosts(p.device):
        own = p.provider if p.provider in catalog.hosts(p.device) else None
    if known.host != own:
        yield f"its times are those beside {known.host}, and its host is {own}"


def _of_profile(p: PlanPlacement, known: Profile) -> Iterator[str]:
    memory_bytes = (p.memory_gib or 0.0) * BYTES_PER_GIB
    if not math.isclose(
        memory_bytes, known.memory_bytes or 0.0, rel_tol=TOLERANCE_FRAC
    ):
        yield "its memory is not its profile's"
    graded = None if p.quality is None else (p.quality.metric, p.quality.value)
    quality = known.quality
    if graded != (None if quality is None else (quality.metric, quality.value_frac)):
        yield "its quality is not its profile's"
