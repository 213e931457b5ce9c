"""Hold replies against a promise: what passes, what fails, what is not decided, and why.

Latencies are those of users at the workload's origin: where the sender is nearer to
the server than they are, the difference is added to every latency,

    seen = latency + max(0, way of the plan - round trip from here).

A request without an answer misses every promise. A check passes or fails where its
95 % interval leaves no doubt, and is undecided in between. What decides: answers,
throughput, attainment of the SLO, quality. Predicted percentiles do not: a plan may be
wrong about them and its promise hold.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.domain.verification import Check, Figure, Finding, Outcome
from planner.units import milliseconds
from profilers.quality.intervals import wilson
from profilers.verifying.intervals import (
    design_effect,
    quantile_interval_s,
    requests_needed,
    share_interval,
)
from profilers.verifying.load import Reply
from profilers.verifying.payloads import Payloads
from profilers.verifying.promise import Limit, Prediction, Promise, Quantity

_Z: Final = 1.96
# A sender this late, in parts of the promised latency, may be what failed.
_LATE_FRAC: Final = 0.1
# A sender this late did not merely take its time: it, or its machine, stood still.
_STILL_S: Final = 0.02
# Latencies of the last third this far above the first third's: a queue that grows.
_GROWTH_RATIO: Final = 2.0
_LEAST_TREND: Final = 60
_SAMPLES_SHOWN: Final = 3
# Answers shorter than this part below the plan's are another load.
_LIGHTER_FRAC: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Replies in order of arrival, as arrays; `shift_s` is added for the way.

    `is_shaped` where they were not sent as a Poisson stream of one rate.
    """

    replies: Sequence[Reply]
    payloads: Payloads
    rate_rps: float
    length_s: float
    shift_s: float = 0.0
    is_shaped: bool = False
    is_made_up: bool = False

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many requests came to what."""
        return Counter(r.answer.outcome for r in self.replies)

    def answered(self) -> NDArray[np.bool_]:
        """Which requests got the model's answer."""
        return np.array([r.answer.outcome is Outcome.ANSWERED for r in self.replies])

    def latency_s(self, *, forgive_sender: bool = False) -> NDArray[np.float64]:
        """What users waited for the whole answer; infinite without one."""
        return self.waited_s(Quantity.LATENCY, forgive_sender=forgive_sender)

    def waited_s(
        self, quantity: Quantity, *, forgive_sender: bool = False
    ) -> NDArray[np.float64]:
        """What users waited for that; infinite without an answer."""
        if quantity is Quantity.TPOT:
            # Neither the way nor a late sender is in the time between tokens.
            each_s = np.array([r.tpot_s for r in self.replies])
            return np.where(self.answered(), each_s, np.inf)
        is_first = quantity is Quantity.TTFT
        waited = np.array([r.ttft_s if is_first else r.latency_s for r in self.replies])
        waited += self.shift_s
        if forgive_sender:
            waited -= self._held_up_s()
        return np.where(self.answered(), waited, np.inf)

    def _held_up_s(self) -> NDArray[np.float64]:
        """How long the sender kept each request waiting.

        One that was sent late, for as long. And while the sender stood still it saw no
        answers, either: those who were under way wait for it as well.
        """
        held_s = np.array([r.lag_s for r in self.replies])
        due_s = np.array([r.due_s for r in self.replies])
        ended_s = np.array([r.ended_s for r in self.replies])
        still = [(r.due_s, r.began_s) for r in self.replies if r.lag_s > _STILL_S]
        for began_s, until_s in _merged(still):
            under_way = (due_s < began_s) & (ended_s > began_s)
            shared = np.minimum(ended_s, until_s) - began_s
            held_s += np.where(under_way, shared, 0.0)
        return held_s


def _merged(spans: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """The same times without overlaps, ascending."""
    merged: list[tuple[float, float]] = []
    for began, until in sorted(spans):
        if merged and began <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], until))
        else:
            merged.append((began, until))
    return merged


