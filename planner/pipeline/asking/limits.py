"""What an account's limits allow of what is paid by request.

A limit is shared by everyone who calls the same offer. The share of requests that
may run into it is that of the most demanding of them, so that any mix of loads that
sums to one keeps every promise.
"""

import math
from collections.abc import Sequence

from planner.domain.profiles import BatchProfile, HostedTimes
from planner.domain.tariffs import FunctionTariff, TokenTariff
from planner.domain.workloads import LatencySlo, TokenSlo
from planner.perf.functions import busy_s, offered_load, predict_function
from planner.perf.hosted import hosted_capacity_rps, limit_rps
from planner.pipeline.asking.by_request import tokens
from planner.pipeline.asking.options import Option


def limits_rps(options: Sequence[Option]) -> list[float]:
    """Requests/s that each option may send if nobody else calls its offer.

    0 where it misses its promise, infinite where no limit is stated.
    """
    room = [_room_frac(o) for o in options]
    least: dict[str, float] = {}
    for option, frac in zip(options, room, strict=True):
        if frac > 0:
            name = option.place.offer.name
            least[name] = min(frac, least.get(name, 1.0))
    return [
        _limit_rps(o, least[o.place.offer.name]) if frac > 0 else 0.0
        for o, frac in zip(options, room, strict=True)
    ]


def _room_frac(option: Option) -> float:
    """The share of requests that may still be refused; 0 or less: the promise is missed."""
    slo, profile, tariff = (
        option.workload.slo,
        option.profile,
        option.place.offer.tariff,
    )
    if isinstance(slo, TokenSlo) and isinstance(profile, HostedTimes):
        rtt_s, factor = option.path.rtt_s, option.error_factor
        is_kept = hosted_capacity_rps(profile, slo, rtt_s, error_factor=factor) > 0
        return 1.0 - slo.percentile_frac if is_kept else 0.0
    if (
        isinstance(slo, LatencySlo)
        and isinstance(profile, BatchProfile)
        and isinstance(tariff, FunctionTariff)
    ):
        seen = predict_function(
            profile, tariff, 0.0, option.path, error_factor=option.error_factor
        )
        within = seen.probability_within(slo.latency_s)
        return 1.0 - slo.percentile_frac / within if within > 0 else 0.0
    raise AssertionError("options pair tariffs with profiles of their own kind")


def _limit_rps(option: Option, refused_frac: float) -> float:
    profile, tariff = option.profile, option.place.offer.tariff
    if isinstance(tariff, TokenTariff):
        return limit_rps(tariff, tokens(option.workload), 1.0 - refused_frac)
    if isinstance(tariff, FunctionTariff) and isinstance(profile, BatchProfile):
        if tariff.most_concurrent is None:
            return math.inf
        load = offered_load(tariff.most_concurrent, refused_frac)
        return load / busy_s(profile, tariff, error_factor=option.error_factor)
    raise AssertionError("options pair tariffs with profiles of their own kind")
