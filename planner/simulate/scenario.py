"""What is simulated: streams of requests, ways, groups of machines, a calendar.

Everything is stated in seconds, requests/s and USD/h; nothing here is random. A
request is sent at its origin, takes the way of the placement it is routed to (a
half of the round trip, the line if one is shared), is served, and returns.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from planner.domain.placement import BatchPolicy
from planner.domain.workloads import LatencySlo, TokenSlo
from planner.simulate.arrays import Floats
from planner.simulate.arrivals import Arrivals
from planner.units import S_PER_H


class Routing(StrEnum):
    """How a group's requests are spread over its replicas."""

    SHARE = "share"  # each replica an equal part, at random
    LEAST_OUTSTANDING = "least_outstanding"  # to the one with the fewest at hand
    SHARED_QUEUE = "shared_queue"  # replicas take from one queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From the origin to the machines and back.

    `up_s` and `down_s` are what a request and its answer take on the line; where
    `line` names one, nothing passes while it is out, and where `is_line_shared`
    requests wait for each other. `jitter_s` is the mean of an exponential delay
    beyond the round trip, half of it each way.
    """

    rtt_s: float
    up_s: float = 0.0
    down_s: float = 0.0
    jitter_s: float = 0.0
    line: str | None = None
    is_line_shared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batches:
    """A model served in batches: quantiles of their times, (batch - 1, stratum).

    A batch whose replica was idle before takes `rested_s` longer.
    """

    strata: Floats
    knots_s: Floats
    policy: BatchPolicy
    rested_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OneAtATime:
    """A language model that answers one request at a time, at two token rates."""

    prefill_s_per_token: float
    decode_s_per_token: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Engine:
    """A language model with continuous batching (`planner.simulate.engine`).

    A step in which n sequences decode takes `step_s[n]` (0 .. most_sequences) plus
    `prefill_s_per_token` for each prompt token worked on. At most `most_sequences`
    run, at most `step_tokens` tokens are worked on in a step, and at most
    `cache_tokens` are held. Every answer is `beside_s` later, without keeping the
    engine busy: what takes HTTP and tokens to and from text.
    """

    step_s: Floats
    prefill_s_per_token: float
    most_sequences: int
    step_tokens: int
    cache_tokens: float
    beside_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Instances:
    """A serverless function: an instance for each request, some of them cold.

    `knots_s` are quantiles of one request's time at `strata`; beyond `most_at_once`
    requests are refused.
    """

    strata: Floats
    knots_s: Floats
    cold_start_s: float
    cold_start_frac: float
    most_at_once: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hosted:
    """Somebody else's model: TTFT and TPOT at shares of its callers, ascending.

    Beyond so many requests or tokens in a minute, requests are refused.
    """

    shares: Floats
    ttft_s: Floats
    tpot_s: Floats
    most_requests_per_min: float = float("inf")
    most_tokens_per_min: float = float("inf")


Called = Instances | Hosted
Service = Batches | OneAtATime | Engine | Called


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A workload's placement in a group; `rates_rps` weighs it in each hour block.

    `offline_rates_rps` is what it takes of them while the line is out; empty where
    nothing is planned for that.
    """

    workload: str
    way: Way
    service: Service
    rates_rps: tuple[float, ...]
    usd_per_request: float = 0.0
    offline_rates_rps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaling:
    """Machines follow the arrivals; see `planner.simulate.fleet`."""

    target_rps: float
    least: int
    most: int
    interval_s: float
    patience: int
    lag_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Machines of one offer that serve the same placements.

    `machines_on` by hour block; with `scaling` only the first counts, as a start.
    `interruptions_per_h` is how often a machine is taken away; another one serves
    after `replacement_s`. Watts are None where no source states them.
    """

    name: str
    placements: tuple[Placed, ...]
    machines_on: tuple[int, ...]
    replicas_per_machine: int = 1
    routing: Routing = Routing.SHARE
    scaling: Autoscaling | None = None
    interruptions_per_h: float = 0.0
    replacement_s: float = 0.0
    usd_per_h: float = 0.0
    idle_w: float | None = None
    active_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A workload's requests and its promise; token counts where a request has none."""

    workload: str
    slo: LatencySlo | TokenSlo
    arrivals: Arrivals
    prompt_tokens: int = 0
    output_tokens: int = 0

    def tokens(self) -> tuple[Floats, Floats]:
        """Prompt and output tokens of each request."""
        n, sizes = self.arrivals.at_s.size, self.arrivals
        prompt, output = sizes.prompt_tokens, sizes.output_tokens
        return (
            np.full(n, float(self.prompt_tokens)) if prompt is None else prompt,
            np.full(n, float(self.output_tokens)) if output is None else output,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A line that carries nothing for a while, or from then on (`until_s` infinite)."""

    line: str
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The hour block of each hour, over and over; simulated hours may be shorter.

    The first hour has begun `into_s` before anything is simulated.
    """

    block_of_hour: tuple[int, ...] = (0,)
    hour_s: float = S_PER_H
    into_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A simulated hour, or what is simulated of it, and its block."""

    from_s: float
    until_s: float
    block: int


ALL_ALIKE: Final = Calendar()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A plan at work; a request that waits longer than `timeout_s` is given up.

    While a line is out, requests go to placements of their workload that do not need
    it, as far as is planned (`offline_rates_rps`; else all of them, if there are any:
    `fails_over`); the others wait for it, and are given up if it never comes back.
    """

    streams: tuple[Stream, ...]
    groups: tuple[Group, ...]
    calendar: Calendar = ALL_ALIKE
    outages: tuple[Outage, ...] = ()
    timeout_s: float = float("inf")
    fails_over: bool = True

    @property
    def span_s(self) -> float:
        """How long requests are sent."""
        return max((s.arrivals.span_s for s in self.streams), default=0.0)

    @property
    def hours(self) -> tuple[Hour, ...]:
        """Every hour in which requests are sent; the first and last may be parts."""
        calendar, span_s = self.calendar, self.span_s
        count = (calendar.into_s + span_s) / calendar.hour_s
        blocks = calendar.block_of_hour
        return tuple(
            Hour(
                from_s=max(h * calendar.hour_s - calendar.into_s, 0.0),
                until_s=min((h + 1) * calendar.hour_s - calendar.into_s, span_s),
                block=blocks[h % len(blocks)],
            )
            for h in range(max(1, math.ceil(count - 1e-9)))
        )

    def placed(self, workload: str) -> tuple[tuple[int, int], ...]:
        """Group and placement numbers that serve a workload."""
        return tuple(
            (g, p)
            for g, group in enumerate(self.groups)
            for p, placed in enumerate(group.placements)
            if placed.workload == workload
        )

    def outages_of(self, line: str | None) -> tuple[Outage, ...]:
        """When a line is out, in order."""
        mine = (o for o in self.outages if o.line == line)
        return tuple(sorted(mine, key=lambda o: o.from_s))
