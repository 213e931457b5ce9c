"""Predicted against observed latency of real deployments: python tests/bench/live.py

A CNN, a transformer encoder and a small MLP, each measured here, served by Ray Serve on
this machine as a plan would serve it (variant, threads, batch limit, wait; one replica on
its own port), and loaded by open-loop Poisson traffic at 50, 70 and 85 % of the capacity
that the planner computes: the rate at which the 95th percentile is SLO_RATIO times what a
lone request takes, the server's cost counted.

    alone       predicted from the model's own times, measured with nothing else running
    server      the same, and what the server costs (`profilers.serving.weighing`, one by
                one and four at once): S_b = s_b + d + b κ c, (1 - κ) c + l beside, and what
                model and server take longer after a pause
    now         as `server`, at the speed that the machine had just before the level: the
                model is timed again alone, at its largest batch, while the server is idle
    replayed    as `now`, through the simulator at the very instants when requests were due

Nothing is fitted to the loads that are predicted. Every batch size up to the limit is
profiled: times between powers of two are not on the line between them. The sender has one
processor and the replica another, as if they were two machines (`--together`: they have
both); a scheduler that packs threads onto one processor would have each wait for the other.
Noise: a kernel of fixed work (95th and 99th percentile over its median) before and after;
how late a sleep of a millisecond wakes; the speed; each level run twice, p95 by quarters.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import psutil

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime
from planner.domain.verification import Outcome
from planner.domain.workloads import LatencySlo
from planner.perf.capacity import CapacityQuery, capacities_rps
from planner.perf.latency import predict
from planner.perf.service import STRATA, beside_s, rested_s, service_knots
from planner.reference.catalog import Catalog
from planner.simulate.arrivals import Arrivals
from planner.simulate.run import run as simulated
from planner.simulate.scenario import (
    Batches,
    Group,
    Placed,
    Scenario,
    Stream,
    Way,
)
from planner.specs.models import TorchSource
from planner.specs.placements import PlanVariant
from planner.specs.serving import ServedModel, ServingConfig
from planner.units import milliseconds, seconds
from profilers.emulators.emulator import Emulators
from profilers.measuring.machine import StolenTime
from profilers.profiler import Profiling
from profilers.running.local import LocalExecutor
from profilers.served import ServedProfiling
from profilers.serving.weighing import weigh_model
from profilers.store import ProfileStore
from profilers.verifying import endpoint, load, payloads
from profilers.verifying.arrivals import poisson_s
from profilers.verifying.intervals import quantile_interval_s, share_interval
from profilers.verifying.load import Reply, Sending

SLO_RATIO = 4.0
LEVELS = (0.5, 0.7, 0.85)
FRACS = (0.5, 0.95, 0.99)
WHICH = ("alone", "server", "now", "replayed")
SERVER_CORE, SENDER_CORE = 0, 1
REPEATS = 2
PORT = 8423
MODELS = """
import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(1000, 192)
        layer = nn.TransformerEncoderLayer(
            192, 6, 768, batch_first=True, dropout=0.0, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(192, 8)

    def forward(self, tokens):
        return self.head(self.encoder(self.embed(tokens)).mean(1))


def cnn():
    torch.manual_seed(0)
    widths = [3, 32, 64, 96, 128]
    blocks = [
        [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2) if i else nn.Identity()]
        for i, (a, b) in enumerate(zip(widths, widths[1:]))
    ]
    body = [part for block in blocks for part in block]
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def cnn_inputs():
    return torch.randn(16, 3, 40, 40, generator=torch.Generator().manual_seed(1))


def encoder():
    torch.manual_seed(0)
    return Encoder()


def encoder_inputs():
    return torch.randint(0, 1000, (16, 48), generator=torch.Generator().manual_seed(1))


def mlp():
    torch.manual_seed(0)
    wide = 3072
    return nn.Sequential(
        nn.Linear(64, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 10)
    )


def mlp_inputs():
    return torch.randn(16, 64, generator=torch.Generator().manual_seed(1))
