"""Two models on one machine, really served: one at a time, in order of arrival."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaml

from planner.domain.variants import Precision, Runtime
from planner.manifests import here
from planner.specs.placements import PlanVariant
from tests.support.listening import free_port
from tests.support.plans import digits_placement, storefront_plan

pytestmark = [pytest.mark.ray, pytest.mark.slow]

# Works as many ms as its input says, and writes down which input, from when to when.
MODEL = """
import time

import torch
from torch import nn


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        number, works_ms = x.flatten()[:2].tolist()
        began_s = time.monotonic()
        time.sleep(works_ms / 1000)
        if number > 0:
            with open("{log}", "a") as log:
                log.write(f"{number} {began_s} {time.monotonic()}\\n")
        return x.flatten(1) * self.scale


def build():
    return Slow()


def inputs():
    return torch.zeros(2, 1, 1, 2)
"""


def test_models_of_one_machine_work_one_at_a_time_in_order_of_arrival(tmp_path):
    log = tmp_path / "log"
    (tmp_path / "model.py").write_text(
        MODEL.replace("{log}", str(log)), encoding="utf-8"
    )
    port = free_port()
    config = shared_config(tmp_path, port)
    said = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "profilers.serving", str(config)],
        stdout=said,
        stderr=subprocess.STDOUT,
        env=environment(tmp_path),
    )
    try:
        addresses = [f"http://127.0.0.1:{port}{route}" for route in routes(config)]
        for address in addresses:
            wait_until_healthy(process, address, tmp_path / "server.log")
        # The first keeps the machine until all others have come, long after each other.
        asked = [(1, 0, 3500.0)] + [(i, i % 2, 10.0) for i in (2, 3, 5, 4, 7, 6)]
        with ThreadPoolExecutor(max_workers=len(asked)) as clients:
            answers = []
            for number, which, works_ms in asked:
                answers.append(clients.submit(ask, addresses[which], number, works_ms))
                time.sleep(0.4)
            assert {a.result() for a in answers} == {200}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            process.kill()
        said.close()

    worked = np.loadtxt(log)
    assert worked[:, 0].tolist() == [number for number, _, _ in asked]
    # Nobody began before the one before was done.
    assert (worked[1:, 1] >= worked[:-1, 2]).all()


def shared_config(folder, port):
    """What `planner serve` would run of a plan that puts two models on one machine."""
    plan = storefront_plan()
    one = digits_placement().model_copy(
        update={
            "shared_with": ("shelf-cameras",),
            "variant": PlanVariant(
                precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
            ),
            "machines": 1,
            "replicas": 1,
            "spare_machines": 0,
            "max_batch": 1,
            "max_wait_ms": 0.0,
            "threads": 1,
        }
    )
    other = one.model_copy(
        update={"workload": "shelf-cameras", "shared_with": (one.workload,)}
    )
    models = tuple(
        m.model_copy(update={"weights": None, "inputs": "model:inputs"})
        if m.name == one.model
        else m
        for m in plan.models
    )
    plan = plan.model_copy(update={"placements": (one, other), "models": models})
    placed = here.chosen(plan, site="local", workload=None)
    config = here.serve_here(placed, {one.model: folder}, host="127.0.0.1", port=port)
    path = folder / "serve.yaml"
    plain = config.model_dump(mode="json", exclude_none=True)
    for application in plain["applications"]:
        queue = application["deployments"][0]["user_config"]["shared"]
        queue["directory"] = str(folder / "turns")
    path.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return path


def routes(config):
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    return [a["route_prefix"] for a in document["applications"]]


def environment(folder):
    return {
        **os.environ,
        "HOME": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(128 * 1024**2),
        "PLANNER_METRICS_PORT": str(free_port()),
    }


def ask(address, number, works_ms):
    body = json.dumps({"inputs": [[[number, works_ms]]]}).encode()
    request = urllib.request.Request(address, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status


def wait_until_healthy(process, address, log):
    for _ in range(240):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.5)
    pytest.fail(f"the server did not become healthy:\n{log.read_text()[-4000:]}")