def judge(seen: Seen, promise: Promise) -> tuple[Check, ...]:
    """Every check that the replies allow."""
    checks = [
        answers(seen, promise),
        throughput(seen),
        *(attainment(seen, promise, limit) for limit in promise.limits),
        *(percentile(seen, promise, p) for p in promise.predictions),
    ]
    graded = (quality(seen, promise), texts(seen), tokens(seen, promise))
    return (*checks, *(c for c in graded if c is not None))


def answers(seen: Seen, promise: Promise) -> Check:
    """Errors may take no more than what the SLO leaves."""
    error = ~seen.answered()
    share, low, high = share_interval(error)
    slack = 1 - promise.percentile_frac
    finding = Finding.UNDECIDED
    if low > slack:
        finding = Finding.FAIL
    elif high <= slack or not error.any():
        finding = Finding.PASS
    return Check(
        subject="errors",
        finding=finding,
        sentence=_errors_sentence(seen),
        promised=Figure(value=slack, unit="frac"),
        observed=Figure(value=share, unit="frac", low=low, high=high),
    )


def _errors_sentence(seen: Seen) -> str:
    kinds = [
        (k, n) for k, n in seen.outcomes.most_common() if k is not Outcome.ANSWERED
    ]
    if not kinds:
        return "every request was answered"
    told = []
    for kind, count in kinds:
        said = Counter(
            r.answer.said for r in seen.replies if r.answer.outcome is kind
        ).most_common(1)[0][0]
        told.append(f"{count} {kind}{f' ({said})' if said else ''}")
    return f"of {len(seen.replies)}: {'; '.join(told)}"


def throughput(seen: Seen) -> Check:
    """Answers that came while requests did, against those that should have."""
    due = sum(1 for r in seen.replies if r.due_s <= seen.length_s)
    # Whoever was due at the very end may be answered within a typical latency.
    waits = seen.latency_s()[seen.answered()]
    grace_s = float(np.median(waits)) if waits.size else 0.0
    grace_s = min(grace_s, 0.1 * seen.length_s)
    done = sum(
        1
        for r in seen.replies
        if r.answer.outcome is Outcome.ANSWERED and r.ended_s <= seen.length_s + grace_s
    )
    rate, spread = done / seen.length_s, _Z * max(done, 1) ** 0.5 / seen.length_s
    offered = due / seen.length_s
    keeps_up = rate + spread >= offered
    return Check(
        subject="throughput",
        finding=Finding.PASS if keeps_up else Finding.FAIL,
        sentence=_throughput_sentence(seen, keeps_up=keeps_up),
        promised=Figure(value=seen.rate_rps, unit="rps"),
        observed=Figure(
            value=rate, unit="rps", low=max(0.0, rate - spread), high=rate + spread
        ),
    )


def _throughput_sentence(seen: Seen, *, keeps_up: bool) -> str:
    growth = latency_growth(seen)
    grew = ""
    if growth is not None and growth >= _GROWTH_RATIO:
        grew = f"latencies grew {growth:.1f} × from the first third of the time to the last"
    if keeps_up:
        return f"it keeps up, yet {grew}" if grew else "it keeps up with the arrivals"
    return f"overloaded: {grew}" if grew else "fewer answers than arrivals"


def latency_growth(seen: Seen) -> float | None:
    """Median latency of the last third over that of the first; None where few answered."""
    third = len(seen.replies) // 3
    latency_s = seen.latency_s()
    first, last = latency_s[:third], latency_s[-third:] if third else latency_s
    first, last = first[np.isfinite(first)], last[np.isfinite(last)]
    if min(len(first), len(last)) < _LEAST_TREND // 3:
        return None
    return float(np.median(last) / np.median(first))


