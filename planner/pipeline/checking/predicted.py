"""Whether the latencies that an emitted plan prints are those of its own figures.

For every placement, at its busiest hour and with all its machines at work, the law of
what users see is worked out by other means than the plan's (`laws`, `token_laws`), the
profile taken at its word; the percentiles printed must lie in it, at their own shares
or so little beside them. What a path of requests cannot tell is left to its error.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile
from planner.domain.tariffs import FunctionTariff
from planner.domain.workloads import TokenSlo
from planner.perf.service import (
    STRATA,
    beside_s,
    lone_knots,
    rested_s,
    service_knots,
)
from planner.pipeline.checking.laws import MIDDLES, Law, alone, batched, in_turn
from planner.pipeline.checking.serving import Serving, busiest_rates_rps, sharing
from planner.pipeline.checking.token_laws import TokenLaw, share_within, token_law
from planner.specs.placements import (
    LatencyPrediction,
    PlanPlacement,
    TokenPrediction,
)
from planner.specs.plan import PlanDocument, PlanWorkload
from planner.units import milliseconds, seconds

# Grids and shares that two derivations cut differently.
TOLERANCE_FRAC: Final = 0.02
SHARE: Final = 0.001
# A path's own percentiles, and so many of their standard errors.
PATH_TOLERANCE_FRAC: Final = 0.08
PATH_SHARE: Final = 0.004
ERRORS: Final = 6.0
# An upper bound taken at the ends of other pieces.
BOUND_TOLERANCE_FRAC: Final = 0.05
LOAD_TOLERANCE_FRAC: Final = 0.05
ATTAINMENT_FRAC: Final = 0.005
IDLE_LOAD: Final = 1e-6


def mispredicted(plan: PlanDocument, serving: Sequence[Serving]) -> Iterator[str]:
    """Every printed latency, load or attainment that does not follow."""
    laws: dict[int, Law] = {}
    tokens: dict[int, TokenLaw] = {}
    for s in serving:
        p = s.placement
        found = _law(s, sharing(s, serving))
        if found is None:
            yield f"{p.workload} on {p.offer} is sent more than it can answer"
        elif isinstance(found, Law):
            laws[id(p)] = found
            yield from _of_law(p, found)
        else:
            tokens[id(p)] = found
            yield from _of_tokens(s, found)
    for w in plan.workloads:
        mine = [p for p in plan.placements if p.workload == w.name and p.share_frac > 0]
        if mine and all(id(p) in laws for p in mine):
            yield from _together(w, [(p.share_frac, laws[id(p)]) for p in mine])
        elif mine and all(id(p) in tokens for p in mine):
            yield from _tokens_together(w, mine, tokens, serving)


def _law(s: Serving, others: Sequence[Serving]) -> Law | TokenLaw | None:
    """What users see; None where more is sent than can be answered."""
    profile, rates_rps = s.profile, busiest_rates_rps(s, others)
    if not isinstance(profile, BatchProfile):
        return token_law(profile, s.workload, rates_rps[0], s.path)
    if isinstance(s.tariff, FunctionTariff):
        return _called(profile, s.tariff, s)
    if others:
        everyone = [
            (lone_knots(o.profile), r)
            for o, r in zip([s, *others], rates_rps, strict=True)
            if isinstance(o.profile, BatchProfile)
        ]
        return in_turn(everyone, s.path, beside_s=beside_s(profile))
    return _on_its_own(s, profile, rates_rps[0])


def _on_its_own(s: Serving, profile: BatchProfile, rate_rps: float) -> Law | None:
    most, server_s = s.placement.max_batch, beside_s(profile)
    idle_s = rested_s(profile)
    knots = service_knots(profile, most)
    full_s = float(np.interp(MIDDLES, STRATA, knots[-1]).mean())
    if rate_rps * full_s >= most:
        return None
    if most == 1:
        return alone(knots[0], rate_rps, s.path, beside_s=server_s, rested_s=idle_s)
    policy = BatchPolicy(max_batch=most, max_wait_s=seconds(s.placement.max_wait_ms))
    sent_rps = max(rate_rps, IDLE_LOAD / full_s)
    return batched(knots, policy, sent_rps, s.path, beside_s=server_s, rested_s=idle_s)


def _called(profile: BatchProfile, tariff: FunctionTariff, s: Serving) -> Law:
    """No queue: a service, for a part of the requests a cold start before it."""
    law = alone(lone_knots(profile), 0.0, s.path, beside_s=beside_s(profile))
    times_s = np.concatenate((law.times_s, law.times_s + tariff.cold_start_s))
    cold = tariff.cold_start_frac
    masses = np.concatenate((law.masses * (1 - cold), law.masses * cold))
    order = np.argsort(times_s, kind="stable")
    return Law(times_s=times_s[order], masses=masses[order], load_frac=-1.0)


def _of_law(p: PlanPlacement, law: Law) -> Iterator[str]:
    where = f"{p.workload} on {p.offer}"
    if not isinstance(p.predicted, LatencyPrediction):
        yield f"{where} is predicted as a language model, and is none"
        return
    yield from (
        f"{where} {what}" for what in _percentiles(p.predicted, [(1.0, law)], p)
    )
    load = min(law.load_frac, 1.0)
    stated = p.predicted.utilization_frac
    if load >= 0 and abs(stated - load) > LOAD_TOLERANCE_FRAC * load + 1e-3:
        yield f"{where} is busy for {load:.3f} of the time, the plan says {stated:.3f}"
    parts = p.breakdown
    if parts is None:
        yield f"{where} has no parts that its latency is the sum of"
    elif not p.shared_with:
        mean_s = float(law.times_s @ law.masses)
        sum_ms = parts.rtt_ms + parts.transfer_ms + parts.wait_ms + parts.service_ms
        sum_ms += parts.server_ms
        spread = [float(part.mean()) for part in law.parts_s]
        error_s = float(np.std(spread)) / len(spread) ** 0.5 if spread else 0.0
        room_s = _tolerance(law, p) * mean_s + ERRORS * error_s
        # A cold start is no part of its own.
        if p.by_request is None and abs(seconds(sum_ms) - mean_s) > room_s:
            yield (
                f"{where}: the parts of its latency add up to {sum_ms:.2f} ms, and its "
                f"mean is {milliseconds(mean_s):.2f} ms"
            )


def _tolerance(law: Law, p: PlanPlacement | None = None) -> float:
    if law.parts_s:
        return PATH_TOLERANCE_FRAC
    is_bound = p is None or p.shared_with
    return BOUND_TOLERANCE_FRAC if is_bound else TOLERANCE_FRAC


def _percentiles(
    stated: LatencyPrediction,
    parts: Sequence[tuple[float, Law]],
    p: PlanPlacement | None = None,
) -> Iterator[str]:
    """Percentiles that are not those of the laws, by the share of each."""
    times_s = np.concatenate([law.times_s for _, law in parts])
    masses = np.concatenate([share * law.masses for share, law in parts])
    order = np.argsort(times_s, kind="stable")
    every = Law(
        times_s=times_s[order], masses=masses[order] / masses.sum(), load_frac=0.0
    )
    tolerance = max(_tolerance(law, p) for _, law in parts)
    beside = PATH_SHARE if any(law.parts_s for _, law in parts) else SHARE
    for name, frac in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        error_s = ERRORS * max(law.error_s(frac) for _, law in parts)
        low_s = every.quantile_s(frac - beside) * (1 - tolerance) - error_s
        high_s = every.quantile_s(frac + beside) * (1 + tolerance) + error_s
        said_ms = getattr(stated, f"{name}_ms")
        if not milliseconds(low_s) <= said_ms <= milliseconds(high_s):
            own_ms = milliseconds(every.quantile_s(frac))
            yield f"answers {name} in {own_ms:.2f} ms, the plan says {said_ms:.2f} ms"


def _together(w: PlanWorkload, parts: Sequence[tuple[float, Law]]) -> Iterator[str]:
    if not isinstance(w.predicted, LatencyPrediction) or w.slo.latency_ms is None:
        yield f"{w.name} is predicted as a language model, and is none"
        return
    yield from (f"{w.name} {what}" for what in _percentiles(w.predicted, parts))
    limit_s = seconds(w.slo.latency_ms)
    ends = []
    for sign in (-1, 1):
        share = 0.0
        for part, law in parts:
            spread = [float((t <= limit_s).mean()) for t in law.parts_s]
            error = (
                ERRORS * float(np.std(spread)) / len(spread) ** 0.5 if spread else 0.0
            )
            at_s = limit_s * (1 + sign * _tolerance(law))
            share += part * (law.share_within(at_s) + sign * error)
        ends.append(share + sign * ATTAINMENT_FRAC)
    if not ends[0] <= w.attainment_frac <= ends[1]:
        yield (
            f"{w.name} is answered in time for {ends[0]:.3f} to {ends[1]:.3f} of its "
            f"requests, the plan says {w.attainment_frac:.3f}"
        )


def _of_tokens(s: Serving, law: TokenLaw) -> Iterator[str]:
    p, frac = s.placement, s.workload.slo.percentile_frac
    where, said = f"{p.workload} on {p.offer}", p.predicted
    if not isinstance(said, TokenPrediction):
        yield f"{where} is not predicted as a language model, and is one"
        return
    own = {"ttft": law.ttft_s(frac), "tpot": law.tpot_s(frac)}
    if law.answer_s is not None:
        own |= {f"p{q}": law.answer_s(q / 100) for q in (50, 95, 99)}
    for name, own_s in own.items():
        said_ms = getattr(said, f"{name}_ms")
        own_ms = milliseconds(own_s)
        if said_ms is None or abs(said_ms - own_ms) > TOLERANCE_FRAC * own_ms:
            yield f"{where} has a {name} of {own_ms:.2f} ms, the plan says {said_ms} ms"
    stated, load = said.utilization_frac, law.load_frac
    if load is not None and abs(stated - load) > LOAD_TOLERANCE_FRAC * load + 1e-3:
        yield f"{where} is busy for {load:.3f} of the time, the plan says {stated:.3f}"


def _tokens_together(
    w: PlanWorkload,
    mine: Sequence[PlanPlacement],
    laws: Mapping[int, TokenLaw],
    serving: Sequence[Serving],
) -> Iterator[str]:
    """The worst placement's times, as the plan has them, and the share in time."""
    slo = next(s.workload.slo for s in serving if s.placement.workload == w.name)
    if not isinstance(w.predicted, TokenPrediction) or not isinstance(slo, TokenSlo):
        yield f"{w.name} is not predicted as a language model, and is one"
        return
    for name in ("ttft_ms", "tpot_ms", "p50_ms", "p95_ms", "p99_ms"):
        each = [getattr(p.predicted, name) for p in mine]
        worst = None if None in each else max(each)
        if getattr(w.predicted, name) != worst:
            yield f"{w.name}: its {name} is not that of its slowest placement"
    share = 0.0
    for p in mine:
        law = laws[id(p)]
        within = (
            share_within(law.ttft_s, slo.ttft_s),
            share_within(law.tpot_s, slo.tpot_s),
        )
        share += p.share_frac * min(within)
    # A vendor's few percentiles bound the share in steps.
    is_hosted = any(laws[id(p)].answer_s is None for p in mine)
    if not is_hosted and abs(min(share, 1.0) - w.attainment_frac) > ATTAINMENT_FRAC:
        yield (
            f"{w.name} is answered in time for {share:.3f} of its requests, the plan "
            f"says {w.attainment_frac:.3f}"
        )
