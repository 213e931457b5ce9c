"""Tables say what the plan says, row by row."""

import pytest

from planner.report.tables import (
    cost_table,
    evidence_table,
    placements_table,
    relaxations_table,
    schedule_table,
)
from planner.report.timing import breakdown_table, latency_table
from planner.specs.plan import PlanBlock, PlanCost, PlanDocument


def titles(table):
    return [c.title for c in table.columns]


def column(table, title):
    return [row[titles(table).index(title)] for row in table.rows]


def changed_placement(plan: PlanDocument, **update: object) -> PlanDocument:
    first, *rest = plan.placements
    changed = first.model_copy(update=update)
    return plan.model_copy(update={"placements": (changed, *rest)})


def test_a_placement_says_where_on_what_and_how(storefront):
    table = placements_table(storefront)

    assert column(table, "Where") == ["berlin-store (edge)", "aws eu-central-1", ""]
    assert column(table, "Machines")[:2] == [
        "2 × raspberry-pi-4, owned, 1 spare",
        "1 × c7g.large (graviton3-2vcpu), on demand",
    ]
    assert column(table, "How")[:2] == [
        "int8 on tflite, one at a time",
        "int8 on onnxruntime, batch ≤ 8, wait ≤ 4 ms",
    ]


def test_several_devices_and_replicas_a_machine_are_told(storefront):
    plan = changed_placement(
        storefront, instance_type="box", device_count=4, machines=2, replicas=8
    )

    words = column(placements_table(plan), "Machines")[0]

    assert words == "2 × box (4 × raspberry-pi-4), owned, 8 replicas, 1 spare"


def test_shares_of_one_workload_add_up_to_the_whole(chat):
    assert column(placements_table(chat), "Requests") == [
        "4/s (66.7 %)",
        "2/s (33.3 %)",
        "",
    ]


def test_language_engines_batch_by_themselves(chat):
    assert column(placements_table(chat), "How")[0] == "fp8 on vllm"


def test_the_bill_names_source_and_date_of_each_line(storefront):
    table = cost_table(storefront)

    assert table.has_total
    assert column(table, "As of") == ["2025-10-01", "2026-02-27", "2026-02-27", ""]
    assert all(column(table, "Price from")[:3])


def test_the_bill_says_what_is_left_of_the_budget(storefront):
    assert cost_table(storefront).footnotes == (
        "Budget: $400.00 a month, $338.52 left.",
    )


def test_a_bill_that_does_not_add_up_is_not_smoothed_over(storefront):
    cost = storefront.cost.model_copy(update={"total_usd_per_month": 10.0})

    table = cost_table(storefront.model_copy(update={"cost": cost}))

    assert table.rows[-1][-1] == "61.48"
    assert (
        "do not add up to the total the document states, $10.00" in (table.footnotes[0])
    )


def test_costs_of_no_single_placement_are_announced(storefront):
    plan = changed_placement(storefront, cost_usd_per_month=1.0)

    table = placements_table(plan)

    assert table.footnotes[-1].startswith("Costs that belong to no single placement")
    assert column(table, "USD/month") == ["1.00", "58.42", "59.42"]


def test_more_than_the_budget_is_said_to_be_over(storefront):
    policy = storefront.policy.model_copy(update={"budget_usd_per_month": 50.0})

    table = cost_table(storefront.model_copy(update={"policy": policy}))

    assert table.footnotes == ("Budget: $50.00 a month, $11.48 over.",)


def test_an_empty_bill_has_a_total_of_nothing(storefront):
    free = storefront.model_copy(
        update={
            "cost": PlanCost(total_usd_per_month=0.0, lines=()),
            "placements": (),
            "workloads": (),
        }
    )

    assert cost_table(free).rows == (("Total", "", "", "0.00"),)


def test_latency_stands_beside_the_promise_and_how_sure_it_is(storefront):
    table = latency_table(storefront)

    assert table.rows[0] == (
        "shelf-cameras",
        "95 % in 120 ms",
        "41.3 ms",
        "77.3 ms",
        "96.8 ms",
        "99.8 %",
        "> 99.9 %",
        "published measurement, error up to 10 %",
    )


