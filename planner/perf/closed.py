"""What N clients see that each wait for their answer before they ask again.

Load generators do this (perf_analyzer's concurrency, wrk's connections), and so do
pools of workers. Nobody waits outside: N requests go round for ever, and by Little
(1961) rate = N / mean latency. Of a server with I instances on one device,

    M      requests inside the server,  N = M + rate · outside(b)
    K      batches that these form: I at work, the others wait, formed or forming
    b      = M / K, at least 1, at most max_batch: those who come back while a batch
           is at work are the next one, so batches go round like their members
    s(b)   = min(I, M) · alone(b) · r(b), never less than alone(b)
    rate   = min(I, M) · b / s(b)
    latency(p) = N / rate + (2p - 1) · (outside(b) - outside(1))
                 + spread of the service at p

Instances share the device: each goes as much slower as there are at work. r(b) is what
they do otherwise, as seen at a batch b₀ under little load: less than 1 where one alone
leaves parts of the device idle (copies, launches), more where they disturb one another.
A batch of max_batch fills the device, and whoever works on it its throughput is the
same, so r ends there:

    r(b)   = r(b₀) ^ (1 - ln(b / b₀) / ln(max_batch / b₀))      b₀ ≤ b ≤ max_batch

In the 18 published Triton tables whose batches fill, 15 give the most clients
max_batch / alone(max_batch) within 10 %.

Triton forms batches ahead: two for every instance may wait already formed
(`RateLimiter::PayloadSlotAvailable`, triton-inference-server/core, src/rate_limiter.cc),
so under little load they are small. The answers of a batch leave one by one, and the
clients' next requests come back like that: outside(b) = outside(1) · b^e, and who is
answered when is uniform over twice what a batch adds. Not linear, as a transfer of much
data (0 < e < 1) partly passes beside the others'.

`calibrated` learns what a profile of batches alone cannot say from a few rows under
little load. How far off: `tests/bench/triton_tables.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from planner.perf.service import STRATA, Floats, mean_s

_HALVINGS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Server:
    """Instances of one model on one device, as in the module's formulas.

    `knots_s` (batch, STRATA): service times of batches of 1, 2 … max_batch, alone on
    the device. `ahead` is how many batches wait, formed or forming, while those work;
    `sharing_ratio` is r of `seen_batch`; `outside_s` is of a batch of one.
    """

    knots_s: Floats
    instances: int = 1
    ahead: float = 0.0
    sharing_ratio: float = 1.0
    seen_batch: float = 1.0
    outside_s: float = 0.0
    outside_exponent: float = 0.0

    @property
    def max_batch(self) -> int:
        """The largest batch."""
        return len(self.knots_s)

    def alone_s(self, batch: float) -> float:
        """Mean time of a batch that has the device to itself; linear in between."""
        return _at(mean_s(self.knots_s), batch)

    def slowdown(self, batch: float, busy: float) -> float:
        """How much longer a batch takes with so many instances at work; at least 1."""
        left = 1.0
        if self.seen_batch < batch:
            grown = math.log(batch / self.seen_batch)
            left -= grown / math.log(self.max_batch / self.seen_batch)
        return float(max(self.sharing_ratio**left * max(busy, 1.0), 1.0))

    def at_work_s(self, batch: float, busy: float) -> float:
        """Time of a batch with so many instances at work."""
        return self.slowdown(batch, busy) * self.alone_s(batch)

    def away_s(self, batch: float) -> float:
        """Mean time that a request spends outside the server."""
        return float(self.outside_s * batch**self.outside_exponent)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedPrediction:
    """What each of the clients sees, and how many answers they get together."""

    clients: int
    rate_rps: float
    batch: float
    in_service_s: float
    outside_s: float
    server: Server

    @property
    def mean_s(self) -> float:
        """Mean latency, by Little's law."""
        return self.clients / self.rate_rps

    @property
    def waiting_s(self) -> float:
        """Mean wait for an instance, batches formed ahead included."""
        return max(self.mean_s - self.in_service_s - self.outside_s, 0.0)

    def quantile_s(self, frac: float) -> float:
        """The latency that a share `frac` of requests does not exceed."""
        server = self.server
        at_frac = np.array([np.interp(frac, STRATA, row) for row in server.knots_s])
        spread_s = _at(at_frac, self.batch) - server.alone_s(self.batch)
        busy = min(server.instances, self.clients)
        order_s = (2 * frac - 1) * (server.away_s(self.batch) - server.away_s(1.0))
        slowdown = server.slowdown(self.batch, busy)
        return self.mean_s + order_s + slowdown * spread_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedObservation:
    """Means that a server's own statistics state for so many clients."""

    clients: int
    waiting_s: float
    in_service_s: float
    outside_s: float

    @property
    def rate_rps(self) -> float:
        """Answers per second, by Little's law."""
        return self.clients / (self.waiting_s + self.in_service_s + self.outside_s)


