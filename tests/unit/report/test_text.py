"""Plain text fits its width, whatever stands in it."""

import pytest

from planner.report.tables import table
from planner.report.text import display_width, plan_text, text_table, wrapped
from tests.support.texts import with_every_text
from tests.unit.report.hostile import NAMES


@pytest.mark.parametrize("width", [20, 37, 60, 80, 100, 160])
@pytest.mark.parametrize("name", ["storefront", "chat", "infeasible"])
def test_no_line_is_wider_than_asked(name, width, request):
    text = plan_text(request.getfixturevalue(name), width=width)

    assert max(display_width(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("word", NAMES)
def test_any_name_fits_and_is_shown(storefront, word):
    text = plan_text(with_every_text(storefront, word), width=100)

    assert max(display_width(line) for line in text.splitlines()) <= 100
    assert word.split()[0][:8] in text


def test_no_name_steers_the_terminal(storefront, infeasible):
    for plan in (storefront, infeasible):
        text = plan_text(with_every_text(plan, "a\x1b[2Jb\x07\x9b\u202ec"))

        assert not set(text) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_wide_signs_take_two_columns_and_marks_none():
    assert display_width("商店") == 4
    assert display_width("e\u0301") == 1
    assert display_width("a\u200bb") == 2


def test_columns_line_up_under_wide_signs():
    lines = text_table(
        table("t", ["Name", ">USD"], [("商店", "1.00"), ("shop", "22.00")]), width=40
    ).splitlines()

    assert {display_width(line) for line in lines} == {len("Name  22.00")}


def test_numbers_stay_with_their_units_and_words_whole():
    assert wrapped("wait at most 120 ms", 16) == ["wait at most", "120 ms"]
    assert wrapped("one extraordinarily", 10) == ["one", "extraordin", "arily"]
    assert wrapped("at eu-central-1 now", 12) == ["at", "eu-central-1", "now"]


def test_an_address_breaks_at_its_slashes():
    assert wrapped("https://example.org/prices/today", 20) == [
        "https://example.org/",
        "prices/today",
    ]


def test_a_field_breaks_between_its_parts_and_a_version_nowhere():
    assert wrapped("workloads.0.slo.latency_ms", 20) == [
        "workloads.0.slo.",
        "latency_ms",
    ]
    assert wrapped("of torch-2.13.0", 9) == ["of torch-", "2.13.0"]


def test_nothing_to_say_is_an_empty_line():
    assert wrapped("", 10) == [""]


def test_a_table_too_wide_for_the_terminal_becomes_a_list():
    headings = ["First thing", "Second thing", ">Number of things"]
    rows = [("one two", "three four", "123,456,789"), ("five", "six", "7")]

    text = text_table(
        table("t", headings, rows, total=("Total", "", "123,456,796")), width=30
    )

    assert text.splitlines() == [
        "First thing: one two",
        "Second thing: three four",
        "Number of things: 123,456,789",
        "",
        "First thing: five",
        "Second thing: six",
        "Number of things: 7",
        "",
        "Total",
        "Number of things: 123,456,796",
    ]


def test_the_heading_of_a_number_is_broken_between_words_before_there_is_a_list():
    headings = ["Variant", ">Confidence off by", ">Time"]

    text = text_table(table("t", headings, [("fp32", "2.15 %", "1.5 ms")]), width=27)

    assert text.splitlines() == [
        "Variant  Confidence    Time",
        "             off by",
        "───────────────────────────",
        "fp32         2.15 %  1.5 ms",
    ]


def test_words_are_squeezed_only_where_headings_of_numbers_have_nothing_left_to_give():
    headings = ["Verdict", ">Error up to"]

    text = text_table(table("t", headings, [("no telling at all", "9 %")]), width=24)

    assert text.splitlines() == [
        "Verdict            Error",
        "                   up to",
        "────────────────────────",
        "no telling at all    9 %",
    ]


def test_a_width_below_the_least_is_the_least(storefront):
    assert plan_text(storefront, width=-5) == plan_text(storefront, width=20)
