"""Docker Compose: one file an edge site, one service a placement there.

Compose runs on one box. The file goes to every box of its site; each runs the service
of its own placement, with as many containers as the plan has replicas on a machine.
So `deploy.replicas` × `deployment-planner/machines` is the plan's count.

Compose replaces `$` in values, so text of the user's is written with `$$`.
"""

from typing import Any, Final

from planner.manifests import applications
from planner.manifests.documents.compose import (
    ComposeFile,
    ConfigFile,
    ConfigMount,
    Deploy,
    DeviceRequest,
    Healthcheck,
    Limits,
    Logging,
    Mount,
    Port,
    Reservations,
    Resources,
    Service,
    Volume,
)
from planner.manifests.engines import (
    SERVING_CONFIG,
    TURNS_DIRECTORY,
    WEIGHTS,
    WEIGHTS_CACHE,
    Engine,
    EngineKind,
    acted_by_flags,
    engine_of,
)
from planner.manifests.hardware import Accelerator
from planner.manifests.layout import Layout
from planner.manifests.names import slug, variable
from planner.manifests.placed import Placed
from planner.manifests.said import PREFIX, Said, noted, planned, read_said
from planner.manifests.target import Files, Target
from planner.manifests.yaml_text import dump, parse

_PIDS: Final = 1024
_CACHE: Final = "weights"
_TURNS: Final = "turns"
_FIRST_PORT: Final = 8000
_PLAN_LABEL: Final = f"{PREFIX}plan-sha256"
# Seconds that a model may take to load before failing checks count.
_START_PERIOD: Final = "180s"


def _path(place: str) -> str:
    return f"{place}/compose.yaml"


def _serve_path(placed: Placed) -> str:
    return f"{placed.place}/serve-{placed.name}.yaml"


def _render(layout: Layout) -> Files:
    files = {}
    for place, placed in layout.at_edge().items():
        files[_path(place)] = dump(_compose_file(layout, place, placed))
        for p in placed:
            if _engine(layout, p).kind is EngineKind.SERVING_APP:
                files[_serve_path(p)] = dump(
                    applications.one_replica(p, turns_directory=TURNS_DIRECTORY)
                )
    return files


def _engine(layout: Layout, placed: Placed) -> Engine:
    return engine_of(placed, tag=layout.tag)


def _compose_file(layout: Layout, place: str, placed: list[Placed]) -> ComposeFile:
    engines = {p.name: _engine(layout, p) for p in placed}
    configs = {
        p.name: ConfigFile(file=f"./serve-{p.name}.yaml")
        for p in placed
        if engines[p.name].kind is EngineKind.SERVING_APP
    }
    mounted = (m for p in placed for m in _mounts(p, engines[p.name]) or ())
    volumes = dict.fromkeys(m.source for m in mounted)
    return ComposeFile(
        name=f"{slug(layout.plan.name)}-{place}"[:63].rstrip("-"),
        services={
            p.name: _service(
                layout, p, engines[p.name], alone=len(placed) == len(p.pool)
            )
            for p in placed
        },
        configs=configs or None,
        volumes={name: Volume() for name in volumes} or None,
    )


def _service(layout: Layout, placed: Placed, engine: Engine, *, alone: bool) -> Service:
    weights = f"${{{variable(placed.name, 'WEIGHTS')}:?{_weights_wanted(placed)}}}"
    command = [a.replace(WEIGHTS, weights) for a in engine.arguments]
    is_ours = engine.kind is EngineKind.SERVING_APP
    mount = ConfigMount(source=placed.name, target=SERVING_CONFIG)
    return Service(
        image=_image(placed, engine),
        profiles=None if alone else [placed.name],
        command=command or None,
        runtime="nvidia" if placed.accelerator is Accelerator.JETSON else None,
        environment=dict(engine.environment)
        | ({"HF_TOKEN": "${HF_TOKEN:-}"} if engine.needs_weights else {}),
        ports=[_port(placed, engine)],
        configs=[mount] if is_ours else None,
        volumes=_mounts(placed, engine),
        healthcheck=_healthcheck(engine),
        deploy=_deploy(placed),
        # torch.compile builds libraries in /tmp, so it must allow running them.
        tmpfs=["/tmp:exec,mode=1777"],  # noqa: S108 - a path inside the container
        shm_size=f"{engine.shared_memory_mib}m",
        stop_grace_period="30s",
        logging=Logging(
            driver="json-file", options={"max-size": "10m", "max-file": "3"}
        ),
        labels=_labels(layout, placed),
    )


