"""What users of a language model see at a rate, worked out again from its figures.

measured loads    the requests in flight n at which n / w(n) is the rate, found by
                  halving, w and all percentiles linear in n between two loads; between
                  percentiles linear in −ln(1 − share), as an exponential tail is
token rates       one request at a time: a queue of equal services (`laws.alone`)
hosted            the first of the vendor's percentiles that reaches the promise's
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.profiles import HostedTimes, LoadCurve, TokenRates
from planner.domain.workloads import Workload
from planner.perf.service import STRATA
from planner.pipeline.checking.laws import alone

HALVINGS: Final = 60
PERCENTILES: Final = (0.5, 0.95, 0.99)

Quantile = Callable[[float], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLaw:
    """Times in seconds by share of requests; `answer_s` is None where nobody states it."""

    ttft_s: Quantile
    tpot_s: Quantile
    answer_s: Quantile | None
    load_frac: float | None


def token_law(
    profile: LoadCurve | TokenRates | HostedTimes,
    workload: Workload,
    rate_rps: float,
    path: NetworkPath,
) -> TokenLaw | None:
    """At that rate to one of its replicas; None beyond what is known."""
    if isinstance(profile, HostedTimes):
        return _hosted(profile, path.rtt_s)
    if isinstance(profile, TokenRates):
        return _one_at_a_time(profile, workload, rate_rps, path.rtt_s)
    return _measured(profile, rate_rps, path.rtt_s)


def share_within(quantile_s: Quantile, limit_s: float) -> float:
    """The share of requests within a limit; below the median in proportion."""
    if limit_s < quantile_s(0.5):
        return 0.5 * max(limit_s, 0.0) / quantile_s(0.5)
    low, high = 0.5, 1.0 - 1e-12
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if quantile_s(middle) <= limit_s else (low, middle)
    return low


def _hosted(profile: HostedTimes, rtt_s: float) -> TokenLaw | None:
    def first(frac: float) -> tuple[float, float]:
        reaching = [t for t in profile.times if t.percentile_frac >= frac - 1e-9]
        nearest = min(reaching, key=lambda t: t.percentile_frac, default=None)
        if nearest is None:
            return math.inf, math.inf
        return nearest.ttft_s, nearest.tpot_s

    return TokenLaw(
        ttft_s=lambda frac: rtt_s + first(frac)[0],
        tpot_s=lambda frac: first(frac)[1],
        answer_s=None,
        load_frac=None,
    )


def _one_at_a_time(
    rates: TokenRates, workload: Workload, rate_rps: float, rtt_s: float
) -> TokenLaw | None:
    prompt, output = workload.prompt_tokens, workload.output_tokens
    if prompt is None or output is None:
        return None
    prefill_s = prompt / rates.prompt_tokens_per_s
    service_s = prefill_s + output / rates.output_tokens_per_s
    if rate_rps * service_s >= 1:
        return None
    way = NetworkPath(rtt_s=rtt_s, transfer_s=0.0, uplink_load_frac=0.0, source="")
    law = alone(np.full(STRATA.size, service_s), rate_rps, way, beside_s=0.0)
    return TokenLaw(
        ttft_s=lambda frac: law.quantile_s(frac) - service_s + prefill_s,
        tpot_s=lambda _: 1 / rates.output_tokens_per_s,
        answer_s=law.quantile_s,
        load_frac=law.load_frac,
    )


def _measured(curve: LoadCurve, rate_rps: float, rtt_s: float) -> TokenLaw | None:
    points = curve.points
    if rate_rps > points[-1].rate_rps * (1 + 1e-6):
        return None
    low, part = _between(
        [p.rate_rps for p in points], [p.concurrency for p in points], rate_rps
    )

    def at(rows: Sequence[tuple[float, float, float]]) -> Quantile:
        worst = [
            [max(max(row[: i + 1]) for row in rows[: k + 1]) for i in range(3)]
            for k in range(len(rows))
        ]
        high = min(low + 1, len(rows) - 1)
        seen = [
            a + part * (b - a) for a, b in zip(worst[low], worst[high], strict=True)
        ]
        return lambda frac: _along(seen, frac)

    ttft = at([(p.ttft_p50_s, p.ttft_p95_s, p.ttft_p99_s) for p in points])
    answer = at([(p.e2e_p50_s, p.e2e_p95_s, p.e2e_p99_s) for p in points])
    return TokenLaw(
        ttft_s=lambda frac: rtt_s + ttft(frac),
        tpot_s=at([(p.tpot_p50_s, p.tpot_p95_s, p.tpot_p99_s) for p in points]),
        answer_s=lambda frac: rtt_s + answer(frac),
        load_frac=rate_rps / points[-1].rate_rps,
    )


def _between(
    rates_rps: Sequence[float], in_flight: Sequence[float], rate_rps: float
) -> tuple[int, float]:
    """The measured load below a rate, and how far the rate is towards the next one."""
    last = len(rates_rps) - 1
    if rate_rps <= rates_rps[0]:
        return 0, 0.0
    if rate_rps >= rates_rps[last]:
        return last, 0.0
    low = max(k for k in range(last) if rates_rps[k] < rate_rps)
    flight = in_flight
    if any(b <= a for a, b in itertools.pairwise(in_flight)):
        flight = rates_rps
    ends = (flight[low], flight[low + 1])
    within = (ends[0] / rates_rps[low], ends[1] / rates_rps[low + 1])
    from_part, to_part = 0.0, 1.0
    for _ in range(HALVINGS):
        part = (from_part + to_part) / 2
        n = ends[0] + part * (ends[1] - ends[0])
        seen_rps = n / (within[0] + part * (within[1] - within[0]))
        from_part, to_part = (
            (part, to_part) if seen_rps < rate_rps else (from_part, part)
        )
    return low, from_part


def _along(seen: Sequence[float], frac: float) -> float:
    depth = [-math.log1p(-p) for p in (*PERCENTILES, frac)]
    k = 0 if depth[3] <= depth[1] else 1
    part = max((depth[3] - depth[k]) / (depth[k + 1] - depth[k]), 0.0)
    return seen[k] + part * (seen[k + 1] - seen[k])
