"""What --fewer-points saves on models that are really measured here, against the whole grid.

python tests/bench/fewer_points_measured.py [local|ray] [SEED]

A CNN and an MLP in their variants at batches 1 to 64, on this machine, mapped to two
Raspberry Pis that stand in a shop. The emulator's own trials are measured first, once, as
they are once on a machine, or are those of the store SEED; then the plan is made twice,
each time from a store that holds nothing else: from the whole grid and as `recommend
--fewer-points` makes it. Time is from the question to the plan's machines, without the
simulation. Same plan: as in `fewer_points`; but each of the two has its own measurements,
and a plan near a tie may turn on what those differ by.
"""

import datetime as dt
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from planner.domain.placement import NoPlan
from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import learn
from planner.pipeline.asking.question import ask
from planner.pipeline.recommend import World
from planner.pipeline.solving.answered import answered
from planner.ports import Unobserved
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from profilers.emulators.emulator import Emulators
from profilers.local import LocalExecutor
from profilers.profiler import Profiling
from profilers.store import ProfileStore

GRID = (1, 2, 4, 8, 16, 32, 64)
MODELS = '''
import torch
from torch import nn


def cnn():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10),
    )


def images():
    return torch.randn(64, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(),
        nn.Linear(1024, 10),
    )


def none():
    return nn.Linear(512, 10)


def rows():
    return torch.randn(64, 512, generator=torch.Generator().manual_seed(1))
'''  # fmt: skip
SPEC = {
    "kind": "deployment", "version": 1, "name": "shop",
    "models": [
        {"name": "cnn", "source": {"kind": "torch", "factory": "models:cnn"},
         "variants": {"precisions": ["fp32", "int8"], "runtimes": ["onnxruntime", "torch"]}},
        {"name": "mlp", "source": {"kind": "torch", "factory": "models:mlp"},
         "variants": {"precisions": ["fp32", "int8"], "runtimes": ["onnxruntime"]}},
    ],
    "workloads": [
        {"name": "see", "model": "cnn", "origin": "shop",
         "traffic": {"kind": "constant", "rate_rps": 4000},
         "slo": {"percentile": 95, "latency_ms": 250}},
        {"name": "rank", "model": "mlp", "origin": "shop",
         "traffic": {"kind": "constant", "rate_rps": 9000},
         "slo": {"percentile": 95, "latency_ms": 120}},
    ],
    "sites": [{"kind": "edge", "name": "shop", "devices": [
        {"device": "raspberry-pi-5", "stock": 40}, {"device": "raspberry-pi-4", "stock": 40},
    ]}],
}  # fmt: skip


@dataclass(kw_only=True)
class Timed:
    """Another profiler on this grid; how long it took, less what planning took of it."""

    inner: Profiling
    planning_s: list[float] = field(default_factory=list)
    took_s: float = 0.0

    def reachable_devices(self):
        return self.inner.reachable_devices()

    def profile(self, jobs, *, on_progress, planned=None):
        def asked(outcome):
            began_s = time.perf_counter()
            used = planned(outcome)
            self.planning_s.append(time.perf_counter() - began_s)
            return used

        began_s = time.perf_counter()
        outcome = self.inner.profile(
            [replace(j, batches=GRID) for j in jobs],
            on_progress=on_progress,
            planned=planned and asked,
        )
        self.took_s = time.perf_counter() - began_s
        return outcome


def executor(kind):
    if kind == "local":
        return LocalExecutor()
    from profilers.actors import RayExecutor

    return RayExecutor()


@dataclass(kw_only=True)
class Made:
    """A plan and how it came about."""

    known: object
    plan: Any
    took_s: float
    profiler: Timed

    @property
    def used(self):
        """The machines, how many, the variants, and how many requests at once."""
        placed = () if self.plan is None else self.plan.assignments
        return sorted(
            (a.candidate.offer.name, a.machines, str(a.candidate.profile.variant), a.candidate.policy.max_batch)
            for a in placed
        )  # fmt: skip

    @property
    def answer(self):
        return [used[:-1] for used in self.used]

    @property
    def words(self):
        return "; ".join(f"{n} {o} {v} ≤ {b}" for o, n, v, b in self.used) or "none"


def made(directory, store, kind, *, fewer_points):
    facts = Catalog.shipped()
    models = {
        "cnn": TorchModel(name="cnn", directory=directory, factory="models:cnn", inputs="models:images"),
        "mlp": TorchModel(name="mlp", directory=directory, factory="models:mlp", inputs="models:rows"),
    }  # fmt: skip
    profiler = Timed(inner=profiling(store, kind))
    world = World(
        catalog=facts, models=models, profiler=profiler, observer=Unobserved(),
        now=lambda: dt.datetime.now(dt.UTC), fewer_points=fewer_points,
    )  # fmt: skip
    document = parse_spec(SPEC, document="the bench")
    began_s = time.perf_counter()
    known = learn(
        document, facts, models, profiler, on_progress=told,
        planned=world.used(document) if fewer_points else None,
    )  # fmt: skip
    plan = planned(document, facts, known)
    took_s = time.perf_counter() - began_s
    return Made(known=known, plan=plan, took_s=took_s, profiler=profiler)


def planned(document, facts, known):
    question = ask(document, facts, known, Capacities())
    found = answered(question, time_limit_s=30.0)
    return None if isinstance(found, NoPlan) else found.solution


def told(progress):
    sys.stderr.write(f"  {progress.done}/{progress.total} {progress.what}\n")


def calibrate(directory, store, kind):
    """The emulator's own trials, by way of a model that nobody asks for."""
    model = TorchModel(
        name="none", directory=directory, factory="models:none", inputs="models:rows"
    )
    job = ProfilingJob(
        model=model,
        precisions=(Precision.FP32,),
        runtimes=(Runtime.ONNXRUNTIME,),
        devices=("raspberry-pi-5",),
        batches=(1,),
    )
    began_s = time.perf_counter()
    profiling(store, kind).profile([job], on_progress=told)
    return time.perf_counter() - began_s


def profiling(store, kind):
    return Profiling(
        ProfileStore(store), executor(kind), emulator=Emulators(Catalog.shipped())
    )


def main(kind, seed=None):
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "models.py").write_text(MODELS, encoding="utf-8")
        calibrated_s = 0.0
        if seed is None:
            seed = directory / "seed.sqlite3"
            calibrated_s = calibrate(directory, seed, kind)
        made_by = {}
        for name in ("whole", "fewer"):
            store = directory / f"{name}.sqlite3"
            shutil.copy(seed, store)
            made_by[name] = made(directory, store, kind, fewer_points=name == "fewer")
        whole, fewer = made_by["whole"], made_by["fewer"]
        points = fewer.known.points
        sys.stdout.write(
            f"{kind}; the emulator's own trials before both: {calibrated_s:.0f} s\n"
            f"whole grid    {whole.took_s:6.1f} s, {points.n_grid} points timed\n"
            f"fewer points  {fewer.took_s:6.1f} s, {points.n_timed} of {points.n_grid} points timed"
            f" ({points.n_timed / points.n_grid:.0%}), {points.n_plans} plans in"
            f" {sum(fewer.profiler.planning_s):.1f} s of it,"
            f" {fewer.known.n_measured} trials\n"
            f"time ratio    {fewer.took_s / whole.took_s:6.2f}\n"
            f"same plan     {'yes' if whole.answer == fewer.answer else 'no'}"
            f"{'' if whole.used == fewer.used else ', limits differ'}\n"
            f"  whole: {whole.words}\n  fewer: {fewer.words}\n"
        )


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["local"]))
