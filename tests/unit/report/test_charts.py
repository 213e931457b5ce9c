"""Bars are as long as their figures, and say them in words too."""

import re

from planner.report.charts import cost_chart, latency_chart
from planner.specs.plan import PlanCost
from tests.support.pages import Page


def widths(svg: str) -> list[float]:
    return [float(w) for w in re.findall(r'<rect [^>]*width="([\d.]+)"', svg)]


def test_bars_of_the_bill_are_in_proportion(storefront):
    drawn = widths(cost_chart(storefront))

    amounts = [line.usd_per_month for line in storefront.cost.lines]
    for width, amount in zip(drawn, amounts, strict=True):
        assert abs(width / max(drawn) - amount / max(amounts)) < 0.001


def test_a_bill_of_one_line_or_of_nothing_has_no_picture(storefront):
    lines = storefront.cost.lines
    one = PlanCost(total_usd_per_month=1.0, lines=lines[:1])
    free = PlanCost(
        total_usd_per_month=0.0,
        lines=tuple(x.model_copy(update={"usd_per_month": 0.0}) for x in lines),
    )

    for cost in (one, free):
        assert cost_chart(storefront.model_copy(update={"cost": cost})) == ""


def test_parts_of_a_latency_stand_against_the_promise(storefront):
    svg = latency_chart(storefront)

    first = svg.split("</svg>")[0]
    promise = float(re.search(r'class="promise" x1="([\d.]+)"', first).group(1))
    assert abs(sum(widths(first)) / promise - 47.56 / 120) < 0.001


def test_token_times_are_drawn_without_a_legend_of_parts(chat):
    svg = latency_chart(chat)

    assert "assistant, TTFT" in svg
    assert "413 ms of 500 ms" in svg
    assert "legend" not in svg


def test_a_promise_that_is_missed_is_in_another_colour(chat):
    slow = chat.workloads[0].predicted.model_copy(update={"ttft_ms": 900.0})
    workload = chat.workloads[0].model_copy(update={"predicted": slow})

    svg = latency_chart(chat.model_copy(update={"workloads": (workload,)}))

    kept, missed = '<rect x="0.00" y="1" width="98.00"', "#d55e00"
    assert missed in svg.split("</svg>")[0]
    assert missed not in svg.split("</svg>")[1]
    assert kept in svg


def test_a_latency_of_nothing_draws_nothing(storefront):
    nothing = {"rtt_ms": 0.0, "transfer_ms": 0.0, "wait_ms": 0.0, "service_ms": 0.0}
    idle = {"p50_ms": 0.0, "p95_ms": 0.0, "p99_ms": 0.0}
    p = storefront.placements[0]
    placement = p.model_copy(
        update={
            "breakdown": p.breakdown.model_copy(update=nothing),
            "predicted": p.predicted.model_copy(update=idle),
        }
    )
    workload = storefront.workloads[0]
    slo = workload.slo.model_copy(update={"latency_ms": None})
    plan = storefront.model_copy(
        update={
            "placements": (placement,),
            "workloads": (workload.model_copy(update={"slo": slo}),),
        }
    )

    svg = latency_chart(plan)

    assert set(widths(svg)) == {0.0}
    assert "nan" not in svg


def test_no_workload_no_picture(infeasible):
    assert latency_chart(infeasible) == ""


def test_a_picture_is_told_in_words(storefront):
    page = Page(cost_chart(storefront))

    told = [
        v for tag, name, v in page.attributes if (tag, name) == ("svg", "aria-label")
    ]
    assert told[1] == (
        "1 × c7g.large on demand in aws eu-central-1, for reorder-digits: $56.58"
    )
