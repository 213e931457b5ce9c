"""The pod of a placement, and the mistakes in its objects that no schema sees."""

from collections.abc import Iterable, Sequence
from typing import Final

from planner.manifests.documents import kubernetes as k8s
from planner.manifests.engines import (
    SERVING_CONFIG,
    WEIGHTS,
    WEIGHTS_CACHE,
    Engine,
    EngineKind,
)
from planner.manifests.layout import Placed
from planner.manifests.nodes import GPU_RESOURCE, node_selector, tolerations

SERVING_FILE: Final = SERVING_CONFIG.rpartition("/")[2]
WEIGHTS_MAP: Final = "weights"
# Above the range that distributions give to people and services.
UID: Final = 10001
_GPU_NAMES: Final = frozenset(GPU_RESOURCE.values())


def image_name(placed: Placed) -> str:
    """The name that stands for the user's own image of a placement."""
    return f"{placed.name}-image"


def pod(placed: Placed, engine: Engine) -> k8s.PodSpec:
    """One replica on a machine that the plan bought."""
    return k8s.PodSpec(
        termination_grace_period_seconds=45,
        node_selector=node_selector(placed),
        tolerations=tolerations(placed) or None,
        security_context=k8s.PodSecurity(
            run_as_user=UID, run_as_group=UID, fs_group=UID
        ),
        containers=[_container(placed, engine)],
        volumes=_volumes(placed, engine),
    )


def _container(placed: Placed, engine: Engine) -> k8s.Container:
    ports = [k8s.ContainerPort(name="http", container_port=engine.port)]
    if engine.metrics_port != engine.port:
        ports.append(
            k8s.ContainerPort(name="metrics", container_port=engine.metrics_port)
        )
    arguments = [a.replace(WEIGHTS, f"$({WEIGHTS})") for a in engine.arguments]
    return k8s.Container(
        name="server",
        image=engine.image or image_name(placed),
        args=arguments or None,
        env=_environment(placed, engine),
        ports=ports,
        # Ten minutes to fetch and load; only then do the other probes count.
        startup_probe=_probe(engine.ready_path, period_s=5, failures=120),
        readiness_probe=_probe(engine.live_path, period_s=5, failures=3),
        liveness_probe=_probe(engine.live_path, period_s=15, failures=4),
        lifecycle=k8s.Lifecycle(pre_stop=k8s.PreStop(sleep=k8s.Sleep(seconds=10))),
        resources=_resources(placed),
        security_context=k8s.ContainerSecurity(),
        volume_mounts=_mounts(engine),
    )


def _environment(placed: Placed, engine: Engine) -> list[k8s.Variable]:
    variables = [k8s.Variable(name=k, value=v) for k, v in engine.environment.items()]
    if engine.needs_weights:
        key = k8s.ConfigMapKey(name=WEIGHTS_MAP, key=placed.name)
        source = k8s.ValueFrom(config_map_key_ref=key)
        variables.append(k8s.Variable(name=WEIGHTS, value_from=source))
        secret = k8s.SecretKey(name="hugging-face", key="token", optional=True)
        token = k8s.ValueFrom(secret_key_ref=secret)
        variables.append(k8s.Variable(name="HF_TOKEN", value_from=token))
    return variables


def _probe(path: str, *, period_s: int, failures: int) -> k8s.Probe:
    return k8s.Probe(
        http_get=k8s.HttpGet(path=path, port="http"),
        period_seconds=period_s,
        timeout_seconds=5,
        failure_threshold=failures,
    )


def _resources(placed: Placed) -> k8s.Resources:
    requests, limits = {}, {}
    if placed.cpu_request_millicores is not None:
        # No processor limit: throttling would show in the tail that was promised.
        requests["cpu"] = f"{placed.cpu_request_millicores}m"
    if placed.memory_mib is not None:
        requests["memory"] = limits["memory"] = f"{placed.memory_mib}Mi"
    if placed.accelerator is not None:
        name = GPU_RESOURCE[placed.accelerator]
        requests[name] = limits[name] = str(placed.gpus)
    return k8s.Resources(requests=requests, limits=limits)


def _volumes(placed: Placed, engine: Engine) -> list[k8s.Volume]:
    size = f"{engine.shared_memory_mib}Mi"
    shared = k8s.EmptyDirectory(medium="Memory", size_limit=size)
    volumes = [
        k8s.Volume(name="tmp", empty_dir=k8s.EmptyDirectory()),
        k8s.Volume(name="shm", empty_dir=shared),
    ]
    if engine.kind is EngineKind.SERVING_APP:
        config = k8s.ConfigMapVolume(name=placed.name)
        volumes.append(k8s.Volume(name="config", config_map=config))
    if engine.needs_weights:
        volumes.append(k8s.Volume(name="weights", empty_dir=k8s.EmptyDirectory()))
    return volumes


def _mounts(engine: Engine) -> list[k8s.Mount]:
    mounts = [
        k8s.Mount(name="tmp", mount_path="/tmp"),  # noqa: S108 - inside the container
        k8s.Mount(name="shm", mount_path="/dev/shm"),  # noqa: S108 - the same
    ]
    if engine.kind is EngineKind.SERVING_APP:
        folder = SERVING_CONFIG.rpartition("/")[0]
        mounts.append(k8s.Mount(name="config", mount_path=folder, read_only=True))
    if engine.needs_weights:
        mounts.append(k8s.Mount(name="weights", mount_path=WEIGHTS_CACHE))
    return mounts


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
    container: k8s.Container, objects: Sequence[k8s.Kind]
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
