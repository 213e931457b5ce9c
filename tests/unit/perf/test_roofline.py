from dataclasses import replace

import numpy as np
import pytest

from planner.perf.peaks import Peaks
from planner.perf.roofline import (
    Observed,
    Request,
    Roofline,
    calibrated,
    non_negative,
)

GPUS = [
    Peaks(flop_per_s=1.2e14, memory_bytes_per_s=3e11),
    Peaks(flop_per_s=3.1e14, memory_bytes_per_s=2e12),
    Peaks(flop_per_s=9.9e14, memory_bytes_per_s=3.4e12),
]
UNSEEN = Peaks(flop_per_s=3.6e14, memory_bytes_per_s=8.6e11)


def request(parameters, layers, prompt_tokens, concurrency):
    return Request(
        parameters=parameters,
        layers=layers,
        weight_bytes=2.0 * parameters,
        kv_bytes_per_token=layers * 4096.0,
        prompt_tokens=prompt_tokens,
        output_tokens=128,
        concurrency=concurrency,
    )


REQUESTS = [
    request(parameters, layers, prompt_tokens, concurrency)
    for parameters, layers in [(500_000_000, 24), (8_000_000_000, 32)]
    for prompt_tokens in (256, 4096)
    for concurrency in (1.0, 10.0, 40.0)
]


def decode_s(r, peaks):
    """A step that reads all weights and caches at 80 % of the bandwidth, after 1 ms."""
    cache = r.concurrency * (r.prompt_tokens + 64) * r.kv_bytes_per_token
    return 1e-3 + (r.weight_bytes + cache) / (0.8 * peaks.memory_bytes_per_s)


def test_a_step_bound_by_memory_is_predicted_on_an_unseen_gpu():
    observed = [
        Observed(request=r, peaks=p, time_s=decode_s(r, p))
        for p in GPUS
        for r in REQUESTS
    ]

    roof = calibrated(observed, is_prefill=False)

    for r in REQUESTS:
        assert roof.time_s(r, UNSEEN) == pytest.approx(decode_s(r, UNSEEN), rel=1e-3)


def first_s(r, peaks):
    """The prompt at half of the peak, and 8 ms of a thread of the host, 2 µs a token."""
    per_byte = peaks.flop_per_s / peaks.memory_bytes_per_s / (312e12 / 2.04e12)
    prompt_s = 2 * r.parameters * r.prompt_tokens / peaks.flop_per_s
    host_s = 8e-3 + 2e-6 * r.prompt_tokens
    return 2 * prompt_s * per_byte**0.4 + host_s / r.host_speed_ratio


def test_first_tokens_wait_for_the_gpu_and_for_its_host_each_as_fast_as_it_is():
    observed = [
        Observed(request=own, peaks=p, time_s=first_s(own, p))
        for p, host in zip(GPUS, (0.7, 1.0, 1.8), strict=True)
        for own in (replace(r, host_speed_ratio=host) for r in REQUESTS)
    ]

    roof = calibrated(observed, is_prefill=True)

    for host in (0.5, 1.0, 2.0):
        for r in (replace(r, host_speed_ratio=host) for r in REQUESTS):
            assert roof.time_s(r, UNSEEN) == pytest.approx(first_s(r, UNSEEN), rel=0.02)


def test_further_tokens_do_not_wait_for_the_host():
    roof = Roofline(coefficients=(1.0,) * 6, is_prefill=False)
    slow = replace(REQUESTS[0], host_speed_ratio=0.5)

    assert roof.time_s(slow, UNSEEN) == roof.time_s(REQUESTS[0], UNSEEN)


def test_a_few_bad_runs_do_not_move_it():
    observed = [
        Observed(
            request=r, peaks=p, time_s=decode_s(r, p) * (5 if (i + j) % 12 == 0 else 1)
        )
        for i, p in enumerate(GPUS)
        for j, r in enumerate(REQUESTS)
    ]

    roof = calibrated(observed, is_prefill=False)

    errors = [
        roof.time_s(r, UNSEEN) / decode_s(r, UNSEEN) - 1 for r in REQUESTS
    ]  # fmt: skip
    assert np.median(np.abs(errors)) < 0.1


def test_longer_prompts_never_come_sooner():
    observed = [
        Observed(
            request=r,
            peaks=p,
            time_s=5e-3 + 2 * r.parameters * r.prompt_tokens / (0.6 * p.flop_per_s),
        )
        for p in GPUS
        for r in REQUESTS
    ]

    roof = calibrated(observed, is_prefill=True)

    short, long = (request(8_000_000_000, 32, n, 1.0) for n in (256, 4096))
    assert roof.time_s(long, UNSEEN) > roof.time_s(short, UNSEEN)


def test_all_coefficients_are_non_negative():
    rng = np.random.default_rng(7)
    terms = rng.uniform(0.1, 1.0, size=(40, 6))
    wanted = terms @ np.array([1.0, 0.0, 2.0, 0.0, 0.0, 0.5]) - 0.3

    found = non_negative(terms, wanted)

    assert (found >= 0).all()


def test_it_is_the_best_of_all_subsets_of_terms():
    rng = np.random.default_rng(3)
    terms = rng.uniform(0.0, 1.0, size=(30, 4))
    wanted = terms @ np.array([1.0, -1.0, 0.5, 2.0]) + rng.normal(0, 0.1, 30)

    found = non_negative(terms, wanted)

    assert float(((terms @ found - wanted) ** 2).sum()) == pytest.approx(
        least_by_listing(terms, wanted)
    )


def least_by_listing(terms, wanted):
    """Least squares over every subset of terms whose solution is non-negative."""
    n = terms.shape[1]
    best = float((wanted**2).sum())
    for mask in range(1, 2**n):
        chosen = [i for i in range(n) if mask >> i & 1]
        x = np.linalg.lstsq(terms[:, chosen], wanted, rcond=None)[0]
        if (x >= 0).all():
            best = min(best, float(((terms[:, chosen] @ x - wanted) ** 2).sum()))
    return best
