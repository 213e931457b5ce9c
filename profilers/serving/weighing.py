"""What our server costs on this machine: the user's model, really served.

The container's own command serves it, fp32 on torch. One that is not brief would hide
what the server takes: in its place goes a model of the same input that only looks at its
first number, and d is not known. From outside, over loopback:

    c   processor time    blocks of requests, AT_ONCE in flight; per block, what the
                          replica's process used for a request, less what its model took
    d   among its work    what the model took in these blocks, less its quickest: its data
                          and the server's have the caches in turns
    l   beyond it         requests one by one: latency - quickest model's time - d - c
    r   after a pause     the same with a pause before each: what it takes longer

c is the median over blocks and l over requests, each with the 95 % interval of its
median. A request alone in its batch costs most: batches only make c smaller. The
sender's own work, a third of a millisecond here, is in l as it is in any latency.
"""

import asyncio
import contextlib
import datetime as dt
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import yaml
from numpy.typing import NDArray

from planner.domain.profiling import TorchModel, UserModel
from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from planner.specs.models import TorchSource
from planner.specs.placements import PlanVariant
from planner.specs.serving import ServedModel, ServingConfig
from profilers.measuring import machine
from profilers.measuring.measure import REPEATABILITY_FRAC, REST_S, quantile_interval
from profilers.running.process import utc_now
from profilers.served import server_environment
from profilers.servers import OWN_PORT, ServerMeasured
from profilers.serving.loading import BRIEF_S
from profilers.serving.running import IMPORT_PATH
from profilers.verifying import endpoint, load, payloads
from profilers.verifying.load import Sending

FIRST: Final = 5
WARM_UP: Final = 100
LONE: Final = 300
RESTED: Final = 150
AT_ONCE: Final = 4
BLOCKS: Final = 15
BLOCK: Final = 120
# Ray and torch take seconds to start, on a busy small machine tens of them.
PATIENCE_S: Final = 180.0
_POLL_S: Final = 0.25
_QUICKEST_FRAC: Final = 0.02
_MODEL: Final = '''"""Looks at its first number."""

import torch
from torch import nn


class First(nn.Module):
    def forward(self, inputs):
        return inputs.flatten(1)[:, :1].float()


def build():
    return nn.Sequential(First(), nn.Linear(1, 1))


def inputs():
    return torch.zeros((2, *{shape}), dtype=torch.{dtype})
'''


def weigh_model(
    model: UserModel, *, now: Callable[[], dt.datetime] = utc_now
) -> ServerMeasured:
    """What the server costs for requests to the model, or to one of the same input.

    Raises:
        ProfilingError: Its example cannot be had, or the server does not start here.
    """
    from profilers import sources  # noqa: PLC0415 - torch is heavy
    from profilers.models import evaluation_set, example_batch  # noqa: PLC0415 - the same

    example = example_batch(
        model, evaluation_set(model), made_up=sources.made_up(model)
    ).numpy()
    shape, dtype = example.shape[1:], str(example.dtype)
    # Whatever is wrong with serving the model itself is told where it is served.
    with contextlib.suppress(ProfilingError):
        if isinstance(model, TorchModel):
            given = payloads.from_examples(example.tolist(), None, "its examples")
            made = given.bare(shape, dtype)
            return weigh(_own(model), made, is_own=True, now=now)
    return weigh_nothing(shape, dtype, now=now)


def weigh_nothing(
    shape: Sequence[int], dtype: str, *, now: Callable[[], dt.datetime]
) -> ServerMeasured:
    """Serve a model of that input which does nothing, and see what it costs.

    Raises:
        ProfilingError: The server does not start here.
    """
    made = payloads.made_up(shape, dtype, np.random.default_rng(0)).bare(shape, dtype)
    with tempfile.TemporaryDirectory(prefix="nothing-") as directory:
        (Path(directory) / "nothing.py").write_text(
            _MODEL.format(shape=tuple(shape), dtype=dtype), encoding="utf-8"
        )
        model = ServedModel(
            name="nothing",
            directory=directory,
            source=TorchSource(kind="torch", factory="nothing:build"),
            inputs="nothing:inputs",
        )
        return weigh(model, made, is_own=False, now=now)


def weigh(
    model: ServedModel,
    made: payloads.Payloads,
    *,
    is_own: bool,
    now: Callable[[], dt.datetime],
) -> ServerMeasured:
    """Serve the model, send it that, and see what it costs.

    Raises:
        ProfilingError: The server does not start here, or the model is not brief.
    """
    with (
        _serving(model) as url,
        asyncio.Runner(loop_factory=load.precise_loop) as runner,
    ):
        return runner.run(_weigh(url, made, is_own=is_own, now=now))


def _own(model: TorchModel) -> ServedModel:
    weights = model.weights
    return ServedModel(
        name=model.name,
        directory=str(model.directory),
        source=TorchSource(
            kind="torch",
            factory=model.factory,
            weights=None
            if weights is None
            else str(weights.relative_to(model.directory)),
        ),
        inputs=model.inputs,
        evaluation=model.evaluation,
    )


