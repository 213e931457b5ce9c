"""Prefill and decode of a language model on one GPU, from its peaks, calibrated.

What the GPU does takes as long as its peaks say; what happens on its host (HTTP, tokens
to and from text, launches: a thread each) as long as the host's speed says.

A request of P prompt and O output tokens, c of them at a time, a model of N
parameters in L layers, W bytes of weights and K bytes of cache a token, a GPU of F
flop/s and B bytes/s:

    read     W / B                     all weights, once a step
    recall   c · (P + O/2) · K / B     everybody's cache, half of it grown
    prompt   2 · N · P / F · I         one prompt
    share    c · (P/O + 1) · 2 · N / F · I
                                       what prompts and tokens of others take of a step
    TPOT  =  a₀ + a₁·L + a₂·read + a₃·recall + a₄·share + a₅·c
    TTFT  = (b₀ + b₁·L + b₅·c + b₇·P) / h + b₂·read + b₃·recall + b₄·share + b₆·prompt

Non-negative a, b are fitted in relative error to measured load points below
saturation. h is the speed of one of the host's threads over that of a typical
host: on published curves of one GPU on two hosts, TTFT of small models differs by as
much (`tests/bench/prediction.py`). Decode hides its launches behind the GPU's work, and
h did not help TPOT. I = (F/B / (F/B of an A100 80 GB))^γ: the more operations a GPU has for
each byte, the less of them it reaches. Of 0, 0.2 … 1 the fit chose γ = 0 for TPOT
(decode waits for memory) and 0.4 for TTFT, in five and four of the six folds that
leave a GPU out. Errors of such folds: `tests/bench/prediction.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.perf.kriging import Floats
from planner.perf.peaks import Peaks

DECODE_EXPONENT: Final = 0.0
PREFILL_EXPONENT: Final = 0.4
# 312 Tflop/s at bf16 over 2.04 TB/s.
REFERENCE_FLOP_PER_BYTE: Final = 312e12 / 2.04e12
# Single bad runs count less: a weight of 1 / |error|, floored here.
_ORDINARY_ERROR: Final = 0.05
_REWEIGHTINGS: Final = 4
_ACTIVE_LIMIT: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A model and a shape of request, at a number of requests in flight, beside a host.

    `host_speed_ratio` is h of the module's formulas.
    """

    parameters: int
    layers: int
    weight_bytes: float
    kv_bytes_per_token: float
    prompt_tokens: int
    output_tokens: int
    concurrency: float
    host_speed_ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a request saw on a GPU."""

    request: Request
    peaks: Peaks
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """One of the two lines above, calibrated."""

    coefficients: tuple[float, ...]
    is_prefill: bool

    def time_s(self, request: Request, peaks: Peaks) -> float:
        """What that request would see on a GPU with these peaks."""
        terms = _terms(request, peaks, is_prefill=self.is_prefill)
        return float(np.dot(terms, self.coefficients))


def calibrated(observed: Sequence[Observed], *, is_prefill: bool) -> Roofline:
    """The line that fits these load points best."""
    terms = np.array(
        [_terms(o.request, o.peaks, is_prefill=is_prefill) for o in observed]
    )
    seen = np.array([o.time_s for o in observed])
    relative = terms / seen[:, None]
    weights: Floats = np.ones(len(seen))
    fit = non_negative(relative, weights)
    for _ in range(_REWEIGHTINGS):
        error = np.abs(np.log(relative @ fit))
        weights = 1 / np.sqrt(np.maximum(error, _ORDINARY_ERROR))
        fit = non_negative(relative * weights[:, None], weights)
    return Roofline(coefficients=tuple(map(float, fit)), is_prefill=is_prefill)


def _terms(request: Request, peaks: Peaks, *, is_prefill: bool) -> list[float]:
    r, byte_s, flop_s = request, 1 / peaks.memory_bytes_per_s, 1 / peaks.flop_per_s
    per_byte = peaks.flop_per_s / peaks.memory_bytes_per_s / REFERENCE_FLOP_PER_BYTE
    reached = per_byte ** (PREFILL_EXPONENT if is_prefill else DECODE_EXPONENT)
    token_s = 2 * r.parameters * flop_s * reached
    mean_context = r.prompt_tokens + r.output_tokens / 2
    host = 1 / r.host_speed_ratio if is_prefill else 1.0
    # Constants are put in milliseconds and tenths of them: all terms of one size.
    terms = [
        host * 1e-3,
        host * r.layers * 1e-4,
        r.weight_bytes * byte_s,
        r.concurrency * mean_context * r.kv_bytes_per_token * byte_s,
        r.concurrency * (r.prompt_tokens / r.output_tokens + 1) * token_s,
        host * r.concurrency * 1e-4,
    ]
    if is_prefill:
        terms += [r.prompt_tokens * token_s, host * r.prompt_tokens * 1e-5]
    return terms


def non_negative(terms: Floats, wanted: Floats) -> Floats:
    """Non-negative x of least |terms · x − wanted|², by Lawson and Hanson's rule.

    Example:
        >>> import numpy as np
        >>> terms = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> non_negative(terms, np.array([2.0, -1.0])).tolist()
        [2.0, 0.0]
    """
    n = terms.shape[1]
    x: Floats = np.zeros(n)
    active = np.zeros(n, dtype=bool)
    for _ in range(_ACTIVE_LIMIT):
        gradient = terms.T @ (wanted - terms @ x)
        gradient[active] = -np.inf
        best = int(np.argmax(gradient))
        if gradient[best] <= 1e-10:
            break
        active[best] = True
        x, active = _feasible(terms, wanted, x, active)
    return x


def _feasible(
    terms: Floats, wanted: Floats, x: Floats, active: np.ndarray
) -> tuple[Floats, np.ndarray]:
    """Least squares over the active terms, leaving those that would turn negative."""
    while True:
        step: Floats = np.zeros(len(x))
        step[active] = np.linalg.lstsq(terms[:, active], wanted, rcond=None)[0]
        wrong = active & (step <= 0)
        if not wrong.any():
            return step, active
        part = float(np.min(x[wrong] / (x[wrong] - step[wrong])))
        x = x + part * (step - x)
        active = active & (x > 1e-12)
