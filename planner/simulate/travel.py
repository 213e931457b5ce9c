"""Requests and answers on their ways: half a round trip, jitter, a line where one is."""

from collections.abc import Sequence

import numpy as np

from planner.simulate.arrays import Floats
from planner.simulate.lines import send_through
from planner.simulate.requests import NOBODY, Requests
from planner.simulate.scenario import Placed, Scenario


def travel_up(
    scenario: Scenario,
    streams: Sequence[Requests],
    rngs: Sequence[np.random.Generator],
) -> None:
    """From the origins to the machines: the line first, then the rest of the way."""
    ready = [s.sent_s for s in streams]
    through = _over_lines(scenario, streams, ready, up=True)
    for i, stream in enumerate(streams):
        stream.reached_s[:] = through[i] + _halves_s(scenario, stream, rngs[i])
        lost = np.isinf(stream.reached_s)
        stream.reached_s[lost] = np.nan
        stream.group[lost] = NOBODY


def travel_down(
    scenario: Scenario,
    streams: Sequence[Requests],
    rngs: Sequence[np.random.Generator],
) -> None:
    """From the machines back to the origins: the line last."""
    ready = [
        s.left_s + _halves_s(scenario, s, rng)
        for s, rng in zip(streams, rngs, strict=True)
    ]
    through = _over_lines(scenario, streams, ready, up=False)
    for stream, at_s in zip(streams, through, strict=True):
        stream.answered_s[:] = np.where(np.isinf(at_s), np.nan, at_s)


def _halves_s(
    scenario: Scenario, requests: Requests, rng: np.random.Generator
) -> Floats:
    """Half the round trip and half the jitter of each request."""
    half_s = np.zeros(requests.sent_s.size)
    for g, group in enumerate(scenario.groups):
        for p, placed in enumerate(group.placements):
            mine = requests.served_by(g, p)
            way = placed.way
            half_s[mine] = way.rtt_s / 2
            if way.jitter_s > 0 and mine.size:
                half_s[mine] += rng.exponential(way.jitter_s / 2, mine.size)
    return half_s


def _over_lines(
    scenario: Scenario,
    streams: Sequence[Requests],
    ready_s: Sequence[Floats],
    *,
    up: bool,
) -> list[Floats]:
    """When each request (or answer) is through its line; lines are shared."""
    through = [at_s.copy() for at_s in ready_s]
    shared: dict[str, list[tuple[int, Placed, int, int]]] = {}
    for g, group in enumerate(scenario.groups):
        for p, placed in enumerate(group.placements):
            own_s = placed.way.up_s if up else placed.way.down_s
            i = _stream_of(scenario, placed)
            if placed.way.line is not None and placed.way.is_line_shared:
                shared.setdefault(placed.way.line, []).append((i, placed, g, p))
            else:
                mine = streams[i].served_by(g, p)
                at_s = _after_outages(scenario, placed.way.line, ready_s[i][mine])
                through[i][mine] = at_s + own_s * _size_ratio(scenario, i)[mine]
    for line, users in shared.items():
        _share_line(scenario, streams, through, (line, users), up=up)
    return through


def _after_outages(scenario: Scenario, line: str | None, at_s: Floats) -> Floats:
    """When a line of one's own is there."""
    for outage in scenario.outages_of(line):
        is_out = (at_s >= outage.from_s) & (at_s < outage.until_s)
        at_s = np.where(is_out, outage.until_s, at_s)
    return at_s


def _share_line(
    scenario: Scenario,
    streams: Sequence[Requests],
    through: list[Floats],
    line_users: tuple[str, list[tuple[int, Placed, int, int]]],
    *,
    up: bool,
) -> None:
    line, users = line_users
    mine = [streams[i].served_by(g, p) for i, _, g, p in users]
    at_s = np.concatenate(
        [through[i][m] for (i, _, _, _), m in zip(users, mine, strict=True)]
    )
    takes_s = np.concatenate(
        [
            (placed.way.up_s if up else placed.way.down_s) * _size_ratio(scenario, i)[m]
            for (i, placed, _, _), m in zip(users, mine, strict=True)
        ]
    )
    outages_s = np.array(
        [(o.from_s, o.until_s) for o in scenario.outages_of(line)]
    ).reshape(-1, 2)
    order = np.argsort(at_s, kind="stable")
    # Those who were given up (NaN) come last and never pass.
    order = order[: np.count_nonzero(~np.isnan(at_s))]
    done_s = np.empty(order.size)
    send_through(at_s[order], takes_s[order], outages_s, done_s)
    at_s[order] = done_s
    start = 0
    for (i, _, _, _), m in zip(users, mine, strict=True):
        through[i][m] = at_s[start : start + m.size]
        start += m.size


def _stream_of(scenario: Scenario, placed: Placed) -> int:
    return next(
        i for i, s in enumerate(scenario.streams) if s.workload == placed.workload
    )


def _size_ratio(scenario: Scenario, stream: int) -> Floats:
    arrivals = scenario.streams[stream].arrivals
    if arrivals.size_ratio is None:
        return np.ones(arrivals.at_s.size)
    return arrivals.size_ratio
