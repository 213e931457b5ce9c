"""Progress where there is no terminal: a line for each measurement, with its pace."""

import pytest

from planner.cli.console import show, watching
from planner.domain.profiling import ProfilingProgress
from planner.report.tables import table


def progress(done, **fields):
    return ProfilingProgress(
        **{"done": done, "total": 300, "what": "m fp32 on torch", **fields}
    )


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (progress(0), "profiling 0/300 m fp32 on torch"),
        (
            progress(120, done_per_s=0.2),
            "profiling 120/300 m fp32 on torch (12 a minute, about 15 min left)",
        ),
        (
            progress(30, done_per_s=1 / 60),
            "profiling 30/300 m fp32 on torch (1 a minute, about 4.5 h left)",
        ),
        (
            progress(299, done_per_s=2.0),
            "profiling 299/300 m fp32 on torch (120 a minute, under a minute left)",
        ),
        (progress(300, done_per_s=2.0), "profiling 300/300 m fp32 on torch"),
    ],
)
def test_a_line_says_how_far_it_is_how_fast_and_how_long_yet(capsys, seen, line):
    with watching(quiet=False) as observer:
        observer.profiling(seen)

    assert capsys.readouterr().err == f"{line}\n"


def test_quiet_is_quiet(capsys):
    with watching(quiet=True) as observer:
        observer.stage("solving")
        observer.profiling(progress(1))

    assert capsys.readouterr() == ("", "")


def test_a_name_too_long_for_its_column_is_broken_and_never_cut_off(capsys):
    name = "nvidia-h100-80gb-sxm-of-some-very-long-name"
    other = "words that go on and on " * 12

    show(table("T", ["Device", "What", "Where"], [(name, other, other)]))

    lines = capsys.readouterr().out.splitlines()
    assert "".join(line.split("  ")[0].strip() for line in lines[4:]) == name
