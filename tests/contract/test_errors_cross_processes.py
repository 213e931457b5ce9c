"""Every error survives pickling, as Ray does to it, and has its exit code."""

import pickle
from dataclasses import fields

import pytest

from planner import errors


def every_error(base=errors.PlannerError):
    for child in base.__subclasses__():
        yield child
        yield from every_error(child)


@pytest.mark.parametrize("error", list(every_error()), ids=lambda e: e.__name__)
def test_an_error_keeps_its_facts_and_sentence_across_pickling(error):
    values = {"mistakes": (errors.Mistake(path="a", problem="b"),), "nearest": ("x",)}
    original = error(*(values.get(f.name, f.name) for f in fields(error)))

    copy = pickle.loads(pickle.dumps(original))

    assert type(copy) is error
    assert str(copy) == str(original) != ""


def test_the_branches_have_the_exit_codes_of_the_command_line_contract():
    codes = {e.__name__: e.exit_code for e in errors.PlannerError.__subclasses__()}

    assert codes["SpecError"] == 2
    assert codes["ProfilingError"] == 3
    assert codes["CloudError"] == 4
    assert codes["SolverError"] == 5
    assert codes["ManifestError"] == 6
