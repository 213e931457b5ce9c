"""What measuring would be worth, as people read it."""

import pytest

from planner.domain.placement import Verdict
from planner.report.measuring import measuring_lines, measuring_table, points_lines
from planner.specs.assurance import PlanSimulation, TrialRound
from planner.specs.measuring import PlanMeasurement, PlanMeasuring, PlanPoints
from tests.support.studies import FAILED, L4, taken

WORTH = PlanMeasurement(
    **dict(L4),
    saving_usd_per_month=22.9,
    best_saving_usd_per_month=54.3,
    cheaper_probability_frac=0.6875,
    dearer_probability_frac=0.0625,
    verdict="take",
    adds_usd_per_month=22.9,
)
STUDY = PlanMeasuring(
    budget_usd=5.0,
    within_months=1.0,
    price_usd=0.2083,
    measurements=(WORTH,),
    n_powerless=3,
    regret_now_usd_per_month=25.0,
    regret_usd_per_month=2.1,
    n_worlds=16,
    seed=0,
    n_solves=40,
)


@pytest.fixture
def told(storefront):
    def told(**update):
        study = STUDY.model_copy(update=update)
        return storefront.model_copy(update={"measuring": study})

    return told


def test_a_measurement_is_told_with_price_saving_chance_and_commands(told):
    plan = told()

    assert measuring_table(plan).rows == (
        (
            "m on nvidia-l4",
            "g6.xlarge on demand in aws us-east-1",
            "up to $0.21, 16 min",
            "22.90",
            "54.30",
            "68.8 %",
            "6.3 %",
            "measure",
        ),
    )
    first, *_ = measuring_lines(plan)
    assert "saves $22.90 a month" in first
    assert "there: planner profile SPEC --as-device nvidia-l4" in first
    assert "then here: planner import profiles f" in first


def test_prices_come_with_source_and_date(told):
    assert any("price list, 2026-03-01" in n for n in measuring_table(told()).footnotes)


def test_what_is_left_is_told(told):
    *_, powerless, regret = measuring_lines(told())

    assert powerless.startswith("3 other measurements could not")
    assert "would save $2.10 a month on top" in regret


def test_what_was_measured_is_told_before_and_after(told):
    first = measuring_lines(told(taken=(taken(90.0, 60.0),)))[0]

    assert "from $90.00 to $60.00" in first


def test_a_measurement_that_made_a_plan_possible_is_told_so(told):
    first = measuring_lines(told(taken=(taken(None, 60.0, n_profiles=1),)))[0]

    assert "(1 variant): that made a plan possible, of $60.00 a month" in first


def test_what_could_not_be_measured_is_told_with_the_reason(told):
    first = measuring_lines(told(failed=(FAILED,)))[0]

    assert first.startswith("m on box could not be measured here")
    assert first.endswith("the factory raised an error")


def test_a_study_that_stops_says_why(told):
    plan = told(measurements=(), is_cut_short=False)

    assert measuring_table(plan) is None
    assert "No measurement left is worth its price." in measuring_lines(plan)
    assert any("time for weighing" in s for s in measuring_lines(told(measurements=(), is_cut_short=True)))  # fmt: skip
    assert any("budget of nothing" in s for s in measuring_lines(told(measurements=(), budget_usd=0.0)))  # fmt: skip
    assert "is not known" in measuring_lines(told(regret_usd_per_month=None))[-1]


def test_a_plan_that_was_not_studied_says_nothing(storefront):
    assert measuring_table(storefront) is None
    assert measuring_lines(storefront) == ()


POINTS = PlanPoints(n_curves=4, n_grid=24, n_timed=7, n_read_off=2, n_beyond=15, n_plans=3)  # fmt: skip


def test_how_few_points_were_timed_is_told_with_why_the_others_do_not_matter(
    storefront,
):
    timed, read_off, beyond, *_ = points_lines(
        storefront.model_copy(update={"points": POINTS})
    )

    assert "7 of 24 batch sizes" in timed
    assert "29.2 %" in timed
    assert "3 plans made in between" in timed
    assert read_off.startswith("2 read off lines between timed ones")
    assert beyond.startswith("15 could not change the answer")
    assert "this would be the best plan" in beyond


def test_of_points_that_cannot_make_a_plan_that_is_told(storefront):
    update = {"points": POINTS, "status": Verdict.INFEASIBLE, "simulation": None}

    *_, beyond = points_lines(storefront.model_copy(update=update))

    assert beyond.endswith("nothing would fit.")


def test_what_a_trial_cut_after_the_points_were_chosen_is_said(storefront):
    held = TrialRound(cost_usd_per_month=1.0, workloads=())
    once = PlanSimulation(seed=0, traffic="steady", rounds=(held,), holds=True)
    again = once.model_copy(update={"rounds": (held, held)})

    def told(simulation):
        plan = {"points": POINTS, "simulation": simulation}
        return points_lines(storefront.model_copy(update=plan))

    assert any("simulated traffic" in line for line in told(again))
    assert not any("simulated traffic" in line for line in told(once))


def test_where_all_points_were_timed_nothing_is_said_of_others(storefront):
    whole = POINTS.model_copy(update={"n_timed": 24, "n_read_off": 0, "n_beyond": 0})

    (line,) = points_lines(
        storefront.model_copy(update={"points": whole, "simulation": None})
    )

    assert "24 of 24" in line
    assert points_lines(storefront) == ()
