"""Every manifest of every plan is valid by its owner's schema and says what the plan says."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from hypothesis import HealthCheck, Phase, given, settings

from planner.manifests import TARGETS, check_manifests, write_manifests
from planner.specs.plan import PlanDocument
from planner.specs.serving import ServingConfig
from tests.support.any_plan import any_plan

# Ray's import calls what pydantic has deprecated; hypothesis dislikes a plan's long repr.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),
]
SCHEMAS = Path(__file__).parents[3] / "shared" / "schemas"
# A plan takes a tenth of a second to write; making a failing one small takes minutes.
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
# The oldest version that Kubernetes' makers still mend, and the newest (2026-11).
KUBERNETES_VERSIONS = ("1.34", "1.37")


def written(plan: PlanDocument) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        paths = write_manifests(plan, Path(folder))
        check_manifests(plan, Path(folder))
        return {
            str(path.relative_to(folder)): path.read_text(encoding="utf-8")
            for path in paths
        }


def documents(files: dict[str, str], *, prefix: str) -> Iterator[tuple[str, Any]]:
    for path, text in files.items():
        if path.startswith(prefix) and path.endswith(".yaml"):
            for document in yaml.safe_load_all(text):
                yield path, document


@pytest.fixture(scope="module")
def compose_schema() -> dict[str, Any]:
    path = SCHEMAS / "compose.json"
    if not path.is_file():
        pytest.skip(f"the compose specification's schema is not at {path}")
    return json.loads(path.read_text(encoding="utf-8"))


def require_kubernetes(files: dict[str, str]) -> int:
    count = 0
    for path, document in documents(files, prefix="kubernetes-"):
        if path.endswith("kustomization.yaml"):
            continue
        for version in KUBERNETES_VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)
        count += 1
    return count


def require_compose(files: dict[str, str], schema: dict[str, Any]) -> int:
    found = [
        d for p, d in documents(files, prefix="edge-") if p.endswith("compose.yaml")
    ]
    for document in found:
        jsonschema.validate(document, schema)
    return len(found)


def require_ray(files: dict[str, str]) -> int:
    from ray.serve.config import AutoscalingConfig
    from ray.serve.schema import ServeDeploySchema

    found = [*documents(files, prefix="ray-serve/")]
    found += [(p, d) for p, d in documents(files, prefix="edge-") if "serve-" in p]
    for _, document in found:
        for application in ServeDeploySchema.model_validate(document).applications:
            (deployment,) = application.deployments
            ServingConfig.model_validate(deployment.user_config)
            if isinstance(deployment.autoscaling_config, dict):
                AutoscalingConfig(**deployment.autoscaling_config)
    return len(found)


def require_functions(files: dict[str, str]) -> int:
    """SAM's functions are Lambda's, but for where the image and the role stand."""
    lambdas = PROVIDER_SCHEMA_MANAGER.get_resource_schema(
        "us-east-1", "AWS::Lambda::Function"
    ).schema["properties"]
    count = 0
    for _, document in documents(files, prefix="by-request/sam-"):
        for name, resource in document["Resources"].items():
            assert name.isalnum()
            properties = dict(resource["Properties"])
            assert properties.pop("ImageUri")["Ref"] in document["Parameters"]
            for key, value in properties.items():
                jsonschema.validate(value, lambdas[key])
            count += 1
    return count


def test_the_storefront_is_valid_for_kubernetes(storefront: PlanDocument):
    assert require_kubernetes(written(storefront)) == 8


def test_the_storefront_is_valid_for_compose(
    storefront: PlanDocument, compose_schema: dict[str, Any]
):
    assert require_compose(written(storefront), compose_schema) == 1


def test_the_storefront_is_valid_for_ray_serve(storefront: PlanDocument):
    assert require_ray(written(storefront)) == 1


def test_the_chat_is_valid_for_kubernetes_in_two_clouds(chat: PlanDocument):
    assert require_kubernetes(written(chat)) == 14


@pytest.mark.slow
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
    phases=WITHOUT_SHRINKING,
)
@given(plan=any_plan())
def test_any_plan_is_written_valid_and_read_back_equal(
    compose_schema: dict[str, Any], plan: PlanDocument
):
    files = written(plan)

    require_kubernetes(files)
    require_compose(files, compose_schema)
    require_ray(files)
    on_aws = [p for p in plan.placements if p.by_request and p.provider == "aws"]
    assert require_functions(files) == len(on_aws)


@pytest.mark.slow
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
    phases=WITHOUT_SHRINKING,
)
@given(plan=any_plan())
def test_each_placement_stands_in_the_manifests_as_often_as_in_the_plan(
    plan: PlanDocument,
):
    files = written(plan)

    said = [
        *TARGETS["compose"].read_back(of(files, "edge-")),
        *TARGETS["kubernetes"].read_back(of(files, "kubernetes-")),
    ]

    counted = sorted((s.workload, s.site, s.replicas, s.max_wait_ms) for s in said)
    # Each document says it twice: in its notes, and by what it does.
    expected = [
        (p.workload, p.site, p.replicas, p.max_wait_ms)
        for p in plan.placements
        if p.by_request is None
        for _ in range(2)
    ]
    assert counted == sorted(expected)


def of(files: dict[str, str], prefix: str) -> dict[str, str]:
    return {p: t for p, t in files.items() if p.startswith(prefix)}