@contextlib.contextmanager
def _serving(model: ServedModel) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="weighing-") as directory:
        folder = Path(directory)
        port = machine.free_port()
        file = folder / "serve.yaml"
        file.write_text(yaml.safe_dump(_config(model, port)), encoding="utf-8")
        log = folder / "log"
        with log.open("w") as written:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "profilers.serving", str(file)],
                env={
                    **os.environ,
                    "PLANNER_METRICS_PORT": str(machine.free_port()),
                    "RAY_USAGE_STATS_ENABLED": "0",
                },
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait_until_healthy(process, port, log)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _config(model: ServedModel, port: int) -> dict[str, Any]:
    config = ServingConfig(
        model=model,
        variant=PlanVariant(
            precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
        ),
        max_batch=1,
        max_wait_ms=0.0,
    )
    deployment = {
        "name": "ModelServer",
        "num_replicas": 1,
        "ray_actor_options": {"num_cpus": 1.0},
        "user_config": config.model_dump(mode="json"),
    }
    return {
        "proxy_location": "Disabled",
        "http_options": {"host": "127.0.0.1", "port": port},
        "applications": [
            {
                "name": "weighed",
                "route_prefix": "/",
                "import_path": IMPORT_PATH,
                "args": {},
                "deployments": [deployment],
            }
        ],
    }


def _wait_until_healthy(
    process: "subprocess.Popen[bytes]", port: int, log: Path
) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=1.0),
        ):
            # The port is opened when the model is loaded.
            return
        time.sleep(_POLL_S)
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    raise ProfilingError(
        "what the server itself costs could not be measured: it did not start "
        f"({''.join(last)[:200]})"
    )


async def _weigh(
    url: str,
    made: payloads.Payloads,
    *,
    is_own: bool,
    now: Callable[[], dt.datetime],
) -> ServerMeasured:
    sending = Sending(url=url, payloads=made)
    async with load.session() as client:
        first = await _in_turn(client, sending, FIRST)
        if is_own and np.median(first[1]) > BRIEF_S:
            raise ProfilingError(
                "it takes so long that the server's part is lost in it"
            )
        await _in_turn(client, sending, WARM_UP)
        lone = await _in_turn(client, sending, LONE)
        rested = await _in_turn(client, sending, RESTED, rest_s=REST_S)
        blocks = [await _block(client, sending) for _ in range(BLOCKS)]
    used_s, model_s = np.array(blocks).T
    quickest_s = float(np.quantile(lone[1], _QUICKEST_FRAC))
    stirred_s = max(0.0, float(np.median(model_s)) - quickest_s)
    processor_s, *processor_bounds_s = _with_interval(used_s - model_s)
    beyond_s = lone[0] - quickest_s - stirred_s - processor_s
    latency_s, *latency_bounds_s = _with_interval(beyond_s)
    latency_s = max(0.0, latency_s)
    worst = (processor_bounds_s[1] + max(0.0, latency_bounds_s[1])) / (
        processor_s + latency_s
    ) - 1
    return ServerMeasured(
        server=OWN_PORT,
        request_bytes=len(made.bodies[0]),
        processor_s=processor_s,
        processor_low_s=processor_bounds_s[0],
        processor_high_s=processor_bounds_s[1],
        latency_s=latency_s,
        latency_low_s=max(0.0, latency_bounds_s[0]),
        latency_high_s=max(0.0, latency_bounds_s[1]),
        n_requests=LONE + BLOCKS * BLOCK,
        error_frac=max(REPEATABILITY_FRAC, worst),
        busy_ratio=os.getloadavg()[0] / (os.cpu_count() or 1),
        measured_at=now(),
        environment=dict(server_environment()),
        rested_s=max(0.0, float(np.median(rested[0]) - np.median(lone[0]))),
        stirred_s=stirred_s if is_own else None,
        is_own=is_own,
    )


def _with_interval(samples: NDArray[np.float64]) -> tuple[float, float, float]:
    """The median and its interval's ends; the samples' own where they are too few."""
    low, high = quantile_interval(samples, 0.5)
    return (
        float(np.median(samples)),
        float(samples.min()) if low is None else low,
        float(samples.max()) if high is None else high,
    )


async def _in_turn(
    client: aiohttp.ClientSession, sending: Sending, count: int, *, rest_s: float = 0.0
) -> NDArray[np.float64]:
    """Latencies of requests one after the other, and what the model took of each."""
    loop = asyncio.get_running_loop()
    seen = np.empty((2, count))
    for i in range(count):
        if rest_s:
            await asyncio.sleep(rest_s)
        began_s = loop.time()
        sample = i % len(sending.payloads.bodies)
        answer, ended_s = await load.send_one(client, sending, sample, loop.time)
        if answer.service_s is None:
            raise ProfilingError(
                f"what the server itself costs could not be measured: {answer.said}"
            )
        seen[:, i] = ended_s - began_s, answer.service_s
    return seen


async def _block(
    client: aiohttp.ClientSession, sending: Sending
) -> tuple[float, float]:
    """Processor time of a request, the model's included, and the model's time of it."""
    before_s = await _processor_s(client, sending.url)
    seen = await asyncio.gather(
        *(_in_turn(client, sending, BLOCK // AT_ONCE) for _ in range(AT_ONCE))
    )
    used_s = (await _processor_s(client, sending.url) - before_s) / BLOCK
    return used_s, float(np.mean([one[1].mean() for one in seen]))


async def _processor_s(client: aiohttp.ClientSession, url: str) -> float:
    document = await endpoint.document_at(client, f"{url}about")
    if not isinstance(document, dict) or "processor_s" not in document:
        raise ProfilingError(
            "what the server itself costs could not be measured: it does not say what "
            "it has used"
        )
    return float(document["processor_s"])
