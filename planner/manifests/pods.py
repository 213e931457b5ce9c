"""The pod of a placement: one replica, with the room and the probes it needs."""

from typing import Final

from planner.manifests.documents import pods as core
from planner.manifests.engines import (
    SERVING_CONFIG,
    WEIGHTS,
    WEIGHTS_CACHE,
    Engine,
    EngineKind,
)
from planner.manifests.nodes import GPU_RESOURCE, node_selector, tolerations
from planner.manifests.placed import Placed

SERVING_FILE: Final = SERVING_CONFIG.rpartition("/")[2]
WEIGHTS_MAP: Final = "weights"
# Above the range that distributions give to people and services.
UID: Final = 10001


def image_name(placed: Placed) -> str:
    """The name that stands for the user's own image of a placement."""
    return f"{placed.name}-image"


def pod(placed: Placed, engine: Engine) -> core.PodSpec:
    """One replica on a machine that the plan bought."""
    return core.PodSpec(
        termination_grace_period_seconds=45,
        node_selector=node_selector(placed),
        tolerations=tolerations(placed) or None,
        security_context=core.PodSecurity(
            run_as_user=UID, run_as_group=UID, fs_group=UID
        ),
        containers=[_container(placed, engine)],
        volumes=_volumes(placed, engine),
    )


def _container(placed: Placed, engine: Engine) -> core.Container:
    ports = [core.ContainerPort(name="http", container_port=engine.port)]
    if engine.metrics_port != engine.port:
        ports.append(
            core.ContainerPort(name="metrics", container_port=engine.metrics_port)
        )
    arguments = [a.replace(WEIGHTS, f"$({WEIGHTS})") for a in engine.arguments]
    return core.Container(
        name="server",
        image=engine.image or image_name(placed),
        args=arguments or None,
        env=_environment(placed, engine),
        ports=ports,
        # Ten minutes to fetch and load; only then do the other probes count.
        startup_probe=_probe(engine.ready_path, period_s=5, failures=120),
        readiness_probe=_probe(engine.live_path, period_s=5, failures=3),
        liveness_probe=_probe(engine.live_path, period_s=15, failures=4),
        lifecycle=core.Lifecycle(pre_stop=core.PreStop(sleep=core.Sleep(seconds=10))),
        resources=_resources(placed),
        security_context=core.ContainerSecurity(),
        volume_mounts=_mounts(engine),
    )


def _environment(placed: Placed, engine: Engine) -> list[core.Variable]:
    variables = [core.Variable(name=k, value=v) for k, v in engine.environment.items()]
    if engine.needs_weights:
        key = core.ConfigMapKey(name=WEIGHTS_MAP, key=placed.name)
        source = core.ValueFrom(config_map_key_ref=key)
        variables.append(core.Variable(name=WEIGHTS, value_from=source))
        secret = core.SecretKey(name="hugging-face", key="token", optional=True)
        token = core.ValueFrom(secret_key_ref=secret)
        variables.append(core.Variable(name="HF_TOKEN", value_from=token))
    return variables


def _probe(path: str, *, period_s: int, failures: int) -> core.Probe:
    return core.Probe(
        http_get=core.HttpGet(path=path, port="http"),
        period_seconds=period_s,
        timeout_seconds=5,
        failure_threshold=failures,
    )


def _resources(placed: Placed) -> core.Resources:
    requests, limits = {}, {}
    if placed.cpu_request_millicores is not None:
        # No processor limit: throttling would show in the tail that was promised.
        requests["cpu"] = f"{placed.cpu_request_millicores}m"
    if placed.memory_mib is not None:
        requests["memory"] = limits["memory"] = f"{placed.memory_mib}Mi"
    if placed.accelerator is not None:
        name = GPU_RESOURCE[placed.accelerator]
        requests[name] = limits[name] = str(placed.gpus)
    return core.Resources(requests=requests, limits=limits)


def _volumes(placed: Placed, engine: Engine) -> list[core.Volume]:
    size = f"{engine.shared_memory_mib}Mi"
    shared = core.EmptyDirectory(medium="Memory", size_limit=size)
    volumes = [
        core.Volume(name="tmp", empty_dir=core.EmptyDirectory()),
        core.Volume(name="shm", empty_dir=shared),
    ]
    if engine.kind is EngineKind.SERVING_APP:
        config = core.ConfigMapVolume(name=placed.name)
        volumes.append(core.Volume(name="config", config_map=config))
    if engine.needs_weights:
        volumes.append(core.Volume(name="weights", empty_dir=core.EmptyDirectory()))
    return volumes


def _mounts(engine: Engine) -> list[core.Mount]:
    mounts = [
        core.Mount(name="tmp", mount_path="/tmp"),  # noqa: S108 - inside the container
        core.Mount(name="shm", mount_path="/dev/shm"),  # noqa: S108 - the same
    ]
    if engine.kind is EngineKind.SERVING_APP:
        folder = SERVING_CONFIG.rpartition("/")[0]
        mounts.append(core.Mount(name="config", mount_path=folder, read_only=True))
    if engine.needs_weights:
        mounts.append(core.Mount(name="weights", mount_path=WEIGHTS_CACHE))
    return mounts