def attainment(seen: Seen, promise: Promise, limit: Limit) -> Check:
    """The share of requests that stay within one of the SLO's limits."""
    check = _attainment(seen.waited_s(limit.quantity), promise, limit)
    if check.finding is not Finding.FAIL:
        return check
    waited_s = seen.waited_s(limit.quantity, forgive_sender=True)
    forgiven = _attainment(waited_s, promise, limit)
    if forgiven.finding is Finding.FAIL:
        return check
    lag_ms = milliseconds(float(np.quantile([r.lag_s for r in seen.replies], 0.95)))
    return replace(
        check,
        finding=Finding.UNDECIDED,
        sentence=f"the sender itself was late (p95 {lag_ms:.1f} ms), and without that "
        "the promise would hold or be open: send from a machine that is not busy",
    )


def _attainment(waited_s: NDArray[np.float64], promise: Promise, limit: Limit) -> Check:
    within = waited_s <= limit.limit_s
    share, low, high = share_interval(within)
    promised = promise.percentile_frac
    words = f"{share:.2%} within {milliseconds(limit.limit_s):g} ms"
    if low >= promised:
        finding, sentence = Finding.PASS, words
    elif high < promised:
        finding, sentence = Finding.FAIL, f"only {words}"
    else:
        finding = Finding.UNDECIDED
        needed = requests_needed(share, promised, design_effect(within))
        more = f"; about {needed} requests would decide" if needed else ""
        sentence = f"{words}, which {len(within)} requests do not settle{more}"
    is_whole = limit.quantity is Quantity.LATENCY
    return Check(
        subject="attainment" if is_whole else f"attainment, {limit.quantity}",
        finding=finding,
        sentence=sentence,
        promised=Figure(value=promised, unit="frac"),
        observed=Figure(value=share, unit="frac", low=low, high=high),
    )


def percentile(seen: Seen, promise: Promise, what: Prediction) -> Check:
    """A percentile against what the plan predicts, with the plan's own error band."""
    predicted_s = what.predicted_s
    value, low, high = quantile_interval_s(seen.waited_s(what.quantity), what.frac)
    # The band is of service times; the way is not the profile's.
    limit_s = predicted_s + promise.error_frac * max(0.0, predicted_s - what.way_s)
    finding = Finding.UNDECIDED
    if seen.is_shaped or seen.rate_rps != promise.rate_rps:
        sentence = f"predicted for Poisson traffic of {promise.rate_rps:g}/s"
    elif high is not None and high <= limit_s:
        finding, sentence = Finding.PASS, "as predicted, or faster"
    elif low is not None and low > limit_s:
        finding, sentence = Finding.FAIL, "slower, error band included"
    else:
        sentence = "too few requests to say"
    return Check(
        subject=what.subject,
        finding=finding,
        sentence=sentence,
        promised=Figure(
            value=milliseconds(predicted_s), unit="ms", high=milliseconds(limit_s)
        ),
        observed=Figure(
            value=milliseconds(value),
            unit="ms",
            low=None if low is None else milliseconds(low),
            high=None if high is None else milliseconds(high),
        ),
        decides=False,
    )


def right_answers(seen: Seen) -> tuple[int, int] | None:
    """Right answers and samples; each sample counts once. None without labels."""
    labels = seen.payloads.labels
    if labels is None:
        return None
    graded = {
        r.sample: r.answer.label == labels[r.sample]
        for r in reversed(seen.replies)
        if r.answer.outcome is Outcome.ANSWERED and r.answer.label is not None
    }
    return sum(graded.values()), len(graded)


