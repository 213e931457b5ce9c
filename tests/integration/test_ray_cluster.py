"""A cluster of several nodes on this machine: nodes and actors die while it measures."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from tests.support import cluster_run

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long]

N_STEADY = 12


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    pytest.importorskip("ray")
    directory = tmp_path_factory.mktemp("cluster")
    done = subprocess.run(
        [sys.executable, cluster_run.__file__, str(directory), str(N_STEADY)],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_node_and_two_actors_die_and_every_trial_ends_once(told):
    wanted = {f"slow-{n}" for n in range(N_STEADY)} | {"assassin-1", "assassin-2"}

    assert told["nodes_lost"] == 1
    assert set(told["measured"]) == wanted, "measured, though what ran them was killed"
    assert set(told["failed"]) == {"refuse"}
    assert Counter(told["kept"]).most_common(1)[0][1] == 1, "no trial is kept twice"
    assert set(told["kept"]) == wanted | {"refuse"}, "none is lost"


def test_the_actors_really_died_and_their_trials_were_begun_again(told):
    begun = Counter(told["begun"])

    assert begun["assassin-1"] == begun["assassin-2"] == 2
    again = {name for name, n in begun.items() if n == 2}
    assert len(again) == 3, "the two, and what ran on the node that was taken away"
    assert max(begun.values()) == 2


def test_a_device_that_takes_part_measures_its_own_trials_and_no_others(told):
    assert told["devices"] == ["raspberry-pi-4"]
    assert told["on_device"]["device"] == "raspberry-pi-4"
    assert told["on_device"]["provenance"] == "measured"
    assert "declared to be a raspberry-pi-4" in told["on_device"]["source"]
    assert len(told["device_nodes"]) == 1
    assert not set(told["device_nodes"]) & set(told["other_nodes"])


def test_equal_nodes_share_the_work(told):
    assert len(told["other_nodes"]) >= 2
