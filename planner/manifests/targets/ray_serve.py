"""Ray Serve: one config file a place, one application a placement of our own server.

A replica claims its share of a custom resource named like the device, so Ray puts it
on no other machine; a node brings the resource with
`ray start --resources='{"<device>": 1}'`. Placements that another program serves are
left out: Ray would not run them.
"""

import json
import shlex
from typing import Any

from planner.manifests import applications
from planner.manifests.documents.ray_serve import Application
from planner.manifests.headroom import max_replicas
from planner.manifests.layout import Layout
from planner.manifests.placed import Placed
from planner.manifests.said import Said, planned, read_said
from planner.manifests.target import Files, Target
from planner.manifests.yaml_text import dump


def _path(place: str) -> str:
    return f"ray-serve/{place}.yaml"


def _here(layout: Layout) -> dict[str, list[Placed]]:
    places = {
        place: [p for p in placed if p.is_served_here]
        for place, placed in layout.anywhere().items()
    }
    return {place: placed for place, placed in places.items() if placed}


def _render(layout: Layout) -> Files:
    files = {}
    for place, placed in _here(layout).items():
        served = [
            applications.on_cluster(p, max_replicas=max_replicas(p, layout.plan))
            for p in placed
        ]
        files[_path(place)] = dump(applications.serve_file(served))
    return files


def _expected(layout: Layout) -> list[Said]:
    return [
        planned(p, path=_path(place))
        for place, placed in _here(layout).items()
        for p in placed
    ]


def _read_back(files: Files) -> list[Said]:
    said: list[Said] = []
    for path, text in files.items():
        document = applications.parse_serve_file(text, path=path)
        for application in document.applications:
            acted = applications.acted_by(application, path=path)
            acted |= _replicas_and_device(application)
            notes = application.args.get("placement", {})
            said += read_said(notes, acted, path=path, name=application.name)
    return said


def _replicas_and_device(application: Application) -> dict[str, Any]:
    deployment = application.deployments[0]
    scaling = deployment.autoscaling_config
    fixed = deployment.num_replicas or 0
    (device,) = deployment.ray_actor_options.resources or {"": 0.0}
    return {
        "replicas": scaling.initial_replicas if scaling else fixed,
        "least_replicas": scaling.min_replicas if scaling else fixed,
        "device": device,
    }


def _faults(files: Files) -> list[str]:
    found: list[str] = []
    for path, text in files.items():
        served = applications.parse_serve_file(text, path=path).applications
        for application in served:
            found += applications.faults(application, path=path)
        prefixes = [a.route_prefix for a in served]
        if len(set(prefixes)) < len(prefixes):
            found.append(f"{path}: two applications share a route_prefix")
    return found


def _guide(layout: Layout) -> str:
    here = _here(layout)
    if not here:
        return ""
    lines = [
        "## Ray Serve",
        "",
        "For a Ray cluster of your own at each place. Start a node on each machine and",
        "say what device it is, then deploy:",
        "",
    ]
    for place, placed in here.items():
        for p in placed:
            resources = shlex.quote(json.dumps({p.placement.device: 1}))
            where = f"{p.placement.machines} × {p.placement.instance_type}"
            lines.append(
                f"- {place}: {where}: `RAY_worker_niceness=0 ray start --resources={resources}`"
            )
        lines.append(f"- {place}: `serve deploy {_path(place)}`")
    lines += [
        "",
        "Requests come through Ray's proxy here, which costs each about 10 ms of processor",
        "time on two shared x86-64 cores; the plan counts a replica on its own port, as",
        "Compose and Kubernetes run it.",
    ]
    left_out = [p.name for p in layout.placed if not p.is_served_here]
    if left_out:
        lines += [
            "",
            "Not in these files, because a program other than ours serves them:",
            f"{', '.join(left_out)}.",
        ]
    return "\n".join(lines)


TARGET = Target(
    name="ray-serve",
    render=_render,
    expected=_expected,
    read_back=_read_back,
    faults=_faults,
    guide=_guide,
)
