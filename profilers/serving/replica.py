"""What every replica of ours does: take up a config, load, listen, say how it is.

    GET  /healthz   200 once the variant is loaded
    GET  /-/healthz 200 while the replica lives
    GET  /about     the plan's decisions about this replica, and what it runs

Requests come through Ray's proxy, or over a port that the replica itself listens on
(`profilers.serving.listening`): the same answers, and a hop less.
"""

import asyncio
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, TypeVar

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from planner.specs.serving import Listen, ServingArgs, ServingConfig
from planner.units import BYTES_PER_KIB
from profilers.identity import runtime_versions
from profilers.serving.listening import Listener
from profilers.serving.metrics import Metrics
from profilers.serving.requests import RefusedRequestError

# How long the interpreter's lock may be held against a thread that waits for it, in s.
# The default, 5 ms, is what a request then waits for a model between two operators.
_SWITCH_S: Final = 0.0005

Loaded = TypeVar("Loaded")
Handler = Callable[[Request], Awaitable[Response]]


def _differs(now: ServingConfig, before: ServingConfig | None) -> bool:
    return before is None or (now.model, now.variant, now.threads) != (
        before.model,
        before.variant,
        before.threads,
    )


async def body_of(request: Request, *, limit_kib: float) -> bytes:
    """The whole body.

    Raises:
        RefusedRequestError: It is larger than that.
    """
    limit_bytes = limit_kib * BYTES_PER_KIB
    parts = []
    size_bytes = 0
    async for part in request.stream():
        parts.append(part)
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise RefusedRequestError(413, f"the body is above {limit_kib:g} KiB")
    return b"".join(parts)


class Replica(ABC, Generic[Loaded]):
    """A replica of either server."""

    def __init__(self, args: ServingArgs, listen: Listen | None = None) -> None:
        self._args = args
        self._config: ServingConfig | None = None
        self._served: Loaded | None = None
        # torch keeps its number of threads per calling thread: always the same one.
        self._runner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._metrics = Metrics(serve.get_replica_context().app_name)
        self._listener = None if listen is None else Listener(listen, self)
        sys.setswitchinterval(_SWITCH_S)

    @staticmethod
    @abstractmethod
    def _load(config: ServingConfig) -> Loaded:
        """The config's variant, ready to answer; called on the model's thread."""

    @abstractmethod
    def _configure(self, config: ServingConfig) -> None:
        """Take up what takes effect at once."""

    @abstractmethod
    def _routes(self) -> Mapping[tuple[str, str], Handler]:
        """Who answers what, by method and path."""

    @abstractmethod
    def _refusal(self, sentence: str) -> dict[str, Any]:
        """How a client is told that it asked for the wrong thing."""

    @abstractmethod
    def _described(self, served: Loaded) -> Mapping[str, object]:
        """What there is to say of the model that is served."""

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Take up a config; called by Ray before the first request and on each change."""
        config = ServingConfig.model_validate(user_config)
        if self._served is None or _differs(config, self._config):
            loop = asyncio.get_running_loop()
            # Whoever asks meanwhile if this replica is well gets an answer.
            self._served = await loop.run_in_executor(self._runner, self._load, config)
        self._configure(config)
        self._config = config
        if self._listener is not None:
            await self._listener.open()

    async def __del__(self) -> None:
        """Answer whoever is being served; called by Ray when the replica is to end."""
        if self._listener is not None:
            await self._listener.close()

    async def __call__(self, request: Request) -> Response:
        """Answer whatever is asked."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        routes: dict[tuple[str, str], Handler] = {
            ("GET", "healthz"): self._healthy,
            ("GET", "-/healthz"): self._alive,
            ("GET", "about"): self._about,
            **self._routes(),
        }
        handler = routes.get((request.method, path.strip("/")))
        if handler is None:
            sentence = f"there is no {request.method} {path or '/'} here"
            return JSONResponse(self._refusal(sentence), status_code=404)
        try:
            return await handler(request)
        except RefusedRequestError as refused:
            return JSONResponse(self._refusal(refused.sentence), refused.status)

    async def _healthy(self, _: Request) -> Response:
        self._loaded()
        return JSONResponse({"status": "ok"})

    async def _alive(self, _: Request) -> Response:
        return PlainTextResponse("success")

    async def _about(self, _: Request) -> Response:
        return JSONResponse(
            {
                "placement": self._args.placement,
                "config": None if self._config is None else self._config.model_dump(),
                **self._described(self._loaded()),
                "processor_s": time.process_time(),
                "environment": dict(runtime_versions()),
            }
        )

    def _loaded(self) -> Loaded:
        if self._served is None:
            raise RuntimeError("Ray has not given this replica a user_config yet")
        return self._served
