"""Replicas that work beside a measurement: there while it lasts, and gone after it."""

import os
import time

import psutil
import pytest

from planner.errors import ProfilingError
from profilers.measuring import neighbours
from profilers.trials import Envelope


def counting(path):
    """Work that leaves a mark at every call."""

    def work():
        def call():
            with path.open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(0.001)

        return call

    return work


def test_the_others_work_while_one_is_measured_and_end_with_it(tmp_path):
    marks = tmp_path / "marks"

    with neighbours.busy(counting(marks), Envelope(replicas=3)):
        begun = marks.read_text().split()
        time.sleep(0.05)
        during = marks.read_text().split()
    after = marks.read_text()
    time.sleep(0.05)

    assert len(set(begun)) == 2
    assert str(os.getpid()) not in begun
    assert len(during) > len(begun)
    assert marks.read_text() == after


def test_one_replica_has_no_neighbours(tmp_path):
    marks = tmp_path / "marks"

    with neighbours.busy(counting(marks), Envelope()):
        assert not marks.exists()


def test_a_replica_that_cannot_start_is_told(capfd):
    def failing():
        raise MemoryError

    with (
        pytest.raises(ProfilingError, match="a second replica could not be started"),
        neighbours.busy(failing, Envelope(replicas=2)),
    ):
        raise AssertionError("measured without its neighbour")


def test_several_replicas_of_several_threads_are_refused(tmp_path):
    with (
        pytest.raises(ProfilingError, match="2 replicas of 2 threads each"),
        neighbours.busy(counting(tmp_path / "m"), Envelope(replicas=2, threads=2)),
    ):
        raise AssertionError("measured")


def until_ended(replicas):
    (replica,) = replicas
    while replica.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)


def test_a_replica_that_ends_meanwhile_leaves_no_measurement_without_it():
    def work():
        calls = iter(range(3))
        return lambda: next(calls)

    me = psutil.Process()
    others = set(me.children())
    with (
        pytest.raises(ProfilingError, match="ended while the first was measured"),
        neighbours.busy(work, Envelope(replicas=2)),
    ):
        until_ended(set(me.children()) - others)
