"""An emitted plan against the document it answers: shares no code with the model.

Reads only the plan document, the spec, the catalogue and the profiles, and
re-derives cost, demand, capacity, stock, memory, lines, residency, quality and
the promise itself. What it refuses is never shown as a plan.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.hardware import NetworkPath, Offer, Purchase
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, Profile
from planner.errors import PlanRejectedError
from planner.perf.language import predict_load
from planner.perf.latency import predict
from planner.pipeline.demands import demands
from planner.pipeline.places import Place, places
from planner.pipeline.ways import Ways, lines, shared_limits_bytes_per_s
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.plan import PlanDocument, PlanPlacement, PlanWorkload
from planner.units import (
    BYTES_PER_GB,
    BYTES_PER_GIB,
    BYTES_PER_KIB,
    H_PER_MONTH,
    S_PER_H,
    seconds,
)

# Floats add up in another order here than in the solver.
TOLERANCE_FRAC: Final = 1e-6
# The capacity search stops this close to the exact rate.
PROMISE_TOLERANCE_FRAC: Final = 5e-3


def certified(
    plan: PlanDocument,
    spec: Deployment,
    catalog: Catalog,
    profiles: Mapping[str, Sequence[Profile]],
) -> PlanDocument:
    """The plan marked as checked.

    Raises:
        PlanRejectedError: It breaks a rule; the first violations are named.
    """
    found = list(violations(plan, spec, catalog, profiles))
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


def violations(
    plan: PlanDocument,
    spec: Deployment,
    catalog: Catalog,
    profiles: Mapping[str, Sequence[Profile]],
) -> Iterator[str]:
    """Every rule that the plan breaks, in one sentence each."""
    offered = {p.offer.name: p for p in places(spec, catalog)}
    unknown = [p.offer for p in plan.placements if p.offer not in offered]
    if unknown:
        yield f"{unknown[0]} is not offered at the document's sites"
        return
    yield from _cost(plan, spec, offered, catalog)
    yield from _demand(plan, spec)
    yield from _stock(plan, offered)
    yield from _uplinks(plan, spec, catalog)
    promises = _Promises(plan, spec, catalog, profiles)
    workloads = {w.name: w for w in plan.workloads}
    for p in plan.placements:
        yield from _rules(p, workloads[p.workload], offered[p.offer])
        yield from promises.broken(p, offered[p.offer].offer)


def _close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=TOLERANCE_FRAC, abs_tol=1e-6)


def _cost(
    plan: PlanDocument,
    spec: Deployment,
    offered: Mapping[str, Place],
    catalog: Catalog,
) -> Iterator[str]:
    total = 0.0
    response_kib = {w.name: w.payload.response_kib for w in spec.workloads}
    for p in plan.placements:
        offer = offered[p.offer].offer
        cost = offer.price_usd_per_h * H_PER_MONTH * p.machines
        if offer.purchase is not Purchase.OWNED:
            per_gb, _ = catalog.egress_usd_per_gb(offer.provider, offer.site)
            answer_bytes = response_kib[p.workload] * BYTES_PER_KIB
            served = p.rate_rps * S_PER_H * H_PER_MONTH
            cost += served * answer_bytes / BYTES_PER_GB * per_gb
        if not _close(cost, p.cost_usd_per_month):
            yield f"{p.offer} costs {cost:.4f}, the plan says {p.cost_usd_per_month:.4f}"
        total += cost
    stated = plan.cost.total_usd_per_month
    if not _close(total, stated):
        yield f"placements add up to {total:.4f}, the plan says {stated:.4f}"
    if not _close(sum(c.usd_per_month for c in plan.cost.lines), stated):
        yield "the bill's lines do not add up to its total"
    budget = spec.policy.budget_usd_per_month
    if budget is not None and total > budget * (1 + TOLERANCE_FRAC) + 1e-6:
        yield f"the plan costs {total:.2f}, over the budget of {budget:.2f}"


def _demand(plan: PlanDocument, spec: Deployment) -> Iterator[str]:
    for w in spec.workloads:
        served = [p.rate_rps for p in plan.placements if p.workload == w.name]
        if not _close(sum(served), w.traffic.rate_rps):
            yield f"{w.name} asks {w.traffic.rate_rps} requests/s, served {sum(served)}"


def _stock(plan: PlanDocument, offered: Mapping[str, Place]) -> Iterator[str]:
    bought: dict[str, int] = defaultdict(int)
    for p in plan.placements:
        bought[p.offer] += p.machines
    for name, count in bought.items():
        stock = offered[name].offer.stock
        if stock is not None and count > stock:
            yield f"{count} of {name} bought, {stock} in stock"


def _uplinks(plan: PlanDocument, spec: Deployment, catalog: Catalog) -> Iterator[str]:
    limits = shared_limits_bytes_per_s(lines(spec, catalog))
    by_name = {w.name: w for w in spec.workloads}
    leaving: dict[str, float] = defaultdict(float)
    for p in plan.placements:
        w = by_name[p.workload]
        if p.site_kind == "cloud" and w.origin in limits:
            payload = w.payload.request_kib + w.payload.response_kib
            leaving[w.origin] += p.rate_rps * payload * BYTES_PER_KIB
    for site, traffic in leaving.items():
        if traffic > limits[site] * (1 + TOLERANCE_FRAC):
            yield f"{traffic:.0f} bytes/s leave {site}, its line carries {limits[site]:.0f}"


def _rules(p: PlanPlacement, w: PlanWorkload, place: Place) -> Iterator[str]:
    """Rules that need only the placement and its workload."""
    serving = p.machines - p.spare_machines
    per_machine = p.capacity_rps / p.machines
    if p.rate_rps > serving * per_machine * (1 + TOLERANCE_FRAC):
        yield f"{p.workload} on {p.offer}: {p.rate_rps} requests/s on {serving} machines"
    at_origin = place.offer.site == w.origin
    if w.residency and not at_origin and place.zone not in w.residency:
        yield f"{p.workload} on {p.offer} leaves its residency"
    floor = w.quality_floor
    if floor is not None and (
        p.quality is None
        or p.quality.metric != floor.metric
        or p.quality.value < floor.minimum
    ):
        yield f"{p.workload} on {p.offer} is below its quality floor"
    there = place.offer.memory_bytes
    if (
        p.memory_gib is not None
        and there is not None
        and p.memory_gib * BYTES_PER_GIB > there * (1 + TOLERANCE_FRAC)
    ):
        yield f"{p.workload} does not fit into the memory of {p.offer}"


@dataclass(frozen=True, slots=True)
class _Promises:
    """Whether the promise holds at the rate that is planned, at the stated confidence."""

    plan: PlanDocument
    spec: Deployment
    catalog: Catalog
    profiles: Mapping[str, Sequence[Profile]]

    def broken(self, p: PlanPlacement, offer: Offer) -> Iterator[str]:
        profile = self._profile(p)
        if profile is None:
            yield f"{p.workload} on {p.offer}: no such profile is known"
            return
        w = next(w for w in demands(self.spec) if w.name == p.workload)
        ways = Ways(
            self.spec,
            self.catalog,
            lines=lines(self.spec, self.catalog),
            workloads=demands(self.spec),
        )
        path = ways.path(w, offer)
        if path is None:
            yield f"{p.workload} on {p.offer}: no way there"
            return
        replicas = p.replicas * (p.machines - p.spare_machines) / p.machines
        yield from self._late(p, profile, path, p.rate_rps / replicas)

    def _profile(self, p: PlanPlacement) -> Profile | None:
        stated = (p.variant.precision, p.variant.runtime, p.variant.sparsity_frac)
        for profile in self.profiles.get(p.model, ()):
            variant = profile.variant
            found = (variant.precision, variant.runtime, variant.sparsity_frac)
            same = found == stated and profile.device == p.device
            per_machine = p.replicas // p.machines
            devices = profile.device_count * per_machine
            if same and devices <= max(1, p.device_count) and (
                profile.evidence.source == p.profile_source
            ):  # fmt: skip
                return profile
        return None

    def _late(
        self, p: PlanPlacement, profile: Profile, path: NetworkPath, rate_rps: float
    ) -> Iterator[str]:
        w = next(w for w in self.spec.workloads if w.name == p.workload)
        factor = profile.evidence.quantile_factor(self.spec.policy.confidence_frac)
        percentile = w.slo.percentile / 100
        slack = 1 + PROMISE_TOLERANCE_FRAC
        if isinstance(profile, BatchProfile):
            policy = BatchPolicy(
                max_batch=p.max_batch, max_wait_s=seconds(p.max_wait_ms)
            )
            seen = predict(profile, policy, rate_rps, path, error_factor=factor)
            late_s = seen.quantile_s(percentile)
            if w.slo.latency_ms is None or late_s > seconds(w.slo.latency_ms) * slack:
                yield f"{p.workload} on {p.offer} answers in {late_s:.4f} s at p{percentile:.0%}"
            return
        tokens = predict_load(
            profile,
            rate_rps,
            path.rtt_s,
            percentile_frac=percentile,
            error_factor=factor,
            prompt_tokens=w.payload.prompt_tokens,
            output_tokens=w.payload.output_tokens,
        )
        if (
            w.slo.ttft_ms is None
            or w.slo.tpot_ms is None
            or tokens.ttft_s > seconds(w.slo.ttft_ms) * slack
            or tokens.tpot_s > seconds(w.slo.tpot_ms) * slack
        ):
            yield (
                f"{p.workload} on {p.offer}: TTFT {tokens.ttft_s:.4f} s, "
                f"TPOT {tokens.tpot_s:.4f} s"
            )
