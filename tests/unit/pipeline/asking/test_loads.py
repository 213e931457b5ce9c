"""What load curves teach of other GPUs: beside the hosts that they were measured on."""

from dataclasses import replace

import numpy as np
import pytest

from planner.pipeline.asking.atlas import Atlas
from planner.pipeline.asking.unmeasured.loads import (
    Engine,
    KnownOfHost,
    left_out,
    seen_points,
)
from planner.reference.catalog import Catalog

CATALOG = Catalog.shipped()
MODEL, DEVICE = "smollm2-135m", "nvidia-l4"


@pytest.fixture(scope="module")
def seen():
    atlas = Atlas.of(CATALOG)
    return seen_points(atlas.curves, atlas, CATALOG)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        (None, KnownOfHost.NOTHING),
        ("gcp", KnownOfHost.PROVIDER),
        ("gcp g2-standard-4", KnownOfHost.INSTANCE),
    ],
)
def test_how_much_is_known_of_a_host_is_in_its_name(host, known):
    assert KnownOfHost.of(host) is known


def test_the_more_is_known_of_the_host_the_nearer_are_first_tokens_of_gpus_left_out(
    seen,
):
    by_known = {k: left_out(seen, CATALOG, k) for k in KnownOfHost}

    off = [
        np.median(np.abs(by_known[k].ttft))
        for k in (KnownOfHost.INSTANCE, KnownOfHost.PROVIDER, KnownOfHost.NOTHING)
    ]
    assert off == sorted(off)
    assert off[0] < 0.12
    assert len({e.tpot for e in by_known.values()}) == 1


def test_one_gpu_beside_two_hosts_is_compared_beside_each(seen):
    """Were the points of both mixed, the first host met would speak for both."""
    engine = Engine.of(seen)
    own = [s for s in seen if (s.curve.model, s.curve.device) == (MODEL, DEVICE)]
    elsewhere = [
        replace(
            s,
            request=replace(s.request, host_speed_ratio=3 * s.request.host_speed_ratio),
            point=replace(s.point, ttft_p50_s=0.5 * s.point.ttft_p50_s),
        )
        for s in own
    ]
    asked, peaks = own[0].request, own[0].peaks

    one, other = (
        replace(engine, seen=points).ttft_s(MODEL, asked, peaks)
        for points in ((*seen, *elsewhere), (*elsewhere, *seen))
    )

    assert own
    assert one == pytest.approx(other)
