"""Continuous batching: a language engine's steps, token by token.

Each step of a replica works on every sequence that decodes (one token each) and on
prompts, oldest first, with what is left of `step_tokens` (chunked prefill):

    step = step_s[decoding] + prefill_s_per_token · prompt tokens in it

A waiting request is admitted between steps while fewer than `most_sequences` run and
its tokens fit into the cache; one that has waited longer than the timeout gives up.
Where decoding would outgrow the cache, the sequence admitted last is put back to the
head of the queue and later computes its tokens anew (preemption by recomputation).
The first token comes at the end of the step that finishes the prompt. Sequence lengths
are given: nothing is drawn but the routing.

A step is scheduled while the one before it is at work, so who comes during a step is in
the next but one (vLLM's asynchronous scheduling, its default since 0.14.0 of 2026-01).
Without it TTFT on published curves comes out a step short (`tests/bench/vllm_sweeps.py`).
"""

from typing import Final, NamedTuple

import numpy as np

from planner.simulate.arrays import Floats, Ints
from planner.simulate.compiled import compiled

NOBODY: Final = -1
DECODES: Final = -1

# Columns: by request, in seconds; by request, counts; by replica.
START_S: Final = 0
DONE_S: Final = 1
FIRST_TOKEN_S: Final = 2

GENERATED: Final = 0
PREFILLED: Final = 1
CHUNK: Final = 2
AFTER: Final = 3

HEAD: Final = 0
TAIL: Final = 1
RUNNING: Final = 2
HELD: Final = 3
OUTSTANDING: Final = 4
PREEMPTED: Final = 5

STEP_END_S: Final = 0
STEP_START_S: Final = 1
BUSY_S: Final = 2


class Prompts(NamedTuple):
    """Requests by arrival; `replica` is NOBODY where the fewest at hand decide."""

    at_s: Floats
    prompt: Ints
    output: Ints
    replica: Ints


class Limits(NamedTuple):
    """The engine's speed and limits, as in `planner.simulate.scenario.Engine`.

    Who has waited for longer than `timeout_s` is given up.
    """

    step_s: Floats
    prefill_s_per_token: float
    most_sequences: int
    step_tokens: int
    cache_tokens: float
    timeout_s: float = np.inf


class Engines(NamedTuple):
    """All replicas at work; `running` (replica, place) lists sequences as admitted."""

    prompts: Prompts
    limits: Limits
    times: Floats
    tokens: Ints
    replicas: Ints
    clocks: Floats
    running: Ints


def engines(prompts: Prompts, limits: Limits, n_replicas: int) -> Engines:
    """Nothing admitted yet."""
    n = prompts.at_s.size
    tokens = np.zeros((n, 4), np.int64)
    tokens[:, AFTER] = NOBODY
    replicas = np.zeros((n_replicas, 6), np.int64)
    replicas[:, [HEAD, TAIL]] = NOBODY
    clocks = np.zeros((n_replicas, 3))
    clocks[:, STEP_END_S] = np.inf
    return Engines(
        prompts=prompts,
        limits=limits,
        times=np.full((n, 3), np.nan),
        tokens=tokens,
        replicas=replicas,
        clocks=clocks,
        running=np.full((n_replicas, limits.most_sequences), NOBODY),
    )


@compiled
def serve_tokens(all_of: Engines) -> None:
    """Every step of every replica until the last token."""
    prompts, clocks = all_of.prompts, all_of.clocks
    request = 0
    while True:
        replica = 0
        for r in range(1, clocks.shape[0]):
            if clocks[r, STEP_END_S] < clocks[replica, STEP_END_S]:
                replica = r
        step_end_s = clocks[replica, STEP_END_S]
        arrival_s = prompts.at_s[request] if request < prompts.at_s.size else np.inf
        if step_end_s == np.inf and arrival_s == np.inf:
            break
        if step_end_s <= arrival_s:
            end_step(all_of, replica, step_end_s)
            begin_step(all_of, replica, step_end_s)
        else:
            replica = _route(all_of, request)
            wait_last(all_of, replica, request)
            request += 1
            if clocks[replica, STEP_END_S] == np.inf:
                begin_step(all_of, replica, arrival_s)


@compiled
def _route(all_of: Engines, request: int) -> int:
    chosen = all_of.prompts.replica[request]
    if chosen == NOBODY:
        chosen = 0
        for r in range(1, all_of.replicas.shape[0]):
            if all_of.replicas[r, OUTSTANDING] < all_of.replicas[chosen, OUTSTANDING]:
                chosen = r
    return int(chosen)


@compiled
def wait_last(all_of: Engines, replica: int, request: int) -> None:
    """A request joins a queue."""
    replicas, tokens = all_of.replicas, all_of.tokens
    replicas[replica, OUTSTANDING] += 1
    if replicas[replica, HEAD] == NOBODY:
        replicas[replica, HEAD] = request
    else:
        tokens[replicas[replica, TAIL], AFTER] = request
    replicas[replica, TAIL] = request
    tokens[request, AFTER] = NOBODY


@compiled
def wait_first(all_of: Engines, replica: int, request: int) -> None:
    """A request that was running goes back to the head of the queue."""
    replicas, tokens = all_of.replicas, all_of.tokens
    tokens[request, AFTER] = replicas[replica, HEAD]
    if replicas[replica, HEAD] == NOBODY:
        replicas[replica, TAIL] = request
    replicas[replica, HEAD] = request


