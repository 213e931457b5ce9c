"""A placement as an application of Ray Serve: alone in a container, or on a cluster.

Ray's default of five requests in flight would keep every larger batch from filling;
a replica takes IN_FLIGHT_BATCHES batches, one that runs and one that gathers.
"""

from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from planner.domain.servers import KEEPS_FREED_MEMORY
from planner.errors import ManifestError
from planner.manifests.documents.ray_serve import (
    ActorOptions,
    Application,
    Autoscaling,
    Deployment,
    HttpOptions,
    RayServeFile,
    RuntimeEnvironment,
)
from planner.manifests.engines import LANGUAGE_APP, SERVING_APP
from planner.manifests.hardware import Accelerator
from planner.manifests.placed import Placed
from planner.manifests.said import noted, pattern
from planner.manifests.yaml_text import first_mistake, parse
from planner.specs.serving import (
    ServingArgs,
    ServingConfig,
    SharedMachine,
    served_model,
)

IN_FLIGHT_BATCHES: Final = 2
# Who shares a machine takes a ticket on arrival: nobody is to wait outside for one.
QUEUED: Final = 10_000
DEPLOYMENT: Final = "ModelServer"
# Where one replica answers all of a port, it takes requests from nobody's hands.
NO_PROXY: Final = "Disabled"
_LISTEN: Final = HttpOptions(host="0.0.0.0", port=8000)  # noqa: S104 - a container's own


def in_flight(max_batch: int) -> int:
    """Requests that a replica holds at once."""
    return IN_FLIGHT_BATCHES * max_batch


def shared_machine(
    placed: Placed, *, directory: str | None = None
) -> SharedMachine | None:
    """The queue of a machine that several placements share; None on one's own."""
    if len(placed.pool) == 1:
        return None
    pool = f"{placed.place}-{min(placed.pool)}"
    return SharedMachine(pool=pool, member=placed.name, directory=directory)


def serving_config(
    placed: Placed, *, shared: SharedMachine | None = None
) -> ServingConfig:
    """How one replica serves the placement's model.

    Raises:
        SpecError: The plan does not say all that loading it takes.
    """
    placement = placed.placement
    return ServingConfig(
        model=served_model(placed.model),
        variant=placement.variant,
        max_batch=placement.max_batch,
        max_wait_ms=placement.max_wait_ms,
        threads=placed.threads,
        artifact_sha256=placement.artifact_sha256,
        shared=shared,
    )


def one_replica(placed: Placed, *, turns_directory: str | None = None) -> RayServeFile:
    """The config of a container: one replica, at `/`, that listens itself.

    Containers of a shared machine take turns by files in `turns_directory`, where
    there is one that all of them see.
    """
    shared = (
        None
        if turns_directory is None
        else shared_machine(placed, directory=turns_directory)
    )
    return RayServeFile(
        proxy_location=NO_PROXY,
        http_options=_LISTEN,
        applications=[_application(placed, "/", num_replicas=1, shared=shared)],
    )


def on_cluster(placed: Placed, *, max_replicas: int) -> Application:
    """The placement on a Ray cluster, its replicas bound to machines of its device."""
    share = 1 / placed.all_replicas_per_machine
    bound = {placed.placement.device: share}
    path = f"/{placed.name}"
    replicas = placed.placement.replicas
    shared = shared_machine(placed)
    if max_replicas == placed.least_replicas:
        return _application(
            placed, path, num_replicas=replicas, resources=bound, shared=shared
        )
    scaling = Autoscaling(
        min_replicas=placed.least_replicas,
        initial_replicas=replicas,
        max_replicas=max_replicas,
        target_ongoing_requests=float(placed.placement.max_batch),
        upscale_delay_s=30.0,
        downscale_delay_s=600.0,
    )
    return _application(placed, path, scaling=scaling, resources=bound, shared=shared)


