"""Models of every source, on every runtime of ours, served by `planner serve` on one plan."""

import copy
import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanDocument
from planner.specs.serving import served_model
from profilers.artifacts.artifact import Artifact
from profilers.backends import Backend, load_backend
from profilers.identity import identity
from profilers.models import LoadedModel, load_model
from profilers.variants import export_variant
from tests.support import own_sources
from tests.support.listening import planner_serving
from tests.support.own_sources import MODELS, SERVED
from tests.support.plans import digits_placement, storefront_plan

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.long]

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
    with planner_serving(folder) as (url, _):
        yield {name: f"{url}aws-eu-central-1-{name}/" for name in NAMES}


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
