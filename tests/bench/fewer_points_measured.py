"""What `recommend --fewer-points` saves on models that are really measured here.

python tests/bench/fewer_points_measured.py [paired] [N_SPECS] [RECORD ...]
python tests/bench/fewer_points_measured.py record RECORD
python tests/bench/fewer_points_measured.py local|ray [RECORD]

A CNN, an MLP and a GRU in their variants, at the batch sizes that the product profiles, on
this machine, mapped to devices in a shop and in a cloud.

`record` measures the whole grid, each trial once, and keeps what each gave and took.

`paired` asks many questions of such records (without one it makes one first): the plan from
the whole grid, and the plan as `recommend --fewer-points` makes it, with each of its trials
answered from the same record (`recorded`). Both rest on the same figures, so what differs is
owed to the choice of points alone. Time is what the trials took, loading once a curve.
Of several records the plans are compared crosswise, too: how often whole grids lead to the
same plan, and how often fewer points of one record lead to that of the whole grid of another.

`local` and `ray` measure a shop both ways for real, one after the other: the time is that
from the question to the plan's machines, without the simulation. The emulator's own trials
are made before, or are those of the RECORD. There the plans rest on two sets of measurements.

Same plan: the same machines, numbers and variants, as in `fewer_points`.
"""

import datetime as dt
import sys
import tempfile
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import mean, median

import numpy as np
from fewer_points import answer, limits, usd_per_month
from recorded import Recording, Replaying, name_of, read, written

from planner.domain.placement import NoPlan, Solution
from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge, learn
from planner.pipeline.asking.question import ask
from planner.pipeline.exploring.kinds import plan_words
from planner.pipeline.recommend import World
from planner.pipeline.solving.answered import answered
from planner.ports import Unobserved
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from profilers.emulators.emulator import Emulators
from profilers.identity import identity
from profilers.keys import trial_key
from profilers.profiler import Profiling
from profilers.running.local import LocalExecutor
from profilers.store import ProfileStore

FACTS = Catalog.shipped()
INPUTS = {"cnn": "images", "mlp": "rows", "reader": "texts"}
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


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Linear(64, 128)
        self.order = nn.GRU(128, 128, batch_first=True)
        self.answer = nn.Linear(128, 10)

    def forward(self, x):
        seen, _ = self.order(torch.relu(self.words(x)))
        return self.answer(seen[:, -1])


def reader():
    torch.manual_seed(0)
    return Reader()


def texts():
    return torch.randn(64, 32, 64, generator=torch.Generator().manual_seed(1))
