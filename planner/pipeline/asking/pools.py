"""Machines that several workloads may share, as further ways to serve each of them.

A pool is an offer with a wait class: requests may queue for that long and every
member still keeps its promise (`planner.perf.sharing`). Classes are powers of
two, so that a member of slack d finds a class between d/2 and d; it may join the
own classes of more impatient members, too. Only batch profiles whose memory is
known take part: what is not known to fit is not put together.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from planner.domain.profiles import BatchProfile
from planner.domain.workloads import LatencySlo
from planner.perf.sharing import ONE_BY_ONE, Sharer, shared_capacity_rps, slack_s
from planner.pipeline.asking.options import Option


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """An option in a pool: what of a replica's time each of its requests uses up.

    `wait_s` is the longest wait that the pool allows, `missed_frac` the share of
    requests that may miss the most demanding member's promise.
    """

    option: Option
    pool: str
    wait_s: float
    missed_frac: float
    capacity_rps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sharing:
    option: Option
    sharer: Sharer
    wait_class: int


def memberships(options: Sequence[Option]) -> list[Membership]:
    """Every option in every pool that it may join with another workload's."""
    slacks: dict[Sharer, float] = {}
    by_offer: dict[str, list[_Sharing]] = defaultdict(list)
    for option in options:
        sharer = _sharer(option)
        if sharer is None:
            continue
        if sharer not in slacks:
            slacks[sharer] = slack_s(sharer)
        if slacks[sharer] > 0:
            wait_class = math.floor(math.log2(slacks[sharer]))
            sharing = _Sharing(option=option, sharer=sharer, wait_class=wait_class)
            by_offer[option.place.offer.name].append(sharing)
    return [m for name, members in by_offer.items() for m in _pools(name, members)]


def _sharer(option: Option) -> Sharer | None:
    profile, slo = option.profile, option.workload.slo
    if (
        option.place.offer.tariff is not None
        or option.policy != ONE_BY_ONE
        or not isinstance(profile, BatchProfile)
        or not isinstance(slo, LatencySlo)
        or profile.memory_bytes is None
        or option.place.offer.memory_bytes is None
    ):
        return None
    return Sharer(
        profile=profile, path=option.path, slo=slo, error_factor=option.error_factor
    )


def _pools(offer: str, members: Sequence[_Sharing]) -> Iterable[Membership]:
    for wait_class in sorted({m.wait_class for m in members}):
        joining = [m for m in members if m.wait_class >= wait_class]
        if len({m.option.workload.name for m in joining}) < 2:
            continue
        wait_s = 2.0**wait_class
        missed = min(1 - m.sharer.slo.percentile_frac for m in joining)
        for m in joining:
            capacity = shared_capacity_rps(m.sharer, wait_s=wait_s, missed_frac=missed)
            if capacity > 0:
                yield Membership(
                    option=m.option,
                    pool=f"{offer} shared, waits ≤ {wait_s * 1000:.3g} ms",
                    wait_s=wait_s,
                    missed_frac=missed,
                    capacity_rps=capacity,
                )
