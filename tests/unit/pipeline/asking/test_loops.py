"""What clients see of whatever is known of a model on a device."""

import pytest

from planner.domain.predictions import Foresight
from planner.domain.profiles import BatchProfile, LoadCurve, TokenRates
from planner.pipeline.asking.loops import closed_loops
from planner.reference.catalog import Catalog


def known(model, device):
    """What the catalogue states of one, nothing predicted."""
    profiles = Catalog.shipped().profiles(model)
    return Foresight(
        model=model,
        device=device,
        measured=tuple(p for p in profiles if p.device == device),
        predictions=(),
        refusals=(),
    )


def test_one_client_sees_the_service_alone():
    resnet = known("resnet-50", "nvidia-t4")

    loops, _ = closed_loops(resnet, 1)

    assert loops
    for loop in loops:
        assert isinstance(loop.profile, BatchProfile)
        assert loop.p50_s == pytest.approx(loop.profile.points[0].p50_s, rel=0.05)
        assert loop.p50_s <= loop.p95_s <= loop.p99_s


def test_many_clients_get_the_largest_measured_batch_over_and_over():
    loops, _ = closed_loops(known("resnet-50", "nvidia-t4"), 10_000)

    for loop in loops:
        largest = loop.profile.points[-1]
        bound_rps = largest.batch / largest.p50_s
        assert loop.rate_rps == pytest.approx(bound_rps, rel=0.05)


def test_users_of_language_models_see_tokens_one_by_one():
    loops, reasons = closed_loops(known("llama-3.1-8b", "nvidia-l4"), 20)

    assert loops
    assert reasons
    for loop in loops:
        curve = loop.profile
        assert isinstance(curve, LoadCurve)
        whole_s = loop.ttft_s + (curve.output_tokens - 1) * loop.gap_s
        assert loop.p50_s == pytest.approx(whole_s)


def test_token_rates_say_nothing_of_several_clients():
    rates = known("gemma-2b", "graviton3-8vcpu")
    assert all(isinstance(p, TokenRates) for p in rates.measured)

    loops, reasons = closed_loops(rates, 4)

    assert not loops
    assert any("several clients" in r for r in reasons)


def test_two_clients_take_turns():
    # What comes while a batch is at work is the next one: batches of one, in turn.
    loops, _ = closed_loops(known("resnet-50", "nvidia-t4"), 2)

    for loop in loops:
        alone_s = loop.profile.points[0].p50_s
        assert loop.p50_s == pytest.approx(2 * alone_s, rel=0.1)
