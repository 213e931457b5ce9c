"""Mistakes that every schema lets through, each found and named."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from planner.manifests import TARGETS, render
from tests.support.chat_plans import chat_plan
from tests.support.plans import storefront_plan

KUBERNETES = "kubernetes-aws-us-east-1/assistant.yaml"
COMPOSE = "edge-berlin-store/compose.yaml"
RAY = "ray-serve/aws-eu-central-1.yaml"
Objects = dict[str, Any]


def pod(objects: Objects) -> dict[str, Any]:
    return objects["Deployment"]["spec"]["template"]["spec"]


def label_pods_otherwise(objects: Objects) -> None:
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    labels["app.kubernetes.io/name"] = "other"


def lead_the_service_astray(objects: Objects) -> None:
    objects["Service"]["spec"]["ports"][0]["targetPort"] = "grpc"


def close_the_port(objects: Objects) -> None:
    objects["NetworkPolicy"]["spec"]["ingress"] = []


def forbid_every_disruption(objects: Objects) -> None:
    objects["PodDisruptionBudget"]["spec"]["minAvailable"] = 3


def turn_the_bounds_around(objects: Objects) -> None:
    objects["HorizontalPodAutoscaler"]["spec"]["maxReplicas"] = 1


def scale_another(objects: Objects) -> None:
    target = objects["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    target["name"] = "other"


def watch_a_processor_that_nobody_asked_for(objects: Objects) -> None:
    metric = {
        "type": "Resource",
        "resource": {
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 50},
        },
    }
    objects["HorizontalPodAutoscaler"]["spec"]["metrics"] = [metric]
    del pod(objects)["containers"][0]["resources"]["requests"]["cpu"]


def promise_a_card_and_a_half(objects: Objects) -> None:
    pod(objects)["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = "2"


def forget_a_volume(objects: Objects) -> None:
    pod(objects)["volumes"] = pod(objects)["volumes"][:1]


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (label_pods_otherwise, "selector of the Deployment does not match"),
        (lead_the_service_astray, "leads to port grpc"),
        (close_the_port, "keeps traffic from port http"),
        (forbid_every_disruption, "minAvailable 3"),
        (turn_the_bounds_around, "maxReplicas 1"),
        (scale_another, "scales other"),
        (watch_a_processor_that_nobody_asked_for, "request none"),
        (promise_a_card_and_a_half, "request and limit differ"),
        (forget_a_volume, "which is no volume"),
    ],
)
def test_kubernetes_mistakes_are_found(mistake: Callable[[Objects], None], says: str):
    files = dict(render(chat_plan(), "kubernetes"))
    objects = {d["kind"]: d for d in yaml.safe_load_all(files[KUBERNETES])}
    mistake(objects)
    files[KUBERNETES] = yaml.safe_dump_all(objects.values())

    faults = TARGETS["kubernetes"].faults(files)

    assert any(says in fault and KUBERNETES in fault for fault in faults)


@pytest.mark.parametrize("make", [storefront_plan, chat_plan])
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_what_we_write_has_no_such_mistake(make, target: str):
    assert not TARGETS[target].faults(render(make(), target))


def test_a_resource_that_is_not_there_is_found():
    files = dict(render(chat_plan(), "kubernetes"))
    del files["kubernetes-aws-us-east-1/namespace.yaml"]

    (fault,) = TARGETS["kubernetes"].faults(files)
    assert "kustomization.yaml: resource namespace.yaml does not exist" in fault


def test_fewer_ports_than_containers_are_found():
    files = dict(render(storefront_plan(), "compose"))
    document = yaml.safe_load(files[COMPOSE])
    document["services"]["shelf-cameras"]["deploy"]["replicas"] = 2
    files[COMPOSE] = yaml.safe_dump(document)

    assert TARGETS["compose"].faults(files) == [
        f"{COMPOSE}: shelf-cameras has fewer ports than replicas"
    ]


def test_a_volume_that_is_not_declared_is_found():
    files = dict(render(storefront_plan(), "compose"))
    document = yaml.safe_load(files[COMPOSE])
    mount = {"type": "volume", "source": "weights", "target": "/models"}
    document["services"]["shelf-cameras"]["volumes"] = [mount]
    files[COMPOSE] = yaml.safe_dump(document)

    (fault,) = TARGETS["compose"].faults(files)
    assert "mounts weights, which is not declared" in fault


def test_a_limit_that_keeps_batches_from_filling_is_found():
    files = dict(render(storefront_plan(), "ray-serve"))
    document = yaml.safe_load(files[RAY])
    document["applications"][0]["deployments"][0]["max_ongoing_requests"] = 5
    files[RAY] = yaml.safe_dump(document)

    (fault,) = TARGETS["ray-serve"].faults(files)
    assert "max_ongoing_requests 5 is below batch 8" in fault
