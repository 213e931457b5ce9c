"""Kubernetes' kinds, as far as the manifests write them (schemas 1.30 to 1.37)."""

from typing import Literal

from pydantic import Field

from planner.manifests.documents.base import CamelDocument

Strings = dict[str, str]


class Metadata(CamelDocument):
    """Who an object is."""

    name: str
    labels: Strings | None = None
    annotations: Strings | None = None


class Namespace(CamelDocument):
    """A namespace and the security it enforces."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Namespace"] = "Namespace"
    metadata: Metadata


class ConfigMap(CamelDocument):
    """Text files for pods."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["ConfigMap"] = "ConfigMap"
    metadata: Metadata
    data: Strings


class Selector(CamelDocument):
    """Which pods or namespaces."""

    match_labels: Strings | None = None


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


class RollingUpdate(CamelDocument):
    """How many pods may be missing or too many during an update."""

    max_unavailable: int
    max_surge: int


class Strategy(CamelDocument):
    """How pods are replaced."""

    type: Literal["RollingUpdate"] = "RollingUpdate"
    rolling_update: RollingUpdate


class DeploymentSpec(CamelDocument):
    """Pods kept running; how many is the autoscaler's to say, so `replicas` is absent."""

    revision_history_limit: int
    progress_deadline_seconds: int
    selector: Selector
    strategy: Strategy
    template: PodTemplate


class Deployment(CamelDocument):
    """Pods of one placement."""

    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    metadata: Metadata
    spec: DeploymentSpec


class ServicePort(CamelDocument):
    """A port of a service."""

    name: str
    port: int
    target_port: str


class ServiceSpec(CamelDocument):
    """Which pods a service leads to."""

    type: Literal["ClusterIP"] = "ClusterIP"
    selector: Strings
    ports: list[ServicePort]


class Service(CamelDocument):
    """One address for the pods of a placement, or for all of a workload."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Service"] = "Service"
    metadata: Metadata
    spec: ServiceSpec


class ScaleTarget(CamelDocument):
    """What is scaled."""

    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    name: str


class MetricTarget(CamelDocument):
    """The value that scaling aims at."""

    type: Literal["Utilization", "AverageValue"]
    average_utilization: int | None = None
    average_value: str | None = None


class ResourceMetric(CamelDocument):
    """Processor use as a share of what the pods requested."""

    name: Literal["cpu"] = "cpu"
    target: MetricTarget


class MetricName(CamelDocument):
    """A metric that an adapter serves."""

    name: str


class PodsMetric(CamelDocument):
    """A metric of the pods themselves."""

    metric: MetricName
    target: MetricTarget


class Metric(CamelDocument):
    """What scaling looks at."""

    type: Literal["Resource", "Pods"]
    resource: ResourceMetric | None = None
    pods: PodsMetric | None = None


class ScaleRules(CamelDocument):
    """How long scaling waits."""

    stabilization_window_seconds: int


class Behavior(CamelDocument):
    """How fast scaling acts."""

    scale_up: ScaleRules
    scale_down: ScaleRules


class AutoscalerSpec(CamelDocument):
    """Bounds and measure of scaling."""

    scale_target_ref: ScaleTarget
    min_replicas: int
    max_replicas: int
    metrics: list[Metric]
    behavior: Behavior


class HorizontalPodAutoscaler(CamelDocument):
    """How many pods a placement has."""

    api_version: Literal["autoscaling/v2"] = "autoscaling/v2"
    kind: Literal["HorizontalPodAutoscaler"] = "HorizontalPodAutoscaler"
    metadata: Metadata
    spec: AutoscalerSpec


class DisruptionSpec(CamelDocument):
    """How many pods must stay when nodes are drained."""

    min_available: int
    selector: Selector


class PodDisruptionBudget(CamelDocument):
    """What a planned disruption may take."""

    api_version: Literal["policy/v1"] = "policy/v1"
    kind: Literal["PodDisruptionBudget"] = "PodDisruptionBudget"
    metadata: Metadata
    spec: DisruptionSpec


class PolicyPort(CamelDocument):
    """A port that traffic may use."""

    protocol: Literal["TCP", "UDP"]
    port: int | str


class Peer(CamelDocument):
    """Where traffic may come from or go to."""

    namespace_selector: Selector


class Ingress(CamelDocument):
    """Traffic that may come in; from anywhere where no peer is named."""

    ports: list[PolicyPort]
    from_: list[Peer] | None = Field(default=None, alias="from")


class Egress(CamelDocument):
    """Traffic that may go out; to anywhere where no peer is named."""

    ports: list[PolicyPort]
    to: list[Peer] | None = None


class NetworkPolicySpec(CamelDocument):
    """All traffic of the pods that is allowed."""

    pod_selector: Selector
    policy_types: list[Literal["Ingress", "Egress"]]
    ingress: list[Ingress] | None = None
    egress: list[Egress] | None = None


class NetworkPolicy(CamelDocument):
    """Who may talk to the pods, and to whom they may."""

    api_version: Literal["networking.k8s.io/v1"] = "networking.k8s.io/v1"
    kind: Literal["NetworkPolicy"] = "NetworkPolicy"
    metadata: Metadata
    spec: NetworkPolicySpec


class Image(CamelDocument):
    """A name used in the manifests, and the image it stands for."""

    name: str
    new_name: str
    new_tag: str | None = None


class Generator(CamelDocument):
    """A config map made from lines of `key=value`."""

    name: str
    literals: list[str]


class Kustomization(CamelDocument):
    """What `kubectl apply -k` applies, and the two things the user sets."""

    api_version: Literal["kustomize.config.k8s.io/v1beta1"] = (
        "kustomize.config.k8s.io/v1beta1"
    )
    kind: Literal["Kustomization"] = "Kustomization"
    namespace: str
    resources: list[str]
    images: list[Image] | None = None
    config_map_generator: list[Generator] | None = None


Kind = (
    Namespace
    | ConfigMap
    | Deployment
    | Service
    | HorizontalPodAutoscaler
    | PodDisruptionBudget
    | NetworkPolicy
)
