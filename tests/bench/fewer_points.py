"""How much of the grid of batch sizes has to be timed until the plan is the exhaustive one.

python tests/bench/fewer_points.py [N_SPECS] [FIRST_SEED]

No measuring: published batch curves (NVIDIA's deep-learning examples, in the reference
profiles: T4, V100, A100) play the machine, in a profiler that times nothing and otherwise
does what the product's does: `profilers.points` chooses batch sizes, the plan is asked in
between as `recommend` with `fewer_points` has it asked. A spec draws model, rate, promise and clouds from its
seed. Same plan: the same machines, numbers and variants; "limits differ" where it batches
otherwise at the very same cost.
"""

import datetime as dt
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import mean, median

import numpy as np

from planner.domain.placement import NoPlan
from planner.domain.profiles import BatchProfile, key_of
from planner.domain.profiling import PointsTimed, ProfilingOutcome, TorchModel
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import learn
from planner.pipeline.asking.question import ask
from planner.pipeline.recommend import World
from planner.pipeline.solving.answered import answered
from planner.ports import Unobserved
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from profilers.points import Reach, at_their_fastest, until_decided

MODELS = ("resnet-50", "efficientnet-b0")
MIN_POINTS = 4
NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
# Runs of the paper's own question: about as many requests as one to forty machines take.
RATES_RPS = (50, 4000)
PROMISES_MS = (15, 400)


class Playing:
    """The profiler whose machine is these published curves; it notes what it timed."""

    def __init__(self, curves):
        self.curves = {key_of(p): p for p in curves}
        self.timed = {}

    def references(self):
        return ()

    def reachable_devices(self):
        return sorted({p.device for p in self.curves.values()})

    def profile(self, jobs, *, on_progress, planned=None):
        if planned is None:
            return outcome(self.curves.values())
        plans = []

        def asked(known):
            found = outcome(self._known(k, r, hoped=True) for k, r in known.items())
            plans.append(planned(found))
            return plans[-1]

        known = until_decided(
            {k: Reach(grid=batches(p)) for k, p in self.curves.items()},
            timed=self._time,
            planned=asked,
        )
        n_timed = sum(len(timed) for timed in self.timed.values())
        n_read_off = sum(len(set(r.known) - self.timed[k]) for k, r in known.items())
        points = PointsTimed(
            n_curves=len(known),
            n_grid=sum(len(r.grid) for r in known.values()),
            n_timed=n_timed,
            n_read_off=n_read_off,
            n_plans=len(plans),
        )
        found = outcome(self._known(k, r, hoped=False) for k, r in known.items())
        return replace(found, points=points)

    def _time(self, wanted):
        """None fails."""
        self.timed |= {key: set(reach.asked) for key, reach in wanted.items()}
        return ()

    def _known(self, key, reach, *, hoped):
        p, timed = self.curves[key], self.timed[key]
        points = tuple(q for q in p.points if q.batch in timed)
        return replace(
            p,
            points=at_their_fastest(points, reach) if hoped else points,
            batch_grid=reach.grid if hoped else reach.known,
        )


def batches(profile):
    return tuple(q.batch for q in profile.points)


def outcome(profiles):
    return ProfilingOutcome(
        profiles=tuple(profiles), failures=(), warnings=(), n_measured=0, n_cached=0,
        environment={},
    )  # fmt: skip


def spec(seed):
    rng = np.random.default_rng(seed)
    model = MODELS[0] if rng.random() < 0.75 else MODELS[1]
    low, high = RATES_RPS
    promise_low, promise_high = PROMISES_MS
    rate = low * (high / low) ** rng.random()
    promise = promise_low * (promise_high / promise_low) ** rng.random()
    clouds = (["aws"], ["gcp"], ["aws", "gcp"])[rng.integers(3)]
    regions = {"aws": ["us-east-1"], "gcp": ["us-central1"]}
    return model, parse_spec(
        {
            "kind": "deployment", "version": 1, "name": f"s{seed}",
            "models": [{"name": "m", "source": {"kind": "torch", "factory": "m:build"}}],
            "workloads": [{
                "name": "w", "model": "m", "origin": regions[clouds[0]][0],
                "traffic": {"kind": "constant", "rate_rps": round(rate, 1)},
                "payload": {"request_kib": 40, "response_kib": 1},
                "slo": {"percentile": 95, "latency_ms": round(promise, 1)},
            }],
            "sites": [
                {"kind": "cloud", "provider": c, "regions": regions[c],
                 "purchase": ["on_demand"]} for c in clouds
            ],
        },
        document=f"spec {seed}",
    )  # fmt: skip


