"""A pod and what stands in it, as far as the manifests write it (schemas 1.30 to 1.37)."""

from typing import Literal

from planner.manifests.documents.base import CamelDocument, Strings


class HttpGet(CamelDocument):
    """A request that must be answered."""

    path: str
    port: str


class Probe(CamelDocument):
    """When a container counts as started, ready or dead."""

    http_get: HttpGet
    period_seconds: int
    timeout_seconds: int
    failure_threshold: int


class ConfigMapKey(CamelDocument):
    """A key of a config map."""

    name: str
    key: str


class SecretKey(CamelDocument):
    """A key of a secret that need not be there."""

    name: str
    key: str
    optional: bool


class ValueFrom(CamelDocument):
    """Where a variable comes from."""

    config_map_key_ref: ConfigMapKey | None = None
    secret_key_ref: SecretKey | None = None


class Variable(CamelDocument):
    """An environment variable."""

    name: str
    value: str | None = None
    value_from: ValueFrom | None = None


class ContainerPort(CamelDocument):
    """A port that the container listens on."""

    name: str
    container_port: int


class Resources(CamelDocument):
    """What a pod is given and what it may take."""

    requests: Strings
    limits: Strings


class Mount(CamelDocument):
    """A volume in the container."""

    name: str
    mount_path: str
    read_only: bool | None = None


class Capabilities(CamelDocument):
    """Linux capabilities."""

    drop: list[str]


class ContainerSecurity(CamelDocument):
    """What the container may not do."""

    allow_privilege_escalation: bool = False
    read_only_root_filesystem: bool = True
    capabilities: Capabilities = Capabilities(drop=["ALL"])


class Sleep(CamelDocument):
    """Seconds in which the endpoints forget a pod that ends."""

    seconds: int


class PreStop(CamelDocument):
    """What happens before a container ends."""

    sleep: Sleep


class Lifecycle(CamelDocument):
    """Hooks of a container."""

    pre_stop: PreStop


class Container(CamelDocument):
    """The one container of a pod."""

    name: str
    image: str
    args: list[str] | None = None
    env: list[Variable]
    ports: list[ContainerPort]
    startup_probe: Probe
    readiness_probe: Probe
    liveness_probe: Probe
    lifecycle: Lifecycle
    resources: Resources
    security_context: ContainerSecurity
    volume_mounts: list[Mount]


class SeccompProfile(CamelDocument):
    """Which system calls are allowed."""

    type: Literal["RuntimeDefault"] = "RuntimeDefault"


class PodSecurity(CamelDocument):
    """Who the pod's processes are."""

    run_as_non_root: bool = True
    run_as_user: int
    run_as_group: int
    fs_group: int
    seccomp_profile: SeccompProfile = SeccompProfile()


class Toleration(CamelDocument):
    """A taint that the pod may stand on."""

    key: str
    operator: Literal["Exists", "Equal"]
    value: str | None = None
    effect: Literal["NoSchedule"] = "NoSchedule"


class EmptyDirectory(CamelDocument):
    """A folder that lives as long as the pod."""

    medium: Literal["Memory"] | None = None
    size_limit: str | None = None


class ConfigMapVolume(CamelDocument):
    """A config map as a folder."""

    name: str


class Volume(CamelDocument):
    """A folder for the container."""

    name: str
    empty_dir: EmptyDirectory | None = None
    config_map: ConfigMapVolume | None = None


class PodSpec(CamelDocument):
    """What a pod is."""

    automount_service_account_token: bool = False
    termination_grace_period_seconds: int
    node_selector: Strings
    tolerations: list[Toleration] | None = None
    security_context: PodSecurity
    containers: list[Container]
    volumes: list[Volume]


class PodMetadata(CamelDocument):
    """Labels and annotations of a pod."""

    labels: Strings
    annotations: Strings


class PodTemplate(CamelDocument):
    """How pods are made."""

    metadata: PodMetadata
    spec: PodSpec
