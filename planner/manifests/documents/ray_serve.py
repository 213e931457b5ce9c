"""Ray Serve's config file, as far as the manifests write it (Ray 2.60)."""

from typing import Any

from planner.manifests.documents.base import Document


class HttpOptions(Document):
    """Where the proxies listen."""

    host: str
    port: int


class Autoscaling(Document):
    """Replicas between two bounds, by requests in flight."""

    min_replicas: int
    initial_replicas: int
    max_replicas: int
    target_ongoing_requests: float
    downscale_delay_s: float
    upscale_delay_s: float


class RuntimeEnvironment(Document):
    """What a replica's process is started with."""

    env_vars: dict[str, str]


class ActorOptions(Document):
    """What a replica claims of its node, and is started with."""

    num_cpus: float
    num_gpus: float | None = None
    resources: dict[str, float] | None = None
    runtime_env: RuntimeEnvironment | None = None


class Deployment(Document):
    """The one deployment of an application.

    `user_config` is a `ServingConfig` as plain data: it crosses to Ray as it is.
    """

    name: str
    num_replicas: int | None = None
    autoscaling_config: Autoscaling | None = None
    max_ongoing_requests: int
    graceful_shutdown_timeout_s: float
    health_check_period_s: float
    ray_actor_options: ActorOptions
    user_config: dict[str, Any]


class Application(Document):
    """One placement."""

    name: str
    route_prefix: str
    import_path: str
    args: dict[str, Any]
    deployments: list[Deployment]


class RayServeFile(Document):
    """A whole config file."""

    proxy_location: str
    http_options: HttpOptions
    applications: list[Application]
