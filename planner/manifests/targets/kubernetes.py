"""Kubernetes: one folder a cloud region, one file a placement there.

The plan's decisions stand where Kubernetes acts on them: replicas in the autoscaler's
`minReplicas` (a Deployment's own `replicas` would fight it), the machine in the node
selector, batch and wait in the server's config. `kubectl apply -k` applies a folder.
"""

from typing import Any, Final

from planner.errors import ManifestError
from planner.manifests import applications, cluster_faults, pods
from planner.manifests.cluster_objects import cluster_objects, namespace
from planner.manifests.documents import kubernetes as k8s
from planner.manifests.documents import kustomize
from planner.manifests.documents import pods as core
from planner.manifests.engines import (
    SERVING_IMAGE,
    EngineKind,
    acted_by_flags,
    engine_of,
)
from planner.manifests.layout import Layout
from planner.manifests.names import slug
from planner.manifests.nodes import INSTANCE_TYPE, OWN_MACHINE, labels_nodes, own_label
from planner.manifests.placed import Placed
from planner.manifests.said import Said, planned, read_said
from planner.manifests.scaling import metric
from planner.manifests.target import Files, Target
from planner.manifests.yaml_text import dump, load_all, parse, validate

# RFC 2606 keeps this domain for names that lead nowhere: a pull fails, and says why.
_NOWHERE: Final = "set-me.invalid"
_WEIGHTS: Final = pods.WEIGHTS_MAP
_KINDS: Final[dict[str, type[k8s.Kind]]] = {
    "Namespace": k8s.Namespace,
    "ConfigMap": k8s.ConfigMap,
    "Deployment": k8s.Deployment,
    "Service": k8s.Service,
    "HorizontalPodAutoscaler": k8s.HorizontalPodAutoscaler,
    "PodDisruptionBudget": k8s.PodDisruptionBudget,
    "NetworkPolicy": k8s.NetworkPolicy,
}


def _folder(place: str) -> str:
    return f"kubernetes-{place}"


def _path(placed: Placed) -> str:
    return f"{_folder(placed.place)}/{placed.name}.yaml"


def _render(layout: Layout) -> Files:
    files = {}
    for place, placed in layout.in_cloud().items():
        folder = _folder(place)
        files[f"{folder}/kustomization.yaml"] = dump(_kustomization(layout, placed))
        files[f"{folder}/namespace.yaml"] = dump(*namespace(layout))
        for p in placed:
            files[_path(p)] = dump(*cluster_objects(layout, p))
    return files


def _kustomization(layout: Layout, placed: list[Placed]) -> kustomize.Kustomization:
    engines = {p.name: engine_of(p, tag=layout.tag) for p in placed}
    images = []
    if any(e.kind is EngineKind.SERVING_APP for e in engines.values()):
        images.append(
            kustomize.Image(
                name=SERVING_IMAGE, new_name=SERVING_IMAGE, new_tag=layout.tag
            )
        )
    images += [
        kustomize.Image(
            name=pods.image_name(p), new_name=f"{_NOWHERE}/{pods.image_name(p)}"
        )
        for p in placed
        if engines[p.name].image is None
    ]
    weights = [
        f"{p.name}={_NOWHERE}/{slug(p.model.reference or p.model.name)}"
        for p in placed
        if engines[p.name].needs_weights
    ]
    return kustomize.Kustomization(
        namespace=slug(layout.plan.name),
        resources=["namespace.yaml", *(f"{p.name}.yaml" for p in placed)],
        images=images or None,
        config_map_generator=[kustomize.Generator(name=_WEIGHTS, literals=weights)]
        if weights
        else None,
    )


def objects_of(text: str, *, path: str) -> list[k8s.Kind]:
    """The objects of a file, each as its kind.

    Raises:
        ManifestError: One is not a kind that we write, or not as we write it.
    """
    found = []
    for plain in load_all(text, path=path):
        kind = plain.get("kind") if isinstance(plain, dict) else None
        if kind not in _KINDS:
            raise ManifestError(f"{path}: kind {kind!r} is not one we write")
        found.append(validate(_KINDS[kind], plain, path=path))
    return found


def _placement_files(files: Files) -> dict[str, list[k8s.Kind]]:
    return {
        path: objects_of(text, path=path)
        for path, text in files.items()
        if not path.endswith(("/kustomization.yaml", "/namespace.yaml"))
    }


def _expected(layout: Layout) -> list[Said]:
    return [
        planned(p, path=_path(p))
        for placed in layout.in_cloud().values()
        for p in placed
    ]


