"""A field changed by its dotted path, as `--set` and relaxations do it."""

import pytest

from planner.errors import SpecMistakesError
from planner.specs.edit import parse_assignment, with_values
from planner.specs.load import parse_spec

SPEC = parse_spec(
    {
        "kind": "deployment",
        "version": 1,
        "name": "d",
        "models": [{"name": "m", "source": {"kind": "reference", "name": "r"}}],
        "workloads": [
            {
                "name": "w",
                "model": "m",
                "origin": "us-east-1",
                "traffic": {"kind": "constant", "rate_rps": 5},
                "slo": {"latency_ms": 100},
            }
        ],
        "sites": [{"kind": "cloud", "provider": "aws", "regions": ["us-east-1"]}],
    },
    document="d",
)


def test_a_nested_field_is_changed_and_nothing_else():
    changed = with_values(SPEC, {"workloads.0.slo.latency_ms": 80})

    assert changed.workloads[0].slo.latency_ms == 80
    assert with_values(changed, {"workloads.0.slo.latency_ms": 100}) == SPEC


def test_a_section_left_to_its_defaults_can_be_set_into():
    changed = with_values(SPEC, {"policy.budget_usd_per_month": 10})

    assert changed.policy.budget_usd_per_month == 10


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("workloads.7.model", "m", "numbered 0 to 0"),
        ("workloads.0.slo.latency_ms", -1, "greater than 0"),
        ("workloads.0.nme", "x", "name"),
        ("name.first", "x", "leads nowhere"),
        ("workloads.0.model", "other", "unknown model"),
    ],
)
def test_a_path_or_value_that_does_not_fit_is_a_named_mistake(path, value, word):
    with pytest.raises(SpecMistakesError, match=word):
        with_values(SPEC, {path: value})


@pytest.mark.parametrize("text", ["no-equals", "=3", "a=[1"])
def test_an_assignment_must_be_path_equals_yaml(text):
    with pytest.raises(SpecMistakesError):
        parse_assignment(text)


def test_a_value_is_read_as_yaml():
    assert parse_assignment("a.b=[eu, us]") == ("a.b", ["eu", "us"])
    assert parse_assignment("a=null") == ("a", None)
