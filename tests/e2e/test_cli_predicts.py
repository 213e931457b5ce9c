"""`planner predict`: figures with intervals, reasons where there are none."""

import json
import re

import pytest

from planner.cli.app import main

SPEC = """
kind: deployment
version: 1
name: cams
models: [{name: eyes, source: {kind: reference, name: mobilenet-v2-1.0-224}}]
workloads:
  - {name: cams, model: eyes, origin: us-east-1, traffic: {kind: constant, rate_rps: 4},
     slo: {percentile: 95, latency_ms: 120}}
sites: [{kind: cloud, provider: aws, regions: [us-east-1], purchase: [on_demand]}]
"""


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))


def test_a_prediction_states_interval_provenance_grounds_and_the_way_to_narrow_it(
    capsys,
):
    code = main(
        ["predict", "mobilenet-v2-1.4-224", "--device", "graviton3-8vcpu",
         "--precision", "int8"]
    )  # fmt: skip

    out = " ".join(capsys.readouterr().out.split())
    assert code == 0
    for words in ("90 % interval", "predicted", "MLPerf", "What would narrow it"):
        assert words in out


def test_json_is_one_document_with_every_row(capsys):
    code = main(["predict", "resnet-50", "--device", "nvidia-l40s", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (document["kind"], document["device"]) == ("prediction", "nvidia-l40s")
    for p in document["predictions"]:
        assert p["profile"]["evidence"]["provenance"] == "predicted"
        assert p["low_s"] < p["profile"]["points"][0]["p50_s"] < p["high_s"]
        assert p["rows"]
        for told, point in zip(p["intervals"], p["profile"]["points"], strict=True):
            assert told["batch"] == point["batch"]
            assert told["low_s"] < point["p50_s"] < told["high_s"]


def test_what_was_published_is_said_to_be(capsys):
    code = main(
        ["predict", "mobilenet-v2-1.0-224", "--device", "graviton3-8vcpu",
         "--runtime", "armnn"]
    )  # fmt: skip

    assert code == 0
    rows = [r.split() for r in capsys.readouterr().out.splitlines() if " batch " in r]
    how = {row[0] for row in rows if "published" in row and "predicted" not in row}
    assert how == {"int8"}


def test_a_runtime_that_is_named_is_the_only_one_told(capsys):
    asked = ["predict", "mobilenet-v2-1.0-224", "--device", "raspberry-pi-4", "--json"]
    main(asked)
    every = json.loads(capsys.readouterr().out)

    for runtime in ("armnn", "tflite"):
        assert main([*asked, "--runtime", runtime]) == 0
        only = json.loads(capsys.readouterr().out)
        for kind, of in (
            ("measured", lambda p: p["variant"]["runtime"]),
            ("predictions", lambda p: p["profile"]["variant"]["runtime"]),
        ):
            assert only[kind] == [p for p in every[kind] if of(p) == runtime]

        assert 0 < len(only["measured"]) < len(every["measured"])

    assert main([*asked, "--runtime", "openvino"]) == 3
    assert "is on armnn, tflite: choose that" in capsys.readouterr().err


def test_only_the_batch_that_is_asked_for_is_listed(capsys):
    main(["predict", "resnet-50", "--device", "nvidia-l40s", "--batch", "8"])

    out = capsys.readouterr().out
    assert "batch 8" in out
    assert "batch 16" not in out


def test_every_predicted_batch_has_its_interval(capsys):
    main(["predict", "resnet-50", "--device", "nvidia-l4", "--runtime", "onnxruntime"])

    rows = [r for r in capsys.readouterr().out.splitlines() if " batch " in r]
    assert len(rows) > 5
    assert all(re.search(r" [\d.]+( ms)? to [\d.]+ ms\b", r) for r in rows)


def test_curves_of_several_gpus_say_so_and_none_is_predicted_over(capsys):
    main(["predict", "llama-3.1-8b", "--device", "nvidia-l4", "--json"])
    document = json.loads(capsys.readouterr().out)
    main(["predict", "llama-3.1-8b", "--device", "nvidia-l4"])

    rows = [r for r in capsys.readouterr().out.splitlines() if "1,024+256" in r]
    assert [r.split()[3] for r in rows] == ["1", "2", "4"]
    # fp16 was measured on other GPUs, bf16 here: two bytes a number either way.
    assert document["measured"]
    assert document["predictions"] == []


def test_a_batch_beyond_the_known_ones_is_refused_with_those(capsys):
    code = main(["predict", "resnet-50", "--device", "nvidia-l4", "--batch", "500"])

    assert code == 3
    assert "known are batches of 1 to 128" in capsys.readouterr().err


def test_clients_send_whatever_batches_there_are_whichever_is_listed(capsys):
    loops = []
    for batch in ([], ["--batch", "8"]):
        main(
            ["predict", "resnet-50", "--device", "nvidia-t4", "--clients", "32",
             "--runtime", "onnxruntime", "--json", *batch]
        )  # fmt: skip
        loops.append(json.loads(capsys.readouterr().out)["closed_loops"])

    assert loops[0] == loops[1] != []


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("raspberry-pi-4-coral-usb", "8 are needed"),
        ("graviton4-8vcpu", "no profile on another device"),
    ],
)
def test_outside_its_support_it_refuses_and_says_why(capsys, device, words):
    code = main(["predict", "mobilenet-v2-1.0-224", "--device", device])

    assert code == 3
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "mobilenet-v2-1.0-225", "--device", "graviton3-8vcpu"],
        ["predict", "mobilenet-v2-1.0-224", "--device", "graviton3"],
        ["predict", "llama-3.1-8b", "--device", "nvidia-l40s", "--host", "azure"],
    ],
)
def test_unknown_names_exit_2_with_the_nearest(capsys, arguments):
    code = main(arguments)

    assert code == 2
    assert "nearest" in capsys.readouterr().err


