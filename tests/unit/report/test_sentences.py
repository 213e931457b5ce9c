"""Figures read as people write them, at the edges too."""

import math

import pytest

from planner.report import sentences as say

INFINITE = float("inf")


@pytest.mark.parametrize(
    ("say_it", "words"),
    [
        (lambda: say.latency(None), "—"),
        (lambda: say.latency(0.0), "0 ms"),
        (lambda: say.latency(INFINITE), "unbounded"),
        (lambda: say.latency(0.00012), "0.00012 ms"),
        (lambda: say.latency(78.00000000000001), "78 ms"),
        (lambda: say.latency(999.4), "1 s"),
        (lambda: say.latency(3_600_000.0), "3,600 s"),
        (lambda: say.usd(0.0), "0.00"),
        (lambda: say.usd(-0.05), "-0.05"),
        (lambda: say.usd(INFINITE), "unbounded"),
        (lambda: say.dollars(None), "—"),
        (lambda: say.number(INFINITE), "unbounded"),
        (lambda: say.share(0.0), "0 %"),
        (lambda: say.share(1.5), "150 %"),
        (lambda: say.share(None), "—"),
        (lambda: say.surely(0.0), "0 %"),
        (lambda: say.surely(0.9999999), "> 99.9 %"),
        (lambda: say.beyond(None, 3.0, unit="devices"), "3"),
        (lambda: say.beyond(100.0, 100.0, unit="usd_per_month"), "100.00"),
        (lambda: say.beyond(5.0, 0.0, unit="ms"), "0"),
        (lambda: say.listed([]), ""),
        (lambda: say.listed(["one"]), "one"),
        (lambda: say.counted(1, "box", "boxes"), "1 box"),
        (lambda: say.counted(2, "box", "boxes"), "2 boxes"),
    ],
)
def test_a_figure_reads(say_it, words):
    assert say_it() == words


def test_the_cents_of_a_huge_amount_are_those_of_the_float_itself():
    # Not 1e24 exactly: the nearest float is 16,777,216 below it.
    assert say.usd(1e24).replace(",", "") == f"{math.trunc(1e24)}.00"


@pytest.mark.parametrize("control", ["\x00", "\x1b", "\x07", "\x9b", "\r", "\n", "\t"])
def test_no_control_sign_is_left(control):
    told = say.clean(f"shop{control}two")

    assert control not in told
    assert told.startswith("shop")
    assert told.endswith("two")


def test_signs_that_reorder_a_line_are_dropped_and_scripts_stay():
    assert say.clean("safe\u202etxt.exe") == "safetxt.exe"
    assert say.clean("商店 متجر दुकान 👩‍🔧") == "商店 متجر दुकान 👩‍🔧"