"""


@dataclass(frozen=True)
class BenchSpec:
    name: str
    max_batch: int
    max_wait_ms: float

    @property
    def policy(self) -> BatchPolicy:
        return BatchPolicy(
            max_batch=self.max_batch, max_wait_s=seconds(self.max_wait_ms)
        )

    @property
    def lone_wait_s(self) -> float:
        """What a lone request waits for others."""
        return self.policy.max_wait_s if self.max_batch > 1 else 0.0


SPECS = (
    BenchSpec("cnn", 1, 0.0),
    BenchSpec("encoder", 4, 5.0),
    BenchSpec("mlp", 8, 2.0),
)
VARIANT = PlanVariant(
    precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def model_of(spec: BenchSpec, folder: Path) -> TorchModel:
    return TorchModel(
        name=spec.name,
        directory=folder,
        factory=f"models:{spec.name}",
        inputs=f"models:{spec.name}_inputs",
    )


def profiles(folder: Path, specs: Sequence[BenchSpec]) -> dict[str, BatchProfile]:
    """Service times of every model with nothing else running, by the planner's profiler."""
    store, emulator = (
        ProfileStore(folder / "profiles.sqlite3"),
        Emulators(Catalog.shipped()),
    )
    profiling = ServedProfiling(
        inner=Profiling(store, LocalExecutor(), emulator=emulator),
        store=store,
        emulator=emulator,
        cores_of=lambda _: None,
        weigh=weigh_model,
    )
    jobs = [
        ProfilingJob(
            model=model_of(spec, folder),
            precisions=(Precision.FP32,),
            runtimes=(Runtime.TORCH,),
            devices=("local",),
            batches=tuple(range(1, spec.max_batch + 1)),
        )
        for spec in specs
    ]
    outcome = profiling.profile(jobs, on_progress=lambda _: None)
    for remark in (*outcome.warnings, *(f.reason for f in outcome.failures)):
        say(f"# {remark}")
    return {p.model: p for p in outcome.profiles}


def noise() -> tuple[float, float]:
    """95th and 99th percentile over the median of a kernel of fixed work."""
    # A sort runs on one thread, whatever BLAS is there.
    numbers = np.random.default_rng(0).random(40_000)
    taken = []
    for _ in range(1500):
        began = time.perf_counter()
        np.sort(numbers)
        taken.append(time.perf_counter() - began)
    p50, p95, p99 = np.quantile(taken, (0.5, 0.95, 0.99))
    return float(p95 / p50), float(p99 / p50)


def serve_config(spec: BenchSpec, folder: Path) -> dict[str, object]:
    """What the manifests would write for a placement of this model."""
    config = ServingConfig(
        model=ServedModel(
            name=spec.name,
            directory=str(folder),
            source=TorchSource(kind="torch", factory=f"models:{spec.name}"),
            inputs=f"models:{spec.name}_inputs",
        ),
        variant=VARIANT,
        max_batch=spec.max_batch,
        max_wait_ms=spec.max_wait_ms,
    )
    deployment = {
        "name": "ModelServer",
        "num_replicas": 1,
        "ray_actor_options": {"num_cpus": 1.0},
        "user_config": config.model_dump(mode="json"),
    }
    return {
        "proxy_location": "Disabled",
        "http_options": {"host": "127.0.0.1", "port": PORT},
        "applications": [
            {
                "name": spec.name,
                "route_prefix": "/",
                "import_path": "profilers.serving.app:build",
                "args": {},
                "deployments": [deployment],
            }
        ],
    }


async def sequential(sending: Sending, count: int) -> list[Reply]:
    """Requests one after the other."""
    async with load.session() as client:
        found = []
        for i in range(count):
            sample = i % len(sending.payloads.bodies)
            found += await load.send_all(client, sending, np.zeros(1), [sample])
        return found


def run(job):
    with asyncio.Runner(loop_factory=load.precise_loop) as runner:
        return runner.run(job)


