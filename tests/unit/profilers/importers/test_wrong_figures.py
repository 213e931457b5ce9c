"""A file that means something else than its importer would take it for is refused."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from planner.domain.evidence import Provenance
from planner.errors import SpecFileError
from profilers.importers import importer, own
from tests.unit.profilers.importers.test_formats import (
    Q4_K_M,
    SAMPLE_OF,
    SAMPLES,
    TODAY,
    about,
    edited,
)


def document(name):
    return json.loads((SAMPLES / SAMPLE_OF[name]).read_text(encoding="utf-8"))


def read(tmp_path, name, content, **changes):
    file = tmp_path / SAMPLE_OF[name]
    text = content if isinstance(content, str) else json.dumps(content)
    file.write_text(text, encoding="utf-8")
    return importer(name).read(file, about(**changes))


def refused(tmp_path, name, content, words, **changes):
    with pytest.raises(SpecFileError, match=words):
        read(tmp_path, name, content, **changes)


def lines(items):
    return "".join(json.dumps(item) + "\n" for item in items)


def with_totals(place, name, successful, errored):
    place[name] = {"successful": successful, "errored": errored, "incomplete": 3}


class TestMlperf:
    def test_two_runs_in_one_file_are_refused(self, tmp_path):
        log = (SAMPLES / SAMPLE_OF["mlperf"]).read_text(encoding="utf-8")
        faster = log.replace(": 13890412", ": 9890412")

        refused(tmp_path, "mlperf", log + faster, "several runs in one file")

    def test_the_detailed_log_names_the_one_to_give(self, tmp_path):
        log = ':::MLLOG {"key": "result_validity", "value": "VALID"}\n'

        refused(tmp_path, "mlperf", log, "give mlperf_log_summary.txt")

    @pytest.mark.parametrize("met", ["1 ERROR", "3 ERRORS"])
    def test_a_run_that_met_errors_is_refused(self, tmp_path, met):
        errors = edited(
            tmp_path, "mlperf", "No errors encountered during test.",
            f"{met} encountered. See detailed log.",
        ).read_text()  # fmt: skip

        refused(tmp_path, "mlperf", errors, "met errors")

    def test_half_a_sample_a_query_is_refused(self, tmp_path):
        log = edited(tmp_path, "mlperf", "SingleStream", "MultiStream").read_text()
        half = log.replace("samples_per_query : 1", "samples_per_query : 1.5")

        refused(tmp_path, "mlperf", half, "is not whole")


class TestTriton:
    def test_rows_of_several_models_are_no_one_profile(self, tmp_path):
        rows = (SAMPLES / SAMPLE_OF["model-analyzer"]).read_text(encoding="utf-8")
        other = rows.replace("shelf_eyes,4,1", "till_eyes,4,1")

        refused(tmp_path, "model-analyzer", other, r"shelf_eyes, till_eyes")

    def test_a_row_that_is_cut_off_is_no_end_of_the_table(self, tmp_path):
        rows = (SAMPLES / SAMPLE_OF["model-analyzer"]).read_text(encoding="utf-8")
        cut = rows[: rows.index("902.9")]

        refused(tmp_path, "model-analyzer", cut, "line 4 has 8 cells, its header 12")

    def test_a_cell_without_end_is_no_table(self, tmp_path):
        refused(tmp_path, "model-analyzer", "a" * 200_000, "not a CSV file")

    def test_a_batch_that_nobody_stated_shows_in_the_rate(self, tmp_path):
        eight = "Concurrency,Inferences/Second,p50 latency\n1,6499.2,1219\n"

        refused(tmp_path, "perf-analyzer", eight, "about 7.92 at a time.* as --batch")
        (profile,) = read(tmp_path, "perf-analyzer", eight, batch=8)
        assert profile.points[0].batch == 8

    def test_a_batch_that_is_not_so_is_refused(self, tmp_path):
        one = (SAMPLES / SAMPLE_OF["perf-analyzer"]).read_text(encoding="utf-8")

        refused(tmp_path, "perf-analyzer", one, "batch of 8", batch=8)

    def test_a_median_far_below_the_mean_is_no_other_batch(self, tmp_path):
        tail = "Concurrency,Inferences/Second,p50 latency\n1,500,1219\n"

        (profile,) = read(tmp_path, "perf-analyzer", tail)

        assert profile.points[0].batch == 1

    def test_two_rows_of_one_request_at_a_time_are_refused(self, tmp_path):
        two = "Concurrency,Inferences/Second,p50 latency\n1,820,1219\n1,410,2438\n"

        refused(tmp_path, "perf-analyzer", two, "2 rows of concurrency 1")


class TestLoads:
    def test_guidellm_time_between_tokens_leaves_the_first_out(self, tmp_path):
        sweep = document("guidellm")
        for benchmark in sweep["benchmarks"]:
            whole = benchmark["metrics"]["time_per_output_token_ms"]["successful"]
            whole["percentiles"] = dict.fromkeys(("p50", "p95", "p99"), 999.0)

        (curve,) = read(tmp_path, "guidellm", sweep)

        assert curve.points[0].tpot_p50_s == pytest.approx(0.0129)

    @pytest.mark.parametrize(
        ("place_of", "name"),
        [
            (lambda b: b["metrics"], "request_totals"),
            (lambda b: b.setdefault("scheduler_metrics", {}), "requests_made"),
            (lambda b: b.setdefault("run_stats", {}), "requests_made"),
        ],
        ids=["metrics", "scheduler", "run"],
    )
    def test_guidellm_loads_with_failed_requests_are_left_out_and_it_says_so(
        self, tmp_path, place_of, name
    ):
        sweep = document("guidellm")
        few, many = sweep["benchmarks"]
        with_totals(few["metrics"], "request_totals", successful=1000, errored=10)
        with_totals(place_of(many), name, successful=1000, errored=11)

        (curve,) = read(tmp_path, "guidellm", sweep)

        assert [p.rate_rps for p in curve.points] == [0.5]
        assert "left out 1 of 2 loads" in curve.evidence.note

    @pytest.mark.parametrize("place", ["scheduler_metrics", "run_stats"])
    def test_guidellm_dates_its_runs(self, tmp_path, place):
        sweep = document("guidellm")
        sweep["benchmarks"][0][place] = {"start_time": 1781517600.5}

        (curve,) = read(tmp_path, "guidellm", sweep)

        assert curve.evidence.as_of == dt.date(2026, 6, 15)
        assert "no date" not in curve.evidence.note

    @pytest.mark.parametrize("started", [-1.0, 0, 1e300, "soon", None])
    def test_guidellm_without_a_day_has_that_of_the_import(self, tmp_path, started):
        sweep = document("guidellm")
        sweep["benchmarks"][0]["run_stats"] = {"start_time": started}

        (curve,) = read(tmp_path, "guidellm", sweep)

        assert curve.evidence.as_of == TODAY
        assert "no date" in curve.evidence.note

    def test_vllm_loads_with_failed_requests_are_refused_where_none_is_left(
        self, tmp_path
    ):
        run = document("vllm")[0]

        refused(tmp_path, "vllm", {**run, "num_prompts": 400}, "measure under less")

    @pytest.mark.parametrize(
        "unsteady",
        [{"request_rate": "inf"}, {"ramp_up_strategy": "linear", "request_rate": 4.0}],
    )
    def test_vllm_runs_without_a_steady_load_are_none(self, tmp_path, unsteady):
        one, other = document("vllm")

        refused(tmp_path, "vllm", {**one, **unsteady}, "with --request-rate")
        (curve,) = read(tmp_path, "vllm", [one, {**other, **unsteady}])
        assert [p.rate_rps for p in curve.points] == [0.993]
        assert "left out 1 of 2 runs" in curve.evidence.note

    def test_vllm_callers_that_wait_for_their_answers_are_a_steady_load(self, tmp_path):
        run = {**document("vllm")[0], "request_rate": "inf", "max_concurrency": 8}

        (curve,) = read(tmp_path, "vllm", run)

        assert len(curve.points) == 1

    def test_vllm_runs_of_several_sizes_are_no_one_curve(self, tmp_path):
        short, long = document("vllm")
        long["total_input_tokens"] *= 8

        refused(tmp_path, "vllm", [short, long], r"512\+128, 4096\+128 tokens")

    def test_guidellm_runs_of_several_sizes_are_no_one_curve(self, tmp_path):
        sweep = document("guidellm")
        counts = sweep["benchmarks"][1]["metrics"]["output_token_count"]
        counts["successful"]["mean"] = 512.0

        refused(tmp_path, "guidellm", sweep, r"256\+128, 256\+512 tokens")

    def test_sizes_that_vary_as_drawn_are_one_curve(self, tmp_path):
        one, other = document("vllm")
        other["total_input_tokens"] *= 1.05

        (curve,) = read(tmp_path, "vllm", [one, other])

        assert curve.prompt_tokens == 538

    def test_vllm_runs_of_several_models_are_refused(self, tmp_path):
        one, other = document("vllm")
        other["model_id"] = "example/assistant-70b"

        refused(tmp_path, "vllm", [one, other], "assistant-70b, example/assistant-8b")

    def test_vllm_runs_one_a_line_are_a_list(self, tmp_path):
        (curve,) = read(tmp_path, "vllm", lines(document("vllm")))

        assert len(curve.points) == 2


class TestLlamaBench:
    @pytest.mark.parametrize(
        ("ending", "precision"),
        [
            ("Q4_K - Medium", "q4_k_m"),
            ("F16", "fp16"),
            ("BF16", "bf16"),
            ("Q8_0", "q8_0"),
        ],
    )
    def test_the_models_type_is_held_against_the_precision(
        self, tmp_path, ending, precision
    ):
        tests = [
            {**t, "model_type": f"llama 3B {ending}"} for t in document("llama-bench")
        ]

        refused(tmp_path, "llama-bench", tests, f"give --precision {precision}$")

    @pytest.mark.parametrize("ending", ["IQ4_NL - 4.5 bpw", "Q4_1, some F16"])
    def test_a_type_without_a_name_of_ours_is_whatever_is_said(self, tmp_path, ending):
        other = {"model_type": f"llama 3B {ending}"}
        tests = [{**t, **other} for t in document("llama-bench")]

        assert read(tmp_path, "llama-bench", tests)

    def test_jsonl_is_read_as_json_is(self, tmp_path):
        content = lines(document("llama-bench"))

        (rates,) = read(tmp_path, "llama-bench", content, variant=Q4_K_M)

        assert (rates.prompt_tokens_per_s, rates.output_tokens_per_s) == (18.0, 5.2)

    def test_a_damaged_line_is_named(self, tmp_path):
        text = lines(document("llama-bench"))[:-20]

        refused(tmp_path, "llama-bench", text, "object 2 is not JSON")

    @pytest.mark.parametrize(
        ("field", "other"),
        [("model_filename", "models/8b.gguf"), ("n_threads", 2), ("n_gpu_layers", 99)],
    )
    def test_tests_of_several_models_or_settings_are_refused(
        self, tmp_path, field, other
    ):
        prompt, output = document("llama-bench")

        refused(tmp_path, "llama-bench", [prompt, {**output, field: other}], field)

    def test_other_lengths_and_depths_of_one_setting_are_no_other(self, tmp_path):
        prompt, output = document("llama-bench")
        longer = {**prompt, "n_prompt": 2048, "avg_ts": 9.0}
        deeper = {**output, "n_depth": 4096, "avg_ts": 1.0}

        tests = [longer, prompt, deeper, output]

        (rates,) = read(tmp_path, "llama-bench", tests, variant=Q4_K_M)

        assert (rates.prompt_tokens_per_s, rates.output_tokens_per_s) == (18.0, 5.2)


class TestOptimum:
    def test_a_report_without_configuration_shows_its_batch_in_the_rate(self, tmp_path):
        report = document("optimum")["report"]

        (profile,) = read(tmp_path, "optimum", report)

        assert profile.points[0].batch == 8

    def test_another_batch_than_the_files_is_refused(self, tmp_path):
        refused(tmp_path, "optimum", document("optimum"), "batches are of 8", batch=1)

    def test_a_report_that_says_nothing_of_batches_asks(self, tmp_path):
        report = document("optimum")["report"]
        report["forward"]["throughput"] = None

        refused(tmp_path, "optimum", report, "say --batch")

    def test_a_rate_that_is_no_batchs_is_refused(self, tmp_path):
        report = document("optimum")["report"]
        report["forward"]["throughput"]["value"] = 200.0

        refused(tmp_path, "optimum", report, "no whole batch")

    def generation(self, **config):
        return {
            "config": {"scenario": config},
            "report": {
                "prefill": {
                    "latency": {"unit": "s", "mean": 0.25},
                    "throughput": {"unit": "samples/s", "value": 4.0},
                },
                "decode": {
                    "latency": {"unit": "s", "mean": 4.5},
                    "throughput": {"unit": "tokens/s", "value": 22.0},
                },
            },
        }

    def test_prompts_a_second_are_tokens_by_their_length(self, tmp_path):
        shapes = {"batch_size": 1, "sequence_length": 128}

        (rates,) = read(tmp_path, "optimum", self.generation(input_shapes=shapes))

        assert (rates.prompt_tokens_per_s, rates.output_tokens_per_s) == (512.0, 22.0)

    def test_prompts_of_unknown_length_are_no_tokens(self, tmp_path):
        refused(tmp_path, "optimum", self.generation(), "give benchmark.json")

    def test_tokens_of_several_beams_are_not_ones_callers_get(self, tmp_path):
        shapes = {"batch_size": 1, "sequence_length": 128}
        beams = self.generation(input_shapes=shapes, generate_kwargs={"num_beams": 4})

        refused(tmp_path, "optimum", beams, "num_beams")


# What an export says of where it was measured.
MACHINE = {
    "processor": "a processor", "architecture": "x86_64", "cores": 64,
    "memory_bytes": 1e12, "accelerators": [],
}  # fmt: skip


class TestOwn:
    def read_all(self, tmp_path, device="raspberry-pi-5", **changes):
        file = tmp_path / "e.json"
        text = json.dumps({**document("own"), **changes})
        file.write_text(text, encoding="utf-8")
        return own.read_all(file, device=device, model=None, today=TODAY)

    @pytest.mark.parametrize("version", [2, "1", None])
    def test_an_export_of_another_version_is_refused(self, tmp_path, version):
        with pytest.raises(SpecFileError, match="export it again"):
            self.read_all(tmp_path, version=version)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("model_sha256", ["a"]),
            ("model_sha256", {"reorder-digits": 5}),
            ("unlike", 5),
            ("unlike", "it is hot"),
            ("declared_device", 5),
        ],
    )
    def test_a_head_of_another_shape_is_refused_by_its_place(
        self, tmp_path, field, value
    ):
        with pytest.raises(SpecFileError, match=re.escape(f"e.json: {field}")):
            self.read_all(tmp_path, **{field: value})

    def test_a_device_that_the_file_names_is_not_renamed(self, tmp_path):
        (profile,) = document("own")["profiles"]
        there = {**profile, "device": "raspberry-pi-4"}

        with pytest.raises(SpecFileError, match=r"raspberry-pi-4.*leave --device out"):
            self.read_all(tmp_path, profiles=[there])

    @pytest.mark.parametrize(
        ("device", "words"),
        [("raspberry-pi-4", "runs arm64"), ("nvidia-l4", "no accelerator")],
    )
    def test_another_machine_does_not_stand_for_the_device(
        self, tmp_path, device, words
    ):
        with pytest.raises(SpecFileError, match=words):
            self.read_all(tmp_path, device, machine=MACHINE)
        content = {**document("own"), "machine": MACHINE}
        refused(tmp_path, "own", content, words, device=device)

    def test_in_what_the_machine_is_not_like_the_device_is_noted(self, tmp_path):
        alike = {**MACHINE, "architecture": "aarch64", "cores": 2}

        limits = ["measured within limits: 0.5 cores' time"]

        (profile,) = self.read_all(tmp_path, machine=alike, unlike=limits)

        assert limits[0] in profile.evidence.note
        assert "2 cores here, 4 in a raspberry-pi-5" in profile.evidence.note

    def test_what_its_owner_declared_is_not_taken_for_another(self, tmp_path):
        content = {**document("own"), "declared_device": "raspberry-pi-4"}

        refused(tmp_path, "own", content, "declared the machine a raspberry-pi-4")

    def test_what_was_emulated_there_was_not_timed_on_that_device(self, tmp_path):
        (profile,) = document("own")["profiles"]
        emulated = {**profile["evidence"], "provenance": "emulated"}
        there = {**profile, "device": "raspberry-pi-4", "evidence": emulated}

        (found,) = self.read_all(tmp_path, None, profiles=[there])

        assert found.evidence.provenance is Provenance.EMULATED


@pytest.mark.parametrize("name", ["optimum", "vllm", "llama-bench", "own"])
@pytest.mark.parametrize("figure", ["1e999", "NaN", "-Infinity"])
def test_figures_beyond_all_figures_are_none(tmp_path, name, figure):
    text = (SAMPLES / SAMPLE_OF[name]).read_text(encoding="utf-8")
    endless = re.sub(r": \d+\.\d+", f": {figure}", text, count=1)

    refused(tmp_path, name, endless, f"{figure} is no figure")


def test_what_has_no_end_is_too_large(tmp_path):
    with pytest.raises(SpecFileError, match="larger than 64 MiB"):
        importer("vllm").read(Path("/dev/zero"), about())


def test_another_encoding_says_the_way_out(tmp_path):
    file = tmp_path / "of-powershell.json"
    file.write_text(json.dumps(document("vllm")), encoding="utf-16")

    with pytest.raises(SpecFileError, match="save it as UTF-8"):
        importer("vllm").read(file, about())
