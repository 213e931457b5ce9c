"""The generated config, really served: the container's own command, HTTP on loopback."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from planner.domain.hardware import Purchase
from planner.domain.variants import Precision, Runtime
from planner.manifests import write_manifests
from planner.specs.placements import PlanVariant
from tests.support.listening import free_port
from tests.support.plans import digits_placement, storefront_plan

pytestmark = [pytest.mark.ray, pytest.mark.slow]

MAX_BATCH = 4
MODEL = """
import torch
from torch import nn


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))


def inputs():
    return torch.linspace(-1, 1, 128).reshape(8, 1, 4, 4)
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that runs the edge manifest of a plan."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "model").mkdir()
    (folder / "model" / "model.py").write_text(MODEL, encoding="utf-8")
    config, port = edge_config(folder)
    environment = {
        **os.environ,
        "HOME": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(128 * 1024**2),
        "PLANNER_METRICS_PORT": str(free_port()),
    }
    log = (folder / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "profilers.serving", str(config)],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}", folder / "log")
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            process.kill()
        log.close()


def edge_config(folder: Path) -> tuple[Path, int]:
    """The serve file beside the compose file, with this machine's folder and port."""
    plan = storefront_plan()
    placement = digits_placement().model_copy(
        update={
            "site": "商店",
            "site_kind": "edge",
            "provider": "edge",
            "instance_type": "raspberry-pi-5",
            "device": "raspberry-pi-5",
            "purchase": Purchase.OWNED,
            "variant": PlanVariant(
                precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
            ),
            "max_batch": MAX_BATCH,
            "max_wait_ms": 200.0,
            "threads": 1,
        }
    )
    models = [
        m.model_copy(update={"weights": None, "inputs": "model:inputs"})
        if m.name == placement.model
        else m
        for m in plan.models
    ]
    plan = plan.model_copy(update={"placements": (placement,), "models": tuple(models)})
    paths = write_manifests(plan, folder / "manifests", targets=["compose"])
    (config,) = [p for p in paths if p.name.startswith("serve-")]
    document = yaml.safe_load(config.read_text(encoding="utf-8"))
    port = free_port()
    document["http_options"] = {"host": "127.0.0.1", "port": port}
    (application,) = document["applications"]
    user_config = application["deployments"][0]["user_config"]
    user_config["model"]["directory"] = str(folder / "model")
    config.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return config, port


def wait_until_healthy(
    process: "subprocess.Popen[bytes]", address: str, log: Path
) -> None:
    for _ in range(240):
        if process.poll() is not None:
            break
        try:
            if get(f"{address}/healthz") == {"status": "ok"}:
                return
        except (OSError, ValueError):
            pass
        with_patience = 0.5
        try:
            process.wait(timeout=with_patience)
        except subprocess.TimeoutExpired:
            continue
    pytest.fail(f"the server did not become healthy:\n{log.read_text()[-4000:]}")


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def post(url: str, body: bytes) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def examples() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(24, 1, 4, 4)).astype(np.float32)


def expected(batch: np.ndarray) -> np.ndarray:
    """The same model, asked directly."""
    import torch

    scope: dict[str, Any] = {}
    exec(MODEL, scope)
    with torch.inference_mode():
        return scope["build"]()(torch.from_numpy(batch)).numpy()


def test_answers_are_the_models_own_and_come_from_full_batches(served: str):
    batch = examples()
    bodies = [json.dumps({"inputs": x.tolist()}).encode() for x in batch]

    with ThreadPoolExecutor(max_workers=8) as clients:
        answers = list(clients.map(lambda body: post(served, body), bodies))

    assert {status for status, _ in answers} == {200}
    outputs = np.array([answer["outputs"] for _, answer in answers])
    np.testing.assert_allclose(outputs, expected(batch), rtol=1e-5, atol=1e-6)
    labels = [answer["label"] for _, answer in answers]
    assert labels == expected(batch).argmax(axis=1).tolist()
    # Eight clients at once and a wait of 200 ms: batches fill, and to the plan's limit.
    assert max(answer["batch_size"] for _, answer in answers) == MAX_BATCH


def test_a_replica_says_which_decision_of_the_plan_it_carries_out(served: str):
    about = get(f"{served}/about")

    assert about["placement"]["deployment-planner/site"] == "商店"
    assert about["config"]["max_batch"] == MAX_BATCH
    assert about["input_shape"] == [1, 4, 4]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"not json", 400, "not JSON"),
        (b"[1]", 422, "inputs"),
        (b'{"inputs": [[1, 2]]}', 422, "[1, 4, 4]"),
        (b'{"inputs": [[NaN]]}', 422, "NaN"),
        (b" " * (33 * 1024**2), 413, "32768 KiB"),
    ],
)
def test_a_wrong_request_is_refused_with_a_sentence(
    served: str, body: bytes, status: int, says: str
):
    got, answer = post(served, body)

    assert got == status
    assert says in answer["error"]
