"""What is paid by request, derived again from the document and the plan's own rates.

Tokens and calls are multiplied out from the document's figures, a function's billed
time from its device's profile; and no account's limit is passed, all who call it
together. The plan may trust a profile less than the policy asks, never more.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from planner.domain.hardware import Purchase
from planner.domain.profiles import BatchProfile, Profile
from planner.perf.service import STRATA, lone_knots
from planner.pipeline.checking.serving import stated_profile
from planner.specs.by_request import Function, HostedApi, HostedModel, Serverless
from planner.specs.deployment import Deployment
from planner.specs.placements import FunctionTerms, PlanPlacement
from planner.specs.plan import PlanDocument
from planner.units import MS_PER_S, S_PER_H, seconds

TOLERANCE_FRAC: Final = 1e-6
SURENESS_FRAC: Final = 0.9999
MIDDLES: Final = (np.arange(2000) + 0.5) / 2000
MILLION: Final = 1e6
S_PER_MIN: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Called:
    """A placement that is paid by request, and what the document sells it as."""

    placement: PlanPlacement
    sold: HostedModel | Function


def called_usd(p: PlanPlacement, spec: Deployment, hours: Sequence[float]) -> float:
    """What a month's requests to it cost; nothing where machines are paid for."""
    sold, terms = _sold(p, spec), p.by_request
    requests = sum(S_PER_H * h * r for h, r in zip(hours, p.rates_rps, strict=True))
    if isinstance(sold, HostedModel):
        prompt, output = _tokens(p, spec)
        usd = prompt * sold.usd_per_million_prompt_tokens
        usd += output * sold.usd_per_million_output_tokens
        return requests * usd / MILLION
    if isinstance(sold, Function) and isinstance(terms, FunctionTerms):
        gib_s = sold.memory_gib * seconds(terms.billed_ms)
        usd = sold.usd_per_million_requests / MILLION + gib_s * sold.usd_per_gib_s
        return requests * usd
    return 0.0


def broken_terms(
    plan: PlanDocument, spec: Deployment, profiles: Mapping[str, Sequence[Profile]]
) -> Iterator[str]:
    """Terms that are not the document's, and limits that are passed."""
    members: dict[str, list[_Called]] = defaultdict(list)
    for p in plan.placements:
        sold = _sold(p, spec)
        is_called = p.purchase is Purchase.BY_REQUEST
        if is_called != (sold is not None and p.by_request is not None):
            yield f"{p.workload} on {p.offer} is not as the document offers it"
        elif is_called and sold is not None:
            if any(p.machines_on):
                yield f"{p.workload} on {p.offer}: machines where there are none"
            members[p.offer].append(_Called(placement=p, sold=sold))
            yield from _billed(p, sold, spec, profiles)
    for called in members.values():
        yield from _passed(called, plan, spec)


def _passed(
    called: Sequence[_Called], plan: PlanDocument, spec: Deployment
) -> Iterator[str]:
    """Limits that everyone who calls an offer passes together."""
    offer = called[0].placement.offer
    for t, block in enumerate(plan.blocks):
        for what, sent, most in _sent(called, t, spec):
            if most is not None and sent > most * (1 + TOLERANCE_FRAC):
                yield f"{sent:.3f} {what} to {offer} in {block.name}, the limit is {most:g}"


def _billed(
    p: PlanPlacement,
    sold: HostedModel | Function,
    spec: Deployment,
    profiles: Mapping[str, Sequence[Profile]],
) -> Iterator[str]:
    """A function's billed time follows from its device's profile."""
    if not isinstance(sold, Function) or not isinstance(p.by_request, FunctionTerms):
        return
    profile = stated_profile(p, profiles.get(p.model, ()))
    if not isinstance(profile, BatchProfile):
        yield f"{p.workload} on {p.offer}: no such profile"
        return
    low, high = (
        _billed_ms(profile, sold, confidence_frac)
        for confidence_frac in (spec.policy.confidence_frac, SURENESS_FRAC)
    )
    room = 1 + TOLERANCE_FRAC
    if not low / room <= p.by_request.billed_ms <= high * room:
        yield (
            f"{p.workload} on {p.offer} is billed {p.by_request.billed_ms:.3f} ms a "
            f"call, by its profile {low:.3f}"
        )


def _billed_ms(profile: BatchProfile, sold: Function, confidence_frac: float) -> float:
    known = profile.evidence
    error = (1 + known.error_frac) * (1 + sold.runs_like_error_frac) - 1
    factor = replace(known, error_frac=error).quantile_factor(confidence_frac)
    knots_s = lone_knots(profile, error_factor=factor)
    service_ms = np.interp(MIDDLES, STRATA, knots_s) * MS_PER_S
    billed_ms = 0.0
    for share, start_ms in (
        (1 - sold.cold_start_frac, 0.0),
        (sold.cold_start_frac, sold.cold_start_ms),
    ):
        takes_ms = np.maximum(service_ms + start_ms, sold.least_billed_ms)
        steps = np.ceil(takes_ms / sold.billed_step_ms - 1e-9)
        billed_ms += share * float(np.mean(steps)) * sold.billed_step_ms
    return billed_ms


def _sent(
    called: Sequence[_Called], t: int, spec: Deployment
) -> Iterator[tuple[str, float, float | None]]:
    """Each limit of an account: what counts against it, how much is sent, how much may be."""
    sold = called[0].sold
    rates = [c.placement.rates_rps[t] for c in called]
    if isinstance(sold, HostedModel):
        tokens = [sum(_tokens(c.placement, spec)) for c in called]
        per_s = sum(r * n for r, n in zip(rates, tokens, strict=True))
        yield "requests a minute", sum(rates) * S_PER_MIN, sold.most_requests_per_min
        yield "tokens a minute", per_s * S_PER_MIN, sold.most_tokens_per_min
        return
    parts = [c.placement.breakdown for c in called]
    at_work = [seconds(b.service_ms + b.wait_ms) if b else 0.0 for b in parts]
    at_once = sum(r * s for r, s in zip(rates, at_work, strict=True))
    yield "requests at once", at_once, sold.most_concurrent


def _tokens(p: PlanPlacement, spec: Deployment) -> tuple[int, int]:
    payload = next(w for w in spec.workloads if w.name == p.workload).payload
    return payload.prompt_tokens or 0, payload.output_tokens or 0


def _sold(p: PlanPlacement, spec: Deployment) -> HostedModel | Function | None:
    """What the document sells under the placement's name."""
    for site in spec.sites:
        if isinstance(site, HostedApi) and site.name == p.site:
            for hosted in site.models:
                if (hosted.serves, hosted.model) == (p.instance_type, p.model):
                    return hosted
        if isinstance(site, Serverless) and site.region == p.site:
            for function in site.functions:
                # A machine of the region may have the same name as a function.
                if (
                    function.name == p.instance_type
                    and p.purchase is Purchase.BY_REQUEST
                ):
                    return function
    return None
