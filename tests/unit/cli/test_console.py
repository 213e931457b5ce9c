"""Progress where there is no terminal: a line for each measurement, with its pace."""

import sys

import pytest

from planner.cli.console import show, tell, watching
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
    assert "".join(line.split("  ")[0].strip() for line in lines[3:]) == name


def as_terminal(monkeypatch):
    """A terminal of 80 columns, as far as what is printed can tell."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)


def test_a_terminal_gets_sentences_broken_between_words_and_a_pipe_gets_them_whole(
    capsys, monkeypatch
):
    as_terminal(monkeypatch)
    sentence = "nothing keeps its promise here " * 6 + "today"

    tell(sentence)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    tell(sentence)

    *lines, whole = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()) == whole == sentence


def test_no_word_is_cut_or_broken_where_a_terminal_has_80_columns(capsys, monkeypatch):
    as_terminal(monkeypatch)
    headings = ["Model", "Variant", "Device", "How", ">Processor time", ">Beyond it", ">After a pause", ">Of cores", ">Error up to"]  # fmt: skip
    cells = ("digits", "int8-weight-only on onnxruntime", "local", "measured", "0.292 ms", "0.188 ms", "1.01 ms", "50 %", "34.5 %")  # fmt: skip

    show(table("T", headings, [cells, cells]))

    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    words = {word for h in headings for word in h.removeprefix(">").split()}
    assert (words | {"int8-weight-only", "onnxruntime"}) <= set(
        told.replace(":", "").split()
    )