def predict_closed(server: Server, clients: int) -> ClosedPrediction:
    """The steady round of so many clients, by bisection of the requests inside.

    Example:
        One request at a time, ten seconds each, no time outside: four clients wait
        for one another.

        >>> import numpy as np
        >>> seen = predict_closed(Server(knots_s=np.full((1, 7), 10.0)), 4)
        >>> round(seen.rate_rps, 6), round(seen.mean_s, 6)
        (0.1, 40.0)
    """
    low, high = 0.0, float(clients)
    for _ in range(_HALVINGS):
        inside = (low + high) / 2
        rate_rps, batch, _ = _round(server, inside)
        if inside + rate_rps * server.away_s(batch) < clients:
            low = inside
        else:
            high = inside
    rate_rps, batch, in_service_s = _round(server, high)
    return ClosedPrediction(
        clients=clients,
        rate_rps=rate_rps,
        batch=batch,
        in_service_s=in_service_s,
        outside_s=server.away_s(batch),
        server=server,
    )


def _round(server: Server, inside: float) -> tuple[float, float, float]:
    """Rate, batch and its time with so many requests inside the server."""
    formed = server.instances + server.ahead
    batch = min(max(inside / formed, 1.0), float(server.max_batch))
    busy = min(float(server.instances), inside)
    took_s = server.at_work_s(batch, busy)
    return busy * batch / took_s, batch, took_s


def calibrated(server: Server, seen: Sequence[ClosedObservation]) -> Server:
    """The server with what a few rows under little load teach; the last counts most."""
    ordered = sorted(seen, key=lambda s: s.clients)
    batches = np.array([_batch(server, s) for s in ordered])
    last, batch = ordered[-1], float(batches[-1])
    work_s = server.instances * server.alone_s(batch)
    outside_s, exponent = _power(batches, np.array([s.outside_s for s in ordered]))
    return replace(
        server,
        ahead=server.instances
        * float(np.mean([s.waiting_s / s.in_service_s for s in ordered])),
        sharing_ratio=last.in_service_s / work_s,
        seen_batch=batch,
        outside_s=outside_s,
        outside_exponent=exponent,
    )


def _batch(server: Server, seen: ClosedObservation) -> float:
    """Requests at work, by Little's law, over instances: the mean batch."""
    at_work = seen.rate_rps * seen.in_service_s
    return min(max(at_work / server.instances, 1.0), float(server.max_batch))


def _power(x: Floats, y: Floats) -> tuple[float, float]:
    """A and e of least squares for ln y = ln A + e · ln x, with 0 ≤ e ≤ 1."""
    if (y <= 0).any():
        return float(y.mean()), 0.0
    log_x, log_y = np.log(x), np.log(y)
    centred = log_x - log_x.mean()
    variance = float(centred @ centred)
    slope = float(centred @ log_y) / variance if variance > 0 else 0.0
    exponent = min(max(slope, 0.0), 1.0)
    return math.exp(float(log_y.mean()) - exponent * float(log_x.mean())), exponent


def _at(values: Floats, batch: float) -> float:
    return float(np.interp(batch, np.arange(1, len(values) + 1), values))
