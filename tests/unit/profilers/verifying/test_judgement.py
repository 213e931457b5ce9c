"""Verdicts on replies whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from planner.domain.verification import Finding, Outcome
from profilers.verifying import judgement
from profilers.verifying.judgement import Seen
from profilers.verifying.promise import QualityPromise, promise_of
from tests.support.plans import storefront_plan
from tests.support.replies import exponential_s, payloads, replies, reply

# reorder-digits promises 60 ms for 99 % and predicts 31, 35 and 38 ms at 3.5 /s.
PROMISE = replace(
    promise_of(storefront_plan(), "reorder-digits", site=None), rate_rps=100.0
)


def seen(given, *, shift_s=0.0, labels=None, rate_rps=100.0):
    return Seen(
        replies=given,
        payloads=payloads(max(r.sample for r in given) + 1, labels=labels),
        rate_rps=rate_rps,
        length_s=max(r.due_s for r in given) or 1.0,
        shift_s=shift_s,
    )


def test_an_attainment_surely_above_the_promise_passes():
    check = judgement.attainment(seen(replies(np.full(1000, 0.03))), PROMISE)

    assert check.finding is Finding.PASS
    assert check.observed.low >= 0.99


def test_an_attainment_surely_below_it_fails():
    # P(exponential of mean 20 ms > 60 ms) = 5 %
    check = judgement.attainment(seen(replies(exponential_s(2000, 0.02))), PROMISE)

    assert check.finding is Finding.FAIL
    assert check.observed.value == pytest.approx(0.95, abs=0.015)


def test_too_few_requests_are_undecided_and_say_how_many_would_do():
    check = judgement.attainment(seen(replies(np.full(100, 0.03))), PROMISE)

    assert check.finding is Finding.UNDECIDED
    assert "would decide" in check.sentence


def test_a_request_without_an_answer_misses_the_promise():
    given = replies(np.full(900, 0.01))
    given += [
        reply(9 + i / 100, 0.001, outcome=Outcome.FAILED, said="500: boom")
        for i in range(100)
    ]

    attained = judgement.attainment(seen(given), PROMISE)
    answered = judgement.answers(seen(given), PROMISE)

    assert attained.observed.value == pytest.approx(0.9)
    assert (attained.finding, answered.finding) == (Finding.FAIL, Finding.FAIL)
    assert "100 failed (500: boom)" in answered.sentence


def test_the_way_that_users_have_and_the_sender_has_not_is_added():
    given = replies(np.full(1000, 0.04))

    here = judgement.attainment(seen(given), PROMISE)
    there = judgement.attainment(seen(given, shift_s=0.03), PROMISE)

    assert here.finding is Finding.PASS
    assert there.finding is Finding.FAIL


def test_a_late_sender_is_not_held_against_the_server():
    late = replies(np.full(1000, 0.1), lag_s=0.08)
    slow = replies(np.full(1000, 0.1), lag_s=0.001)

    excused = judgement.attainment(seen(late), PROMISE)
    guilty = judgement.attainment(seen(slow), PROMISE)

    assert excused.finding is Finding.UNDECIDED
    assert "sender itself was late" in excused.sentence
    assert guilty.finding is Finding.FAIL
    assert "sent late" in judgement.sender_note(seen(late), PROMISE)
    assert judgement.sender_note(seen(slow), PROMISE) is None


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
    check = judgement.percentile(seen(replies(np.full(1000, latency_s))), PROMISE, 0.95)

    assert check.finding is finding
    assert not check.decides
    # 34.7 ms predicted, 28.82 ms of it the way: the band of 38 % is on the rest.
    assert check.promised.high == pytest.approx(34.7 + 0.38 * (34.7 - 28.82))


def test_percentiles_say_nothing_at_another_rate_than_the_plans():
    given = seen(replies(np.full(1000, 0.03)), rate_rps=50.0)

    check = judgement.percentile(given, PROMISE, 0.5)

    assert check.finding is Finding.UNDECIDED
    assert "predicted for 100/s" in check.sentence


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