@compiled
def _to_compute(all_of: Engines, request: int) -> int:
    """Tokens that must be in the cache before the sequence decodes."""
    tokens = all_of.tokens
    return int(all_of.prompts.prompt[request] + tokens[request, GENERATED])


@compiled
def begin_step(all_of: Engines, replica: int, now_s: float) -> int:
    """The next step, if there is anything to do; how many requests gave up waiting."""
    limits, tokens, clocks = all_of.limits, all_of.tokens, all_of.clocks
    n_dropped = _admit(all_of, replica, now_s)
    decoding = _decoding(all_of, replica)
    room = max(limits.step_tokens - decoding, 1)
    prefilled = 0
    for k in range(all_of.replicas[replica, RUNNING]):
        request = all_of.running[replica, k]
        if tokens[request, CHUNK] != DECODES:
            left = _to_compute(all_of, request) - tokens[request, PREFILLED]
            chunk = min(left, room - prefilled)
            tokens[request, CHUNK] = chunk
            prefilled += chunk
    if decoding + prefilled == 0:
        clocks[replica, STEP_END_S] = np.inf
        return n_dropped
    took_s = limits.step_s[decoding] + limits.prefill_s_per_token * prefilled
    clocks[replica, STEP_START_S] = now_s
    clocks[replica, STEP_END_S] = now_s + took_s
    return n_dropped


@compiled
def _admit(all_of: Engines, replica: int, now_s: float) -> int:
    limits, replicas, tokens = all_of.limits, all_of.replicas, all_of.tokens
    n_dropped = 0
    is_idle = replicas[replica, RUNNING] == 0
    scheduled_s = np.inf if is_idle else all_of.clocks[replica, STEP_START_S]
    while replicas[replica, HEAD] != NOBODY:
        running = replicas[replica, RUNNING]
        request = replicas[replica, HEAD]
        is_new = np.isnan(all_of.times[request, START_S])
        if is_new and now_s - all_of.prompts.at_s[request] > limits.timeout_s:
            replicas[replica, HEAD] = tokens[request, AFTER]
            replicas[replica, OUTSTANDING] -= 1
            n_dropped += 1
            continue
        needed = _to_compute(all_of, request)
        is_full = replicas[replica, HELD] + needed > limits.cache_tokens
        # A sequence that alone outgrows the cache still runs, alone.
        if running == limits.most_sequences or (is_full and running > 0):
            break
        if all_of.prompts.at_s[request] > scheduled_s:
            break
        replicas[replica, HEAD] = tokens[request, AFTER]
        replicas[replica, HELD] += needed
        all_of.running[replica, running] = request
        replicas[replica, RUNNING] = running + 1
        tokens[request, PREFILLED] = 0
        tokens[request, CHUNK] = 0
        if is_new:
            all_of.times[request, START_S] = now_s
    return n_dropped


@compiled
def _decoding(all_of: Engines, replica: int) -> int:
    """Sequences that decode in the next step, after as many preemptions as it needs."""
    limits, replicas, tokens = all_of.limits, all_of.replicas, all_of.tokens
    decoding = 0
    for k in range(replicas[replica, RUNNING]):
        if tokens[all_of.running[replica, k], CHUNK] == DECODES:
            decoding += 1
    while (
        replicas[replica, HELD] + decoding > limits.cache_tokens
        and replicas[replica, RUNNING] > 1
    ):
        last = replicas[replica, RUNNING] - 1
        request = all_of.running[replica, last]
        replicas[replica, RUNNING] = last
        replicas[replica, HELD] -= _to_compute(all_of, request)
        replicas[replica, PREEMPTED] += 1
        if tokens[request, CHUNK] == DECODES:
            decoding -= 1
        wait_first(all_of, replica, request)
    return decoding


@compiled
def end_step(all_of: Engines, replica: int, now_s: float) -> int:
    """A step's tokens are there; how many requests are done with it."""
    replicas, clocks = all_of.replicas, all_of.clocks
    clocks[replica, BUSY_S] += now_s - clocks[replica, STEP_START_S]
    kept = 0
    for k in range(replicas[replica, RUNNING]):
        request = all_of.running[replica, k]
        if _gains_token(all_of, request):
            all_of.tokens[request, GENERATED] += 1
            replicas[replica, HELD] += 1
            if np.isnan(all_of.times[request, FIRST_TOKEN_S]):
                all_of.times[request, FIRST_TOKEN_S] = now_s
        if all_of.tokens[request, GENERATED] >= all_of.prompts.output[request]:
            all_of.times[request, DONE_S] = now_s
            replicas[replica, HELD] -= _to_compute(all_of, request)
            replicas[replica, OUTSTANDING] -= 1
        else:
            all_of.running[replica, kept] = request
            kept += 1
    n_done = replicas[replica, RUNNING] - kept
    replicas[replica, RUNNING] = kept
    return int(n_done)


@compiled
def _gains_token(all_of: Engines, request: int) -> bool:
    """Whether the step that ends gave a token: it decoded, or its prompt is done."""
    tokens = all_of.tokens
    if tokens[request, CHUNK] == DECODES:
        return True
    tokens[request, PREFILLED] += tokens[request, CHUNK]
    if tokens[request, PREFILLED] < _to_compute(all_of, request):
        return False
    tokens[request, CHUNK] = DECODES
    return True
