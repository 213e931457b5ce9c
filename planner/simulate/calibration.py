"""From a published load curve to an engine that reproduces it.

At each measured load, Little's law says how many sequences decoded on average, and
the time between two tokens is that of a step with its share of prompt tokens:

    gap      = (e2e − TTFT) / (output − 1)                 whatever is called TPOT there
    decoding = rate · (output − 1) · gap
    gap      = step(decoding) / (1 − rate · prompt · c)      c = seconds per prompt token

so each point gives one point of `step`. c comes from the lowest load, where a prompt
meets nobody: TTFT = chunks · step + prompt · c. No step with more sequences is
faster. Nothing is known beyond the highest load: no more sequences run at once than
were seen to (the rest wait), and they hold no more tokens than they then could have.
"""

import math
from typing import Final

import numpy as np

from planner.domain.profiles import LoadCurve
from planner.perf.closed_language import gaps_s
from planner.simulate.scenario import Engine

# What one step works on where chunks are not stated: vLLM's default token budget
# (max_num_batched_tokens, https://docs.vllm.ai, 2025-08).
STEP_TOKENS: Final = 2048
# Prompts never take a larger part of the time than this at a measured load: c from
# one prompt alone overstates what prompts cost that are worked on together.
MOST_PREFILL_FRAC: Final = 0.9


def calibrated(curve: LoadCurve, *, error_factor: float = 1.0) -> Engine:
    """An engine as fast as the curve says, times a factor."""
    points = curve.points
    rate = np.array([p.rate_rps for p in points])
    gap_s = gaps_s(curve)
    lowest = points[0]
    chunks = math.ceil(curve.prompt_tokens / STEP_TOKENS)
    prefill_s = max(lowest.ttft_p50_s - chunks * float(gap_s[0]), 0.0)
    per_token_s = min(
        prefill_s / curve.prompt_tokens,
        MOST_PREFILL_FRAC / (float(rate.max()) * curve.prompt_tokens),
    )
    decoding = rate * (curve.output_tokens - 1) * gap_s
    step_s = gap_s * (1 - rate * curve.prompt_tokens * per_token_s)
    order = np.argsort(decoding)
    most = max(math.ceil(max(p.concurrency for p in points)), 1)
    return Engine(
        step_s=error_factor
        * np.interp(
            np.arange(most + 1),
            decoding[order],
            np.maximum.accumulate(step_s[order]),
        ),
        prefill_s_per_token=per_token_s * error_factor,
        most_sequences=most,
        step_tokens=STEP_TOKENS,
        cache_tokens=float(most * (curve.prompt_tokens + curve.output_tokens)),
    )
