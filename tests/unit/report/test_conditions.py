"""The conditions of measuring fit a terminal: what no row says takes no room."""

import datetime as dt
from dataclasses import replace

from planner.domain.conditions import Conditions
from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.report.conditions import conditions_table


def measured(conditions, *, energy_j=None):
    return BatchProfile(
        model="m",
        variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
        device="local",
        points=(
            ServicePoint(batch=1, p50_s=0.01, energy_j=energy_j),
            ServicePoint(batch=8, p50_s=0.04, energy_j=energy_j),
        ),
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source="here",
            as_of=dt.date(2026, 3, 2),
            error_frac=0.1,
        ),
        conditions=conditions,
    )


def headings(table):
    return [c.title for c in table.columns]


def test_what_no_row_says_has_no_column_and_no_footnote():
    seen = measured(Conditions(cold_start_s=1.2, others_frac=0.7))

    shown = conditions_table([seen], ["local"])

    assert shown.title == "Conditions of measuring (m, local)"
    assert headings(shown) == ["Variant", "Cold start", "Others"]
    assert shown.rows == (("fp32 on torch", "1.2 s", "70 %"),)
    assert not any(
        note.startswith(("Clock", "Heat", "Drift")) for note in shown.footnotes
    )


def test_what_one_row_says_is_a_dash_in_the_others():
    quiet = measured(Conditions())
    hot = measured(Conditions(n_heat_throttles=3, quota_waits_frac=0.5), energy_j=0.8)

    shown = conditions_table([quiet, hot], ["local", "local (2 threads)"])

    assert headings(shown)[2:] == ["Energy a request", "Held back", "Heat"]
    assert [(row[0], *row[2:]) for row in shown.rows] == [
        ("local", "—", "—", "—"),
        ("local (2 threads)", "0.8 J to 0.1 J", "50 %", "3 times"),
    ]
    assert "Heat: how often the processor slowed down for it." in shown.footnotes


def test_batch_sizes_that_were_read_off_are_told_once_for_all_of_which_they_are():
    one = replace(measured(Conditions(cold_start_s=1.0)), batch_grid=(1, 2, 4, 8))
    other = replace(one, variant=replace(one.variant, precision=Precision.INT8))

    shown = conditions_table([one, other, one], ["local", "local", "local (2 threads)"])

    (told,) = [note for note in shown.footnotes if "read off" in note]
    assert told.startswith("m fp32 on torch and m int8 on torch: ")
