"""A verification reads as what was found: figures, intervals, verdict, reasons."""

import datetime as dt
import json
import math

import pytest

from planner.domain.verification import Check, Figure, Finding, Outcome, Verification
from planner.report.verification import (
    closing_lines,
    verification_data,
    verification_table,
)


def verification(*checks):
    return Verification(
        workload="digits",
        url="http://127.0.0.1:8000/",
        placement="digit-reader, int8 on onnxruntime",
        rate_rps=40.0,
        length_s=60.0,
        measured_at=dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        outcomes={Outcome.ANSWERED: 2390, Outcome.FAILED: 10},
        checks=checks,
        notes=("sent: samples",),
    )


def check(finding, *, decides=True, **fields):
    return Check(
        subject="attainment", finding=finding, sentence="why", decides=decides, **fields
    )


@pytest.mark.parametrize(
    ("findings", "whole"),
    [
        ([Finding.PASS, Finding.PASS], Finding.PASS),
        ([Finding.PASS, Finding.UNDECIDED], Finding.UNDECIDED),
        ([Finding.UNDECIDED, Finding.FAIL], Finding.FAIL),
        ([], Finding.UNDECIDED),
    ],
)
def test_one_failure_fails_the_whole_and_one_doubt_leaves_it_open(findings, whole):
    assert verification(*map(check, findings)).finding is whole


def test_a_wrong_prediction_does_not_break_a_kept_promise():
    found = verification(check(Finding.PASS), check(Finding.FAIL, decides=False))

    assert found.finding is Finding.PASS
    assert verification_table(found).rows[1][4] == "not as predicted"


def test_figures_stand_with_promise_interval_and_unit():
    found = verification(
        check(
            Finding.PASS,
            promised=Figure(value=0.95, unit="frac"),
            observed=Figure(value=0.9871, unit="frac", low=0.981, high=0.992),
        )
    )

    (row,) = verification_table(found).rows

    assert row[1:5] == ("≥ 95 %", "98.71 %", "98.1 to 99.2 %", "pass")


def test_the_verdict_says_why():
    counted, verdict = closing_lines(verification(check(Finding.FAIL)))

    assert "2390 answered, 10 failed" in counted
    assert verdict.startswith("FAIL")
    assert "attainment: why" in verdict


def test_plain_data_is_json_even_where_nobody_was_answered():
    never = Figure(value=math.inf, unit="ms", low=math.inf)

    data = verification_data(
        verification(check(Finding.FAIL, observed=never)), stored=None
    )

    text = json.dumps(data, allow_nan=False)
    assert json.loads(text)["checks"][0]["observed"] == {
        "value": None,
        "low": None,
        "high": None,
        "unit": "ms",
    }
    assert json.loads(text)["finding"] == "fail"
