"""Verdicts on replies whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from planner.domain.verification import Finding, Outcome
from profilers.verifying import judgement
from profilers.verifying.answers import Streamed
from profilers.verifying.judgement import Seen
from profilers.verifying.promise import QualityPromise, Quantity, promise_of
from tests.support.chat_plans import chat_plan
from tests.support.plans import storefront_plan
from tests.support.replies import exponential_s, payloads, replies, reply

# reorder-digits promises 60 ms for 99 % and predicts 31, 35 and 38 ms at 3.5 /s.
PROMISE = replace(
    promise_of(storefront_plan(), "reorder-digits", site=None), rate_rps=100.0
)

(LIMIT,) = PROMISE.limits


def predicted(subject):
    return next(p for p in PROMISE.predictions if p.subject == subject)


def seen(given, *, shift_s=0.0, labels=None, rate_rps=100.0):
    return Seen(
        replies=given,
        payloads=payloads(max(r.sample for r in given) + 1, labels=labels),
        rate_rps=rate_rps,
        length_s=max(r.due_s for r in given) or 1.0,
        shift_s=shift_s,
    )


def test_an_attainment_surely_above_the_promise_passes():
    check = judgement.attainment(seen(replies(np.full(1000, 0.03))), PROMISE, LIMIT)

    assert check.finding is Finding.PASS
    assert check.observed.low >= 0.99


def test_an_attainment_surely_below_it_fails():
    # P(exponential of mean 20 ms > 60 ms) = 5 %
    check = judgement.attainment(
        seen(replies(exponential_s(2000, 0.02))), PROMISE, LIMIT
    )

    assert check.finding is Finding.FAIL
    assert check.observed.value == pytest.approx(0.95, abs=0.015)


def test_too_few_requests_are_undecided_and_say_how_many_would_do():
    check = judgement.attainment(seen(replies(np.full(100, 0.03))), PROMISE, LIMIT)

    assert check.finding is Finding.UNDECIDED
    assert "would decide" in check.sentence


def test_a_request_without_an_answer_misses_the_promise():
    given = replies(np.full(900, 0.01))
    given += [
        reply(9 + i / 100, 0.001, outcome=Outcome.FAILED, said="500: boom")
        for i in range(100)
    ]

    attained = judgement.attainment(seen(given), PROMISE, LIMIT)
    answered = judgement.answers(seen(given), PROMISE)

    assert attained.observed.value == pytest.approx(0.9)
    assert (attained.finding, answered.finding) == (Finding.FAIL, Finding.FAIL)
    assert "100 failed (500: boom)" in answered.sentence


def test_the_way_that_users_have_and_the_sender_has_not_is_added():
    given = replies(np.full(1000, 0.04))

    here = judgement.attainment(seen(given), PROMISE, LIMIT)
    there = judgement.attainment(seen(given, shift_s=0.03), PROMISE, LIMIT)

    assert here.finding is Finding.PASS
    assert there.finding is Finding.FAIL


def test_a_late_sender_is_not_held_against_the_server():
    late = replies(np.full(1000, 0.1), lag_s=0.08)
    slow = replies(np.full(1000, 0.1), lag_s=0.001)

    excused = judgement.attainment(seen(late), PROMISE, LIMIT)
    guilty = judgement.attainment(seen(slow), PROMISE, LIMIT)

    assert excused.finding is Finding.UNDECIDED
    assert "sender itself was late" in excused.sentence
    assert guilty.finding is Finding.FAIL
    assert "sent late" in judgement.sender_note(seen(late), PROMISE)
    assert judgement.sender_note(seen(slow), PROMISE) is None


def test_whoever_is_under_way_while_the_sender_stands_still_waits_for_it():
    # From 4.995 s on, the machine of the sender does nothing for half a second.
    quick = replies(np.full(1000, 0.03))
    stood = [
        reply(5.0 + i / 100, 0.5 - i / 100 + 0.03, lag_s=0.495 - i / 100)
        for i in range(49)
    ]
    under_way = [replace(r, ended_s=5.5) for r in quick[493:500]]
    given = [*quick[:493], *under_way, *stood, *quick[549:]]
    # The same answers came as late to a sender that was awake.
    awake = [replace(r, began_s=r.due_s + 0.001) for r in given]

    excused = judgement.attainment(seen(given), PROMISE, LIMIT)
    blamed = judgement.attainment(seen(awake), PROMISE, LIMIT)

    waited_s = seen(given).latency_s(forgive_sender=True)
    assert waited_s[493:500].max() <= 0.08
    assert excused.finding is Finding.UNDECIDED
    assert blamed.observed == excused.observed


def test_a_server_that_answers_at_its_own_pace_is_overloaded():
    # Due at 100 /s, answered at 60 /s: each waits longer than the one before.
    waits_s = [i / 60 - i / 100 + 0.01 for i in range(1000)]

    check = judgement.throughput(seen(replies(waits_s)))

    assert check.finding is Finding.FAIL
    assert check.observed.value == pytest.approx(60, rel=0.1)
    assert "overloaded" in check.sentence


def test_a_slow_server_that_keeps_up_is_not_called_overloaded():
    check = judgement.throughput(seen(replies(np.full(1000, 0.5))))

    assert check.finding is Finding.PASS
    assert "keeps up" in check.sentence


@pytest.mark.parametrize(
    ("latency_s", "finding"), [(0.030, Finding.PASS), (0.2, Finding.FAIL)]
)
def test_percentiles_are_held_against_the_prediction_with_its_band(latency_s, finding):
    given = seen(replies(np.full(1000, latency_s)))

    check = judgement.percentile(given, PROMISE, predicted("p95"))

    assert check.finding is finding
    assert not check.decides
    # 34.7 ms predicted, 28.82 ms of it the way: the band of 38 % is on the rest.
    assert check.promised.high == pytest.approx(34.7 + 0.38 * (34.7 - 28.82))


def test_percentiles_say_nothing_at_another_rate_than_the_plans():
    given = seen(replies(np.full(1000, 0.03)), rate_rps=50.0)

    check = judgement.percentile(given, PROMISE, predicted("p50"))

    assert check.finding is Finding.UNDECIDED
    assert "predicted for Poisson traffic of 100/s" in check.sentence


def graded(n_right, n_samples, *, repeats=1, quality=None):
    labels = tuple([1] * n_samples)
    given = [
        reply(i / 100, 0.01, sample=i % n_samples, label=int(i % n_samples < n_right))
        for i in range(n_samples * repeats)
    ]
    promise = replace(PROMISE, quality=quality or PROMISE.quality)
    return judgement.quality(seen(given, labels=labels), promise)


def test_each_sample_is_graded_once_however_often_it_was_sent():
    check = graded(90, 100, repeats=5)

    assert check.observed.value == pytest.approx(0.9)
    assert "90 of 100" in check.sentence
    # Wilson's interval of 90 of 100, not of 450 of 500.
    assert check.observed.low == pytest.approx(0.8256, abs=1e-3)


@pytest.mark.parametrize(
    ("right", "finding"),
    [(100, Finding.PASS), (60, Finding.FAIL), (92, Finding.UNDECIDED)],
)
def test_quality_is_held_against_the_users_floor(right, finding):
    floor = QualityPromise(metric="top1_accuracy", minimum_frac=0.9, is_floor=True)

    assert graded(right, 100, quality=floor).finding is finding


def test_without_labels_nothing_is_graded():
    assert judgement.quality(seen(replies(np.full(10, 0.01))), PROMISE) is None


def test_answers_that_cannot_be_the_models_are_another_models():
    few_classes = [reply(0.0, 0.01, shape=(3,)), reply(0.1, 0.01, sample=1, shape=(3,))]
    two_shapes = [reply(0.0, 0.01, shape=(3,)), reply(0.1, 0.01, shape=(4,))]

    assert (
        "another model" in judgement.shapes(seen(few_classes, labels=(2, 9))).sentence
    )
    assert "different" in judgement.shapes(seen(two_shapes)).sentence
    assert judgement.shapes(seen(few_classes, labels=(2, 1))) is None


# assistant promises 500 ms to the first token and 50 ms for each further one, for 95 %.
CHAT = promise_of(chat_plan(), "assistant", site="us-east-1")
FIRST, EACH = CHAT.limits


def streamed(i, *, ttft_s, tpot_s, n_tokens=256, prompt_tokens=512, text="", lag_s=0.0):
    due_s = i / 10
    first_s = due_s + ttft_s
    last_s = first_s + (n_tokens - 1) * tpot_s
    told = Streamed(
        first_s=first_s,
        last_s=last_s,
        n_tokens=n_tokens,
        is_counted=True,
        prompt_tokens=prompt_tokens,
        text=text,
        model="m",
    )
    return reply(due_s, last_s - due_s, lag_s=lag_s, sample=i, streamed=told)


def conversations(n, **told):
    return [streamed(i, **told) for i in range(n)]


def test_first_and_further_tokens_are_held_against_limits_of_their_own():
    given = seen(conversations(400, ttft_s=0.4, tpot_s=0.06), shift_s=0.05)

    first = judgement.attainment(given, CHAT, FIRST)
    each = judgement.attainment(given, CHAT, EACH)

    assert (first.subject, first.finding) == (
        "attainment, time to first token",
        Finding.PASS,
    )
    assert (each.subject, each.finding) == ("attainment, time per token", Finding.FAIL)


def test_the_way_delays_the_first_token_and_no_other():
    given = seen(conversations(400, ttft_s=0.4, tpot_s=0.04), shift_s=0.2)

    assert judgement.attainment(given, CHAT, FIRST).finding is Finding.FAIL
    assert judgement.attainment(given, CHAT, EACH).finding is Finding.PASS
    assert given.waited_s(Quantity.TPOT) == pytest.approx(0.04)


def test_a_request_without_an_answer_has_no_tokens_in_time():
    given = conversations(300, ttft_s=0.1, tpot_s=0.01)
    given += [reply(30 + i / 10, 0.01, outcome=Outcome.DROPPED) for i in range(100)]

    for limit in CHAT.limits:
        check = judgement.attainment(seen(given), CHAT, limit)
        assert check.observed.value == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("tokens", "finding"),
    [((256, 512), Finding.PASS), ((20, 512), Finding.UNDECIDED), ((256, 9), Finding.UNDECIDED)],
)  # fmt: skip
def test_shorter_requests_than_the_plans_decide_nothing(tokens, finding):
    n_tokens, prompt_tokens = tokens
    given = conversations(
        30, ttft_s=0.1, tpot_s=0.01, n_tokens=n_tokens, prompt_tokens=prompt_tokens
    )

    check = judgement.tokens(replace(seen(given), is_made_up=True), CHAT)

    assert check.finding is finding
    assert ("lighter load" in check.sentence) is (finding is Finding.UNDECIDED)


def test_texts_are_searched_for_what_was_expected_of_them():
    given = [
        streamed(0, ttft_s=0.1, tpot_s=0.01, text="It is\n PARIS, of course."),
        streamed(1, ttft_s=0.1, tpot_s=0.01, text="It is London."),
    ]
    asked = replace(payloads(2), expected=("Paris", "rome"))

    check = judgement.texts(replace(seen(given), payloads=asked))

    assert check.observed.value == 0.5
    assert not check.decides


def test_traffic_of_another_shape_leaves_predictions_open():
    given = replace(seen(replies(np.full(1000, 0.2))), is_shaped=True)

    check = judgement.percentile(given, PROMISE, predicted("p95"))

    assert check.finding is Finding.UNDECIDED
