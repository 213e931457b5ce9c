"""The help of the command line is that of the verbs, though none of them is imported."""

import subprocess
import sys

import pytest

from planner.cli.app import GROUPS, VERBS, command_line, main, overview


def help_of(app, capsys):
    with pytest.raises(SystemExit):
        app(args=["--help"], prog_name="planner")
    return capsys.readouterr().out


def test_it_says_of_every_verb_what_the_verb_says_of_itself(capsys):
    said = help_of(overview(), capsys)

    assert said == help_of(command_line(None), capsys)
    assert all(f" {name} " in said for name in (*VERBS, *GROUPS))


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_whoever_names_no_verb_waits_for_none(arguments):
    code = (
        "import sys; from planner.cli.app import main; "
        f"main({arguments}); sys.exit('planner.specs' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_verb_behind_options_is_the_verb_itself(capsys):
    assert main(["--", "check", "--json-schema"]) == 0
    assert '"$defs"' in capsys.readouterr().out


def test_shells_are_told_a_verbs_own_options(monkeypatch, capsys):
    monkeypatch.setenv("_PLANNER_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "planner recommend --exec")
    monkeypatch.setenv("COMP_CWORD", "2")

    main([])

    assert "--executor" in capsys.readouterr().out


def test_an_interrupt_within_a_verb_is_said_to_be_one(tmp_path, monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("planner.cli.check.deployment", interrupted)

    assert main(["check", str(tmp_path / "spec.yaml")]) == 130
    assert "planner: interrupted" in capsys.readouterr().err
