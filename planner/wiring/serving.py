"""A plan's placements, run for real on this machine."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import ProfilingError, SpecError
from planner.manifests import here
from planner.wiring.extras import require
from planner.wiring.ways import emulated_way

if TYPE_CHECKING:
    from planner.manifests.documents.ray_serve import RayServeFile
    from planner.manifests.placed import Placed
    from planner.specs.plan import PlanDocument
    from profilers.emulators.network import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Placements ready to be run here; `routes` are their paths by name.

    `config` listens where `host` and `port` say, or behind the emulated `way` from there.
    """

    config: "RayServeFile"
    routes: Mapping[str, str]
    cautions: tuple[str, ...]
    host: str
    port: int
    way: "Way | None" = None

    def run(self, *, metrics_port: int, on_ready: Callable[[], None]) -> None:
        """Serve until Ctrl-C.

        Raises:
            SpecError: Nothing can listen there.
            ProfilingError: A replica cannot start.
        """
        from profilers.emulators.network import emulated  # noqa: PLC0415  # numpy
        from profilers.measuring import machine  # noqa: PLC0415  # a plugin
        from profilers.serving.running import parse_config, run  # noqa: PLC0415  # Ray

        plain = self.config.model_dump(mode="json", exclude_none=True)
        n_replicas = sum(
            d.num_replicas or 1 for a in self.config.applications for d in a.deployments
        )
        inner = self.config.http_options
        try:
            with (
                contextlib.nullcontext()
                if self.way is None
                else emulated(
                    self.way, (inner.host, inner.port), host=self.host, port=self.port
                )
            ):
                run(
                    parse_config(plain, document="the config of planner serve"),
                    metrics_port=metrics_port,
                    on_ready=on_ready,
                    n_cpus=max(machine.cores(), n_replicas),
                )
        except RuntimeError as error:
            raise ProfilingError(f"the placement cannot be served: {error}") from error


def prepare(
    plan: "PlanDocument",
    *,
    site: str,
    workload: str | None,
    folders: Sequence[Path],
    host: str,
    port: int,
    emulates_network: bool = False,
) -> Serving:
    """A plan's placements at a site, to be run on this machine.

    Raises:
        SpecError: There are none, our server cannot run one of them, or several ways
            would have to be emulated.
        ModelLoadError: The files of a model are in none of the folders.
        MissingExtraError: Ray Serve is not installed.
    """
    from profilers.measuring import machine  # noqa: PLC0415  # a plugin
    from profilers.serving.folder import model_folder  # noqa: PLC0415  # the same

    placed = here.chosen(plan, site=site, workload=workload)
    for package in ("ray", "uvicorn", "torch"):
        require(package, "serve", "planner serve")
    found = {p.model.name: model_folder(p.model, folders) for p in placed}
    way = _only_way(plan, placed) if emulates_network else None
    inner = (host, port) if way is None else ("127.0.0.1", machine.free_port())
    config = here.serve_here(placed, found, host=inner[0], port=inner[1])
    return Serving(
        config=config if way is None else _behind(way, config),
        routes={a.name: a.route_prefix for a in config.applications},
        cautions=here.cautions(placed, n_cpus=machine.cores()),
        host=host,
        port=port,
        way=way,
    )


def _only_way(plan: "PlanDocument", placed: "Sequence[Placed]") -> "Way":
    if len(placed) > 1:
        raise SpecError(
            f"--emulate-network is the way to one placement, and {len(placed)} are "
            "chosen: say which with --workload or --site"
        )
    return emulated_way(plan, placed[0].placement)


def _behind(way: "Way", config: "RayServeFile") -> "RayServeFile":
    """The config, whose applications say of themselves that the way leads to them."""
    from profilers.emulators.network import SERVED_BEHIND  # noqa: PLC0415  # numpy

    told = {SERVED_BEHIND: f"{way.words} ({way.source})"}
    applications = [
        a.model_copy(
            update={"args": {**a.args, "placement": {**a.args["placement"], **told}}}
        )
        for a in config.applications
    ]
    return config.model_copy(update={"applications": applications})
