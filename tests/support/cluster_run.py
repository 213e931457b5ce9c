"""Profiles on a Ray cluster of four nodes here, of which one is taken away meanwhile.

usage: cluster_run.py DIRECTORY N_STEADY

Two trials kill the actor that runs them, once each. One node announces a device. What
happened is printed as one line of JSON.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

SUPPORT = str(Path(__file__).parent)
os.environ["RAY_AUTH_MODE"] = "disabled"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["PYTHONPATH"] = SUPPORT
DEVICE = "raspberry-pi-4"


class NothingToEmulate:
    def devices(self):
        return ()

    def calibration_trials(self, devices):
        return ()


def cluster():
    from ray.cluster_utils import Cluster

    small = {"object_store_memory": 80 * 1024**2, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **small})
    others = [made.add_node(num_cpus=1, **small) for _ in range(2)]
    made.add_node(num_cpus=1, resources={f"device:{DEVICE}": 1}, **small)
    return made, others


def jobs(directory, n_steady):
    from profiling import job

    names = ["assassin-1", "assassin-2", "refuse", *(f"slow-{n}" for n in range(n_steady))]  # fmt: skip
    here = [job(name, directory) for name in names]
    return [*here, job("where", directory, devices=(DEVICE,))]


def kill_at_work(directory, nodes, kill):
    """Take the node away on which a steady trial has just begun."""
    of = {str(n.all_processes["raylet"][0].process.pid): n for n in nodes}
    log = directory / "log"
    while True:
        words = log.read_text().rpartition("\n")[0].split() if log.exists() else []
        if words:
            name, _, node, _ = words[-4:]
            if name.startswith("slow") and node in of:
                kill(of[node])
                return
        time.sleep(0.02)


def main(directory, n_steady):
    sys.path.insert(0, SUPPORT)
    from profiling import MEASURING, VERSIONS, profiling

    from profilers.running import session
    from profilers.running.actors import RayExecutor
    from profilers.store import ProfileStore

    made, others = cluster()
    executor = RayExecutor(
        address=made.address, measuring=MEASURING, versions=VERSIONS, beat_s=1.0
    )
    kept = []
    keep = session.Session._keep  # what the store gets, in order
    session.Session._keep = lambda self, order, trial: (
        kept.append(trial.model.name),
        keep(self, order, trial),
    )
    store = ProfileStore(directory / "profiles.sqlite3")
    killer = threading.Thread(
        target=kill_at_work,
        args=(
            directory,
            others,
            lambda node: made.remove_node(node, allow_graceful=False),
        ),
    )
    killer.start()
    outcome = profiling(store, executor, emulator=NothingToEmulate()).profile(
        jobs(directory, n_steady), on_progress=lambda _: None
    )
    killer.join()
    log = [line.split() for line in (directory / "log").read_text().splitlines()]
    device = next(p for p in outcome.profiles if p.model == "where")
    told = {
        "devices": list(executor.devices()),
        "nodes_lost": 4 - len(made.list_all_nodes()),
        "measured": [p.model for p in outcome.profiles if p.model != "where"],
        "failed": [f.model for f in outcome.failures],
        "kept": [name for name in kept if name != "where"],
        "begun": [name for name, *_ in log],
        "device_nodes": sorted({node for name, _, node, _ in log if name == "where"}),
        "other_nodes": sorted({node for name, _, node, _ in log if name != "where"}),
        "on_device": {
            "device": device.device,
            "provenance": device.evidence.provenance.value,
            "source": device.evidence.source,
        },
    }
    print(json.dumps(told))  # noqa: T201
    made.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