def planned(document, facts, profiler, *, fewer_points):
    """What `recommend` knows, and the plan that it solves for from there."""
    own = TorchModel(name="m", directory=Path(), factory="m:build")
    world = World(
        catalog=facts, models={"m": own}, profiler=profiler,
        observer=Unobserved(), now=lambda: NOW, fewer_points=fewer_points,
    )  # fmt: skip
    known = learn(
        document, facts, world.models, profiler,
        on_progress=world.observer.profiling,
        planned=world.used(document) if fewer_points else None,
    )  # fmt: skip
    question = ask(document, facts, known, Capacities())
    found = answered(question, time_limit_s=world.time_limit_s)
    return known, None if isinstance(found, NoPlan) else found.solution


def answer(plan):
    """What decides: the machines, how many, what runs on them; None where nothing fits."""
    if plan is None:
        return None
    ways = {
        (a.candidate.workload, a.candidate.offer.name, str(a.candidate.profile.variant))
        for a in plan.assignments
    }
    bought = {(p.offer.name, p.kept, p.paid_by_hour) for p in plan.purchases}
    return ways, bought


def limits(plan):
    """How many requests at once, placement by placement."""
    used = () if plan is None else plan.assignments
    return sorted({(a.candidate.workload, a.candidate.policy.max_batch) for a in used})


def usd_per_month(plan):
    return 0.0 if plan is None else plan.cost_usd_per_month


def one(seed, facts):
    model, document = spec(seed)
    curves = [
        replace(p, model="m")
        for p in facts.profiles(model)
        if isinstance(p, BatchProfile) and len(p.points) >= MIN_POINTS
    ]
    _, whole = planned(document, facts, Playing(curves), fewer_points=False)
    began_s = time.perf_counter()
    known, fewer = planned(document, facts, Playing(curves), fewer_points=True)
    points = known.points
    return {
        "model": model,
        "share": points.n_timed / points.n_grid,
        "timed": f"{points.n_timed} of {points.n_grid}",
        "same": answer(fewer) == answer(whole),
        "limits": limits(fewer) == limits(whole),
        "fits": whole is not None,
        "plans": points.n_plans,
        "cost": usd_per_month(whole),
        "cost_fewer": usd_per_month(fewer),
        "fewer_s": time.perf_counter() - began_s,
    }


def main(n_specs, first_seed):
    facts, rows = Catalog.shipped(), []
    sys.stdout.write(
        "seed  model            timed      share  same  plans  USD/month\n"
    )
    for seed in range(first_seed, first_seed + n_specs):
        row = one(seed, facts)
        rows.append(row)
        sys.stdout.write(
            f"{seed:4d}  {row['model']:15}  {row['timed']:9}  {row['share']:5.0%}  "
            f"{'yes' if row['same'] else 'no':4}  {row['plans']:5d}  {row['cost']:9.2f} "
            f"{'' if row['fits'] else 'nothing fits '}"
            f"{'' if row['limits'] else 'limits differ '}"
            f"{'' if row['same'] else 'against ' + format(row['cost_fewer'], '.2f')} "
            f"({row['fewer_s']:.1f} s)\n"
        )
        sys.stdout.flush()
    shares = [r["share"] for r in rows if r["same"]]
    sys.stdout.write(
        f"\nsame plan in {len(shares)} of {len(rows)}; share of the grid timed then: "
        f"mean {mean(shares):.0%}, median {median(shares):.0%}, most {max(shares):.0%}\n"
    )


if __name__ == "__main__":
    numbers = [int(n) for n in sys.argv[1:]]
    main(*(numbers + [20, 0][len(numbers) :]))
