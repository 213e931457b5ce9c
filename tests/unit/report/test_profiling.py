"""What `planner profile` shows: what is slower, what memory holds, tokens and experts."""

import datetime as dt
from dataclasses import replace

import pytest

from planner.domain.evidence import Evidence, Provenance
from planner.domain.operations import Operations
from planner.domain.profiles import (
    BatchProfile,
    ExpertUse,
    MemoryParts,
    Quality,
    ServicePoint,
    TokenPoint,
    TokenRates,
)
from planner.domain.profiling import ProfilingFailure, ProfilingOutcome
from planner.domain.variants import Precision, Runtime, Variant
from planner.report.outcomes import outcome_data
from planner.report.profiling import profiling_tables

MIB = 1024.0**2
FP32 = BatchProfile(
    model="net",
    variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
    device="local",
    points=(ServicePoint(batch=1, p50_s=0.010),),
    evidence=Evidence(
        provenance=Provenance.MEASURED,
        source="a test",
        as_of=dt.date(2026, 11, 24),
        error_frac=0.05,
        note="fp32 on torch, 1 thread",
    ),
    memory_bytes=100 * MIB,
    memory_parts=MemoryParts(
        runtime_bytes=60 * MIB, weights_bytes=30 * MIB, activations_bytes=10 * MIB
    ),
)
INT8 = replace(
    FP32,
    variant=Variant(precision=Precision.INT8, runtime=Runtime.TORCH),
    points=(ServicePoint(batch=1, p50_s=0.025),),
)
CHAT = TokenRates(
    model="chat",
    variant=FP32.variant,
    device="local",
    prompt_tokens_per_s=1000.0,
    output_tokens_per_s=20.0,
    evidence=FP32.evidence,
    memory_bytes=200 * MIB,
    memory_parts=replace(FP32.memory_parts, kv_bytes_per_token=2048.0),
    grid=(
        TokenPoint(
            batch=1,
            context_tokens=128,
            prefill_s=0.128,
            step_s=0.05,
            uncached_step_s=0.120,
        ),
        TokenPoint(batch=4, context_tokens=128, prefill_s=0.4, step_s=0.08),
    ),
    experts=ExpertUse(
        n_experts=8,
        n_active=2,
        total_parameters=1000,
        active_parameters=400,
        experts_bytes=3 * MIB,
        imbalance_ratio=1.5,
        touched_frac=0.75,
    ),
)


def outcome(*profiles):
    return ProfilingOutcome(
        profiles=profiles,
        failures=(),
        warnings=("a warning",),
        n_measured=len(profiles),
        n_cached=0,
        environment={},
    )


def tables(*profiles):
    """By the words before the parenthesis that says whose all rows are."""
    shown = profiling_tables(outcome(*profiles))
    return {t.title.partition(" (")[0]: t for t in shown}


def column(shown, heading):
    """What stands under a heading."""
    at = [c.title for c in shown.columns].index(heading)
    return [row[at] for row in shown.rows]


def test_int8_that_is_slower_is_shown_and_said():
    shown = tables(FP32, INT8)["Profiles"]

    assert column(shown, "Against fp32") == ["—", "slower (× 2.50)"]
    assert "takes 2.50 times as long as fp32 on torch" in shown.footnotes[1]
    assert shown.footnotes[2] == "a warning"


@pytest.mark.parametrize(
    ("times_s", "told"),
    [
        ((0.025, 0.050, 0.200), "slower (× 2.50)"),
        ((0.020, 0.020, 0.060), "faster at batch 32 (× 2.00 to 0.75)"),
        ((0.020, 0.010, 0.060), "faster from batch 8 (× 2.00 to 0.75)"),
        ((0.014, 0.020, 0.084), "slower at batch 1 (× 1.40 to 1.05)"),
    ],
)
def test_every_batch_size_of_both_is_judged(times_s, told):
    def timed(profile, times_s):
        batches = zip((1, 8, 32), times_s, strict=True)
        points = tuple(ServicePoint(batch=n, p50_s=s) for n, s in batches)
        return replace(profile, points=points)

    plain = timed(FP32, (0.010, 0.020, 0.080))

    shown = tables(plain, timed(INT8, times_s))["Profiles"]

    assert column(shown, "Against fp32")[1] == told


def test_what_is_faster_and_what_cannot_be_told_are_words_of_the_same_column():
    pruned = replace(
        FP32,
        variant=replace(FP32.variant, sparsity_frac=0.5),
        points=(ServicePoint(batch=1, p50_s=0.0098),),
    )
    fast = replace(INT8, points=(ServicePoint(batch=1, p50_s=0.004),))

    shown = tables(FP32, pruned, fast)["Profiles"]

    assert column(shown, "Against fp32") == [
        "—",
        "no telling (× 0.98)",
        "faster (× 0.40)",
    ]
    assert "nothing shows that its zeros gain time" in shown.footnotes[1]
    assert "no telling" in shown.footnotes[0]
    assert "no telling" not in "".join(tables(FP32)["Profiles"].footnotes)


def test_where_nothing_was_measured_there_are_reasons_and_warnings_and_no_empty_table():
    failed = ProfilingFailure(
        model="m", variant=FP32.variant, device="local", reason="no such file"
    )
    nothing = replace(outcome(), failures=(failed,))

    (shown,) = profiling_tables(nothing)

    assert shown.title == "Not measured (m, local)"
    assert shown.rows == (("fp32 on torch", "no such file"),)
    assert shown.footnotes == ("a warning",)


