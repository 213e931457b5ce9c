"""Each format: a real-shaped file is read as written, a wrong one says what is wrong."""

import datetime as dt
import json
from pathlib import Path

import pytest

import profilers.importers
from planner.domain.evidence import Provenance
from planner.domain.operations import Operations
from planner.domain.profiles import BatchProfile, LoadCurve, TokenRates
from planner.domain.profiling import ProfilingOutcome
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import SpecFileError, UnknownReferenceError
from planner.reference.devices import is_device
from planner.reference.integrity import check_profiles
from planner.report.outcomes import export_text, outcome_data
from profilers.importers import FORMATS, About, importer, own
from tests.support.timed_here import timed

SAMPLES = Path(__file__).parents[3] / "data" / "importers"
TODAY = dt.date(2026, 11, 24)
SAMPLE_OF = {
    "guidellm": "guidellm.json",
    "llama-bench": "llama_bench.json",
    "mlperf": "mlperf_log_summary.txt",
    "model-analyzer": "metrics-model-inference.csv",
    "optimum": "optimum_benchmark.json",
    "own": "profiles.json",
    "perf-analyzer": "perf_analyzer.csv",
    "vllm": "vllm_bench.json",
}


# As the sample of llama-bench says itself.
Q4_K_M = Variant(precision=Precision.Q4_K_M, runtime=Runtime.LLAMA_CPP)


def about(**changes):
    said = {
        "model": "shelf",
        "variant": Variant(precision=Precision.INT8, runtime=Runtime.ONNXRUNTIME),
        "device": "raspberry-pi-5",
        "today": TODAY,
    }
    return About(**{**said, **changes})


def sample(name, **changes):
    if name == "llama-bench":
        changes = {"variant": Q4_K_M, **changes}
    return importer(name).read(SAMPLES / SAMPLE_OF[name], about(**changes))


def edited(tmp_path, name, old, new):
    file = tmp_path / SAMPLE_OF[name]
    text = (SAMPLES / SAMPLE_OF[name]).read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return file


def test_the_list_of_formats_is_the_folder():
    folder = Path(profilers.importers.__file__).parent
    files = {p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")}

    assert {name.replace("-", "_") for name in FORMATS} == files


def test_every_format_has_a_sample_here():
    assert set(SAMPLE_OF) == set(FORMATS)
    assert set(SAMPLE_OF.values()) == {p.name for p in SAMPLES.iterdir()}


def test_an_unknown_format_names_the_known():
    with pytest.raises(UnknownReferenceError, match="llama-bench"):
        importer("triton")


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_read_is_imported_cited_dated_and_keeps_the_catalogues_rules(name):
    profiles = sample(name)

    assert check_profiles(profiles, is_device=is_device, today=TODAY) == ()
    for p in profiles:
        assert p.evidence.provenance is (
            Provenance.EXPORTED if name == "own" else Provenance.IMPORTED
        )
        assert SAMPLE_OF[name] in p.evidence.source
        assert p.evidence.as_of <= TODAY
        assert (p.model, p.device) == ("shelf", "raspberry-pi-5")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"{}",
        b"[]",
        b"null",
        b"[1]",
        b'{"kind": 1}',
        b"a,b\n1,2\n",
    ],
    ids=["empty", "binary", "object", "list", "null", "numbers", "kind", "table"],
)
def test_other_files_are_refused_in_one_sentence_that_names_them(
    tmp_path, name, content
):
    file = tmp_path / "other"
    file.write_bytes(content)

    with pytest.raises(SpecFileError) as refusal:
        importer(name).read(file, about())

    assert str(refusal.value).startswith(str(file))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_that_is_not_there_is_refused(tmp_path, name):
    with pytest.raises(SpecFileError, match="cannot be read"):
        importer(name).read(tmp_path / "none", about())


def test_mlperf_nanoseconds_are_seconds():
    (profile,) = sample("mlperf")

    assert isinstance(profile, BatchProfile)
    (point,) = profile.points
    assert point.batch == 1
    assert point.p50_s == pytest.approx(0.013890412)
    assert point.p99_s == pytest.approx(0.015240087)
    assert "not verified by MLCommons" in profile.evidence.note


def test_mlperf_multistream_is_a_batch(tmp_path):
    file = edited(tmp_path, "mlperf", "SingleStream", "MultiStream")
    text = file.read_text(encoding="utf-8")
    file.write_text(
        text.replace("samples_per_query : 1", "samples_per_query : 8"), encoding="utf-8"
    )

    (profile,) = importer("mlperf").read(file, about())

    assert profile.points[0].batch == 8


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("SingleStream", "Server", "states no service time"),
        ("SingleStream", "Offline", "SingleStream or MultiStream"),
        ("Result is : VALID", "Result is : INVALID", "not a valid"),
        ("PerformanceOnly", "AccuracyOnly", "not a valid"),
        (": 13890412", ": -5", "not above zero"),
        (": 13890412", ": soon", "not a number"),
    ],
)
def test_mlperf_runs_without_service_times_are_refused(tmp_path, old, new, words):
    with pytest.raises(SpecFileError, match=words):
        importer("mlperf").read(edited(tmp_path, "mlperf", old, new), about())


