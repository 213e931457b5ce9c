"""The Ray Serve application of a placement: dynamic batching around a profiled variant.

`user_config` is a `ServingConfig`. A change of batch or wait takes effect at once; a
change of model, variant or threads loads the variant anew. One batch runs at a time on
a thread of its own, so that the next one gathers meanwhile: the queue that the plan's
latency was computed for (`profilers.serving.batching`).

    POST /          one example (`profilers.serving.requests`)
                    → {"outputs", "label", "batch_size", "service_ms": what the batch took}
    GET  /healthz   200 once the variant is loaded
    GET  /-/healthz 200 while the replica lives
    GET  /about     the plan's decisions about this replica, and what it runs

On a machine that servers share each waits for its turn (`profilers.serving.turns`).
Requests come through Ray's proxy, or over a port that the replica itself listens on
(`profilers.serving.listening`): the same answers, and a hop less.
"""

import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from planner.specs.serving import (
    Listen,
    ServingArgs,
    ServingConfig,
    SharedMachine,
)
from planner.units import BYTES_PER_KIB, milliseconds, seconds
from profilers.identity import runtime_versions
from profilers.serving.batching import Batcher
from profilers.serving.listening import Listener
from profilers.serving.loading import Served, load
from profilers.serving.metrics import Metrics
from profilers.serving.requests import (
    BARE,
    RefusedRequestError,
    read_bare,
    read_inputs,
)
from profilers.serving.turns import Turns, turns_of

# How long the interpreter's lock may be held against a thread that waits for it, in s.
# The default, 5 ms, is what a request then waits for a model between two operators.
_SWITCH_S: Final = 0.0005


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


def _differs(now: ServingConfig, before: ServingConfig | None) -> bool:
    return before is None or (now.model, now.variant, now.threads) != (
        before.model,
        before.variant,
        before.threads,
    )


def _load(config: ServingConfig) -> Served:
    # The runtimes keep what they need of the artefact in memory.
    with tempfile.TemporaryDirectory(prefix="variant-") as directory:
        return load(config, Path(directory))


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


async def _body(request: Request, *, limit_kib: float) -> bytes:
    limit_bytes = limit_kib * BYTES_PER_KIB
    parts = []
    size_bytes = 0
    async for part in request.stream():
        parts.append(part)
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise RefusedRequestError(413, f"the body is above {limit_kib:g} KiB")
    return b"".join(parts)


def _label(outputs: NDArray[np.float32]) -> int | None:
    """The class with the highest score; None where the answer is no list of scores."""
    return int(outputs.argmax()) if outputs.ndim == 1 and outputs.size > 1 else None


@serve.deployment(name="ModelServer")
class ModelServer:
    """A replica."""

    def __init__(self, args: ServingArgs, listen: Listen | None = None) -> None:
        self._args = args
        self._config: ServingConfig | None = None
        self._served: Served | None = None
        # torch keeps its number of threads per calling thread: always the same one.
        self._runner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._metrics = Metrics(serve.get_replica_context().app_name)
        self._turns: Turns | None = None
        self._batcher: Batcher[_Asked, Answer] = Batcher(self._answers)
        self._listener = None if listen is None else Listener(listen, self)
        sys.setswitchinterval(_SWITCH_S)

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Take up a config; called by Ray before the first request and on each change."""
        config = ServingConfig.model_validate(user_config)
        self._queue_up(config.shared)
        if self._served is None or _differs(config, self._config):
            loop = asyncio.get_running_loop()
            # Whoever asks meanwhile if this replica is well gets an answer.
            self._served = await loop.run_in_executor(self._runner, _load, config)
        self._config = config
        self._batcher.most = config.max_batch
        self._batcher.longest_wait_s = seconds(config.max_wait_ms)
        if self._listener is not None:
            await self._listener.open()

    def _queue_up(self, shared: SharedMachine | None) -> None:
        """Take turns with others from now on, or with nobody."""
        if self._config is not None and self._config.shared == shared:
            return
        before, self._turns = self._turns, None if shared is None else turns_of(shared)
        if before is not None:
            before.close()

    async def __del__(self) -> None:
        """Answer whoever is being served; called by Ray when the replica is to end."""
        if self._listener is not None:
            await self._listener.close()

    async def __call__(self, request: Request) -> Response:
        """Answer whatever is asked."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        handler = {
            ("POST", ""): self._counted,
            ("GET", "healthz"): self._healthy,
            ("GET", "-/healthz"): self._alive,
            ("GET", "about"): self._about,
        }.get((request.method, path.strip("/")))
        if handler is None:
            sentence = f"there is no {request.method} {path or '/'} here"
            return JSONResponse({"error": sentence}, status_code=404)
        try:
            return await handler(request)
        except RefusedRequestError as refused:
            return JSONResponse({"error": refused.sentence}, refused.status)

    async def _counted(self, request: Request) -> Response:
        with self._metrics.counted() as outcome:
            try:
                response = await self._predict(request)
            except RefusedRequestError as refused:
                outcome.status = refused.status
                raise
            outcome.status = response.status_code
            return response

    async def _answers(self, asked: Sequence[_Asked]) -> list[Answer]:
        served = self._loaded()
        loop = asyncio.get_running_loop()
        examples = [a.example for a in asked]
        # The turn of the one who came first is everyone's.
        outputs, service_s = await loop.run_in_executor(
            self._runner, _run, served, examples, asked[0].turn
        )
        return [
            Answer(outputs=row, batch_size=len(examples), service_s=service_s)
            for row in outputs
        ]

    async def _predict(self, request: Request) -> Response:
        served = self._loaded()
        body = await _body(request, limit_kib=self._args.max_request_kib)
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

    async def _healthy(self, _: Request) -> Response:
        self._loaded()
        return JSONResponse({"status": "ok"})

    async def _alive(self, _: Request) -> Response:
        return PlainTextResponse("success")

    async def _about(self, _: Request) -> Response:
        served = self._loaded()
        return JSONResponse(
            {
                "placement": self._args.placement,
                "config": None if self._config is None else self._config.model_dump(),
                "artifact_sha256": served.artifact_sha256,
                "is_as_profiled": served.is_as_profiled,
                "input_shape": list(served.sample_shape),
                "input_dtype": str(served.sample_dtype),
                "accepts": ["application/json", BARE],
                "processor_s": time.process_time(),
                "environment": dict(runtime_versions()),
            }
        )

    def _loaded(self) -> Served:
        if self._served is None:
            raise RuntimeError("Ray has not given this replica a user_config yet")
        return self._served


def build(args: ServingArgs) -> serve.Application:
    """The application, as `import_path` of a Ray Serve config names it."""
    return ModelServer.bind(args)  # type: ignore[attr-defined, no-any-return]  # serve.deployment makes the class a Deployment
