"""Models of every source, on every runtime of ours, served by `planner serve` on one plan."""

import copy
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanDocument
from planner.specs.serving import served_model
from profilers.artifacts import Artifact
from profilers.backends import Backend, load_backend
from profilers.identity import identity
from profilers.models import LoadedModel, load_model
from profilers.variants import export_variant
from tests.support import own_sources
from tests.support.own_sources import MODELS, SERVED
from tests.support.plans import digits_placement, storefront_plan

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long]

PATIENCE_S = 300
NAMES = (
    "torch", "compiled", "onnxruntime", "openvino-int8",
    "file", "folder", "program", "pipeline",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_sources.write(tmp_path_factory.mktemp("spec"))


@pytest.fixture(scope="module")
def profiled(folder: Path) -> dict[str, tuple[LoadedModel, Artifact, Backend]]:
    """Every variant as profiling makes it."""
    found = {}
    for name in NAMES:
        source, variant = SERVED[name]
        told = served_model(MODELS[source], directory=str(folder))
        model = load_model(told.user_model())
        artifact = export_variant(model, variant, folder / "profiled" / name)
        backend = load_backend(
            variant.runtime,
            artifact.path,
            threads=1,
            build=lambda model=model: copy.deepcopy(model.module),
        )
        found[name] = (model, artifact, backend)
    return found


@pytest.fixture(scope="module")
def served(folder: Path, profiled) -> Any:
    """The address under which each placement of the plan answers, by its workload."""
    artifacts = {name: artifact.sha256 for name, (_, artifact, _) in profiled.items()}
    (folder / "plan.json").write_text(plan_of(folder, artifacts).model_dump_json())
    port, metrics_port = free_port(), free_port()
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "planner", "serve", str(folder), f"--port={port}", f"--metrics-port={metrics_port}"],
            env={**os.environ, "HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            wait_until_served(process, folder / "serve.log")
            yield {
                name: f"http://127.0.0.1:{port}/aws-eu-central-1-{name}/"
                for name in NAMES
            }
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            if process.poll() is None:
                process.kill()


def plan_of(folder: Path, artifacts: dict[str, str]) -> PlanDocument:
    plan = storefront_plan()
    (workload,) = [w for w in plan.workloads if w.name == "reorder-digits"]
    placements, workloads = [], []
    for name in NAMES:
        source, variant = SERVED[name]
        update = {"workload": name, "model": MODELS[source].name}
        placements.append(
            digits_placement().model_copy(
                update={
                    **update,
                    "variant": PlanVariant.of(variant),
                    "threads": 1,
                    "max_batch": 2,
                    "max_wait_ms": 1.0,
                    "artifact_sha256": artifacts[name],
                }
            )
        )
        workloads.append(
            workload.model_copy(update={"name": name, "model": update["model"]})
        )
    models = []
    for model in MODELS.values():
        content = identity(served_model(model, directory=str(folder)).user_model())
        models.append(model.model_copy(update={"content_sha256": content}))
    return plan.model_copy(
        update={
            "placements": tuple(placements),
            "workloads": tuple(workloads),
            "models": tuple(models),
        }
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_served(process: "subprocess.Popen[bytes]", log: Path) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s and process.poll() is None:
        if "Ctrl-C ends it" in log.read_text():
            return
        time.sleep(0.2)
    pytest.fail(f"planner serve did not get ready:\n{log.read_text()[-4000:]}")


def asked(url: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(url, data=body)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize("name", NAMES)
def test_what_answers_is_the_very_artefact_that_was_profiled(
    served: dict[str, str], profiled, name: str
):
    model, artifact, backend = profiled[name]
    examples = np.ascontiguousarray(model.example.numpy()[:3])

    about = asked(f"{served[name]}about")
    answers = [
        asked(served[name], json.dumps({"inputs": example.tolist()}).encode())
        for example in examples
    ]

    assert about["is_as_profiled"] is True
    assert about["artifact_sha256"] == artifact.sha256
    assert about["input_shape"] == list(examples.shape[1:])
    variant = SERVED[name][1]
    assert about["config"]["variant"]["runtime"] == variant.runtime
    outputs = np.array([answer["outputs"] for answer in answers], dtype=np.float32)
    alone = np.concatenate([backend.run(examples[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(outputs, alone, rtol=1e-5, atol=1e-6)