def loaded(
    sending: Sending, rate_rps: float, length_s: float, seed: int
) -> list[Reply]:
    """Replies to Poisson traffic, the first tenth of the time left out."""
    rng = np.random.default_rng(seed)
    due_s = poisson_s(rate_rps, length_s, rng)
    samples = [i % len(sending.payloads.bodies) for i in range(len(due_s))]

    async def go() -> list[Reply]:
        async with load.session() as client:
            return await load.send_all(client, sending, due_s, samples)

    return [r for r in run(go()) if r.due_s > length_s / 10]


def lone_s(sending: Sending) -> float:
    """What a lone request takes, in the median."""
    run(sequential(sending, 20))
    return float(np.median([r.latency_s for r in run(sequential(sending, 80))]))


def jitter() -> tuple[float, float]:
    """How late a sleep of a millisecond wakes, in the median and at the 99th percentile."""
    late_s = []
    for _ in range(1000):
        due_s = time.perf_counter() + 0.001
        time.sleep(0.001)
        late_s.append(time.perf_counter() - due_s)
    p50, p99 = np.quantile(late_s, (0.5, 0.99))
    return float(p50), float(p99)


def replayed(
    profile: BatchProfile, spec: BenchSpec, replies: Sequence[Reply], length_s: float
) -> list[float]:
    """Percentiles of the simulator's latencies for requests due at these instants."""
    service = Batches(
        strata=STRATA,
        knots_s=service_knots(profile, spec.max_batch),
        policy=spec.policy,
        rested_s=rested_s(profile),
    )
    sent = Arrivals(at_s=np.array([r.due_s for r in replies]), span_s=length_s)
    placed = Placed(
        workload=spec.name,
        way=Way(rtt_s=beside_s(profile)),
        service=service,
        rates_rps=(len(replies) / length_s,),
    )
    slo = LatencySlo(percentile_frac=0.95, latency_s=1.0)
    scenario = Scenario(
        streams=(Stream(workload=spec.name, slo=slo, arrivals=sent),),
        groups=(Group(name="here", placements=(placed,), machines_on=(1,)),),
    )
    seen = simulated(scenario, seed=1).requests[0].latency_s
    return [float(np.quantile(seen, frac)) for frac in FRACS]


HERE = NetworkPath(
    rtt_s=0.0, transfer_s=0.0, uplink_load_frac=0.0, source="this machine"
)


def predicted(profile: BatchProfile, spec: BenchSpec, rate_rps: float) -> list[float]:
    seen = predict(profile, spec.policy, rate_rps, HERE)
    return [seen.quantile_s(frac) for frac in FRACS]


