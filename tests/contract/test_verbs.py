"""Every file of the command line is a verb, and every verb runs on its own."""

import sys
from pathlib import Path

import pytest

import planner.cli
from planner.cli.app import GROUPS, VERBS, main

# What verbs share.
NO_VERBS = {"__init__", "app", "arguments", "console", "documents"}


def test_the_verbs_are_the_files():
    files = {p.stem for p in Path(planner.cli.__file__).parent.glob("*.py")}
    homes = {p.split(":")[0].rpartition(".")[2] for p in (*VERBS.values(), *GROUPS.values())}  # fmt: skip

    assert homes == files - NO_VERBS


@pytest.mark.parametrize("verb", [*VERBS, *GROUPS])
def test_a_verb_has_help_of_its_own(verb, capsys):
    assert main([verb, "--help"]) == 0
    assert f"planner {verb}" in capsys.readouterr().out


def test_the_help_names_every_verb(capsys):
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    for verb in (*VERBS, *GROUPS):
        assert verb in told


def test_a_namesake_that_is_installed_as_well_is_told(tmp_path, monkeypatch, capsys):
    info = tmp_path / "llm_d_planner-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-d-planner\nVersion: 0.1.0\n")  # fmt: skip
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])

    assert main(["--version"]) == 0
    assert "llm-d-planner" in capsys.readouterr().err
