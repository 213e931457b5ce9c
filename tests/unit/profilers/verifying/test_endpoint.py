"""What is behind an address: nobody, someone, or our own server and what it runs."""

import asyncio
import socket

import pytest

from planner.errors import ProfilingError, SpecError
from planner.specs.placements import PlanVariant
from profilers.verifying import endpoint, load
from tests.support.endpoints import SOURCE, Script, about, serving, steady
from tests.support.plans import digits_placement


def look_at(url):
    async def run():
        async with load.session() as client:
            return await endpoint.look_at(client, url)

    with asyncio.Runner(loop_factory=load.precise_loop) as runner:
        return runner.run(run())


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("http://host:8000", "http://host:8000/"),
        ("https://host/digits/", "https://host/digits/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
    ],
)
def test_a_route_ends_in_a_slash(url, clean):
    assert endpoint.checked_url(url) == clean


@pytest.mark.parametrize(
    "url", ["host:8000", "ftp://host", "http://", "", "http://h:99999", "http://h/?a=1", "http://me:secret@h/", "http://[::1"]
)  # fmt: skip
def test_what_is_no_web_address_is_refused(url):
    with pytest.raises(SpecError, match="not the address"):
        endpoint.checked_url(url)


def test_a_server_of_ours_says_what_it_runs():
    placement = digits_placement()

    with serving(Script(steady(), about=about(placement))) as url:
        found = look_at(url)

    assert found.about is not None
    assert endpoint.disagreements(found.about, placement) == []
    assert found.about.takes == endpoint.Arrays(shape=(2,), dtype="float32")
    assert found.empty_s is not None
    assert found.connect_s < found.empty_s + 1
    assert endpoint.is_this_machine(url)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": {"name": "other", "source": SOURCE}}, "model is other"),
        ({"max_batch": 64}, "batch limit is 64 and the plan's is 8"),
        ({"max_wait_ms": 50.0}, "batch wait in ms is 50.0"),
        (
            {"variant": {"precision": "fp32", "sparsity_frac": 0, "runtime": "torch"}},
            "precision is fp32",
        ),
    ],
)
def test_whatever_runs_there_and_is_not_the_plans_is_named(changes, says):
    placement = digits_placement()

    with serving(Script(steady(), about=about(placement, **changes))) as url:
        found = look_at(url)

    assert says in "; ".join(endpoint.disagreements(found.about, placement))


def test_the_same_share_of_zeros_in_another_pattern_is_another_variant():
    variant = {"precision": "int8", "sparsity_frac": 0.5, "runtime": "onnxruntime"}
    planned = digits_placement().model_copy(
        update={"variant": PlanVariant.model_validate(variant)}
    )
    of_four = variant | {"sparsity_pattern": "2:4"}

    with serving(Script(steady(), about=about(planned, variant=of_four))) as url:
        found = look_at(url)

    assert endpoint.disagreements(found.about, planned) == [
        "its sparsity pattern is 2:4 and the plan's is unstructured"
    ]


@pytest.mark.parametrize("said", [None, {"config": {}}, {"service": "other"}, []])
def test_a_server_that_does_not_say_what_it_is_is_only_that(said):
    with serving(Script(steady(), about=said)) as url:
        found = look_at(url)

    assert found.about is None


def test_nobody_listening_is_told_as_that():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/"
        with pytest.raises(ProfilingError, match=r"refused; is it running\?"):
            look_at(url)


def test_a_name_that_leads_nowhere_is_told_as_that():
    with pytest.raises(ProfilingError, match="cannot be measured"):
        look_at("http://nowhere.invalid/")