def _mounts(placed: Placed, engine: Engine) -> list[Mount] | None:
    """Weights that outlive a container, and the queue of those who share a box."""
    if engine.needs_weights:
        return [Mount(source=_CACHE, target=WEIGHTS_CACHE)]
    if engine.kind is EngineKind.SERVING_APP and len(placed.pool) > 1:
        return [Mount(source=_TURNS, target=TURNS_DIRECTORY)]
    return None


def _labels(layout: Layout, placed: Placed) -> dict[str, str]:
    labels = noted(placed) | {_PLAN_LABEL: layout.sha256}
    return {key: value.replace("$", "$$") for key, value in labels.items()}


def _image(placed: Placed, engine: Engine) -> str:
    if engine.image is None:
        return f"${{{variable(placed.name, 'IMAGE')}:?{_image_wanted(placed)}}}"
    if engine.kind is EngineKind.SERVING_APP:
        return f"${{SERVING_IMAGE:-{engine.image}}}"
    return engine.image


def _image_wanted(placed: Placed) -> str:
    model = placed.model.reference or placed.model.name
    variant = placed.placement.variant
    return _plain(
        f"an image that serves {model} in {variant.precision} with {variant.runtime} "
        "on port 8000 and answers GET /healthz"
    )


def _weights_wanted(placed: Placed) -> str:
    model = placed.model.reference or placed.model.name
    precision = placed.placement.variant.precision
    return _plain(f"the Hugging Face repository of {model} in {precision}")


def _plain(message: str) -> str:
    """Text that may stand inside `${...}`."""
    return "".join(c for c in message if c not in "${}")


def _port(placed: Placed, engine: Engine) -> Port:
    first = _first_port(placed)
    last = first + placed.replicas_per_machine - 1
    published = str(first) if last == first else f"{first}-{last}"
    return Port(name="http", target=engine.port, published=published)


def _first_port(placed: Placed) -> int:
    """Placements of a pool listen one after the other."""
    before = placed.pool.index(placed.name)
    return _FIRST_PORT + before * placed.replicas_per_machine


def _healthcheck(engine: Engine) -> Healthcheck:
    url = f"http://127.0.0.1:{engine.port}{engine.ready_path}"
    tests = {
        # Our image and vLLM's have Python; llama.cpp's has curl.
        EngineKind.SERVING_APP: ["CMD", "python3", "-c", _python_probe(url)],
        EngineKind.VLLM: ["CMD", "python3", "-c", _python_probe(url)],
        EngineKind.LLAMA_CPP: ["CMD", "curl", "--fail", "--silent", url],
        EngineKind.OWN_IMAGE: [
            "CMD-SHELL",
            f"wget -q -O /dev/null {url} || curl --fail --silent {url}",
        ],
    }
    return Healthcheck(
        test=tests[engine.kind],
        interval="15s",
        timeout="5s",
        retries=3,
        start_period=_START_PERIOD,
    )


def _python_probe(url: str) -> str:
    return f"import urllib.request as r; r.urlopen('{url}', timeout=4)"