def _read_back(files: Files) -> list[Said]:
    said: list[Said] = []
    for path, objects in _placement_files(files).items():
        acted: dict[str, Any] = {}
        for thing in objects:
            if isinstance(thing, k8s.HorizontalPodAutoscaler):
                acted["least_replicas"] = thing.spec.min_replicas
            elif isinstance(thing, k8s.ConfigMap):
                config = applications.parse_serve_file(
                    thing.data[pods.SERVING_FILE], path=path
                )
                acted |= applications.acted_by(config.applications[0], path=path)
        for thing in objects:
            if isinstance(thing, k8s.Deployment):
                acted |= _acted_by_pod(thing.spec.template.spec)
                notes = thing.spec.template.metadata.annotations
                said += read_said(notes, acted, path=path, name=thing.metadata.name)
    return said


def _acted_by_pod(pod: core.PodSpec) -> dict[str, Any]:
    container = pod.containers[0]
    environment = {v.name: v.value for v in container.env if v.value is not None}
    acted = acted_by_flags(container.args or [], environment)
    if INSTANCE_TYPE in pod.node_selector:
        acted["instance_type"] = pod.node_selector[INSTANCE_TYPE]
    return acted


def _faults(files: Files) -> list[str]:
    found: list[str] = []
    for path, objects in _placement_files(files).items():
        found += cluster_faults.faults(objects, path=path)
        for thing in objects:
            if isinstance(thing, k8s.ConfigMap):
                served = applications.parse_serve_file(
                    thing.data[pods.SERVING_FILE], path=path
                ).applications
                found += [f for a in served for f in applications.faults(a, path=path)]
    for path, text in files.items():
        if path.endswith("/kustomization.yaml"):
            folder = path.removesuffix("kustomization.yaml")
            kustomization = parse(kustomize.Kustomization, text, path=path)
            found += [
                f"{path}: resource {r} does not exist"
                for r in kustomization.resources
                if f"{folder}{r}" not in files
            ]
    return found


def _guide(layout: Layout) -> str:
    places = layout.in_cloud()
    if not places:
        return ""
    lines = [
        "## Cloud regions: Kubernetes",
        "",
        "Each folder is for a cluster of yours in that region. Set in its",
        "`kustomization.yaml` where your images and weights are, then apply it:",
        "",
    ]
    for place, placed in places.items():
        lines.append(f"- `kubectl apply -k {_folder(place)}`")
        for p in placed:
            lines += _guide_lines(layout, p)
    lines += [
        "",
        "Replicas are the autoscaler's `minReplicas`: the plan's count. Its",
        "`maxReplicas` is at most a quarter above, and no further than the budget",
        "reaches. Services are reachable inside the cluster only: put your own Ingress",
        "or load balancer in front of them. A rolling update starts one pod more than",
        "planned before it ends an old one, which needs room on a node for that long.",
    ]
    return "\n".join(lines)


def _guide_lines(layout: Layout, placed: Placed) -> list[str]:
    p, engine = placed.placement, engine_of(placed, tag=layout.tag)
    machines = f"{p.machines} × {p.instance_type} ({p.purchase})"
    lines = [f"  - `{placed.name}`: replicas {p.replicas}, on {machines}"]
    if engine.image is None:
        lines.append(
            f"  - image `{pods.image_name(placed)}`: yours; it serves {p.model} in "
            f"{p.variant.precision} with {p.variant.runtime} on port 8000 and answers "
            "GET /healthz"
        )
    if engine.needs_weights:
        lines.append(
            f"  - weights `{placed.name}`: a Hugging Face repository of {p.model} in "
            f"{p.variant.precision}; if it asks for a token: `kubectl create secret "
            "generic hugging-face --from-literal=token=…`"
        )
    if not labels_nodes(p.provider):
        lines.append(
            f"  - `{p.provider}` labels no nodes; label its {p.instance_type} machines "
            f"yourself: `kubectl label node NAME {OWN_MACHINE}={own_label(placed)}`"
        )
    scaling = metric(placed, engine)
    if scaling.pods is not None:
        lines.append(
            f"  - the autoscaler watches the metric `{scaling.pods.metric.name}`, which "
            "a metrics adapter must serve; without one it keeps the planned replicas"
        )
    return lines


TARGET = Target(
    name="kubernetes",
    render=_render,
    expected=_expected,
    read_back=_read_back,
    faults=_faults,
    guide=_guide,
)
