"""Whatever is wrong, the command line says so in one clear message and the right code."""

import pytest

from planner.cli.app import main

GOOD = """
kind: deployment
version: 1
name: small
models: [{name: m, source: {kind: reference, name: mobilenet-v2-1.0-224}}]
workloads:
  - {name: w, model: m, origin: eu-central-1, traffic: {kind: constant, rate_rps: 5},
     slo: {percentile: 95, latency_ms: 200}}
sites: [{kind: cloud, provider: aws, regions: [eu-central-1, us-east-1]}]
"""


def written(tmp_path, text):
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("rate_rps: 5", "rate_rps: -5"), ["workloads.0.traffic.rate_rps", "-5"]),
        (("rate_rps: 5", "rate_rps: .inf"), ["workloads.0.traffic.rate_rps"]),
        (("latency_ms: 200", "latency_ms: soon"), ["workloads.0.slo.latency_ms"]),
        (("provider: aws", "provider: awz"), ["sites.0.provider", "aws"]),
        (("us-east-1]", "us-est-1]"), ["sites.0.regions.1", "us-east-1"]),
        (("mobilenet-v2-1.0-224", "mobilenet-v2-1.0-225"), ["models.0.source.name", "mobilenet-v2-1.0-224"]),
        (("origin: eu-central-1", "origin: mars"), ["workloads.0.origin", "eu-central-1"]),
        (("version: 1", "version: 2"), ["version"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["check", "recommend"])
def test_a_wrong_document_exits_2_and_names_the_place(
    tmp_path, capsys, verb, change, words
):
    old, new = change
    code = main([verb, written(tmp_path, GOOD.replace(old, new))])

    told = capsys.readouterr().err
    assert code == 2
    assert "Traceback" not in told
    for word in words:
        assert word in told


@pytest.mark.parametrize(
    "arguments",
    [
        ["recommend", "none.yaml"],
        ["recommend", "."],
        ["recommend"],
        ["check", "none.yaml"],
        ["manifests", "none.json"],
        ["profile", "none.yaml"],
        ["catalog", "devices", "raspbery-pi-4"],
        ["catalog", "profiles", "mobilnet"],
        ["catalog", "refresh", "--provider", "nobody", "--regions", "us-east-1"],
        ["nonsense"],
    ],
)
def test_wrong_usage_exits_2_without_a_traceback(arguments, capsys):
    code = main(arguments)

    captured = capsys.readouterr()
    assert code == 2
    assert captured.err.strip()
    assert "Traceback" not in captured.err + captured.out


def test_an_unknown_field_of_set_names_the_near_ones(tmp_path, capsys):
    code = main(["check", written(tmp_path, GOOD), "--set", "workloads.0.slo.latncy_ms=80"])  # fmt: skip

    assert code == 2
    assert "latency_ms" in capsys.readouterr().err


def test_a_plan_that_says_infeasible_has_no_manifests(tmp_path, capsys):
    main(["recommend", written(tmp_path, GOOD.replace("200", "1")), "--json"])
    (tmp_path / "plan.json").write_text(capsys.readouterr().out)

    assert main(["manifests", str(tmp_path / "plan.json")]) == 2
    assert "infeasible" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (["--heat-speed", "0.5"], "--soak-s"),
        (["--device", "raspberry-pi-4", "--memory-mib", "512"], "--device local"),
        (["--device", "raspberry-pi-4", "--threads", "2"], "--device local"),
        (["--cpu-quota", "5000"], "processors of this machine"),
        (["--memory-mib", "1e12"], "MiB of this machine"),
        (["--soak-s", "inf"], "never ends"),
        (
            ["--device", "raspberry-pi-4", "--as-device", "raspberry-pi-4"],
            "--device local",
        ),
        (["--executor", "local", "--address", "head:6379"], "--executor ray"),
    ],
)
def test_limits_that_would_not_be_in_force_are_refused(tmp_path, capsys, limits, word):
    code = main(["profile", written(tmp_path, GOOD), *limits])

    assert code == 2
    assert word in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--fewer-points"], "none here"),
        (["--profile-months", "3"], "goes with --profile-budget-usd"),
        (["--profile-budget-usd", "inf"], "has an end"),
    ],
)
def test_wishes_that_nothing_would_come_of_are_refused(tmp_path, capsys, options, word):
    code = main(["recommend", written(tmp_path, GOOD), *options])

    assert code == 2
    assert word in " ".join(capsys.readouterr().err.split())


MODEL = "mobilenet-v2-1.0-224"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict", "there/none.yaml"], "there/none.yaml: no such file"),
        (["predict", "."], "this is a folder"),
        (["predict", "abacus"], "planner catalog profiles"),
        (["predict", MODEL, "--address", "head:6379"], "--executor ray"),
        (
            ["predict", MODEL, "--address", "h:1", "--executor", "ray"],
            "a published one",
        ),
    ],
)
def test_a_prediction_of_nothing_says_what_is_missing(capsys, arguments, words):
    code = main([*arguments, "--device", "raspberry-pi-4"])

    assert code == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_an_unknown_device_without_a_near_one_says_where_the_names_are(capsys):
    assert main(["predict", MODEL, "--device", "abacus"]) == 2
    assert "planner catalog devices" in capsys.readouterr().err


def test_a_home_that_cannot_be_written_names_the_way_out(tmp_path, capsys, monkeypatch):
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    rows = "Concurrency,Inferences/Second,p50 latency\n1,812.4,1219\n"
    (tmp_path / "rows.csv").write_text(rows, encoding="utf-8")

    code = main(["import", "perf-analyzer", str(tmp_path / "rows.csv"), "--model", "m", "--device",
                 "nvidia-l4", "--precision", "fp16", "--runtime", "torch"])  # fmt: skip

    assert code == 2
    assert "PLANNER_HOME" in capsys.readouterr().err