def quality(seen: Seen, promise: Promise) -> Check | None:
    """The share of right answers; None where nothing was promised or nothing is labelled."""
    counted, wanted = right_answers(seen), promise.quality
    if counted is None or wanted is None:
        return None
    right, n = counted
    promised = Figure(value=wanted.minimum_frac, unit="frac")
    if not n:
        return Check(
            subject=wanted.metric,
            finding=Finding.UNDECIDED,
            sentence="no answer names a class",
            promised=promised,
        )
    low, high = wilson(right, n)
    finding = Finding.UNDECIDED
    if high < wanted.minimum_frac:
        finding = Finding.FAIL
    elif low >= wanted.minimum_frac:
        finding = Finding.PASS
    elif not wanted.is_floor and right / n >= wanted.minimum_frac:
        # What the plan measured is no floor: to agree with it is enough.
        finding = Finding.PASS
    words = "the floor" if wanted.is_floor else "what was measured when it was planned"
    return Check(
        subject=wanted.metric,
        finding=finding,
        sentence=f"{right} of {n} labelled samples right, against {words}",
        promised=promised,
        observed=Figure(value=right / n, unit="frac", low=low, high=high),
    )


def texts(seen: Seen) -> Check | None:
    """How many texts hold what was expected of them; None where nothing was."""
    expected = seen.payloads.expected
    if expected is None:
        return None
    graded = {
        r.sample: _plain(expected[r.sample]) in _plain(r.answer.streamed.text)
        for r in reversed(seen.replies)
        if r.answer.streamed is not None
    }
    right, n = sum(graded.values()), len(graded)
    low, high = wilson(right, n) if n else (0.0, 1.0)
    return Check(
        subject="right texts",
        finding=Finding.UNDECIDED,
        sentence=f"{right} of {n} answers hold the text that was expected; the plan "
        "promises no share of them",
        observed=Figure(value=right / n, unit="frac", low=low, high=high)
        if n
        else None,
        decides=False,
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def tokens(seen: Seen, promise: Promise) -> Check | None:
    """Whether the requests were as long as the plan counts them; None without tokens."""
    streamed = [r.answer.streamed for r in seen.replies if r.answer.streamed]
    if not streamed or not seen.is_made_up:
        return None
    mean = float(np.mean([s.n_tokens for s in streamed]))
    is_light = mean < (1 - _LIGHTER_FRAC) * promise.output_tokens
    words = f"answers of {mean:.4g} tokens on average"
    prompts = [s.prompt_tokens for s in streamed if s.prompt_tokens is not None]
    if prompts:
        prompt_mean = float(np.mean(prompts))
        words += f", prompts of {prompt_mean:.4g} (plan: {promise.prompt_tokens})"
        is_light |= prompt_mean < (1 - _LIGHTER_FRAC) * promise.prompt_tokens
    return Check(
        subject="output tokens",
        finding=Finding.UNDECIDED if is_light else Finding.PASS,
        sentence=f"{words}: a lighter load than the plan's" if is_light else words,
        promised=Figure(value=float(promise.output_tokens), unit="tokens"),
        observed=Figure(value=mean, unit="tokens"),
    )


def shapes(seen: Seen) -> Check | None:
    """Whether the answers are those of one model that knows the labels' classes."""
    labels = seen.payloads.labels
    found = {r.answer.shape for r in seen.replies if r.answer.shape is not None}
    fault = None
    if len(found) > 1:
        shown = ", ".join(str(list(s)) for s in sorted(found)[:_SAMPLES_SHOWN])
        fault = f"answers of different shapes ({shown}): different models answer"
    elif labels and found:
        (shape,) = found
        if len(shape) != 1 or shape[0] <= max(labels):
            fault = (
                f"answers of shape {list(shape)}, and the samples have classes up to "
                f"{max(labels)}: another model answers"
            )
    if fault is None:
        return None
    return Check(subject="answers", finding=Finding.FAIL, sentence=fault)


def sender_note(seen: Seen, promise: Promise) -> str | None:
    """A warning where the sender was late by a part of the promise that matters."""
    if not seen.replies:
        return None
    late_s = float(np.quantile([r.lag_s for r in seen.replies], 0.99))
    if late_s <= _LATE_FRAC * promise.wait_s:
        return None
    return (
        f"this machine sent late (p99 {milliseconds(late_s):.1f} ms): the latencies "
        "hold that, too; send from one that is not busy"
    )
