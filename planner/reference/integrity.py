"""The rules that facts must keep; pure functions that return every violation.

The same rules gate shipped tables (in tests) and a refresh of prices (before it
is published). A violation is a sentence that names the row and the rule.
"""

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from planner.domain.evidence import Evidence
from planner.domain.hardware import Device, Offer, Purchase
from planner.domain.profiles import (
    BatchProfile,
    LoadCurve,
    Profile,
    Quality,
    TokenRates,
)
from planner.domain.quotes import InstanceQuote, PriceSnapshot

# Rounding of published figures may turn equal percentiles into neighbours.
TOLERANCE_FRAC = 1e-6


def check_devices(devices: Sequence[Device], *, today: dt.date) -> tuple[str, ...]:
    """Names unique and lower-kebab, figures positive, sources and dates stated."""
    found = list(_repeated("device", (d.name for d in devices)))
    for d in devices:
        if d.name != d.name.lower() or not d.name.replace("-", "").isalnum():
            found.append(f"device {d.name}: the name is not lower-kebab")
        figures = {
            "cores": d.cores,
            "memory_bytes": d.memory_bytes,
            "memory_bytes_per_s": d.memory_bytes_per_s,
            "fp32_flop_per_s": d.fp32_flop_per_s,
            "fp16_flop_per_s": d.fp16_flop_per_s,
            "int8_op_per_s": d.int8_op_per_s,
            "idle_w": d.idle_w,
            "active_w": d.active_w,
            "capex_usd": d.capex_usd,
        }
        where = f"device {d.name}"
        found += _positive(where, figures)
        found += _cited(where, d.source, d.as_of, today)
        if d.idle_w is not None and d.active_w is not None and d.idle_w > d.active_w:
            found.append(f"{where}: idles at more watts than it works at")
    return tuple(found)


def check_quotes(quotes: Sequence[InstanceQuote], *, today: dt.date) -> tuple[str, ...]:
    """Keys unique, prices positive, spot not above on-demand, shapes possible."""
    keys = (f"{q.provider}/{q.region}/{q.instance_type}" for q in quotes)
    found = list(_repeated("quote", keys))
    for q in quotes:
        where = f"quote {q.provider}/{q.region}/{q.instance_type}"
        found += _positive(
            where,
            {
                "vcpus": q.vcpus,
                "memory_bytes": q.memory_bytes,
                "on_demand_usd_per_h": q.on_demand_usd_per_h,
                "spot_usd_per_h": q.spot_usd_per_h,
            },
        )
        found += _prices(where, q, today)
    return tuple(found)


def _prices(where: str, quote: InstanceQuote, today: dt.date) -> Iterable[str]:
    q = quote
    if q.on_demand_usd_per_h is None and q.spot_usd_per_h is None:
        yield f"{where}: has no price at all"
    if q.on_demand_usd_per_h is not None:
        yield from _cited(where, q.on_demand_source, q.on_demand_as_of, today)
    if q.spot_usd_per_h is not None:
        yield from _cited(where, q.spot_source, q.spot_as_of, today)
        if q.on_demand_usd_per_h is not None and q.spot_usd_per_h > (
            q.on_demand_usd_per_h * (1 + TOLERANCE_FRAC)
        ):
            yield f"{where}: spot costs more than on-demand"
    if not _is_fraction(q.interruption_frac_per_month):
        yield f"{where}: interruption_frac_per_month is not within 0 and 1"
    if (q.accelerator is None) != (q.accelerator_count == 0):
        yield f"{where}: accelerator and accelerator_count contradict each other"
    if not q.accelerator_count >= 0 or math.isinf(q.accelerator_count):
        yield f"{where}: accelerator_count is {q.accelerator_count}"


