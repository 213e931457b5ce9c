"""The sentences of a plan are true of it."""

import pytest

from planner.domain.placement import Objective, Verdict
from planner.report import prose
from planner.report.outline import answer_tables, closing_lines, outline


def changed_workload(plan, index, **update):
    workloads = list(plan.workloads)
    workloads[index] = workloads[index].model_copy(update=update)
    return plan.model_copy(update={"workloads": tuple(workloads)})


def test_the_answer_is_two_sentences(storefront):
    answer, holds = prose.headline(storefront)

    assert answer.startswith("Run shelf-cameras on 2 × raspberry-pi-4")
    assert answer.endswith("$61.48 a month in all.")
    assert "the least sure is reorder-digits" in holds
    assert "97.1 %" in holds


def test_a_workload_on_two_offers_is_named_once(chat):
    answer, _ = prose.headline(chat)

    assert answer.count("assistant") == 1


def test_many_placements_are_counted(storefront):
    many = storefront.model_copy(update={"placements": storefront.placements * 2})

    answer, _ = prose.headline(many)

    assert answer == (
        "Run 2 workloads on 6 machines at 2 places, for $61.48 a month in all."
    )


def test_a_promise_that_is_missed_is_the_headline(storefront):
    plan = changed_workload(storefront, 0, attainment_frac=0.9312)

    _, holds = prose.headline(plan)

    assert holds == (
        "Predicted to miss its promise: shelf-cameras (93.1 % in time, promised 95 %)."
    )


def test_an_attainment_that_meets_the_percentile_exactly_keeps_it(storefront):
    # 0.1 + 0.2 + 0.65 is 0.9500000000000001, and in another order less than 0.95.
    plan = changed_workload(storefront, 0, attainment_frac=0.65 + 0.2 + 0.1)

    assert prose.is_kept(plan.workloads[0])


def test_a_plan_without_workloads_promises_nothing(storefront):
    empty = storefront.model_copy(update={"workloads": (), "placements": ()})

    assert prose.headline(empty)[1] == "There is no workload to keep a promise to."
    assert prose.key_figures(empty)[-1] == ("Machines", "0")


def test_a_budget_of_nothing_is_not_divided_by(storefront):
    policy = storefront.policy.model_copy(update={"budget_usd_per_month": 0.0})

    figures = prose.key_figures(storefront.model_copy(update={"policy": policy}))

    assert ("Of the budget", "—") in figures


def test_infeasible_names_the_obstacle_and_the_nearest_plan(infeasible):
    asks = zip(infeasible.relaxations, [1.84, 1.94, 1.96], strict=True)
    ranked = tuple(r.model_copy(update={"ask_ratio": ask}) for r, ask in asks)
    nearest = ranked[1].model_copy(update={"ask_ratio": 1.2, "plan": "2 × boards"})
    relaxations = (ranked[0], nearest, ranked[2])
    plan = infeasible.model_copy(update={"relaxations": relaxations})

    obstacle, way_out = prose.headline(plan)

    assert obstacle.startswith("No plan satisfies every limit of factory")
    assert "and 1 more reason" in obstacle
    assert "workloads.0.slo.latency_ms from 20 to 38.74 ms" in way_out
    assert "$61.32 a month for 2 × boards" in way_out


def test_infeasible_without_a_way_out_says_so(infeasible):
    bare = infeasible.model_copy(update={"relaxations": (), "reasons": ()})

    assert prose.headline(bare) == (
        "No plan satisfies every limit of factory.",
        "No change of the spec that was tried makes it feasible.",
    )


@pytest.mark.parametrize(
    ("status", "objective", "words"),
    [
        (Verdict.OPTIMAL, Objective.COST, "proven cheapest"),
        (Verdict.OPTIMAL, Objective.LATENCY, "proven fastest"),
        (Verdict.FEASIBLE, Objective.COST, "a plan, not proven best"),
        (Verdict.INFEASIBLE, Objective.COST, "infeasible"),
    ],
)
def test_the_verdict_claims_no_more_than_was_proved(
    storefront, status, objective, words
):
    policy = storefront.policy.model_copy(update={"objective": objective})
    plan = storefront.model_copy(update={"status": status, "policy": policy})

    assert outline(plan).verdict == words


def test_a_runner_up_without_a_price_has_none(storefront):
    first, second = prose.runners_up(storefront)

    assert "$115.69 a month in all" in first
    assert "$" not in second


def test_assumptions_name_traffic_residency_confidence_and_spares(storefront):
    lines = " ".join(prose.assumptions(storefront))

    for fact in ("12/s", "180 KiB in", "stays in eu", "90 % quantile", "1 spare"):
        assert fact in lines


def test_token_counts_are_assumptions_of_a_language_model(chat):
    assert "512 tokens in and 256 out" in prose.assumptions(chat)[0]


def test_next_steps_fit_the_plan(storefront, chat, infeasible):
    def commands(plan):
        return [step.command for step in prose.next_steps(plan)]

    assert commands(storefront) == [
        "planner manifests plan.json",
        "planner profile SPEC",
        "planner catalog refresh --provider aws --regions eu-central-1",
    ]
    assert "planner profile SPEC" not in commands(chat)
    assert commands(infeasible) == ["planner recommend SPEC"]


def test_what_a_terminal_shows_is_the_answer_and_not_its_evidence(storefront):
    titles = [table.title for table in answer_tables(storefront)]

    assert titles[0] == "What to run where"
    assert "Evidence" not in titles


def test_closing_lines_hold_answer_reasons_warnings_and_proof(storefront):
    lines = closing_lines(storefront)

    assert lines[0].startswith("Run shelf-cameras")
    assert any(line.startswith("Why not the runner-up: ") for line in lines)
    assert any(line.startswith("Warnings: ") for line in lines)
    assert any(line.startswith("HiGHS proved") for line in lines)
    assert lines[-1].endswith("--regions eu-central-1")


def test_where_no_change_was_found_none_is_numbered(infeasible):
    (step,) = prose.next_steps(infeasible.model_copy(update={"relaxations": ()}))

    assert "numbered" not in step.sentence
    assert step.command == "planner recommend SPEC"