'''  # fmt: skip
PIS = [
    {"device": "raspberry-pi-5", "stock": 60},
    {"device": "raspberry-pi-4", "stock": 60},
]
JETSONS = [
    {"device": "jetson-orin-nano-8gb", "stock": 40},
    {"device": "raspberry-pi-5", "stock": 60},
]
CLOUD = {"kind": "cloud", "provider": "aws", "regions": ["eu-central-1"], "purchase": ["on_demand"]}  # fmt: skip
UPLINK = {"rtt_ms": 30, "bandwidth_mbps": 200, "to": "eu-central-1"}
# About one to forty machines for each workload.
RATES_RPS = (50, 5000)
PROMISES_MS = (60, 500)


def shop(devices, *, uplink=None):
    place = {"kind": "edge", "name": "shop", "zone": "eu", "devices": devices}
    return place if uplink is None else {**place, "uplink": uplink}


SITES = (
    [shop(PIS)],
    [shop(JETSONS)],
    [shop([{"device": "raspberry-pi-5", "stock": 4}], uplink=UPLINK), CLOUD],
    [shop(PIS, uplink=UPLINK), CLOUD],
)


def spec(seed):
    """A question: models, traffic, promises, devices, how sure, and the budget."""
    rng = np.random.default_rng(seed)

    def between(low, high):
        return round(float(low * (high / low) ** rng.random()), 1)

    names = sorted(rng.choice(list(INPUTS), size=rng.integers(1, 4), replace=False))
    policy = {"confidence_frac": float(rng.choice([0.5, 0.8, 0.9, 0.95]))}
    if rng.random() < 0.4:
        policy["budget_usd_per_month"] = between(100, 3000)
    workloads = [
        {
            "name": f"w-{name}", "model": str(name), "origin": "shop",
            "traffic": {"kind": "constant", "rate_rps": between(*RATES_RPS)},
            "payload": {"request_kib": 4, "response_kib": 1},
            "slo": {"percentile": int(rng.choice([90, 95, 99])), "latency_ms": between(*PROMISES_MS)},
        }
        for name in names
    ]  # fmt: skip
    return {
        "kind": "deployment", "version": 1, "name": f"s{seed}",
        "models": [asked_of(str(n)) for n in names],
        "workloads": workloads,
        "sites": SITES[rng.integers(len(SITES))],
        "policy": policy,
    }  # fmt: skip


MODES = ("record", "paired", "local", "ray")


def asked_of(name):
    return {
        "name": name,
        "source": {"kind": "torch", "factory": f"models:{name}"},
        "variants": {"precisions": ["fp32", "int8"], "runtimes": ["onnxruntime", "torch"]},
    }  # fmt: skip


SHOP = {
    "kind": "deployment", "version": 1, "name": "shop",
    "models": [asked_of("cnn"), asked_of("mlp")],
    "workloads": [
        {"name": "see", "model": "cnn", "origin": "shop",
         "traffic": {"kind": "constant", "rate_rps": 4000},
         "slo": {"percentile": 95, "latency_ms": 250}},
        {"name": "rank", "model": "mlp", "origin": "shop",
         "traffic": {"kind": "constant", "rate_rps": 9000},
         "slo": {"percentile": 95, "latency_ms": 120}},
    ],
    "sites": SITES[0],
}  # fmt: skip


def model(directory, name):
    return TorchModel(
        name=name, directory=directory, factory=f"models:{name}",
        inputs=f"models:{INPUTS.get(name, 'rows')}",
    )  # fmt: skip


@dataclass(kw_only=True)
class Made:
    """A plan and how it came about; time on the executor's clock."""

    known: Knowledge
    plan: Solution | None
    took_s: float


def made(document, directory, executor, records, *, fewer_points):
    """The plan that `recommend` solves for; the emulator's own trials are of the records."""
    spec = parse_spec(document, document="the bench")
    models = {m.name: model(directory, m.name) for m in spec.models}
    with tempfile.TemporaryDirectory() as folder:
        store = ProfileStore(Path(folder) / "store.sqlite3")
        keep_calibration(store, executor, records)
        profiler = Profiling(store, executor, emulator=Emulators(FACTS))
        world = World(
            catalog=FACTS, models=models, profiler=profiler, observer=Unobserved(),
            now=lambda: dt.datetime.now(dt.UTC), fewer_points=fewer_points,
        )  # fmt: skip
        began_s = executor.at_s()
        known = learn(
            spec, FACTS, models, profiler, on_progress=told,
            planned=world.used(spec) if fewer_points else None,
        )  # fmt: skip
        question = ask(spec, FACTS, known, Capacities())
        found = answered(question, time_limit_s=30.0)
        took_s = executor.at_s() - began_s
    plan = None if isinstance(found, NoPlan) else found.solution
    return Made(known=known, plan=plan, took_s=took_s)


def keep_calibration(store, executor, records):
    emulator = Emulators(FACTS)
    for trial in emulator.calibration_trials(emulator.devices()):
        key = trial_key(
            trial, identity=identity(trial.model), environment=executor.environment()
        )
        store.keep(key, trial, records[name_of(trial)].result)


def told(progress):
    sys.stderr.write(f"  {progress.done}/{progress.total} {progress.what}\n")


def recorded(directory, names, executor):
    """What the whole grid of these models gave and took, and the emulator's own trials."""
    recording = Recording(inner=executor)
    jobs = [
        ProfilingJob(
            model=model(directory, name),
            precisions=(Precision.FP32, Precision.INT8),
            runtimes=(Runtime.ONNXRUNTIME, Runtime.TORCH),
            devices=("raspberry-pi-5",),
            percentile_frac=0.95,
        )
        for name in names
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = ProfileStore(Path(folder) / "store.sqlite3")
        profiler = Profiling(store, recording, emulator=Emulators(FACTS))
        profiler.profile(jobs, on_progress=told)
    return recording.records


def paired(directory, n_specs, rounds):
    """One line a question and record; what the records say of each other after that."""
    rows = []
    sys.stdout.write(
        "seed  record  timed      share  time  plans  same  USD/month     fewer points\n"
    )
    for seed in range(n_specs):
        document = spec(seed)
        for n, records in enumerate(rounds):
            whole, fewer = (
                made(document, directory, Replaying(records=records), records, fewer_points=f)
                for f in (False, True)
            )  # fmt: skip
            rows.append(Pair(seed=seed, record=n, whole=whole, fewer=fewer))
            sys.stdout.write(rows[-1].line())
            sys.stdout.flush()
    same = [r for r in rows if r.is_same]
    sys.stdout.write(
        f"\nsame plan in {len(same)} of {len(rows)}; then of the grid timed: "
        f"mean {mean(r.share for r in same):.0%}, median {median(r.share for r in same):.0%}, "
        f"most {max(r.share for r in same):.0%}; of its time: "
        f"mean {mean(r.time_share for r in same):.0%}\n"
    )
    if len(rounds) > 1:
        crosswise(rows)


def crosswise(rows):
    """How often plans agree that rest on different measurements of the same things."""
    by = {(r.seed, r.record): r for r in rows}
    pairs = [
        (by[a], by[b])
        for a, b in permutations(by, 2)
        if a[0] == b[0]
    ]  # fmt: skip
    among = mean(answer(a.whole.plan) == answer(b.whole.plan) for a, b in pairs)
    across = mean(answer(a.whole.plan) == answer(b.fewer.plan) for a, b in pairs)
    sys.stdout.write(
        f"of two records: same plan from two whole grids {among:.0%}, "
        f"from a whole grid and fewer points {across:.0%} ({len(pairs)} pairs)\n"
    )


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A question answered from the whole of a record and from few points of it."""

    seed: int
    record: int
    whole: Made
    fewer: Made

    @property
    def is_same(self):
        return answer(self.whole.plan) == answer(self.fewer.plan)

    @property
    def share(self):
        return self.fewer.known.points.n_timed / self.fewer.known.points.n_grid

    @property
    def time_share(self):
        return self.fewer.took_s / self.whole.took_s

    def line(self):
        points = self.fewer.known.points
        cost, other = usd_per_month(self.whole.plan), usd_per_month(self.fewer.plan)
        said = f"{other - cost:+9.2f}" if cost != other else ""
        return (
            f"{self.seed:4d}  {self.record:6d}  {f'{points.n_timed} of {points.n_grid}':9}"
            f"  {self.share:5.0%}  {self.time_share:4.0%}  {points.n_plans:5d}"
            f"  {'yes' if self.is_same else 'no':4}  {cost:9.2f} {said:>9}"
            f"{'  limits differ' if self.is_same and limits(self.whole.plan) != limits(self.fewer.plan) else ''}"
            f"{'  nothing fits' if self.whole.plan is None else ''}\n"
        )  # fmt: skip


def really(directory, kind, records):
    """The shop's plan from the whole grid and from fewer points, each measured now."""
    executor = executor_of(kind)
    made_by = {}
    for way in ("whole", "fewer"):
        made_by[way] = made(SHOP, directory, executor, records, fewer_points=way == "fewer")  # fmt: skip
    whole, fewer = made_by["whole"], made_by["fewer"]
    points = fewer.known.points
    sys.stdout.write(
        f"{kind}\n"
        f"whole grid    {whole.took_s:6.1f} s, {points.n_grid} points timed\n"
        f"fewer points  {fewer.took_s:6.1f} s, {points.n_timed} of {points.n_grid} timed"
        f" ({points.n_timed / points.n_grid:.0%}), {points.n_plans} plans in between\n"
        f"time ratio    {fewer.took_s / whole.took_s:6.2f}\n"
        f"same plan     {'yes' if answer(whole.plan) == answer(fewer.plan) else 'no'}\n"
    )
    for way, it in made_by.items():
        words = "none" if it.plan is None else plan_words(it.plan)
        sys.stdout.write(f"  {way}: {words}, {usd_per_month(it.plan):.2f} USD/month\n")


def executor_of(kind):
    if kind == "local":
        return LocalExecutor()
    from profilers.running.actors import RayExecutor  # Ray only where it is asked for

    return RayExecutor()


def main(words):
    mode = words.pop(0) if words and words[0] in MODES else "paired"
    n_specs = int(words.pop(0)) if words and words[0].isdigit() else 20
    files = [Path(word) for word in words]
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        (directory / "models.py").write_text(MODELS, encoding="utf-8")
        if mode == "record":
            records = recorded(directory, INPUTS, LocalExecutor())
            files[0].write_text(written(records), encoding="utf-8")
        elif mode == "paired":
            rounds = [read(f.read_text(encoding="utf-8")) for f in files]
            paired(
                directory,
                n_specs,
                rounds or [recorded(directory, INPUTS, LocalExecutor())],
            )
        else:
            known = [read(f.read_text(encoding="utf-8")) for f in files]
            records = (
                known[0] if known else recorded(directory, ["none"], executor_of(mode))
            )
            really(directory, mode, records)


if __name__ == "__main__":
    main(sys.argv[1:])
