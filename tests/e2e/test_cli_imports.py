"""`planner import`: what another program measured is in the next plan."""

import json
from pathlib import Path

import pytest

from planner.cli.app import main

SAMPLES = Path(__file__).parents[1] / "data" / "importers"

SPEC = """
kind: deployment
version: 1
name: shelf
models: [{name: m, source: {kind: reference, name: shelf-eyes}}]
workloads:
  - {name: w, model: m, origin: shop, traffic: {kind: constant, rate_rps: 5},
     slo: {percentile: 95, latency_ms: 200}}
sites: [{kind: edge, name: shop, devices: [{device: raspberry-pi-4, stock: 2}]}]
"""
MLPERF = (
    "import", "mlperf", str(SAMPLES / "mlperf_log_summary.txt"),
    "--model", "shelf-eyes", "--device", "raspberry-pi-4",
    "--precision", "int8", "--runtime", "tflite",
)  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_import_is_kept_where_it_says(home, capsys):
    code = main([*MLPERF])

    out = capsys.readouterr().out
    assert code == 0
    assert (home / "imported" / "shelf-eyes.json").is_file()
    assert "shelf-eyes.json" in "".join(out.split("\n"))


def test_json_is_one_document(capsys):
    code = main([*MLPERF, "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["profiles"][0]["evidence"]["provenance"] == "imported"


def test_the_catalogue_lists_it(capsys):
    main([*MLPERF])
    capsys.readouterr()

    code = main(["catalog", "profiles", "shelf-eyes"])

    assert code == 0
    assert "imported" in capsys.readouterr().out


def test_the_next_plan_uses_it(tmp_path, capsys):
    main([*MLPERF])
    capsys.readouterr()
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")

    code = main(["recommend", str(spec), "--out", str(tmp_path / "plan"), "--json"])

    plan = json.loads(capsys.readouterr().out)
    assert code == 0
    (placement,) = plan["placements"]
    assert (placement["device"], placement["provenance"]) == (
        "raspberry-pi-4",
        "imported",
    )
    assert any("mlperf_log_summary.txt" in e["source"] for e in plan["evidence"])


def test_the_report_calls_it_what_it_is(tmp_path, capsys):
    main([*MLPERF])
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")

    code = main(["recommend", str(spec), "--no-simulate", "--out", str(tmp_path / "plan")])  # fmt: skip

    report = (tmp_path / "plan" / "report.md").read_text(encoding="utf-8")
    assert code == 0
    assert "imported from another program" in report
    assert "published measurement" not in report


def test_an_export_that_does_not_say_whose_it_is_says_which_source_takes_it_in(
    tmp_path, capsys
):
    sample = json.loads((SAMPLES / "profiles.json").read_text(encoding="utf-8"))
    sample.pop("model_sha256", None)
    names = {p["model"] for p in sample["profiles"]}

    def imported(**more):
        text = json.dumps({**sample, **more})
        (tmp_path / "e.json").write_text(text, encoding="utf-8")
        assert main(["import", "profiles", str(tmp_path / "e.json"), "--device", "raspberry-pi-5"]) == 0  # fmt: skip
        return " ".join(capsys.readouterr().out.split())

    assert "does not say of which content the model was" in imported()
    said = imported(model_sha256=dict.fromkeys(names, "1f" * 32))
    assert "takes them in, if it is the same" in said
    assert "does not say" not in said


def test_what_another_import_replaces_is_said(tmp_path, capsys):
    def taken(rows, batch):
        (tmp_path / f"batch{batch}.csv").write_text(
            f"Concurrency,Inferences/Second,p50 latency\n{rows}\n", encoding="utf-8"
        )
        arguments = ["import", "perf-analyzer", str(tmp_path / f"batch{batch}.csv")]
        assert main([*arguments, *MLPERF[3:], "--batch", batch, "--json"]) == 0
        told = capsys.readouterr()
        json.loads(told.out)
        return told.err

    assert taken("1,812.4,1219", "1") == ""
    assert taken("1,812.4,1219", "1") == ""
    assert "replaces what was kept of shelf-eyes" in taken("1,6499,1219", "8")


def test_it_lists_what_it_can_read(capsys):
    code = main(["import", "list"])

    assert code == 0
    assert "llama-bench" in capsys.readouterr().out


def test_the_list_is_one_json_document_too(capsys):
    code = main(["import", "list", "--json"])

    assert code == 0
    assert "llama-bench" in json.loads(capsys.readouterr().out)["formats"]


def test_what_is_to_be_known_of_a_figure_is_said_when_it_is_taken_in(capsys):
    main(["import", "model-analyzer", str(SAMPLES / "metrics-model-inference.csv"),
          *MLPERF[3:]])  # fmt: skip

    assert "Mind: the mean as the median" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "mlperf"], "needs --model"),
        (["import", "triton", "x"], "unknown format 'triton'"),
        ([*MLPERF, "--batch", "8"], "import mlperf has no use for --batch"),
        (
            [
                "import",
                "profiles",
                str(SAMPLES / "profiles.json"),
                "--device",
                "raspberry-pi-5",
                "--precision",
                "fp32",
                "--device-count",
                "2",
            ],
            "no use for --precision, --device-count",
        ),
        (["import", "list", "file.json"], "no use for FILE"),
        (["import", "melange", "f.json", "--model", "m"], "no use for --model"),
        (
            [a.replace("raspberry-pi-4", "raspberry-pi-44") for a in MLPERF],
            "raspberry-pi-4",
        ),
        (
            [a.replace("shelf-eyes", "../shelf") for a in MLPERF],
            "model name",
        ),
        (
            [a.replace("mlperf_log_summary.txt", "vllm_bench.json") for a in MLPERF],
            "no 'Scenario' in it",
        ),
    ],
)
def test_wrong_usage_exits_2_with_one_message_and_keeps_nothing(
    home, capsys, arguments, words
):
    code = main(list(arguments))

    err = capsys.readouterr().err
    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert not (home / "imported").exists()


def test_a_damaged_import_is_named_with_the_way_out(home, capsys):
    main([*MLPERF])
    (home / "imported" / "shelf-eyes.json").write_text("{", encoding="utf-8")
    capsys.readouterr()

    code = main(["catalog", "profiles"])

    assert code == 2
    assert "import again" in capsys.readouterr().err
