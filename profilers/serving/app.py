"""The Ray Serve application of a placement: dynamic batching around a profiled variant.

`user_config` is a `ServingConfig`. A change of batch or wait takes effect at once; a
change of model, variant or threads loads the variant anew. One batch runs at a time on
a thread of its own, so that the next one gathers meanwhile: the queue that the plan's
latency was computed for.

    POST /         {"inputs": one example}
                   → {"outputs", "label", "batch_size", "service_ms": what the batch took}
    GET  /healthz  200 once the variant is loaded
    GET  /about    the plan's decisions about this replica, and what it runs
"""

import asyncio
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray
from ray import serve

from planner.specs.serving import ServingArgs, ServingConfig
from planner.units import BYTES_PER_KIB, milliseconds, seconds
from profilers.identity import runtime_versions
from profilers.serving.loading import Served, load
from profilers.serving.requests import RefusedRequestError, read_inputs

api = FastAPI(title="deployment-planner serving", openapi_url=None)


@api.exception_handler(RefusedRequestError)
async def _refuse(_: Request, refused: RefusedRequestError) -> Response:
    return JSONResponse({"error": refused.sentence}, status_code=refused.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One example's answer, how many were answered with it, and how long that took."""

    outputs: NDArray[np.float32]
    batch_size: int
    service_s: float


# serve.ingress copies the class below, with the globals that exist by then: what it
# calls must stand above it.


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
    served: Served, batch: NDArray[np.generic]
) -> tuple[NDArray[np.float32], float]:
    """The answers, and the seconds that the model worked for them."""
    began_s = time.perf_counter()
    outputs = served.backend.run(batch)
    return outputs, time.perf_counter() - began_s


async def _body(request: Request, *, limit_kib: float) -> bytes:
    limit_bytes = limit_kib * BYTES_PER_KIB
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit_bytes:
            raise RefusedRequestError(413, f"the body is above {limit_kib:g} KiB")
    return bytes(body)


def _label(outputs: NDArray[np.float32]) -> int | None:
    """The class with the highest score; None where the answer is no list of scores."""
    return int(outputs.argmax()) if outputs.ndim == 1 and outputs.size > 1 else None


@serve.deployment(name="ModelServer")
@serve.ingress(api)
class ModelServer:
    """A replica."""

    def __init__(self, args: ServingArgs) -> None:
        self._args = args
        self._config: ServingConfig | None = None
        self._served: Served | None = None
        # torch keeps its number of threads per calling thread: always the same one.
        self._runner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    async def reconfigure(self, user_config: Mapping[str, Any]) -> None:
        """Take up a config; called by Ray before the first request and on each change."""
        config = ServingConfig.model_validate(user_config)
        if self._served is None or _differs(config, self._config):
            loop = asyncio.get_running_loop()
            # Whoever asks meanwhile if this replica is well gets an answer.
            self._served = await loop.run_in_executor(self._runner, _load, config)
        self._config = config
        self._answer.set_max_batch_size(config.max_batch)  # type: ignore[attr-defined]  # serve.batch adds it
        self._answer.set_batch_wait_timeout_s(seconds(config.max_wait_ms))  # type: ignore[attr-defined]  # the same

    @serve.batch(max_batch_size=1, batch_wait_timeout_s=0.0)
    async def _answer(self, examples: list[NDArray[np.generic]]) -> list[Answer]:
        served = self._loaded()
        batch = np.stack(examples)
        loop = asyncio.get_running_loop()
        outputs, service_s = await loop.run_in_executor(
            self._runner, _run, served, batch
        )
        return [
            Answer(outputs=row, batch_size=len(examples), service_s=service_s)
            for row in outputs
        ]

    @api.post("/")
    async def predict(self, request: Request) -> Response:
        """Answer one example."""
        served = self._loaded()
        body = await _body(request, limit_kib=self._args.max_request_kib)
        example = read_inputs(
            body, shape=served.sample_shape, dtype=served.sample_dtype
        )
        answer: Answer = await self._answer(example)
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

    @api.get("/healthz")
    async def healthy(self) -> dict[str, str]:
        """Say that the variant is loaded."""
        self._loaded()
        return {"status": "ok"}

    @api.get("/about")
    async def about(self) -> dict[str, Any]:
        """Say what this replica is and runs."""
        served = self._loaded()
        return {
            "placement": self._args.placement,
            "config": None if self._config is None else self._config.model_dump(),
            "artifact_sha256": served.artifact_sha256,
            "input_shape": list(served.sample_shape),
            "input_dtype": str(served.sample_dtype),
            "environment": dict(runtime_versions()),
        }

    def _loaded(self) -> Served:
        if self._served is None:
            raise RuntimeError("Ray has not given this replica a user_config yet")
        return self._served


def build(args: ServingArgs) -> serve.Application:
    """The application, as `import_path` of a Ray Serve config names it."""
    return ModelServer.bind(args)  # type: ignore[attr-defined, no-any-return]  # serve.deployment makes the class a Deployment
