"""What is told of how times were taken: only what holds, and short."""

from dataclasses import replace

import pytest

from profilers import cautions
from profilers.measuring import machine
from profilers.measuring.measure import SamplingRule, measure_batches
from tests.support.profiling import trial

RULE = SamplingRule(max_point_s=0.2, min_window_s=0.1, warm_up_s=0.1, n_retries=0)


@pytest.fixture(autouse=True)
def _idle(monkeypatch):
    monkeypatch.setattr(machine, "load_warning", lambda *_, **__: None)


def timings(service_s, batches):
    at_s = 0.0
    calls = 0

    def run(batch):
        nonlocal at_s, calls
        at_s += service_s(calls)
        calls += 1

    return measure_batches(
        run, batches, clock=lambda: at_s, stolen_frac=lambda: 0.0, rule=RULE
    )


def steady(_):
    return 0.001


def paused(call):
    return 0.001 if call % 20 else 0.05


def test_steady_times_need_no_words(tmp_path):
    assert cautions.of_timings(timings(steady, (1, 2)), trial("m", tmp_path)) == []


def test_a_mean_that_pauses_raise_is_told(tmp_path):
    (said,) = cautions.of_timings(timings(paused, (1,)), trial("m", tmp_path))

    assert said.startswith("slowed by pauses that most calls do not meet")
    assert "up to 3.5 times the median" in said or "up to 3.4 times" in said


def test_what_stayed_noisy_is_named_while_it_is_little(tmp_path):
    found = timings(steady, range(1, 10))
    asked = trial("m", tmp_path)

    def told(n_noisy):
        noisy = [
            replace(t, point=replace(t.point, is_noisy=i < n_noisy))
            for i, t in enumerate(found)
        ]
        (said,) = cautions.of_timings(noisy, asked)
        return said.removeprefix("timings at ").partition(" stayed")[0]

    assert told(2) == "batch 1, batch 2"
    assert told(7) == "batch 1, batch 2, batch 3, batch 4, batch 5 and 2 more"
    assert told(9) == "all 9 points"


def test_a_tail_that_is_not_known_names_its_percentile(tmp_path):
    asked = replace(trial("m", tmp_path), percentile_frac=0.99)
    found = [replace(t, is_tail_known=False) for t in timings(steady, (4,))]

    (said,) = cautions.of_timings(found, asked)

    assert said.startswith("the 99th percentile at batch 4 is known less well")
