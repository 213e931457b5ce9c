"""From a published load curve to an engine that reproduces it.

At each measured load, Little's law says how many sequences decoded on average, and
the time between two tokens is that of a step with its share of prompt tokens:

    gap      = (e2e − TTFT) / (output − 1)                 whatever a tool calls TPOT
    decoding = rate · (output − 1) · gap
    gap      = step(decoding) / (1 − rate · prompt · c)      c = seconds per prompt token

so each point gives one point of `step`. At the lowest load a prompt meets nobody:

    TTFT     = chunks · step + prompt · c + beside

c is as much of it as leaves no step under more load shorter than at the lowest,
and at most MOST_PREFILL_FRAC of the engine's time at the highest rate; the rest passes
beside the engine (HTTP, tokens to and from text), every request's alike. No step with
more sequences is faster. Nothing is known beyond the highest load: no more sequences
run at once than were seen to (the rest wait), and they hold no more tokens than they
then could have. How far off: `tests/bench/vllm_sweeps.py`.
"""

import math
from typing import Final

import numpy as np

from planner.domain.profiles import LoadCurve
from planner.perf.closed_language import gaps_s
from planner.simulate.arrays import Floats
from planner.simulate.scenario import Engine

# What one step works on where chunks are not stated: vLLM's default token budget
# (max_num_batched_tokens, https://docs.vllm.ai, 2025-08).
STEP_TOKENS: Final = 2048
# An engine that only read prompts would never give a token.
MOST_PREFILL_FRAC: Final = 0.9


def calibrated(curve: LoadCurve, *, error_factor: float = 1.0) -> Engine:
    """An engine as fast as the curve says, times a factor."""
    rate_rps = np.array([p.rate_rps for p in curve.points])
    gap_s = gaps_s(curve)
    chunks = math.ceil(curve.prompt_tokens / STEP_TOKENS)
    alone_s = max(curve.points[0].ttft_p50_s - chunks * float(gap_s[0]), 0.0)
    prompt_s = min(alone_s, _longest_prompt_s(rate_rps, gap_s))
    decoding = rate_rps * (curve.output_tokens - 1) * gap_s
    step_s = gap_s * (1 - rate_rps * prompt_s)
    order = np.argsort(decoding)
    most = max(math.ceil(max(p.concurrency for p in curve.points)), 1)
    return Engine(
        step_s=error_factor
        * np.interp(
            np.arange(most + 1),
            decoding[order],
            np.maximum.accumulate(step_s[order]),
        ),
        prefill_s_per_token=error_factor * prompt_s / curve.prompt_tokens,
        most_sequences=most,
        step_tokens=STEP_TOKENS,
        cache_tokens=float(most * (curve.prompt_tokens + curve.output_tokens)),
        beside_s=error_factor * (alone_s - prompt_s),
    )


def _longest_prompt_s(rate_rps: Floats, gap_s: Floats) -> float:
    """The largest prompt · c with gap · (1 - rate · prompt · c) never below the first."""
    slower_s = np.maximum(gap_s - gap_s[0], 0.0)
    busier = rate_rps * gap_s - rate_rps[0] * gap_s[0]
    limits_s = slower_s[busier > 0] / busier[busier > 0]
    return float(min(limits_s.min(initial=np.inf), MOST_PREFILL_FRAC / rate_rps.max()))
