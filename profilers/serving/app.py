"""The Ray Serve application of a placement: dynamic batching around a profiled variant.

`user_config` is a `ServingConfig`. A change of batch or wait takes effect at once; a
change of model, variant or threads loads the variant anew. One batch runs at a time on
a thread of its own, so that the next one gathers meanwhile: the queue that the plan's
latency was computed for (`profilers.serving.batching`).

    POST /          one example (`profilers.serving.requests`)
                    → {"outputs", "label", "batch_size", "service_ms": what the batch took}
    GET  …          as of any replica (`profilers.serving.replica`)

On a machine that servers share each waits for its turn (`profilers.serving.turns`).
"""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from planner.specs.serving import (
    Listen,
    ServingArgs,
    ServingConfig,
    SharedMachine,
)
from planner.units import milliseconds, seconds
from profilers.serving.batching import Batcher
from profilers.serving.loading import Served, load, set_threads
from profilers.serving.replica import Handler, Replica, body_of
from profilers.serving.requests import (
    BARE,
    RefusedRequestError,
    read_bare,
    read_inputs,
)
from profilers.serving.turns import Turns, turns_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One example's answer, how many were answered with it, and how long that took."""

    outputs: NDArray[np.float32]
    batch_size: int
    service_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One example, and what to enter before a model may work on it."""

    example: NDArray[np.generic]
    turn: AbstractContextManager[None]


def _run(
    served: Served,
    examples: Sequence[NDArray[np.generic]],
    turn: AbstractContextManager[None],
) -> tuple[NDArray[np.float32], float]:
    """The answers, and the seconds that the model worked for them when it had its turn."""
    batch = np.stack(examples)
    with turn:
        began_s = time.perf_counter()
        outputs = served.backend.run(batch)
        return outputs, time.perf_counter() - began_s


def _label(outputs: NDArray[np.float32]) -> int | None:
    """The class with the highest score; None where the answer is no list of scores."""
    return int(outputs.argmax()) if outputs.ndim == 1 and outputs.size > 1 else None


@serve.deployment(name="ModelServer")
class ModelServer(Replica[Served]):
    """A replica that answers in batches."""

    def __init__(self, args: ServingArgs, listen: Listen | None = None) -> None:
        super().__init__(args, listen)
        self._turns: Turns | None = None
        self._batcher: Batcher[_Asked, Answer] = Batcher(self._answers, self._runner)

    @staticmethod
    def _load(config: ServingConfig) -> Served:
        # The runtimes keep what they need of the artefact in memory.
        with tempfile.TemporaryDirectory(prefix="variant-") as directory:
            return load(config, Path(directory))

    def _configure(self, config: ServingConfig) -> None:
        self._queue_up(config.shared)
        # A turn may be long in coming.
        is_on_loop = (
            self._loaded().is_brief and not config.shared and config.max_batch == 1
        )
        if is_on_loop:
            set_threads(config.threads)
        self._batcher.limit(
            most=config.max_batch,
            longest_wait_s=seconds(config.max_wait_ms),
            is_on_loop=is_on_loop,
        )

    def _queue_up(self, shared: SharedMachine | None) -> None:
        """Take turns with others from now on, or with nobody."""
        if self._config is not None and self._config.shared == shared:
            return
        before, self._turns = self._turns, None if shared is None else turns_of(shared)
        if before is not None:
            before.close()

    def _routes(self) -> Mapping[tuple[str, str], Handler]:
        return {("POST", ""): self._counted}

    def _refusal(self, sentence: str) -> dict[str, Any]:
        return {"error": sentence}

    async def _counted(self, request: Request) -> Response:
        with self._metrics.counted() as outcome:
            try:
                response = await self._predict(request)
            except RefusedRequestError as refused:
                outcome.status = refused.status
                raise
            outcome.status = response.status_code
            return response

    def _answers(self, asked: Sequence[_Asked]) -> list[Answer]:
        examples = [a.example for a in asked]
        # The turn of the one who came first is everyone's.
        outputs, service_s = _run(self._loaded(), examples, asked[0].turn)
        return [
            Answer(outputs=row, batch_size=len(examples), service_s=service_s)
            for row in outputs
        ]

    async def _predict(self, request: Request) -> Response:
        served = self._loaded()
        body = await body_of(request, limit_kib=self._args.max_request_kib)
        is_bare = request.headers.get("content-type") == BARE
        read = read_bare if is_bare else read_inputs
        example = read(body, shape=served.sample_shape, dtype=served.sample_dtype)
        with self._queued(example) as asked:
            answer = await self._batcher.answer(asked)
        if not np.isfinite(answer.outputs).all():
            sentence = "the model's answer to this example is not a number"
            return JSONResponse({"error": sentence}, status_code=500)
        return JSONResponse(
            {
                "outputs": answer.outputs.tolist(),
                "label": _label(answer.outputs),
                "batch_size": answer.batch_size,
                "service_ms": milliseconds(answer.service_s),
            }
        )

    @contextlib.contextmanager
    def _queued(self, example: NDArray[np.generic]) -> Iterator[_Asked]:
        """The example with its place in the machine's queue, as long as it needs one."""
        if self._turns is None:
            yield _Asked(example=example, turn=contextlib.nullcontext())
            return
        with self._turns.ticket() as ticket:
            yield _Asked(example=example, turn=self._turns.turn(ticket))

    def _described(self, served: Served) -> Mapping[str, object]:
        return {
            "artifact_sha256": served.artifact_sha256,
            "is_as_profiled": served.is_as_profiled,
            "input_shape": list(served.sample_shape),
            "input_dtype": str(served.sample_dtype),
            "accepts": ["application/json", BARE],
        }


def build(args: ServingArgs) -> serve.Application:
    """The application, as `import_path` of a Ray Serve config names it."""
    return ModelServer.bind(args)  # type: ignore[attr-defined, no-any-return]  # serve.deployment makes the class a Deployment
