"""Laws of the mapping, whatever the times."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profilers.emulators import bands
from profilers.emulators.bands import HeldOut
from profilers.emulators.ratios import Pair, fit, scatter_sigma

TIMES_S = st.floats(1e-4, 1.0)
PAIRS = st.lists(
    st.builds(lambda a, b: Pair(local_s=a, device_s=b), TIMES_S, TIMES_S),
    min_size=3,
    max_size=6,
)
ERRORS = st.lists(
    st.builds(
        lambda model, e: HeldOut(local="a", device="b", model=model, log_error=e),
        st.sampled_from(["mobilenet-v1-1.0-224", "mobilenet-v2-1.0-224", "net"]),
        st.floats(-2, 2),
    ),
    min_size=1,
    max_size=40,
)


@given(pairs=PAIRS, times_s=st.tuples(TIMES_S, TIMES_S))
def test_what_takes_longer_here_takes_longer_there(pairs, times_s):
    ratio = fit(pairs)
    short_s, long_s = sorted(times_s)

    assert short_s * ratio.at(short_s) <= long_s * ratio.at(long_s) * (1 + 1e-9)


@given(pairs=PAIRS, local_s=TIMES_S, factor=st.floats(0.01, 100))
def test_a_device_so_many_times_slower_is_emulated_so_many_times_slower(
    pairs, local_s, factor
):
    slower = [Pair(local_s=p.local_s, device_s=p.device_s * factor) for p in pairs]

    assert fit(slower).at(local_s) == pytest.approx(factor * fit(pairs).at(local_s))
    assert scatter_sigma(slower) == pytest.approx(scatter_sigma(pairs), abs=1e-9)


@given(pairs=PAIRS, local_s=TIMES_S, factor=st.floats(0.01, 100))
def test_the_speed_of_this_machine_cancels_out(pairs, local_s, factor):
    quicker = [Pair(local_s=p.local_s / factor, device_s=p.device_s) for p in pairs]

    there_s = local_s * fit(pairs).at(local_s)
    there_too_s = local_s / factor * fit(quicker).at(local_s / factor)

    # Where the fit wants a steeper line than it may have, only its middle agrees.
    if abs(fit(pairs).slope) < 0.9:
        assert there_too_s == pytest.approx(there_s, rel=1e-6)


@given(pairs=PAIRS)
def test_a_machine_is_mapped_to_itself_unchanged(pairs):
    same = [Pair(local_s=p.local_s, device_s=p.local_s) for p in pairs]

    assert fit(same).at(0.005) == pytest.approx(1.0)
    assert scatter_sigma(same) == pytest.approx(0.0, abs=1e-9)


@given(errors=ERRORS)
def test_the_band_covers_at_least_what_it_promises(errors):
    band = bands.quantile(errors, 0.9)

    assert bands.coverage_frac(errors, band) >= 0.9 - 1e-6


@given(errors=ERRORS, more=st.floats(0, 1))
def test_larger_errors_never_make_a_narrower_band(errors, more):
    larger = [
        HeldOut(
            local=e.local, device=e.device, model=e.model, log_error=e.log_error + more
        )
        for e in errors
    ]

    assert bands.sigma(larger) >= bands.sigma(errors)
    assert math.isfinite(bands.sigma(larger))
