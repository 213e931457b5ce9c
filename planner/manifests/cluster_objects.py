"""The objects of one placement on Kubernetes, and of the namespace around them."""

from typing import Final

from planner.manifests import applications, pods
from planner.manifests.documents import kubernetes as k8s
from planner.manifests.documents import pods as core
from planner.manifests.engines import Engine, EngineKind, engine_of
from planner.manifests.headroom import max_replicas
from planner.manifests.layout import Layout
from planner.manifests.names import slug
from planner.manifests.placed import Placed
from planner.manifests.said import PREFIX, noted
from planner.manifests.scaling import metric
from planner.manifests.yaml_text import dump

PLAN_NOTE: Final = f"{PREFIX}plan-sha256"


def namespace(layout: Layout) -> list[k8s.Kind]:
    """The plan's namespace, in which nobody talks to anybody unless allowed."""
    name = slug(layout.plan.name)
    enforce = {"pod-security.kubernetes.io/enforce": "restricted"}
    nobody = k8s.NetworkPolicySpec(
        pod_selector=k8s.Selector(), policy_types=["Ingress", "Egress"]
    )
    return [
        k8s.Namespace(metadata=k8s.Metadata(name=name, labels=enforce)),
        k8s.NetworkPolicy(metadata=k8s.Metadata(name="deny-all"), spec=nobody),
    ]


def cluster_objects(layout: Layout, placed: Placed) -> list[k8s.Kind]:
    """Everything that runs a placement, its config map first where it has one."""
    engine = engine_of(placed, tag=layout.tag)
    labels = {
        "app.kubernetes.io/name": placed.name,
        "app.kubernetes.io/part-of": slug(layout.plan.name),
        "app.kubernetes.io/managed-by": "deployment-planner",
    }
    chosen = {"app.kubernetes.io/name": placed.name}
    notes = noted(placed) | {PLAN_NOTE: layout.sha256}
    metadata = k8s.Metadata(name=placed.name, labels=labels, annotations=notes)
    plain = k8s.Metadata(name=placed.name, labels=labels)
    objects: list[k8s.Kind] = []
    if engine.kind is EngineKind.SERVING_APP:
        config = dump(applications.one_replica(placed))
        data = {pods.SERVING_FILE: config}
        objects.append(k8s.ConfigMap(metadata=plain, data=data))
    return [
        *objects,
        _deployment(placed, engine, metadata, chosen),
        _service(plain, chosen),
        _autoscaler(layout, placed, engine, plain),
        _disruption_budget(placed, plain, chosen),
        _network_policy(engine, plain, chosen),
    ]


def _deployment(
    placed: Placed, engine: Engine, metadata: k8s.Metadata, chosen: dict[str, str]
) -> k8s.Deployment:
    template = core.PodTemplate(
        metadata=core.PodMetadata(
            labels=metadata.labels or {}, annotations=metadata.annotations or {}
        ),
        spec=pods.pod(placed, engine),
    )
    rolling = k8s.RollingUpdate(max_unavailable=0, max_surge=1)
    spec = k8s.DeploymentSpec(
        revision_history_limit=5,
        progress_deadline_seconds=1200,
        selector=k8s.Selector(match_labels=chosen),
        strategy=k8s.Strategy(rolling_update=rolling),
        template=template,
    )
    return k8s.Deployment(metadata=metadata, spec=spec)


def _service(metadata: k8s.Metadata, chosen: dict[str, str]) -> k8s.Service:
    port = k8s.ServicePort(name="http", port=80, target_port="http")
    spec = k8s.ServiceSpec(selector=chosen, ports=[port])
    return k8s.Service(metadata=metadata, spec=spec)


def _autoscaler(
    layout: Layout, placed: Placed, engine: Engine, metadata: k8s.Metadata
) -> k8s.HorizontalPodAutoscaler:
    spec = k8s.AutoscalerSpec(
        scale_target_ref=k8s.ScaleTarget(name=placed.name),
        min_replicas=placed.least_replicas,
        max_replicas=max_replicas(placed, layout.plan),
        metrics=[metric(placed, engine)],
        behavior=k8s.Behavior(
            scale_up=k8s.ScaleRules(stabilization_window_seconds=60),
            scale_down=k8s.ScaleRules(stabilization_window_seconds=600),
        ),
    )
    return k8s.HorizontalPodAutoscaler(metadata=metadata, spec=spec)


def _disruption_budget(
    placed: Placed, metadata: k8s.Metadata, chosen: dict[str, str]
) -> k8s.PodDisruptionBudget:
    # Spares are there to be taken away; without any, one pod at a time may go.
    may_go = max(1, placed.spare_replicas)
    spec = k8s.DisruptionSpec(
        min_available=max(0, placed.least_replicas - may_go),
        selector=k8s.Selector(match_labels=chosen),
    )
    return k8s.PodDisruptionBudget(metadata=metadata, spec=spec)


def _network_policy(
    engine: Engine, metadata: k8s.Metadata, chosen: dict[str, str]
) -> k8s.NetworkPolicy:
    listens = sorted({engine.port, engine.metrics_port})
    anywhere = k8s.Peer(namespace_selector=k8s.Selector())
    names = [
        k8s.PolicyPort(protocol="UDP", port=53),
        k8s.PolicyPort(protocol="TCP", port=53),
    ]
    egress = [k8s.Egress(ports=names, to=[anywhere])]
    if engine.kind is not EngineKind.SERVING_APP:
        # Weights are fetched when the pod starts.
        egress.append(k8s.Egress(ports=[k8s.PolicyPort(protocol="TCP", port=443)]))
    spec = k8s.NetworkPolicySpec(
        pod_selector=k8s.Selector(match_labels=chosen),
        policy_types=["Ingress", "Egress"],
        ingress=[
            k8s.Ingress(ports=[k8s.PolicyPort(protocol="TCP", port=p) for p in listens])
        ],
        egress=egress,
    )
    return k8s.NetworkPolicy(metadata=metadata, spec=spec)