def on_this_machine(
    placed: Placed, *, name: str, route_prefix: str, folder: Path
) -> Application:
    """All the placement's replicas on the machine at hand, its model in `folder`."""
    application = _application(
        placed, route_prefix, num_replicas=placed.placement.replicas
    )
    (deployment,) = application.deployments
    config = serving_config(placed, shared=shared_machine(placed))
    model = config.model.model_copy(update={"directory": str(folder)})
    here = deployment.model_copy(
        update={
            "ray_actor_options": ActorOptions(num_cpus=1.0),
            "user_config": config.model_copy(update={"model": model}).model_dump(
                mode="json"
            ),
        }
    )
    return application.model_copy(update={"name": name, "deployments": [here]})


def serve_file(applications: list[Application]) -> RayServeFile:
    """A config file with these applications."""
    return RayServeFile(
        proxy_location="EveryNode", http_options=_LISTEN, applications=applications
    )


def _application(
    placed: Placed,
    route_prefix: str,
    *,
    num_replicas: int | None = None,
    scaling: Autoscaling | None = None,
    resources: dict[str, float] | None = None,
    shared: SharedMachine | None = None,
) -> Application:
    # A Jetson's GPU is part of the board, where Ray looks for cards only.
    has_cards = placed.accelerator not in (None, Accelerator.JETSON)
    deployment = Deployment(
        name=DEPLOYMENT,
        num_replicas=num_replicas,
        autoscaling_config=scaling,
        max_ongoing_requests=(
            in_flight(placed.placement.max_batch) if shared is None else QUEUED
        ),
        graceful_shutdown_timeout_s=20.0,
        health_check_period_s=10.0,
        ray_actor_options=ActorOptions(
            num_cpus=1.0,
            num_gpus=placed.gpus / len(placed.pool) if has_cards else None,
            resources=resources,
            # Our own server says so itself to the Ray that it starts; a cluster's does not.
            runtime_env=None
            if resources is None
            else RuntimeEnvironment(env_vars=dict(KEEPS_FREED_MEMORY)),
        ),
        user_config=serving_config(placed, shared=shared).model_dump(mode="json"),
    )
    return Application(
        name=placed.name,
        route_prefix=route_prefix,
        import_path=LANGUAGE_APP if placed.is_language else SERVING_APP,
        args=ServingArgs(placement=noted(placed)).model_dump(mode="json"),
        deployments=[deployment],
    )


def parse_serve_file(text: str, *, path: str) -> RayServeFile:
    """A config file of ours, read back.

    Raises:
        ManifestError: Not YAML, or not what we write.
    """
    return parse(RayServeFile, text, path=path)


def acted_by(application: Application, *, path: str) -> dict[str, Any]:
    """What the server will do about a placement, as fields of `Said`.

    Raises:
        ManifestError: Its `user_config` is not a serving config.
    """
    plain = application.deployments[0].user_config
    try:
        config = ServingConfig.model_validate(plain)
    except ValidationError as error:
        where = f"{path}: {application.name}: user_config"
        raise ManifestError(f"{where}: {first_mistake(error)}") from None
    return {
        "model": config.model.name,
        "precision": str(config.variant.precision),
        "sparsity_frac": config.variant.sparsity_frac,
        "sparsity_pattern": pattern(config.variant),
        "runtime": str(config.variant.runtime),
        "max_batch": config.max_batch,
        "max_wait_ms": config.max_wait_ms,
    }


def faults(application: Application, *, path: str) -> list[str]:
    """What would keep a batch from filling."""
    deployment = application.deployments[0]
    max_batch = int(deployment.user_config["max_batch"])
    if deployment.max_ongoing_requests < max_batch:
        limit = deployment.max_ongoing_requests
        where = f"{path}: {application.name}"
        return [f"{where}: max_ongoing_requests {limit} is below batch {max_batch}"]
    scaling = deployment.autoscaling_config
    if (scaling is None) == (deployment.num_replicas is None):
        return [f"{path}: {application.name}: one of num_replicas, autoscaling_config"]
    return []
