"""Documents: the contract's example loads; every mistake is named at once."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import PlannerError, SpecFileError, SpecMistakesError
from planner.specs.load import load_spec, parse_spec

STOREFRONT = yaml.safe_load("""
kind: deployment
version: 1
name: storefront
models:
  - name: shelf-classifier
    source: {kind: reference, name: mobilenet-v2-1.0-224}
  - name: reorder-digits
    source: {kind: torch, factory: "model:build", weights: weights.safetensors}
    variants: {precisions: [fp32, bf16, int8], runtimes: [torch, onnxruntime]}
    evaluation: {factory: "model:evaluation_set"}
    license: Apache-2.0
workloads:
  - name: shelf-cameras
    model: shelf-classifier
    origin: berlin-store
    traffic: {kind: constant, rate_rps: 12}
    payload: {request_kib: 180, response_kib: 2}
    slo: {percentile: 95, latency_ms: 120}
    quality: {metric: top1_accuracy, minimum_frac: 0.70}
    residency: [eu]
sites:
  - {kind: edge, name: berlin-store, devices: [{device: raspberry-pi-4, stock: 3}], uplink: {rtt_ms: 28, bandwidth_mbps: 20}}
  - {kind: cloud, provider: aws, regions: [eu-central-1, us-east-1], purchase: [on_demand, spot]}
policy:
  budget_usd_per_month: 400
  objective: cost
  confidence_frac: 0.9
  spare_replicas: 1
""")


def changed(path, value):
    data = copy.deepcopy(STOREFRONT)
    place = data
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return data


def mistakes_of(data):
    with pytest.raises(SpecMistakesError) as caught:
        parse_spec(data, document="spec.yaml")
    return {m.path: m for m in caught.value.mistakes}


def test_the_document_of_the_contract_loads():
    spec = parse_spec(STOREFRONT, document="spec.yaml")

    assert spec.workloads[0].slo.latency_ms == 120
    assert spec.regions() == ("eu-central-1", "us-east-1")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("workloads", 0, "traffic", "rate_rps"), -1),
        (("workloads", 0, "traffic", "rate_rps"), float("inf")),
        (("workloads", 0, "traffic", "rate_rps"), float("nan")),
        (("workloads", 0, "slo", "latency_ms"), "fast"),
        (("workloads", 0, "model"), "shelf-classifer"),
        (("policy", "budget_usd_per_month"), -5),
        (("policy", "budgt"), 5),
        (("sites", 0, "devices", 0, "stock"), 1.5),
        (("models", 0, "source", "kind"), "pickle"),
        (("version",), 2),
        (("models",), []),
    ],
)
def test_a_wrong_value_is_named_by_its_path(path, value):
    found = mistakes_of(changed(path, value))

    expected = ".".join(map(str, path))
    assert any(expected.startswith(p) or p == expected for p in found), found


def test_all_mistakes_are_reported_at_once_with_a_way_out():
    data = changed(("workloads", 0, "traffic", "rate_rps"), -1)
    data["policy"]["budget_usd_per_mont"] = 3

    found = mistakes_of(data)

    assert set(found) == {
        "workloads.0.traffic.rate_rps",
        "policy.budget_usd_per_mont",
    }
    assert "budget_usd_per_month" in found["policy.budget_usd_per_mont"].way_out


def test_duplicate_names_and_unknown_origins_are_mistakes():
    data = copy.deepcopy(STOREFRONT)
    data["models"][1]["name"] = "shelf-classifier"
    data["workloads"][0]["origin"] = "berlin-stor"

    found = mistakes_of(data)

    assert "used 2 times" in found["models"].problem
    assert "berlin-store" in found["workloads.0.origin"].way_out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"a: [1", "YAML"),
        (b"a: 1\na: 2", "twice"),
        (b"a: &x [1]\nb: [*x, *x]", "aliases"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"[" * 5000, "YAML"),
        (b"x: " + b"y" * 10_000_000, "too large"),
        (b"!!python/object/apply:os.system ['true']", "YAML"),
        (b"1.5", "expected keys"),
        (b"{1: 2, [a]: 3}", "YAML"),
        (b"when: !!binary aGk=", "not plain data"),
    ],
)
def test_a_file_that_is_no_document_gets_one_clear_error(tmp_path, content, words):
    file = tmp_path / "spec.yaml"
    file.write_bytes(content)

    with pytest.raises(PlannerError, match=words) as caught:
        load_spec(file)

    assert str(file) in str(caught.value)


def test_a_missing_file_and_a_folder_say_so(tmp_path):
    with pytest.raises(SpecFileError, match="no such file"):
        load_spec(tmp_path / "none.yaml")
    with pytest.raises(SpecFileError, match="folder"):
        load_spec(tmp_path)


def test_names_may_be_written_in_any_script():
    assert parse_spec(changed(("name",), "商店"), document="d").name == "商店"


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.text(max_size=8), c, max_size=3), max_leaves=8))  # fmt: skip
def test_no_plain_data_gets_past_as_anything_but_named_mistakes(data):
    with pytest.raises(SpecMistakesError):
        parse_spec(data, document="d")


def test_a_document_of_another_kind_is_named_as_such_and_nothing_else():
    found = mistakes_of(changed(("kind",), "plan"))

    assert set(found) == {"kind"}
    assert "deployment" in found["kind"].way_out
