"""What users of a language model see under load, and the load that a promise allows.

Load curve (one engine, measured at several steady loads): `planner.perf.curves`.
Requests longer than the measured ones are refused; shorter ones do less work, so the
curve bounds them from above.

Token rates (one request at a time, as llama.cpp with one slot): an M/D/1 queue with

    service = prompt / prompt rate + output / output rate
    TTFT    = wait + prompt / prompt rate + rtt,      TPOT = 1 / output rate

The round trip is part of TTFT and of the whole answer's time, not of TPOT.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from planner.domain.profiles import HostedTimes, LoadCurve, TokenRates
from planner.domain.workloads import TokenSlo
from planner.errors import OutsideProfileError, SpecError
from planner.perf.curves import Curve, crossing_rps, quantile_s, share_within
from planner.perf.hosted import hosted_capacity_rps, stated
from planner.perf.queues import Deterministic

_PERCENTILES: Final = (0.5, 0.95, 0.99)
_HALVINGS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguagePrediction:
    """TTFT and TPOT at the percentile asked for; times of whole answers; load.

    For a load curve `utilization_frac` is the rate over the highest measured one. Of
    hosted models nobody states the times of whole answers: they are None.
    """

    ttft_s: float
    tpot_s: float
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    utilization_frac: float
    _ttft_within: Callable[[float], float] = field(repr=False, compare=False)
    _tpot_within: Callable[[float], float] = field(repr=False, compare=False)

    def attainment_frac(self, slo: TokenSlo) -> float:
        """The smaller of the shares of requests within the TTFT and the TPOT limit."""
        return min(self._ttft_within(slo.ttft_s), self._tpot_within(slo.tpot_s))


def _check_length(
    curve: LoadCurve, prompt_tokens: int | None, output_tokens: int | None
) -> None:
    longer = (prompt_tokens or 0) > curve.prompt_tokens or (
        output_tokens or 0
    ) > curve.output_tokens
    if longer:
        raise OutsideProfileError(
            f"{curve.model} on {curve.device}: measured with {curve.prompt_tokens} "
            f"prompt and {curve.output_tokens} output tokens, which says nothing of "
            f"{prompt_tokens} and {output_tokens}; use a curve of longer requests"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneAtATime:
    """Times of one request of known length on a machine with token rates."""

    prefill_s: float
    per_token_s: float
    service_s: float

    @classmethod
    def of(
        cls,
        rates: TokenRates,
        error_factor: float,
        prompt_tokens: int | None,
        output_tokens: int | None,
    ) -> "_OneAtATime":
        if prompt_tokens is None or output_tokens is None:
            raise SpecError(
                f"{rates.model} on {rates.device} is known by its token rates: the "
                "workload must state payload.prompt_tokens and payload.output_tokens"
            )
        prefill_s = prompt_tokens / rates.prompt_tokens_per_s * error_factor
        per_token_s = error_factor / rates.output_tokens_per_s
        return cls(
            prefill_s=prefill_s,
            per_token_s=per_token_s,
            service_s=prefill_s + output_tokens * per_token_s,
        )


def load_capacity_rps(
    profile: LoadCurve | TokenRates | HostedTimes,
    slo: TokenSlo,
    rtt_s: float,
    *,
    error_factor: float,
    prompt_tokens: int | None,
    output_tokens: int | None,
) -> float:
    """Highest rate at which both percentiles hold; 0 where the lowest load misses.

    Raises:
        OutsideProfileError: Requests longer than the measured ones.
        SpecError: Token rates, and the workload does not say how many tokens.
    """
    if isinstance(profile, TokenRates):
        request = _OneAtATime.of(profile, error_factor, prompt_tokens, output_tokens)
        return _one_at_a_time_rps(request, slo, rtt_s)
    if isinstance(profile, HostedTimes):
        return hosted_capacity_rps(profile, slo, rtt_s, error_factor=error_factor)
    _check_length(profile, prompt_tokens, output_tokens)
    curve = Curve.of(profile, rtt_s, error_factor)
    return min(
        crossing_rps(curve, quantile_s(times_s, slo.percentile_frac), limit)
        for times_s, limit in ((curve.ttft_s, slo.ttft_s), (curve.tpot_s, slo.tpot_s))
    )


def _one_at_a_time_rps(request: _OneAtATime, slo: TokenSlo, rtt_s: float) -> float:
    slack_s = slo.ttft_s - rtt_s - request.prefill_s
    if slack_s < 0 or request.per_token_s > slo.tpot_s:
        return 0.0
    low, high = 0.0, 1 / request.service_s
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        queue = Deterministic(rate_rps=middle, service_s=request.service_s)
        if queue.wait_within(slack_s) >= slo.percentile_frac:
            low = middle
        else:
            high = middle
    return low


def predict_load(
    profile: LoadCurve | TokenRates | HostedTimes,
    rate_rps: float,
    rtt_s: float,
    *,
    percentile_frac: float,
    error_factor: float,
    prompt_tokens: int | None,
    output_tokens: int | None,
) -> LanguagePrediction:
    """What users see at a rate.

    Raises:
        OutsideProfileError: A rate or a length beyond the measured ones.
        SpecError: Token rates, and the workload does not say how many tokens.
    """
    if isinstance(profile, TokenRates):
        request = _OneAtATime.of(profile, error_factor, prompt_tokens, output_tokens)
        return _predict_one_at_a_time(request, rate_rps, rtt_s, percentile_frac)
    if isinstance(profile, HostedTimes):
        return _predict_hosted(profile, rtt_s, percentile_frac, error_factor)
    _check_length(profile, prompt_tokens, output_tokens)
    curve = Curve.of(profile, rtt_s, error_factor)
    highest_rps = float(curve.rate_rps[-1])
    # A capacity that was divided and multiplied again may be off by a rounding.
    if rate_rps > highest_rps * (1 + 1e-9):
        raise OutsideProfileError(
            f"{profile.model} on {profile.device}: {rate_rps:.3g} requests/s lie beyond "
            f"the highest measured load, {highest_rps:.3g}; add replicas"
        )
    ttft_s, tpot_s = (curve.at(t, rate_rps) for t in (curve.ttft_s, curve.tpot_s))
    p50_s, p95_s, p99_s = (float(t) for t in curve.at(curve.e2e_s, rate_rps))
    return LanguagePrediction(
        ttft_s=float(quantile_s(ttft_s, percentile_frac)),
        tpot_s=float(quantile_s(tpot_s, percentile_frac)),
        p50_s=p50_s,
        p95_s=p95_s,
        p99_s=p99_s,
        utilization_frac=rate_rps / highest_rps,
        _ttft_within=lambda limit_s: share_within(ttft_s, limit_s),
        _tpot_within=lambda limit_s: share_within(tpot_s, limit_s),
    )


def _predict_one_at_a_time(
    request: _OneAtATime, rate_rps: float, rtt_s: float, percentile_frac: float
) -> LanguagePrediction:
    queue = Deterministic(rate_rps=rate_rps, service_s=request.service_s)
    answer = [rtt_s + queue.sojourn_quantile_s(p) for p in _PERCENTILES]
    first_s = rtt_s + request.prefill_s
    return LanguagePrediction(
        ttft_s=first_s + queue.wait_quantile_s(percentile_frac),
        tpot_s=request.per_token_s,
        p50_s=answer[0],
        p95_s=answer[1],
        p99_s=answer[2],
        utilization_frac=min(queue.load_frac, 1.0),
        _ttft_within=lambda limit_s: queue.wait_within(limit_s - first_s),
        _tpot_within=lambda limit_s: float(request.per_token_s <= limit_s),
    )


def _predict_hosted(
    profile: HostedTimes, rtt_s: float, percentile_frac: float, error_factor: float
) -> LanguagePrediction:
    times = stated(profile, percentile_frac)
    if times is None:
        last = profile.times[-1].percentile_frac
        raise OutsideProfileError(
            f"{profile.device} states its times up to the {last:.1%} percentile, which "
            f"says nothing of {percentile_frac:.1%}; give times of a higher percentile"
        )
    first = [
        (rtt_s + t.ttft_s * error_factor, t.percentile_frac) for t in profile.times
    ]
    further = [(t.tpot_s * error_factor, t.percentile_frac) for t in profile.times]

    def within(seen: Sequence[tuple[float, float]], limit_s: float) -> float:
        return max((share for time_s, share in seen if time_s <= limit_s), default=0.0)

    return LanguagePrediction(
        ttft_s=rtt_s + times.ttft_s * error_factor,
        tpot_s=times.tpot_s * error_factor,
        p50_s=None,
        p95_s=None,
        p99_s=None,
        utilization_frac=0.0,
        _ttft_within=lambda limit_s: within(first, limit_s),
        _tpot_within=lambda limit_s: within(further, limit_s),
    )