def test_a_host_where_none_is_known_is_refused_with_the_way_out(capsys):
    code = main(
        ["predict", "mobilenet-v2-1.0-224", "--device", "graviton3-8vcpu", "--host", "aws"]
    )  # fmt: skip

    assert code == 2
    assert "leave out --host" in capsys.readouterr().err


def test_the_models_of_a_document_are_asked_about(tmp_path, capsys):
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")

    code = main(["predict", str(spec), "--device", "graviton3-2vcpu", "--json"])

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["predictions"]


@pytest.mark.slow
def test_a_policy_that_lets_predictions_compete_finds_a_smaller_machine(
    tmp_path, capsys
):
    spec = tmp_path / "spec.yaml"
    costs = {}
    for name, policy in (("off", ""), ("on", "policy: {predict_unmeasured: true}\n")):
        spec.write_text(SPEC + policy, encoding="utf-8")
        code = main(
            ["recommend", str(spec), "--out", str(tmp_path / name), "--json"]
        )  # fmt: skip
        plan = json.loads(capsys.readouterr().out)
        assert code == 0
        costs[name] = plan["cost"]["total_usd_per_month"]
        provenances = {p["provenance"] for p in plan["placements"]}
        assert provenances == {"published" if name == "off" else "predicted"}

    assert costs["on"] < costs["off"]


def test_clients_that_wait_for_their_answers_are_told_what_they_see(capsys):
    code = main(["predict", "resnet-50", "--device", "nvidia-t4", "--clients", "32"])

    out = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "resnet-50 on nvidia-t4, 32 clients" in out
    assert "Each client waits for its answer" in out


def test_the_document_holds_what_clients_see_and_obeys_littles_law(capsys):
    code = main(
        ["predict", "llama-3.1-8b", "--device", "nvidia-l4", "--clients", "20", "--json"]
    )  # fmt: skip

    document = json.loads(capsys.readouterr().out)
    assert code == 0
    assert document["closed_loops"]
    for loop in document["closed_loops"]:
        assert loop["rate_rps"] * loop["p50_s"] == pytest.approx(20)
        assert loop["ttft_s"] < loop["p50_s"]
    # A curve that was measured with one request at a time says nothing of twenty.
    assert any("measure under more load" in r for r in document["closed_loop_refusals"])
