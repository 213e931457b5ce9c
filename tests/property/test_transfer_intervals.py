"""Laws of predictions across devices, and what their intervals hold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.domain.operations import Operations
from planner.perf.transfer import Transferred, transferred


def world(seed, *, n=24, noise=0.08):
    """Models whose times follow overhead and arithmetic, with noise on every run."""
    rng = np.random.default_rng(seed)
    names = [f"net-v{1 + i % 3}-{i}" for i in range(n)]
    macs = np.exp(rng.uniform(math.log(2e7), math.log(3e9), n))
    operations = {
        name: Operations(
            model=name, parameters=int(1e5 * m**0.2), source="made up", macs=int(m)
        )
        for name, m in zip(names, macs, strict=True)
    }

    def times(overhead_s, mac_s):
        runs = (overhead_s + macs * mac_s) * np.exp(rng.normal(0, noise, n))
        return dict(zip(names, map(float, runs), strict=True))

    return names, operations, times(1e-3, 5e-11), times(3e-3, 9e-12)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100.0))
def test_a_slower_clock_there_scales_the_prediction_and_its_interval(seed, scale):
    names, operations, here, there = world(seed)
    scaled = {m: scale * t for m, t in there.items()}

    told = transferred(names[0], here, there, operations)
    again = transferred(names[0], here, scaled, operations)

    assert isinstance(told, Transferred)
    assert again.p50_s == pytest.approx(scale * told.p50_s, rel=1e-6)
    assert again.high_s == pytest.approx(scale * told.high_s, rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_in_which_models_are_known_does_not_matter(seed):
    names, operations, here, there = world(seed)

    told = transferred(names[0], here, there, operations)
    backwards = transferred(
        names[0],
        dict(reversed(here.items())),
        dict(reversed(there.items())),
        operations,
    )

    assert backwards.p50_s == pytest.approx(told.p50_s, rel=1e-9)


def test_nine_of_ten_intervals_hold_what_they_were_not_shown():
    held = []
    for seed in range(25):
        names, operations, here, there = world(seed)
        for name in names[:8]:
            told = transferred(name, here, there, operations)
            held.append(told.low_s <= there[name] <= told.high_s)

    # 200 trials at 0.9: two standard deviations and what near-ties add.
    assert 0.84 <= np.mean(held) <= 0.97


def test_the_one_sided_band_holds_nine_of_ten_too():
    held = []
    for seed in range(25):
        names, operations, here, there = world(seed)
        for name in names[:8]:
            told = transferred(name, here, there, operations)
            held.append(there[name] <= told.p50_s * (1 + told.error_frac))

    assert 0.84 <= np.mean(held) <= 0.97