def check_snapshot(snapshot: PriceSnapshot) -> tuple[str, ...]:
    """What keeps a refresh from being published; none: publish it."""
    found = list(check_quotes(snapshot.quotes, today=snapshot.taken_at.date()))
    if snapshot.taken_at.utcoffset() != dt.timedelta(0):
        found.append("snapshot: taken_at is not UTC")
    if not snapshot.quotes:
        found.append("snapshot: it has no quotes")
    priced = {q.region for q in snapshot.quotes}
    found += [
        f"snapshot: region {r} has no quotes"
        for r in snapshot.regions
        if r not in priced and snapshot.quotes
    ]
    found += [
        f"quote {q.provider}/{q.region}/{q.instance_type}: outside the snapshot"
        for q in snapshot.quotes
        if q.provider != snapshot.provider or q.region not in snapshot.regions
    ]
    return tuple(found)


def check_offers(
    offers: Sequence[Offer], *, is_device: Callable[[str], bool], today: dt.date
) -> tuple[str, ...]:
    """Names unique, prices positive and dated, devices known, spot not dearer."""
    found = list(_repeated("offer", (o.name for o in offers)))
    listed = {
        (o.provider, o.site, o.instance_type): o.price_usd_per_h
        for o in offers
        if o.purchase is Purchase.ON_DEMAND
    }
    for o in offers:
        where = f"offer {o.name}"
        found += _positive(
            where,
            {
                "price_usd_per_h": o.price_usd_per_h,
                "device_count": o.device_count,
                "memory_bytes": o.memory_bytes,
                "vcpus": o.vcpus,
            },
        )
        found += _cited(where, o.price_source, o.price_as_of, today)
        if not is_device(o.device):
            found.append(f"{where}: unknown device {o.device}")
        if not _is_fraction(o.interruption_frac_per_month):
            found.append(f"{where}: interruption_frac_per_month is not a fraction")
        key = (o.provider, o.site, o.instance_type)
        ceiling = listed.get(key, math.inf) * (1 + TOLERANCE_FRAC)
        if o.purchase is Purchase.SPOT and o.price_usd_per_h > ceiling:
            found.append(f"{where}: spot costs more than on-demand")
    return tuple(found)


def check_profiles(
    profiles: Sequence[Profile], *, is_device: Callable[[str], bool], today: dt.date
) -> tuple[str, ...]:
    """Keys unique, devices known, percentiles and loads ascending, evidence stated."""
    found = list(_repeated("profile", (_key(p) for p in profiles)))
    for p in profiles:
        where = f"profile {_key(p)}"
        if not is_device(p.device):
            found.append(f"{where}: unknown device {p.device}")
        found += _positive(
            where, {"device_count": p.device_count, "memory_bytes": p.memory_bytes}
        )
        if not _is_fraction(p.variant.sparsity_frac):
            found.append(f"{where}: sparsity_frac is not within 0 and 1")
        found += _evidence(where, p.evidence, today)
        found += _quality(where, p.quality)
        if isinstance(p, BatchProfile):
            found += _batches(where, p)
        elif isinstance(p, LoadCurve):
            found += _loads(where, p)
        elif isinstance(p, TokenRates):
            found += _rates(where, p)
    return tuple(found)


def _key(profile: Profile) -> str:
    shape = (
        f" {profile.prompt_tokens}+{profile.output_tokens} tokens"
        if isinstance(profile, LoadCurve)
        else ""
    )
    return (
        f"{type(profile).__name__} {profile.model} {profile.variant} at "
        f"{profile.variant.sparsity_frac} on {profile.device_count} x "
        f"{profile.device}{shape}"
    )


def _batches(where: str, profile: BatchProfile) -> Iterable[str]:
    if not profile.points:
        yield f"{where}: has no points"
    yield from _strictly_ascending(where, "batch", [p.batch for p in profile.points])
    if any(batch < 1 for batch in profile.batch_grid):
        yield f"{where}: batch_grid has a batch of none"
    if not (math.isfinite(profile.rested_s) and profile.rested_s >= 0):
        yield f"{where}: rested_s is {profile.rested_s}"
    for p in profile.points:
        at = f"{where}, batch {p.batch}"
        yield from _positive(at, {"batch": p.batch, "mean_s": p.mean_s})
        if p.energy_j is not None and not 0 <= p.energy_j < math.inf:
            yield f"{at}: energy_j is {p.energy_j}"
        yield from _percentiles(at, "", (p.p50_s, p.p90_s, p.p95_s, p.p99_s))


