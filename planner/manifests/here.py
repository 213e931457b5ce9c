"""Placements of a plan on the machine at hand, as one config of Ray Serve.

What the plan decided holds (variant, batch, wait, threads, replicas); where it put the
machines does not. One placement answers at `/`; several answer at `/<place>-<name>` each.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from planner.domain.servers import SERVED_HERE
from planner.errors import SpecError
from planner.manifests.applications import NO_PROXY, on_this_machine
from planner.manifests.documents.ray_serve import HttpOptions, RayServeFile
from planner.manifests.layout import lay_out
from planner.manifests.placed import OWN, Placed
from planner.specs.plan import PlanDocument

EVERY_SITE = "local"


def chosen(
    plan: PlanDocument, *, site: str, workload: str | None
) -> tuple[Placed, ...]:
    """The placements at `site` (`local`: wherever the plan put them) of one workload, or all.

    Raises:
        SpecError: There are none, or our server cannot run one of them.
        ManifestError: The plan contradicts itself.
    """
    placed = [
        p
        for p in lay_out(plan).placed
        if site in (EVERY_SITE, p.placement.site)
        and workload in (None, p.placement.workload)
    ]
    if not placed:
        there = sorted({f"{p.workload} at {p.site}" for p in plan.placements})
        raise SpecError(
            f"plan '{plan.name}' places nothing there; it places: {', '.join(there)}"
        )
    refused = [f"{p.name}: {_refusal(p)}" for p in placed if not p.is_served_here]
    if refused:
        others = [p.placement.workload for p in placed if p.is_served_here]
        way_out = f"; choose with --workload {others[0]}" if others else ""
        raise SpecError(f"cannot serve {'; '.join(refused)}{way_out}")
    return tuple(placed)


def _refusal(placed: Placed) -> str:
    runtime = placed.placement.variant.runtime
    name = placed.model.name
    if placed.model.source not in OWN:
        return (
            f"'{name}' is a published model, whose weights the planner does not have: "
            f"run it with {runtime}'s own server, as the manifests do"
        )
    if placed.is_language:
        return (
            f"'{name}' answers token by token, which our server does for Hugging Face "
            f"folders on torch alone: run it with {runtime}'s own server"
        )
    known = ", ".join(sorted(SERVED_HERE))
    return f"our server runs {known}, and the plan chose {runtime}"


def serve_here(
    placed: Sequence[Placed], folders: Mapping[str, Path], *, host: str, port: int
) -> RayServeFile:
    """The config; `folders` holds the folder of each model by its name."""
    if len(placed) == 1:
        routes = {placed[0].name: "/"}
    else:
        # A name is unique within its place only, and here all places are one.
        routes = {f"{p.place}-{p.name}": f"/{p.place}-{p.name}" for p in placed}
    is_alone = len(placed) == 1 and placed[0].placement.replicas == 1
    return RayServeFile(
        proxy_location=NO_PROXY if is_alone else "HeadOnly",
        http_options=HttpOptions(host=host, port=port),
        applications=[
            on_this_machine(
                p, name=name, route_prefix=route, folder=folders[p.model.name]
            )
            for p, (name, route) in zip(placed, routes.items(), strict=True)
        ],
    )


def cautions(placed: Sequence[Placed], *, n_cpus: int) -> tuple[str, ...]:
    """What must be known before figures of this machine are compared with the plan's."""
    busy = sum(p.placement.replicas * p.threads for p in placed)
    devices = sorted({p.placement.device for p in placed})
    said = [f"planned for {', '.join(devices)}: what is measured here is this machine"]
    if busy > n_cpus:
        said.append(
            f"{busy} threads of replicas share {n_cpus} processors here: expect longer "
            "latencies than planned"
        )
    if len(placed) > 1 or placed[0].placement.replicas > 1:
        said.append(
            "several replicas answer behind Ray's proxy here, which costs each request "
            "about 10 ms of processor time more than a replica's own port does"
        )
    if sys.platform != "linux" and any(len(p.pool) > 1 for p in placed):
        said.append(
            "models that share a machine take turns only on Linux: here they work side "
            "by side, and later than planned"
        )
    return tuple(said)
