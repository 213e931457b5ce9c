"""How one replica serves a model: what the manifests write and the server reads.

One document for both sides, so that neither can drift from the other. It is the
`user_config` of a Ray Serve deployment.
"""

from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter, ValidationError

from planner.domain.profiling import UserModel
from planner.errors import SpecError
from planner.specs.base import NonNegative, Spec
from planner.specs.models import OwnSource
from planner.specs.own_models import own_model
from planner.specs.placements import PlanVariant
from planner.specs.plan import PlanModel

# Where the serving image keeps the folder that the spec stands in.
MODEL_DIRECTORY = "/srv/model"


class ServedModel(Spec):
    """A user's own model: files and factories found under `directory`.

    `inputs` or `evaluation` gives the shape of an example, and what int8 is
    calibrated with; `fine_tune` trains what was pruned. A file that can run code
    is loaded only where `content_sha256` is still that of the model's files.
    """

    name: str
    directory: str = MODEL_DIRECTORY
    source: OwnSource
    inputs: str | None = None
    evaluation: str | None = None
    fine_tune: str | None = None
    content_sha256: str | None = None

    def user_model(self) -> UserModel:
        """Where it lies, for whoever loads or measures it."""
        return own_model(
            self.source,
            Path(self.directory),
            name=self.name,
            evaluation=self.evaluation,
            inputs=self.inputs,
            fine_tune=self.fine_tune,
        )


_SOURCES: Final[TypeAdapter[OwnSource]] = TypeAdapter(OwnSource)


def served_model(model: PlanModel, *, directory: str = MODEL_DIRECTORY) -> ServedModel:
    """A plan's own model, its files under `directory`.

    Raises:
        SpecError: The plan does not say all that loading it takes.
    """
    said = {
        "factory": model.factory,
        "weights": model.weights,
        "folder" if model.source == "huggingface" else "file": model.file,
        "sequence_tokens": model.sequence_tokens,
        "context_tokens": model.context_tokens,
        "evaluation_text": model.evaluation_text,
        "trust": model.trust or None,
    }
    stated = {field: value for field, value in said.items() if value is not None}
    try:
        source = _SOURCES.validate_python({"kind": model.source} | stated)
    except ValidationError as error:
        first = error.errors()[0]
        raise SpecError(
            f"the plan does not say how model '{model.name}' is loaded: "
            f"{first['msg'].removeprefix('Value error, ')}; make the plan again"
        ) from None
    return ServedModel(
        name=model.name,
        directory=directory,
        source=source,
        inputs=model.inputs,
        evaluation=model.evaluation,
        fine_tune=model.fine_tune,
        content_sha256=model.content_sha256,
    )


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
    `artifact_sha256` names the artifact that was profiled; a replica that builds
    another one says so, and does not serve it where fine-tuning made the weights.
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