def _loads(where: str, curve: LoadCurve) -> Iterable[str]:
    if not curve.points:
        yield f"{where}: has no points"
    if min(curve.prompt_tokens, curve.output_tokens) < 1:
        yield f"{where}: a request has at least a token each way"
    yield from _strictly_ascending(where, "rate", [p.rate_rps for p in curve.points])
    for p in curve.points:
        at = f"{where}, {p.rate_rps} requests/s"
        yield from _positive(
            at,
            {
                "rate_rps": p.rate_rps,
                "concurrency": p.concurrency,
                "output_tokens_per_s": p.output_tokens_per_s,
            },
        )
        yield from _percentiles(at, "TTFT ", (p.ttft_p50_s, p.ttft_p95_s, p.ttft_p99_s))
        yield from _percentiles(at, "TPOT ", (p.tpot_p50_s, p.tpot_p95_s, p.tpot_p99_s))
        yield from _percentiles(at, "E2E ", (p.e2e_p50_s, p.e2e_p95_s, p.e2e_p99_s))
        if p.ttft_p50_s > p.e2e_p50_s:
            yield f"{at}: the first token comes after the last"


def _rates(where: str, rates: TokenRates) -> Iterable[str]:
    yield from _positive(
        where,
        {
            "prompt_tokens_per_s": rates.prompt_tokens_per_s,
            "output_tokens_per_s": rates.output_tokens_per_s,
        },
    )
    for p in rates.grid:
        yield from _positive(
            f"{where}, batch {p.batch}, {p.context_tokens} tokens",
            {
                "batch": p.batch,
                "context_tokens": p.context_tokens,
                "prefill_s": p.prefill_s,
                "step_s": p.step_s,
                "uncached_step_s": p.uncached_step_s,
            },
        )


def _evidence(where: str, evidence: Evidence, today: dt.date) -> Iterable[str]:
    yield from _cited(where, evidence.source, evidence.as_of, today)
    if not (math.isfinite(evidence.error_frac) and evidence.error_frac >= 0):
        yield f"{where}: error_frac is {evidence.error_frac}"


def _quality(where: str, quality: Quality | None) -> Iterable[str]:
    if quality is None:
        return
    bounds = (quality.low_frac, quality.value_frac, quality.high_frac)
    stated = [b for b in bounds if b is not None]
    if not all(_is_fraction(b) for b in stated):
        yield f"{where}: {quality.metric} is not within 0 and 1"
    if stated != sorted(stated):
        yield f"{where}: {quality.metric} lies outside its own interval"
    if not quality.metric or not quality.source:
        yield f"{where}: a quality has no metric or no source"


def _percentiles(
    where: str, what: str, values: Sequence[float | None]
) -> Iterable[str]:
    stated = [v for v in values if v is not None]
    if not all(math.isfinite(v) and v > 0 for v in stated):
        yield f"{where}: a {what}percentile is not a positive time"
    if any(b < a * (1 - TOLERANCE_FRAC) for a, b in pairwise(stated)):
        yield f"{where}: {what}percentiles do not ascend"


def _strictly_ascending(
    where: str, what: str, values: Sequence[float]
) -> Iterable[str]:
    if any(b <= a for a, b in pairwise(values)):
        yield f"{where}: points do not ascend by {what}"


def _positive(where: str, figures: dict[str, float | None]) -> Iterable[str]:
    for name, value in figures.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            yield f"{where}: {name} is {value}"


def _cited(
    where: str, source: str, as_of: dt.date | None, today: dt.date
) -> Iterable[str]:
    if not source.strip():
        yield f"{where}: has no source"
    if as_of is None:
        yield f"{where}: has no date"
    elif as_of > today:
        yield f"{where}: is dated {as_of.isoformat()}, in the future"


def _is_fraction(value: float | None) -> bool:
    return value is None or 0 <= value <= 1


def _repeated(what: str, keys: Iterable[str]) -> Iterable[str]:
    for key, count in Counter(keys).items():
        if count > 1:
            yield f"{what} {key}: stands there {count} times"
