"""What can still be measured for a plan, where, and what each measurement costs.

A measurement is a session on one device: it boots, is set up, and every variant of
one model that the plan may use there is measured. Its price is

    price_usd_per_h · max(least billed, boot + set-up + variants · time of a variant)

at the cheapest machine on offer that holds the device, spot left out because a
measurement that is taken away is none. Boxes of the user's own, and the machine that
the planner runs on, cost time alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.evidence import Provenance
from planner.domain.hardware import Offer, Purchase
from planner.domain.profiles import HostedTimes, Profile, ProfileKey, key_of
from planner.pipeline.asking.options import Option
from planner.pipeline.asking.question import Question
from planner.simulate.boot_times import boot_s
from planner.units import S_PER_H

# Not measured: a fresh machine, this package with torch (about 1 GB) and the model's files.
SET_UP_S: Final = 600.0
# The longest that profiling lets a variant take before it gives up on it.
VARIANT_S: Final = 300.0
# AWS and Google Cloud bill Linux machines by the second, and a minute at least (AWS, "Per
# Second Billing", 2017-10-02; Google's of 2017-09-26, as itnews.com.au reports it). Of
# the others no source is at hand: they count as if a whole hour were the least.
LEAST_BILLED_S: Final[Mapping[str, float]] = {"aws": 60.0, "gcp": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One model measured on one device: what it settles, and what it takes."""

    model: str
    device: str
    keys: tuple[ProfileKey, ...]
    offer: Offer
    time_s: float
    price_usd: float
    is_here: bool


def sessions(
    question: Question, *, here: str | None, own_models: Collection[str]
) -> tuple[Session, ...]:
    """Every measurement that could settle something, by model and device.

    Of the user's `own_models` those for the device `here` are made by this planner.
    """
    options = [*question.behind.values(), *question.too_slow]
    names = {w.model for w in question.workloads}
    grouped: dict[tuple[str, str, int], dict[ProfileKey, None]] = {}
    for model in sorted(names):
        for o in options:
            if o.workload.model == model and is_open(o):
                key = key_of(o.profile)
                group = (model, key.device, key.device_count)
                grouped.setdefault(group, {})[key] = None
    offers = [p.offer for p in question.places]
    found = (
        _session(
            model,
            tuple(keys),
            offers,
            is_here=device == here and n == 1 and model in own_models,
        )
        for (model, device, n), keys in grouped.items()
    )
    return tuple(s for s in found if s is not None)


def is_open(option: Option) -> bool:
    """Whether measuring could tell more of the way's times than is known."""
    return option.place.offer.tariff is None and is_unsettled(option.profile)


def is_unsettled(profile: Profile) -> bool:
    """Whether its times have a band, and nobody measured them for this user."""
    known = profile.evidence
    return (
        known.error_frac > 0
        and known.provenance is not Provenance.MEASURED
        and not isinstance(profile, HostedTimes)
    )


def _session(
    model: str,
    keys: tuple[ProfileKey, ...],
    offers: Iterable[Offer],
    *,
    is_here: bool,
) -> Session | None:
    first = keys[0]
    there = [
        o
        for o in offers
        if o.device == first.device
        and o.device_count >= first.device_count
        and o.purchase in {Purchase.OWNED, Purchase.ON_DEMAND}
    ]
    if not there:
        return None
    priced = [(*_taken(o, len(keys)), o) for o in there]
    price_usd, time_s, offer = min(priced, key=lambda p: (p[0], p[2].name))
    if is_here:
        price_usd, time_s = 0.0, len(keys) * VARIANT_S
    return Session(
        model=model,
        device=first.device,
        keys=keys,
        offer=offer,
        time_s=time_s,
        price_usd=price_usd,
        is_here=is_here,
    )


def _taken(offer: Offer, n_variants: int) -> tuple[float, float]:
    """Dollars and seconds of a session with so many variants."""
    work_s = SET_UP_S + n_variants * VARIANT_S
    if offer.purchase is Purchase.OWNED:
        return 0.0, work_s
    time_s = boot_s(offer.provider) + work_s
    least_s = LEAST_BILLED_S.get(offer.provider)
    billed_s = max(least_s, time_s) if least_s else -(-time_s // S_PER_H) * S_PER_H
    return offer.price_usd_per_h * billed_s / S_PER_H, time_s


def keys_of(chosen: Sequence[Session]) -> frozenset[ProfileKey]:
    """All profiles that these sessions settle."""
    return frozenset(k for s in chosen for k in s.keys)
