"""Kubernetes' kinds around a pod, as far as the manifests write them (1.30 to 1.37)."""

from typing import Literal

from pydantic import Field

from planner.manifests.documents.base import CamelDocument, Strings
from planner.manifests.documents.pods import PodTemplate


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


Kind = (
    Namespace
    | ConfigMap
    | Deployment
    | Service
    | HorizontalPodAutoscaler
    | PodDisruptionBudget
    | NetworkPolicy
)