def test_warnings_that_differ_in_figures_alone_are_told_once():
    told = (
        "m fp32 on torch: load 3.1 on 2 cores",
        "m fp32 on torch: jumpy at batch 1, batch 8",
        "m fp32 on torch: slower than fp32",
        "m int8 on torch: load 2 on 2 cores",
        "m int8 on torch: jumpy at batch 4",
        "m int8 on torch: slower than fp16",
    )

    shown = profiling_tables(replace(outcome(FP32), warnings=told))[0]

    assert shown.footnotes == (
        "m fp32 on torch: load 3.1 on 2 cores (alike: m int8 on torch)",
        "m fp32 on torch: jumpy at batch 1, batch 8 (alike: m int8 on torch)",
        "m fp32 on torch: slower than fp32",
        "m int8 on torch: slower than fp16",
    )


def test_of_many_warnings_that_are_alike_the_others_are_counted():
    told = tuple(f"m {n}: loud by {n} dB" for n in range(6))

    shown = profiling_tables(replace(outcome(FP32), warnings=told))[0]

    assert shown.footnotes == (
        "m 0: loud by 0 dB (alike: 5 others, --json names them)",
    )


def test_after_noise_it_is_said_how_to_measure_again():
    noisy = replace(outcome(FP32), warnings=("m fp32: timings stayed noisy",))

    (*_, last) = profiling_tables(noisy)[0].footnotes

    assert "planner profile SPEC --again" in last
    assert "--again" not in "".join(tables(FP32)["Profiles"].footnotes)


def test_batch_sizes_stand_in_the_headings_where_all_have_the_same():
    larger = (ServicePoint(batch=2, p50_s=0.02), ServicePoint(batch=8, p50_s=0.05))
    alike = replace(FP32, points=larger)

    same, unlike = tables(alike)["Profiles"], tables(alike, INT8)["Profiles"]

    assert (column(same, "Batch 2"), column(same, "Batch 8")) == (["20 ms"], ["50 ms"])
    assert column(unlike, "Smallest batch") == ["20 ms for 2", "25 ms for 1"]
    assert column(unlike, "Largest batch") == ["50 ms for 8", "25 ms for 1"]


def test_without_a_score_there_is_no_column_of_accuracy():
    scored = replace(
        FP32, quality=Quality(metric="top1_accuracy", value_frac=0.9, source="s")
    )

    headings = [c.title for c in tables(FP32)["Profiles"].columns]

    assert "Accuracy" not in headings
    assert column(tables(FP32, scored)["Profiles"], "Accuracy") == ["—", "90.00 %"]


def test_more_than_a_thread_is_told_beside_the_device():
    busy = replace(FP32.evidence, note="fp32 on torch, 1 thread, 2 replicas at once")

    shown = tables(FP32, replace(FP32, evidence=busy))["Profiles"]

    assert shown.title == "Profiles (net, measured, 2026-11-24)"
    assert column(shown, "Device") == ["local", "local (1 thread, 2 replicas at once)"]


def test_what_a_model_takes_of_any_device_is_told_once():
    asked = Operations(
        model="net", parameters=467_593, macs=13_570_304, activation_values=869_609,
        source="counted while the module ran on one sample",
    )  # fmt: skip

    shown = tables(replace(FP32, operations=asked), replace(INT8, operations=asked))[
        "Profiles"
    ]

    (told,) = [note for note in shown.footnotes if "for one item" in note]
    assert told.startswith(
        "net takes 13.6 M multiply-accumulates, 0.468 M parameters, "
    )
    assert told.endswith("0.87 M activations moved for one item: " + asked.source)


def test_memory_is_told_by_what_holds_it():
    shown = tables(FP32, CHAT)["What holds the memory of a replica"]

    of_net, of_chat = shown.rows
    assert of_net[2:] == ("—", "60 MiB", "30 MiB", "10 MiB", "—")
    assert of_chat[2:] == ("200 MiB", "60 MiB", "30 MiB", "10 MiB", "2,048 B")


def test_how_much_memory_is_in_all_stands_beside_the_times_alone():
    shown = tables(FP32)

    assert column(shown["Profiles"], "Memory") == ["100 MiB"]
    headings = [c.title for c in shown["What holds the memory of a replica"].columns]
    assert headings == ["Variant", "Engine", "Weights", "Activations"]


def test_a_language_model_is_told_by_batch_and_context():
    shown = tables(CHAT)

    assert "Profiles" not in shown
    apart = shown["Prompt and answer apart"]
    assert apart.title.endswith("(chat, local, measured, 2026-11-24)")
    assert (
        "Context: tokens read before. TTFT: until the first token" in apart.footnotes[0]
    )
    assert apart.rows == (
        ("fp32 on torch", "1", "128", "128 ms", "50 ms", "120 ms", "20.0", "5 %"),
        ("", "4", "128", "400 ms", "80 ms", "—", "50.0", ""),
    )


def test_language_models_have_a_table_each_and_the_notes_stand_below_the_last():
    other = replace(CHAT, model="b", device="nvidia-l4")

    first, second, *_ = profiling_tables(outcome(CHAT, other))

    assert "(chat, local, " in first.title
    assert "(b, nvidia-l4, " in second.title
    assert len(first.rows) == len(second.rows) == 2
    assert (first.footnotes, second.footnotes[1:]) == ((), ("a warning",))


def test_experts_are_told_used_and_held():
    (row,) = tables(CHAT)["Experts"].rows

    assert row[1:] == ("2 of 8", "400 of 1,000", "3 MiB", "75 %", "× 1.50")


def test_plain_data_says_what_does_not_pay():
    data = outcome_data(outcome(FP32, INT8))

    (against,) = data["against_fp32"]
    assert against["times_ratio"] == {"1": 2.5}
    assert (against["faster_at_batches"], against["slower_at_batches"]) == ((), (1,))
    assert against["in_time"] == "does not pay"
    assert against["band_ratio"] == pytest.approx(1.0714, abs=1e-4)
    assert data["warnings"][-1] == "a warning"
