"""What a cluster would refuse, or quietly not do, with the objects of one placement."""

from collections.abc import Iterable, Sequence
from typing import Final

from planner.manifests.documents import kubernetes as k8s
from planner.manifests.documents import pods as core
from planner.manifests.nodes import GPU_RESOURCE

_GPU_NAMES: Final = frozenset(GPU_RESOURCE.values())


def faults(objects: Sequence[k8s.Kind], *, path: str) -> list[str]:
    """What would be refused, or quietly do nothing, on a cluster."""
    deployments = [o for o in objects if isinstance(o, k8s.Deployment)]
    if len(deployments) != 1:
        return [f"{path}: holds {len(deployments)} Deployments instead of one"]
    deployment = deployments[0]
    labels = deployment.spec.template.metadata.labels
    found = [*_selector_faults(objects, labels), *_pod_faults(deployment, objects)]
    for thing in objects:
        if isinstance(thing, k8s.HorizontalPodAutoscaler):
            found += _scaling_faults(thing, deployment, objects)
    return [f"{path}: {sentence}" for sentence in found]


def _selector_faults(
    objects: Sequence[k8s.Kind], labels: dict[str, str]
) -> Iterable[str]:
    for thing in objects:
        if isinstance(thing, k8s.Deployment | k8s.PodDisruptionBudget):
            wanted = thing.spec.selector.match_labels
        elif isinstance(thing, k8s.Service):
            wanted = thing.spec.selector
        elif isinstance(thing, k8s.NetworkPolicy):
            wanted = thing.spec.pod_selector.match_labels
        else:
            continue
        if not wanted or not wanted.items() <= labels.items():
            yield f"the selector of the {thing.kind} does not match the pods' labels"


def _pod_faults(
    deployment: k8s.Deployment, objects: Sequence[k8s.Kind]
) -> Iterable[str]:
    pod = deployment.spec.template.spec
    container = pod.containers[0]
    yield from _port_faults(container, objects)
    declared = {v.name for v in pod.volumes}
    for mount in container.volume_mounts:
        if mount.name not in declared:
            yield f"the container mounts {mount.name}, which is no volume"
    resources = container.resources
    for name in _GPU_NAMES & (resources.requests.keys() | resources.limits.keys()):
        if resources.requests.get(name) != resources.limits.get(name):
            yield f"{name}: request and limit differ"


def _port_faults(
    container: core.Container, objects: Sequence[k8s.Kind]
) -> Iterable[str]:
    ports = {p.name: p.container_port for p in container.ports}
    services = [o for o in objects if isinstance(o, k8s.Service)]
    policies = [o for o in objects if isinstance(o, k8s.NetworkPolicy)]
    leads_to = {p.target_port for s in services for p in s.spec.ports}
    for name in sorted(leads_to - ports.keys()):
        yield f"the Service leads to port {name}: there is none"
    lets_in = {
        port.port for n in policies for i in n.spec.ingress or () for port in i.ports
    }
    for name, number in ports.items():
        if number not in lets_in:
            yield f"the NetworkPolicy keeps traffic from port {name}"


def _scaling_faults(
    scaler: k8s.HorizontalPodAutoscaler,
    deployment: k8s.Deployment,
    objects: Sequence[k8s.Kind],
) -> Iterable[str]:
    spec = scaler.spec
    if spec.scale_target_ref.name != deployment.metadata.name:
        yield f"the autoscaler scales {spec.scale_target_ref.name}, which is not here"
    if spec.max_replicas < spec.min_replicas:
        yield f"maxReplicas {spec.max_replicas} is below minReplicas"
    requests = deployment.spec.template.spec.containers[0].resources.requests
    if any(m.type == "Resource" for m in spec.metrics) and "cpu" not in requests:
        yield "the autoscaler watches processor use, but the pods request none"
    for thing in objects:
        if isinstance(thing, k8s.PodDisruptionBudget):
            kept = thing.spec.min_available
            if kept >= spec.min_replicas:
                yield f"minAvailable {kept} is not below minReplicas: no node drains"