class Pacer:
    """Times a model alone in a process of its own, whenever it is asked to."""

    PROGRAM = """
import sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np, torch, models
torch.set_num_threads(1)
module = getattr(models, sys.argv[2])().eval()
given = getattr(models, sys.argv[2] + "_inputs")()[: int(sys.argv[3])]
if given.ndim == 4:
    module, given = (x.to(memory_format=torch.channels_last) for x in (module, given))
for _ in sys.stdin:
    taken, until = [], time.perf_counter() + 0.7
    while time.perf_counter() < until:
        began = time.perf_counter()
        with torch.inference_mode():
            module(given).float().numpy()
        taken.append(time.perf_counter() - began)
    print(np.median(taken[len(taken) // 4 :]), flush=True)
"""

    def __init__(self, spec: BenchSpec, folder: Path) -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                self.PROGRAM,
                folder,
                spec.name,
                str(spec.max_batch),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def batch_s(self) -> float:
        """What the largest batch takes now, in the median of 0.5 s."""
        self._process.stdin.write("now\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def pin(core_of: Callable[[str], int]) -> None:
    """Give each process below this one, and this one, a processor."""
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(OSError, psutil.Error):
            core = core_of(" ".join(process.cmdline()))
            for thread in process.threads():
                os.sched_setaffinity(thread.id, {core})


def changed(
    profile: BatchProfile,
    change: Callable[[ServicePoint, float], float],
) -> BatchProfile:
    """The profile with every time changed."""

    def point_of(point: ServicePoint) -> ServicePoint:
        times = {
            f.name: change(point, value)
            for f in fields(point)
            if f.name != "batch" and (value := getattr(point, f.name)) is not None
        }
        return replace(point, **times)

    return replace(profile, points=tuple(map(point_of, profile.points)))


def capacity_rps(profile: BatchProfile, spec: BenchSpec, limit_s: float) -> float:
    query = CapacityQuery(
        profile=profile,
        policy=spec.policy,
        path=HERE,
        percentile_frac=0.95,
        limit_s=limit_s,
    )
    return float(capacities_rps([query])[0])


def told(profile: BatchProfile) -> str:
    return ", ".join(
        f"{p.batch}: {milliseconds(p.p50_s):.2f}/{milliseconds(p.p95_s or p.p50_s):.2f}"
        for p in profile.points
    )


def measure(
    spec, quiet: BatchProfile, folder: Path, length_s: float, *, together: bool
):
    """Rows of the table, one a level and repeat."""
    url = f"http://127.0.0.1:{PORT}/"
    samples = as_served(payloads.from_model(model_of(spec, folder)), url)
    sending = Sending(url=url, payloads=samples, timeout_s=30.0)
    alone_s = lone_s(sending)
    limit_s = SLO_RATIO * alone_s
    bare = replace(quiet, server=None, rested_s=0.0)
    capacity = capacity_rps(quiet, spec, limit_s)
    cost = quiet.server
    say(
        f"\n{spec.name}: batch ≤ {spec.max_batch}, wait ≤ {spec.max_wait_ms:g} ms, "
        f"{samples.mean_kib:.1f} KiB a request\n"
        f"  service p50/p95 ms by batch, quiet: {told(quiet)} "
        f"(band {quiet.evidence.error_frac:.0%}), "
        f"{milliseconds(quiet.rested_s):.2f} more after a pause\n"
        f"  server: {cost.evidence.note}; κ = {cost.shared_frac:g}\n"
        f"  lone request {milliseconds(alone_s):.2f} ms, predicted "
        f"{milliseconds(predict(quiet, spec.policy, 0.0, HERE).quantile_s(0.5)):.2f}\n"
        f"  capacity at p95 ≤ {milliseconds(limit_s):.1f} ms: {capacity:.1f}/s; of the "
        f"model alone {capacity_rps(bare, spec, limit_s):.1f}/s"
    )
    pacer = Pacer(spec, folder)
    if not together:
        pin(lambda words: SERVER_CORE if is_served_by(words) else SENDER_CORE)
    try:
        for level in LEVELS:
            for repeat in range(REPEATS):
                slower = pacer.batch_s() / quiet.points[-1].p50_s
                now = changed(quiet, lambda _, value_s, by=slower: value_s * by)
                now = replace(now, rested_s=quiet.rested_s * slower)
                ways = {"alone": bare, "server": quiet, "now": now}
                rate = level * capacity
                found = row(spec, sending, rate, ways, limit_s, length_s, repeat)
                yield {**found, "level": level, "slower": slower}
    finally:
        pacer.close()


def is_served_by(words: str) -> bool:
    """Whether a process with this command line is the replica, or times its model."""
    return "ServeReplica" in words or Pacer.PROGRAM in words


def as_served(made: payloads.Payloads, url: str) -> payloads.Payloads:
    """In the form that the server reads with the least work."""

    async def look():
        async with load.session() as client:
            return await endpoint.look_at(client, url)

    takes = run(look()).about.takes
    return made.bare(takes.shape, takes.dtype)


def row(spec, sending, rate_rps, ways, limit_s, length_s, repeat):
    """One level: observed with intervals, and all predictions."""
    stolen, seed = StolenTime(), int(rate_rps) + repeat
    replies = loaded(sending, rate_rps, length_s, seed=seed)
    latency_s = np.array(
        [
            r.latency_s if r.answer.outcome is Outcome.ANSWERED else np.inf
            for r in replies
        ]
    )
    halves = [float(np.quantile(part, 0.95)) for part in np.array_split(latency_s, 4)]
    service = [r.answer.service_s for r in replies if r.answer.service_s is not None]
    share, low, _ = share_interval(latency_s <= limit_s)
    return {
        "model": spec.name,
        "rate_rps": rate_rps,
        "n": len(replies),
        "observed": [quantile_interval_s(latency_s, f) for f in FRACS],
        **{name: predicted(profile, spec, rate_rps) for name, profile in ways.items()},
        "replayed": replayed(ways["now"], spec, replies, length_s),
        "attainment": (share, low),
        "quarters_p95": (min(halves), max(halves)),
        "service_p50": float(np.median(service)) if service else float("nan"),
        "lag_p99": float(np.quantile([r.lag_s for r in replies], 0.99)),
        "stolen": stolen(),
    }


def line(found) -> str:
    def ms(value: float | None) -> str:
        return "open" if value is None else f"{milliseconds(value):.1f}"

    cells = []
    for i, (value, low, high) in enumerate(found["observed"]):
        guesses = [found[which][i] for which in WHICH]
        cells.append(
            f"{ms(value)} [{ms(low)}, {ms(high)}] | "
            + " | ".join(f"{ms(g)} ({g / value - 1:+.0%})" for g in guesses)
        )
    share, low = found["attainment"]
    first, last = found["quarters_p95"]
    return (
        f"| {found['model']} | {found['level']:.0%} | {found['rate_rps']:.1f} | {found['n']} | "
        + " | ".join(cells)
        + f" | {share:.1%} (≥ {low:.1%}) | {ms(first)}–{ms(last)} | {found['stolen']:.0%} "
        f"| {ms(found['lag_p99'])} | {found['slower']:.2f} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0, help="of each load")
    parser.add_argument("--json", type=Path, help="where all figures are written, too")
    parser.add_argument("--only", help="one model's name")
    parser.add_argument("--together", action="store_true", help="pin nothing")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="live-"))
    (folder / "models.py").write_text(MODELS, encoding="utf-8")
    say(f"# {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} processors")
    say(f"# load average before: {os.getloadavg()[0]:.1f}")
    late = jitter()
    say(
        f"# a sleep of 1 ms wakes {milliseconds(late[0]):.2f} ms late in the median, "
        f"{milliseconds(late[1]):.2f} at p99"
    )
    p95, p99 = noise()
    say(f"# a kernel of fixed work, p95 and p99 over its median: {p95:.2f}, {p99:.2f}")
    specs = [s for s in SPECS if chosen.only in (None, s.name)]
    quiet = profiles(folder, specs)
    heads = " | ".join(f"p{100 * f:g} ms | " + " | ".join(WHICH) for f in FRACS)
    say(
        f"\n| model | load | /s | n | {heads} | in time | p95 by quarter | stolen "
        "| sender late p99 ms | slower by |"
    )
    say("|" + "---|" * (9 + len(FRACS) * (1 + len(WHICH))))
    rows = []
    for found in serve_and_measure(
        quiet, specs, folder, chosen.seconds, together=chosen.together
    ):
        say(line(found))
        rows.append(found)
    for which in WHICH:
        errors = [
            abs(f[which][1] / f["observed"][1][0] - 1)
            for f in rows
            if f["observed"][1][0]
        ]
        say(
            f"|error| of p95, {which}: median {np.median(errors):.0%}, worst {max(errors):.0%}"
        )
    p95, p99 = noise()
    say(
        f"# the same kernel afterwards: {p95:.2f}, {p99:.2f}; load {os.getloadavg()[0]:.1f}"
    )
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1, default=float))
    return 0


def serve_and_measure(quiet, specs, folder: Path, length_s: float, *, together: bool):
    import ray
    from ray import serve

    from profilers.serving.running import deploy, parse_config, start_lean

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    start_lean()
    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=128 * 1024**2,
    )
    try:
        for spec in specs:
            deploy(parse_config(serve_config(spec, folder), document=spec.name))
            yield from measure(
                spec, quiet[spec.name], folder, length_s, together=together
            )
            serve.delete(spec.name)
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    sys.exit(main())
