"""Predicted against observed latency of real deployments: python tests/bench/live.py

A CNN, a transformer encoder and a small MLP, each measured here, served by Ray Serve on
this machine as a plan would serve it (variant, threads, batch limit, wait; one replica on
its own port), and loaded by open-loop Poisson traffic at 50, 70 and 85 % of the capacity
that the planner computes: the rate at which the 95th percentile is SLO_RATIO times what a
lone request takes, the server's cost counted.

    alone       predicted from the model's own times, measured with nothing else running
    server      the same, and what the server costs (`profilers.serving.weighing`: a model
                that does nothing, same input): S_b = s_b + b κ c, and (1 - κ) c + l beside
    deployed    as `server`, with the model's times as the replica itself reports them under
                a fifth of the capacity (`planner verify --store`): the sender and whatever
                else the machine does are in them

Nothing is fitted to the loads that are predicted. The sender shares the machine with the
server. Noise: a kernel of fixed work (95th and 99th percentile over its median) before and
after; how late a sleep of a millisecond wakes; each level run twice, and p95 by quarters.
"""

import argparse
import asyncio
import datetime as dt
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from planner.domain.hardware import NetworkPath
from planner.domain.placement import BatchPolicy
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime
from planner.domain.verification import Outcome
from planner.errors import ProfilingError
from planner.perf.capacity import CapacityQuery, capacities_rps
from planner.perf.latency import predict
from planner.reference.catalog import Catalog
from planner.specs.models import TorchSource
from planner.specs.placements import PlanVariant
from planner.specs.serving import ServedModel, ServingConfig
from planner.units import milliseconds, seconds
from profilers.emulators.emulator import Emulators
from profilers.local import LocalExecutor
from profilers.machine import StolenTime
from profilers.profiler import Profiling
from profilers.profiles import deployed_profile
from profilers.served import ServedProfiling
from profilers.serving.weighing import weigh_model
from profilers.store import ProfileStore
from profilers.verifying import endpoint, keeping, load, payloads
from profilers.verifying.arrivals import poisson_s
from profilers.verifying.intervals import quantile_interval_s, share_interval
from profilers.verifying.load import Reply, Sending

SLO_RATIO = 4.0
LEVELS = (0.5, 0.7, 0.85)
CALIBRATION_LEVEL = 0.2
FRACS = (0.5, 0.95, 0.99)
WHICH = ("alone", "server", "deployed")
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
            batches=(1, 2, 4, 8),
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


HERE = NetworkPath(
    rtt_s=0.0, transfer_s=0.0, uplink_load_frac=0.0, source="this machine"
)


def predicted(profile: BatchProfile, spec: BenchSpec, rate_rps: float) -> list[float]:
    seen = predict(profile, spec.policy, rate_rps, HERE)
    return [seen.quantile_s(frac) for frac in FRACS]


def deployed_of(
    replies: Sequence[Reply], spec: BenchSpec, otherwise: BatchProfile
) -> BatchProfile:
    """The replica's own service times; batch sizes that seldom came are scaled from the quiet ones."""
    seen = keeping.deployed(
        replies,
        model=spec.name,
        variant=VARIANT,
        device="local",
        measured_at=dt.datetime.now(dt.UTC),
        environment={},
    )
    profile = deployed_profile(seen, name=spec.name, otherwise=otherwise)
    last = profile.points[-1]
    ratio = (last.mean_s or last.p50_s) / service_s(otherwise, last.batch)
    scaled = changed(otherwise, lambda _, value_s: value_s * ratio)
    larger = tuple(p for p in scaled.points if p.batch > last.batch)
    return replace(profile, points=profile.points + larger)


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


def service_s(profile: BatchProfile, batch: float) -> float:
    """Mean service time of a batch, between the measured sizes."""
    sizes = [p.batch for p in profile.points]
    means = [p.mean_s or p.p50_s for p in profile.points]
    return float(np.interp(batch, sizes, means))


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


def measure(spec: BenchSpec, quiet: BatchProfile, folder: Path, length_s: float):
    """Rows of the table, one a level and repeat."""
    url = f"http://127.0.0.1:{PORT}/"
    samples = as_served(payloads.from_model(model_of(spec, folder)), url)
    sending = Sending(url=url, payloads=samples, timeout_s=30.0)
    alone_s = lone_s(sending)
    limit_s = SLO_RATIO * alone_s
    bare = replace(quiet, server=None)
    capacity = capacity_rps(quiet, spec, limit_s)
    warm = loaded(sending, CALIBRATION_LEVEL * capacity, length_s, seed=1)
    try:
        own = replace(deployed_of(warm, spec, quiet), server=quiet.server)
    except ProfilingError as error:
        outcomes = Counter(r.answer.outcome.value for r in warm)
        say(f"# {spec.name}: as deployed not known: {dict(outcomes)}; {error}")
        own = quiet
    cost = quiet.server
    say(
        f"\n{spec.name}: batch ≤ {spec.max_batch}, wait ≤ {spec.max_wait_ms:g} ms, "
        f"{samples.mean_kib:.1f} KiB a request\n"
        f"  service p50/p95 ms by batch, quiet: {told(quiet)} "
        f"(band {quiet.evidence.error_frac:.0%}); deployed: {told(own)}\n"
        f"  server: {cost.evidence.note}; κ = {cost.shared_frac:g}\n"
        f"  lone request {milliseconds(alone_s):.2f} ms, predicted "
        f"{milliseconds(predict(quiet, spec.policy, 0.0, HERE).quantile_s(0.5)):.2f}\n"
        f"  capacity at p95 ≤ {milliseconds(limit_s):.1f} ms: {capacity:.1f}/s; of the "
        f"model alone {capacity_rps(bare, spec, limit_s):.1f}/s, as deployed "
        f"{capacity_rps(own, spec, limit_s):.1f}/s"
    )
    ways = {"alone": bare, "server": quiet, "deployed": own}
    for level in LEVELS:
        for repeat in range(REPEATS):
            yield row(
                spec, sending, level, level * capacity, ways, limit_s, length_s, repeat
            )


def as_served(made: payloads.Payloads, url: str) -> payloads.Payloads:
    """In the form that the server reads with the least work."""

    async def look():
        async with load.session() as client:
            return await endpoint.look_at(client, url)

    about = run(look()).about
    return made.bare(about.input_shape, about.input_dtype)


def row(spec, sending, level, rate_rps, ways, limit_s, length_s, repeat):
    """One level: observed with intervals, and all predictions."""
    stolen = StolenTime()
    replies = loaded(sending, rate_rps, length_s, seed=int(1000 * level) + repeat)
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
        "level": level,
        "rate_rps": rate_rps,
        "n": len(replies),
        "observed": [quantile_interval_s(latency_s, f) for f in FRACS],
        **{name: predicted(profile, spec, rate_rps) for name, profile in ways.items()},
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
        f"| {ms(found['lag_p99'])} |"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=40.0, help="of each load")
    parser.add_argument("--json", type=Path, help="where all figures are written, too")
    parser.add_argument("--only", help="one model's name")
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
        "| sender late p99 ms |"
    )
    say("|" + "---|" * (8 + len(FRACS) * (1 + len(WHICH))))
    rows = []
    for found in serve_and_measure(quiet, specs, folder, chosen.seconds):
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


def serve_and_measure(quiet, specs, folder: Path, length_s: float):
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
            yield from measure(spec, quiet[spec.name], folder, length_s)
            serve.delete(spec.name)
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    sys.exit(main())