def test_language_models_have_token_times_and_others_a_dash(storefront, chat):
    both = storefront.model_copy(
        update={"workloads": storefront.workloads + chat.workloads}
    )

    table = latency_table(both)

    assert column(table, "TTFT") == ["—", "—", "413 ms"]
    assert column(table, "TPOT") == ["—", "—", "47.1 ms"]
    assert "TTFT" not in titles(latency_table(storefront))


@pytest.mark.parametrize("word", ["Published measurement", "Emulated"])
def test_each_provenance_that_is_used_is_explained(storefront, word):
    notes = latency_table(storefront).footnotes

    assert any(note.startswith(f"{word}: ") for note in notes)
    assert not any(note.startswith("Predicted: ") for note in notes)


def test_the_widest_band_of_a_split_workload_is_told(chat):
    plan = changed_placement(chat, error_frac=0.4)

    assert column(latency_table(plan), "How known") == [
        "published measurement, error up to 40 %"
    ]


def test_means_add_up_as_printed(storefront):
    for row in breakdown_table(storefront).rows:
        *parts, whole = (round(float(cell) * 10) for cell in row[2:])
        assert sum(parts) == whole


def test_tiny_means_keep_their_digits(storefront):
    parts = storefront.placements[0].breakdown.model_copy(
        update={"rtt_ms": 0.0, "transfer_ms": 0.0, "wait_ms": 0.0, "service_ms": 0.0421}
    )

    table = breakdown_table(changed_placement(storefront, breakdown=parts))

    assert table.rows[0][-2:] == ("0.042", "0.042")


def test_no_breakdown_no_table(chat):
    assert breakdown_table(chat) is None


def test_evidence_has_source_and_date(storefront):
    table = evidence_table(storefront)

    assert all(column(table, "Source"))
    assert column(table, "As of") == ["2024-08-28", "2026-03-02", "2026-02-27"]


def test_relaxations_are_rounded_to_the_safe_side(infeasible):
    table = relaxations_table(infeasible)

    assert column(table, "To") == ["183.46", "38.74", "0.3317", "no limit"]
    assert column(table, "No.") == ["1", "2", "3", "and"]
    assert column(table, "Then USD/month") == ["183.45", "61.32", "88.00", ""]


def test_every_row_has_a_cell_for_every_column(storefront, chat, infeasible):
    for plan in (storefront, chat, infeasible):
        tables = [placements_table(plan), cost_table(plan), latency_table(plan)]
        tables += [evidence_table(plan), relaxations_table(plan)]
        for table in tables:
            assert {len(row) for row in table.rows} <= {len(table.columns)}


def test_a_plan_that_changes_with_the_hour_says_what_is_on_when(storefront):
    day, night = PlanBlock(name="08–20", h_per_month=365), PlanBlock(name="20–08", h_per_month=365)  # fmt: skip
    first, *others = storefront.placements
    varying = storefront.model_copy(
        update={
            "blocks": (day, night),
            "placements": (
                first.model_copy(update={"machines_on": (3, 1)}),
                *(p.model_copy(update={"machines_on": (0, 0)}) for p in others),
            ),
        }
    )

    told = schedule_table(varying)

    assert [row[2].split(" × ")[0] for row in told.rows] == ["3", "1"]
    assert schedule_table(storefront) is None


def test_machines_that_workloads_share_are_on_once(storefront):
    first = storefront.placements[0]
    sharing = first.model_copy(
        update={"machines_on": (2, 2), "shared_with": ("other",)}
    )
    other = sharing.model_copy(
        update={"workload": "other", "shared_with": (first.workload,)}
    )
    blocks = (
        PlanBlock(name="a", h_per_month=365),
        PlanBlock(name="b", h_per_month=365),
    )

    told = schedule_table(
        storefront.model_copy(update={"blocks": blocks, "placements": (sharing, other)})
    )

    assert told.rows[0][2].startswith("2 × ")