def _deploy(placed: Placed) -> Deploy:
    reservations = None
    if placed.accelerator in (Accelerator.NVIDIA, Accelerator.JETSON):
        card = DeviceRequest(driver="nvidia", count=placed.gpus, capabilities=["gpu"])
        reservations = Reservations(devices=[card])
    memory = placed.memory_mib
    limits = Limits(
        cpus=f"{placed.most_vcpus:g}" if placed.most_vcpus else None,
        memory=f"{memory}m" if memory else None,
        pids=_PIDS,
    )
    return Deploy(
        replicas=placed.replicas_per_machine,
        resources=Resources(limits=limits, reservations=reservations),
    )


def _expected(layout: Layout) -> list[Said]:
    return [
        planned(p, path=_path(place))
        for place, placed in layout.at_edge().items()
        for p in placed
    ]


def _read_back(files: Files) -> list[Said]:
    said: list[Said] = []
    for path, text in files.items():
        if not path.endswith("/compose.yaml"):
            continue
        document = parse(ComposeFile, text, path=path)
        for name, service in document.services.items():
            notes = {k: v.replace("$$", "$") for k, v in service.labels.items()}
            acted = _acted(files, path, document, name)
            machines = notes.get(f"{PREFIX}machines", "0")
            if machines.isdecimal():
                acted["replicas"] = service.deploy.replicas * int(machines)
            said += read_said(notes, acted, path=path, name=name)
    return said


def _acted(files: Files, path: str, document: ComposeFile, name: str) -> dict[str, Any]:
    config = (document.configs or {}).get(name)
    if config is None:
        service = document.services[name]
        return acted_by_flags(service.command or (), service.environment)
    serve_path = f"{path.removesuffix('compose.yaml')}{config.file.removeprefix('./')}"
    served = applications.parse_serve_file(
        files.get(serve_path, ""), path=serve_path
    ).applications
    return applications.acted_by(served[0], path=serve_path)


def _faults(files: Files) -> list[str]:
    found: list[str] = []
    for path, text in files.items():
        if not path.endswith("/compose.yaml"):
            served = applications.parse_serve_file(text, path=path).applications
            found += [f for a in served for f in applications.faults(a, path=path)]
            continue
        document = parse(ComposeFile, text, path=path)
        for name, service in document.services.items():
            found += _service_faults(document, name, service, path=path)
    return found


def _service_faults(
    document: ComposeFile, name: str, service: Service, *, path: str
) -> list[str]:
    known = {*(document.configs or {}), *(document.volumes or {})}
    used = {m.source for m in service.configs or ()}
    used |= {m.source for m in service.volumes or ()}
    found = [
        f"{path}: {name} mounts {source}, which is not declared"
        for source in sorted(used - known)
    ]
    first, _, last = service.ports[0].published.partition("-")
    if int(last or first) - int(first) + 1 < service.deploy.replicas:
        found.append(f"{path}: {name} has fewer ports than replicas")
    return found


def _guide(layout: Layout) -> str:
    places = layout.at_edge()
    if not places:
        return ""
    lines = [
        "## Edge sites: Docker Compose",
        "",
        "Copy a site's folder to every box of the site and start there the service of",
        "its placement. It listens on the box without a password: keep the port inside the",
        "site's network.",
        "",
    ]
    for place, placed in places.items():
        for p in placed:
            boxes = f"{p.placement.machines} × {p.placement.device}"
            command = f"docker compose -f {_path(place)} up -d {p.name}"
            where = f"`{p.placement.site}`, on {boxes}, port {_first_port(p)}"
            lines.append(f"- {where}: `{command}`")
            engine = _engine(layout, p)
            if engine.image is None:
                name = variable(p.name, "IMAGE")
                lines.append(f"  - set `{name}`: {_image_wanted(p)}")
            if engine.needs_weights:
                name = variable(p.name, "WEIGHTS")
                lines.append(f"  - set `{name}`: {_weights_wanted(p)}")
                lines.append("  - set `HF_TOKEN` if that repository asks for one")
    return "\n".join(lines)


TARGET = Target(
    name="compose",
    render=_render,
    expected=_expected,
    read_back=_read_back,
    faults=_faults,
    guide=_guide,
)
