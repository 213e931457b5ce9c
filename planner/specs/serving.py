"""How one replica serves a model: what the manifests write and the server reads.

One document for both sides, so that neither can drift from the other. It is the
`user_config` of a Ray Serve deployment.
"""

from typing import Annotated

from pydantic import Field

from planner.specs.base import NonNegative, Spec
from planner.specs.placements import PlanVariant

# Where the serving image keeps the folder that the spec stands in.
MODEL_DIRECTORY = "/srv/model"


class ServedModel(Spec):
    """A user's torch model: files and factories found under `directory`.

    `weights` is relative to `directory`. `inputs` or `evaluation` gives the
    shape of an example, which exporting to another runtime needs.
    """

    name: str
    directory: str = MODEL_DIRECTORY
    factory: str
    weights: str | None = None
    inputs: str | None = None
    evaluation: str | None = None


class SharedMachine(Spec):
    """A machine whose servers take turns, in order of arrival.

    `pool` names the queue, and `member` this server in it. `directory` is where the
    queue's files lie, for all of them to reach; unless given, a folder for temporary
    files of the machine.
    """

    pool: str
    member: str
    directory: str | None = None


class ServingConfig(Spec):
    """A model, the way it is run, and when a batch starts.

    A batch starts at `max_batch` requests or when its first has waited
    `max_wait_ms`. Where the machine is `shared`, it waits for its turn besides.
    `artifact_sha256` names the artifact that was profiled; a
    replica that builds another one says so in its log.
    """

    model: ServedModel
    variant: PlanVariant
    max_batch: Annotated[int, Field(ge=1)]
    max_wait_ms: NonNegative
    threads: Annotated[int, Field(ge=1)] = 1
    artifact_sha256: str | None = None
    shared: SharedMachine | None = None


class Listen(Spec):
    """Where a replica itself takes requests, without Ray's proxy before it."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)]


class ServingArgs(Spec):
    """What an application is told when it is built.

    `placement` holds the plan's decisions about it as text, for whoever asks the
    running server what it is; the server acts on none of them.
    """

    placement: dict[str, str] = Field(default_factory=dict)
    max_request_kib: Annotated[float, Field(gt=0)] = 32768.0