def test_perf_analyzer_takes_the_row_of_one_request_at_a_time():
    (profile,) = sample("perf-analyzer")

    (point,) = profile.points
    assert (point.batch, point.p50_s, point.mean_s) == (1, 0.001219, None)


def test_perf_analyzer_without_such_a_row_is_refused(tmp_path):
    file = edited(tmp_path, "perf-analyzer", "\n1,", "\n4,")

    with pytest.raises(SpecFileError, match="--concurrency-range 1"):
        importer("perf-analyzer").read(file, about())


def test_model_analyzer_gives_the_fastest_configuration_of_each_batch():
    (profile,) = sample("model-analyzer")

    assert [(p.batch, p.p50_s) for p in profile.points] == [(1, 0.002484), (4, 0.004428)]  # fmt: skip
    assert "mean" in profile.evidence.note


def test_vllm_runs_are_points_in_order_of_rate():
    (curve,) = sample("vllm")

    assert isinstance(curve, LoadCurve)
    assert (curve.prompt_tokens, curve.output_tokens) == (512, 128)
    assert [p.rate_rps for p in curve.points] == [0.993, 3.891]
    # Little's law.
    assert curve.points[0].concurrency == pytest.approx(0.993 * 1.773)
    assert curve.evidence.as_of == dt.date(2026, 6, 15)


def test_vllm_without_percentiles_says_how_to_get_them(tmp_path):
    file = edited(tmp_path, "vllm", '"p95_ttft_ms"', '"p90_ttft_ms"')

    with pytest.raises(SpecFileError, match="--metric-percentiles 50,95,99"):
        importer("vllm").read(file, about())


def test_a_single_vllm_run_is_a_curve_of_one_point(tmp_path):
    run = json.loads((SAMPLES / SAMPLE_OF["vllm"]).read_text(encoding="utf-8"))[0]
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run), encoding="utf-8")

    (curve,) = importer("vllm").read(file, about())

    assert len(curve.points) == 1


def test_guidellm_states_answers_in_seconds_and_tokens_in_milliseconds():
    (curve,) = sample("guidellm")

    first = curve.points[0]
    assert first.ttft_p50_s == pytest.approx(0.0365)
    assert first.tpot_p50_s == pytest.approx(0.0129)
    assert first.e2e_p50_s == pytest.approx(1.69)
    assert (curve.prompt_tokens, curve.output_tokens) == (256, 128)


def test_optimum_takes_the_batch_size_from_its_configuration():
    (profile,) = sample("optimum")

    assert profile.points[0].batch == 8
    assert profile.points[0].p50_s == pytest.approx(0.0419)


def test_optimum_prefill_and_decode_are_token_rates(tmp_path):
    file = tmp_path / "report.json"
    phase = {"latency": {"unit": "s"}, "throughput": {"unit": "tokens/s", "value": 0}}
    report = {
        name: {**phase, "throughput": {"unit": "tokens/s", "value": rate}}
        for name, rate in {"prefill": 410.0, "decode": 22.0}.items()
    }
    file.write_text(json.dumps(report), encoding="utf-8")

    (rates,) = importer("optimum").read(file, about(batch=1))

    assert isinstance(rates, TokenRates)
    assert (rates.prompt_tokens_per_s, rates.output_tokens_per_s) == (410.0, 22.0)


def test_llama_bench_gives_both_rates_and_the_day_of_the_test():
    (rates,) = sample("llama-bench")

    assert (rates.prompt_tokens_per_s, rates.output_tokens_per_s) == (18.0, 5.2)
    assert rates.memory_bytes == 2013265920
    assert rates.evidence.as_of == dt.date(2026, 3, 11)


def test_llama_bench_without_generation_says_how_to_get_it(tmp_path):
    file = edited(tmp_path, "llama-bench", '"n_gen": 128', '"n_gen": 0')

    with pytest.raises(SpecFileError, match="-n 128"):
        importer("llama-bench").read(file, about())


def test_our_own_export_keeps_batches_quality_memory_and_band():
    (profile,) = sample("own")

    assert [p.batch for p in profile.points] == [1, 4]
    assert profile.quality.value_frac == 0.971
    assert profile.memory_bytes == 52428800.0
    assert profile.evidence.error_frac == 0.02


def test_our_own_export_carries_what_was_counted(tmp_path):
    asked = Operations(
        model="eyes", parameters=7, macs=9, activation_values=11, source="counted"
    )
    outcome = ProfilingOutcome(
        profiles=(timed("eyes", 0.004, asked),), failures=(), warnings=(),
        n_measured=1, n_cached=0, environment={},
    )  # fmt: skip
    file = tmp_path / "export.json"
    file.write_text(
        export_text(outcome_data(outcome), declared_device="raspberry-pi-4"),
        encoding="utf-8",
    )

    (profile,) = own.read_all(file, device=None, model=None, today=dt.date(2026, 12, 1))

    assert profile.device == "raspberry-pi-4"
    assert profile.operations == asked


def test_our_own_export_of_another_variant_says_what_it_has():
    with pytest.raises(SpecFileError, match="it has int8 on onnxruntime on local"):
        sample(
            "own", variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH)
        )  # fmt: skip


def test_a_prediction_is_not_imported_as_a_measurement(tmp_path):
    file = edited(tmp_path, "own", '"measured"', '"predicted"')

    with pytest.raises(SpecFileError, match="no measurement"):
        importer("own").read(file, about())
