"""Whether a machine can be a device is read off it; nothing is tried for that."""

import platform

import pytest

from planner.errors import SpecError
from planner.wiring import measuring
from planner.wiring.facts import catalog
from profilers import self_test


@pytest.fixture(autouse=True)
def no_trials(monkeypatch):
    def tried(*_, **__):
        raise AssertionError("limits are tried")

    monkeypatch.setattr(self_test, "_memory_limit", tried)
    monkeypatch.setattr(self_test, "_cpu_limit", tried)
    monkeypatch.setattr(self_test, "_matrix_s", tried)


def device_of(architecture):
    """The one with the most cores."""
    return max(
        (d for d in catalog().devices() if d.architecture == architecture),
        key=lambda d: d.cores or 0,
    ).name


def test_another_processor_family_is_refused_at_once():
    other = "arm64" if platform.machine() == "x86_64" else "x86_64"

    for asked in (measuring.require_no_other, measuring.unlike):
        with pytest.raises(SpecError, match="name the device that this machine is"):
            asked(device_of(other))


def test_fewer_cores_are_told_and_refuse_nobody():
    own = "x86_64" if platform.machine() == "x86_64" else "arm64"

    measuring.require_no_other(device_of(own))

    assert any("cores here" in said for said in measuring.unlike(device_of(own)))
