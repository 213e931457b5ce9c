"""What could be measured so that there is a plan, as people read it."""

import pytest

from planner.domain.placement import Verdict
from planner.report.fitting import fitting_lines, fitting_table
from planner.report.outline import closing_lines
from planner.specs.measuring import PlanFitting, PlanWayToFit
from tests.support.studies import FAILED, L4, taken

BOX = L4.model_copy(update={"device": "box", "where": "at shop", "price_usd": 0.0, "commands": ()})  # fmt: skip
WAY = PlanWayToFit(
    measurements=(L4, BOX),
    price_usd=0.2083,
    time_s=1863.0,
    probability_frac=0.625,
    usd_per_month=57.92,
    verdict="take",
    adds_probability_frac=0.625,
)
STUDY = PlanFitting(
    budget_usd=5.0,
    price_usd=0.2083,
    ways=(WAY,),
    n_measurable=3,
    probability_frac=0.625,
    possible_frac=0.75,
    n_worlds=16,
    seed=0,
    n_solves=40,
)


@pytest.fixture
def told(storefront):
    def told(**update):
        study = STUDY.model_copy(update=update)
        return storefront.model_copy(
            update={"fitting": study, "status": Verdict.INFEASIBLE, "certificate": None}
        )

    return told


def test_measurements_that_only_help_together_are_one_row(told):
    assert fitting_table(told()).rows == (
        (
            "m on nvidia-l4 and m on box",
            "g6.xlarge on demand in aws us-east-1 and at shop",
            "up to $0.21, 31 min",
            "62.5 %",
            "57.92",
            "measure",
        ),
    )


def test_a_note_stands_below_as_a_sentence_and_no_note_as_nothing(told):
    told_of, silent = (
        fitting_table(told(note=note)).footnotes for note in ("prices are old", "")
    )

    assert set(told_of) - set(silent) == {"Prices are old."}
    assert all(len(note) > 1 for note in silent)


def test_what_to_measure_is_told_with_its_chance_and_the_commands_of_each(told):
    first, there, published, perfect = fitting_lines(told())

    assert "measure m on nvidia-l4 and m on box" in first
    assert "62.5 % probability of a plan, of about $57.92 a month" in first
    assert "there: planner profile SPEC --as-device nvidia-l4 ; then here: planner import profiles f" in there  # fmt: skip
    assert "run your own copy" in published
    assert "75 % probability" in perfect


def test_several_ways_are_told_together(told):
    other = WAY.model_copy(update={"measurements": (BOX,)})

    lines = fitting_lines(told(ways=(WAY, other), probability_frac=0.7))

    assert any("Together" in line and "70 %" in line and "$0.21" in line for line in lines)  # fmt: skip
    assert not any("Together" in line for line in fitting_lines(told()))


def test_prices_come_with_source_and_date(told):
    assert any("price list, 2026-03-01" in n for n in fitting_table(told()).footnotes)


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"ways": (), "n_measurable": 0}, "none of the profiles on offer has an error band"),
        ({"ways": ()}, "even if 3 possible measurements turned out as well"),
        ({"ways": (), "is_cut_short": True, "possible_frac": None}, "The time for weighing"),
        ({"ways": (WAY.model_copy(update={"verdict": "over_budget"}),), "budget_usd": 0.0}, "a budget of nothing"),
        ({"ways": (WAY.model_copy(update={"verdict": "over_budget"}),)}, "within the budget"),
    ],
)  # fmt: skip
def test_a_study_that_finds_nothing_to_do_says_why(told, update, words):
    assert words in fitting_lines(told(**update))[0]


def test_what_was_measured_in_vain_is_told(told):
    first = fitting_lines(told(taken=(taken(None, None),)))[0]

    assert "no plan with what was found, either" in first


def test_what_failed_is_told_with_the_reason_where_nothing_else_is_left(told):
    failed, none, perfect = fitting_lines(told(ways=(), n_measurable=0, probability_frac=0.0, failed=(FAILED,)))  # fmt: skip

    assert failed.startswith("m on box could not be measured here")
    assert failed.endswith("the factory raised an error")
    assert none.startswith("No other measurement is left")
    assert "75 % probability" in perfect


def test_an_answer_without_a_plan_tells_it_in_every_medium(told, storefront):
    assert any("62.5 % probability of a plan" in s for s in closing_lines(told()))
    assert (fitting_table(storefront), fitting_lines(storefront)) == (None, ())
