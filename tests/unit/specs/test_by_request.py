"""Sites that are paid by request, as users write them: well and badly."""

import copy

import pytest

from planner.errors import SpecMistakesError
from planner.specs.load import parse_spec
from tests.support.by_request import document


def mistakes(data):
    with pytest.raises(SpecMistakesError) as caught:
        parse_spec(data, document="doc")
    return {m.path: f"{m.problem}; {m.way_out}" for m in caught.value.mistakes}


def changed(path, value):
    data = copy.deepcopy(document())
    *parents, last = path.split(".")
    place = data
    for part in parents:
        place = place[int(part) if part.isdecimal() else part]
    place[last] = value
    return data


def test_a_day_is_read_as_yaml_writes_it():
    spec = parse_spec(document(), document="doc")

    assert spec.hosted_apis()[0].models[0].as_of.isoformat() == "2026-11-01"
    assert spec.regions() == ("us-east-1",)


@pytest.mark.parametrize(
    ("path", "value", "where", "words"),
    [
        ("sites.1.models.0.model", "chta", "sites.1.models.0.model", "known: chat"),
        ("sites.1.models.0.times", [], "sites.1.models.0.times", "at least 1"),
        (
            "sites.1.models.0.times",
            [
                {"percentile": 95, "ttft_ms": 9, "tpot_ms": 9},
                {"percentile": 50, "ttft_ms": 1, "tpot_ms": 1},
            ],
            "sites.1.models.0",
            "rise with their percentiles",
        ),
        ("sites.1.models.0.price", 1, "sites.1.models.0.price", "unknown key"),
        ("sites.1.name", "us-east-1", "sites", "used 2 times"),
        ("sites.2.functions.0.cold_start_frac", 2, "sites.2.functions.0.cold_start_frac", "less than or equal to 1"),
        ("sites.2.functions.0.as_of", "soon", "sites.2.functions.0.as_of", "date"),
        ("workloads.0.origin", "nowhere", "workloads.0.origin", "unknown origin"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(path, value, where, words):
    assert words in mistakes(changed(path, value))[where]


def test_a_hosted_model_needs_a_host():
    data = changed("models.0.source", {"kind": "hosted"})
    parse_spec(data, document="doc")

    data["sites"] = [s for s in data["sites"] if s["kind"] != "hosted_api"]

    assert "no site of kind hosted_api serves 'chat'" in mistakes(data)["models.0.source"]  # fmt: skip


def test_two_functions_of_a_name_are_a_mistake():
    data = document()
    data["sites"][2]["functions"] *= 2

    assert "used 2 times" in mistakes(data)["sites.2.functions"]
