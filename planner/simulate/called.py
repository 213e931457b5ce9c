"""What is paid by request at work: no machines, no queue, and a limit that refuses.

A function's requests each have an instance of their own; one that finds as many at
work as may be is refused, as in Erlang's loss system. A hosted model answers as its
callers saw: a request's TTFT and TPOT are those of the same random share of callers,
interpolated linearly in -ln(1 - share), the tail going on beyond the last one given;
below the first one given, its times hold. Its limits count in minutes by the clock.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.simulate.arrays import Flags, Floats, Ints
from planner.simulate.scenario import Called, Hosted, Instances
from planner.units import S_PER_MIN


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calls:
    """Requests by order of arrival; `placement` numbers the service of each."""

    at_s: Floats
    placement: Ints
    prompt: Floats
    output: Floats


def answer(
    calls: Calls, services: Sequence[Called], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """When each answer, and its first token, is there; NaN for those refused."""
    takes_s, first_s = np.empty(calls.at_s.size), np.full(calls.at_s.size, np.nan)
    draws = rng.random((calls.at_s.size, 2))
    for p, service in enumerate(services):
        mine = calls.placement == p
        if isinstance(service, Instances):
            takes_s[mine] = _in_instances(service, draws[mine])
        else:
            first, further = _hosted(service, draws[mine, 0])
            first_s[mine] = calls.at_s[mine] + first
            takes_s[mine] = first + further * np.maximum(calls.output[mine] - 1, 0)
    left_s = calls.at_s + takes_s
    refused = _refused(calls, services[0], left_s)
    left_s[refused] = first_s[refused] = np.nan
    return left_s, first_s


def _in_instances(service: Instances, draws: Floats) -> Floats:
    served_s = np.interp(draws[:, 0], service.strata, service.knots_s)
    is_cold = draws[:, 1] < service.cold_start_frac
    return np.asarray(served_s + np.where(is_cold, service.cold_start_s, 0.0))


def _hosted(service: Hosted, draws: Floats) -> tuple[Floats, Floats]:
    depths, depth = -np.log1p(-service.shares), -np.log1p(-draws)
    first, further = (_deep(depth, depths, t) for t in (service.ttft_s, service.tpot_s))
    return first, further


def _deep(depth: Floats, depths: Floats, times_s: Floats) -> Floats:
    """Times at these depths; beyond the last one, on along the last slope."""
    if depths.size > 1:
        slope = (times_s[-1] - times_s[-2]) / (depths[-1] - depths[-2])
    else:
        slope = times_s[-1] / depths[-1]
    beyond = np.maximum(depth - depths[-1], 0.0)
    return np.asarray(np.interp(depth, depths, times_s) + slope * beyond)


def _refused(calls: Calls, service: Called, left_s: Floats) -> Flags:
    """Who runs into the offer's limit: all of a group's services have the same one."""
    if isinstance(service, Hosted):
        ones = np.ones(calls.at_s.size)
        return _over(calls.at_s, ones, service.most_requests_per_min) | _over(
            calls.at_s, calls.prompt + calls.output, service.most_tokens_per_min
        )
    refused = np.zeros(calls.at_s.size, dtype=np.bool_)
    if service.most_at_once is None:
        return refused
    at_work: list[float] = []
    for i, (at_s, until_s) in enumerate(
        zip(calls.at_s.tolist(), left_s.tolist(), strict=True)
    ):
        while at_work and at_work[0] <= at_s:
            heapq.heappop(at_work)
        if len(at_work) < service.most_at_once:
            heapq.heappush(at_work, until_s)
        else:
            refused[i] = True
    return refused


def _over(at_s: Floats, cost: Floats, most: float) -> Flags:
    """Requests that find their minute's limit used up."""
    minute = (at_s / S_PER_MIN).astype(np.int64)
    first = np.searchsorted(minute, minute, side="left")
    up_to = np.cumsum(cost)
    used = up_to - (up_to[first] - cost[first])
    return np.asarray(used > most)
