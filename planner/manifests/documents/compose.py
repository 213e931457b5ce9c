"""The compose specification, as far as the manifests write it (compose-spec, 2026)."""

from typing import Literal

from planner.manifests.documents.base import Document


class Healthcheck(Document):
    """A command whose exit status says whether the service is well."""

    test: list[str]
    interval: str
    timeout: str
    retries: int
    start_period: str


class DeviceRequest(Document):
    """Accelerators that the container needs."""

    driver: str
    count: int
    capabilities: list[str]


class Limits(Document):
    """The most a container may take."""

    cpus: str | None = None
    memory: str | None = None
    pids: int


class Reservations(Document):
    """What a container must have."""

    devices: list[DeviceRequest]


class Resources(Document):
    """Room of one container."""

    limits: Limits
    reservations: Reservations | None = None


class Deploy(Document):
    """How many containers, in what room."""

    replicas: int
    resources: Resources


class Port(Document):
    """A port of the container on the box; a range where there are several replicas."""

    name: str
    target: int
    published: str
    protocol: Literal["tcp"] = "tcp"


class Mount(Document):
    """A named volume in the container."""

    type: Literal["volume"] = "volume"
    source: str
    target: str


class ConfigMount(Document):
    """A config file in the container."""

    source: str
    target: str


class Logging(Document):
    """Where output goes; rotated, for a box has a small disk."""

    driver: str
    options: dict[str, str]


class Service(Document):
    """A container that serves one placement."""

    image: str
    profiles: list[str] | None = None
    command: list[str] | None = None
    runtime: str | None = None
    environment: dict[str, str]
    ports: list[Port]
    configs: list[ConfigMount] | None = None
    volumes: list[Mount] | None = None
    healthcheck: Healthcheck
    deploy: Deploy
    restart: Literal["unless-stopped"] = "unless-stopped"
    init: bool = True
    read_only: bool = True
    cap_drop: tuple[str, ...] = ("ALL",)
    security_opt: tuple[str, ...] = ("no-new-privileges:true",)
    tmpfs: list[str]
    shm_size: str
    stop_grace_period: str
    logging: Logging
    labels: dict[str, str]


class ConfigFile(Document):
    """A config kept in a file beside the document."""

    file: str


class Volume(Document):
    """A named volume with the engine's defaults."""


class ComposeFile(Document):
    """A whole compose file."""

    name: str
    services: dict[str, Service]
    configs: dict[str, ConfigFile] | None = None
    volumes: dict[str, Volume] | None = None
