"""Every example runs as its README says, and prints what its README shows."""

import json
import shutil
from pathlib import Path

import pytest

from planner.cli.app import main
from tests.support.transcripts import missing, transcripts

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(p.name for p in (ROOT / "examples").iterdir() if p.is_dir())
# The storefront profiles a model of its own first: minutes, not seconds.
QUICK = [e for e in EXAMPLES if e != "storefront"]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def run(shown, capsys):
    program, *arguments = shown.arguments()
    assert program == "planner"
    main(arguments)
    return capsys.readouterr().out


def test_there_are_the_four_stories():
    assert EXAMPLES == ["chat", "factory", "night-shift", "storefront"]


@pytest.mark.slow
@pytest.mark.parametrize("example", QUICK)
def test_the_readme_shows_what_the_example_prints(example, folder, capsys):
    shown = transcripts(folder / "examples" / example / "README.md")

    assert shown
    for each in shown:
        assert missing(each, run(each, capsys)) == []


@pytest.mark.long
@pytest.mark.ray
def test_the_storefront_profiles_its_own_model_and_is_quick_the_second_time(
    folder, measuring_home, capsys
):
    arguments = ["recommend", "examples/storefront/spec.yaml", "--json"]

    code = main(arguments)
    first = json.loads(capsys.readouterr().out)
    again = main(arguments)
    second = json.loads(capsys.readouterr().out)

    assert (code, again) == (0, 0)
    assert first["certificate"]["checked"]
    by_workload = {p["workload"]: p for p in first["placements"]}
    assert by_workload["shelf-cameras"]["device"] == "raspberry-pi-4"
    assert by_workload["shelf-cameras"]["provenance"] == "published"
    assert by_workload["reorder-slips"]["provenance"] == "emulated"
    assert by_workload["reorder-slips"]["quality"]["value"] >= 0.93
    assert first["placements"] == second["placements"]
    for shown in transcripts(folder / "examples" / "storefront" / "README.md"):
        assert missing(shown, run(shown, capsys)) == []
