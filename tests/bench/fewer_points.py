"""How much of the grid of batch sizes has to be timed until the plan is the exhaustive one.

python tests/bench/fewer_points.py [N_SPECS]

No measuring: published batch curves (NVIDIA's deep-learning examples, in the reference
profiles: T4, V100, A100) play the machine. A spec draws model, rate, promise and clouds
from its seed. `exhaustive` plans from every published point; `fewer` from those that
`profilers.points.until_decided` asks for. Same plan: the same machines, numbers and variants;
"limits differ" where it batches otherwise at the very same cost.
"""

import datetime as dt
import sys
import time
from dataclasses import replace
from statistics import mean, median

import numpy as np

from planner.domain.profiles import BatchProfile, ServicePoint
from planner.pipeline.recommend import World, recommend
from planner.ports import Unobserved
from planner.reference.catalog import Catalog
from planner.specs.load import parse_spec
from profilers.points import Curve, until_decided

MODELS = ("resnet-50", "efficientnet-b0")
MIN_POINTS = 4
NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
# Runs of the paper's own question: about as many requests as one to forty machines take.
RATES_RPS = (50, 4000)
PROMISES_MS = (15, 400)


class Playing:
    """The shipped facts, with these profiles in place of the model's own."""

    def __init__(self, facts, model, profiles):
        self._facts, self._model, self._profiles = facts, model, profiles

    def __getattr__(self, name):
        return getattr(self._facts, name)

    def profiles(self, model):
        return self._profiles if model == self._model else self._facts.profiles(model)


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
            "models": [{"name": "m", "source": {"kind": "reference", "name": model}}],
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


def planned(document, facts, model, profiles):
    world = World(
        catalog=Playing(facts, model, profiles), models={}, profiler=None,
        observer=Unobserved(), now=lambda: NOW,
    )  # fmt: skip
    return recommend(document, world)


def key(p):
    return p.device, p.device_count, str(p.variant)


def point(p, batch, service_s):
    """A point of that time, with the tail that the profile's nearest point has."""
    near = min(p.points, key=lambda q: abs(q.batch - batch))
    scale = service_s / near.p50_s
    scaled = {
        name: None if getattr(near, name) is None else getattr(near, name) * scale
        for name in ("mean_s", "p90_s", "p95_s", "p99_s")
    }
    return ServicePoint(batch=batch, p50_s=service_s, **scaled)


def as_hoped(p, curve):
    true = {q.batch: q for q in p.points}
    return replace(
        p,
        points=tuple(
            true[b] if b in curve.timed_s else point(p, b, curve.fastest_s(b))
            for b in curve.grid
        ),
    )


def answer(plan):
    """What decides: the machines, how many, the variants; empty where nothing fits."""
    return sorted((q.offer, q.replicas, str(q.variant)) for q in plan.placements)


def used(plan):
    """The largest batch that the plan uses of each profile."""
    found = {}
    for q in plan.placements:
        v = q.variant
        for k in found_keys(q, v):
            found[k] = max(found.get(k, 0), q.max_batch)
    return found


def found_keys(q, v):
    return [(q.device, n, f"{v.precision} on {v.runtime}") for n in range(1, 17)]


def one(seed, facts):
    model, document = spec(seed)
    whole = {
        key(p): p
        for p in facts.profiles(model)
        if isinstance(p, BatchProfile) and len(p.points) >= MIN_POINTS
    }
    exhaustive = planned(document, facts, model, tuple(whole.values()))

    def decide(curves):
        hoped = tuple(as_hoped(whole[k], c) for k, c in curves.items())
        plan = planned(document, facts, model, hoped)
        decide.last, decide.n = plan, decide.n + 1
        if not plan.placements:
            return {}
        return {k: b for k, b in used(plan).items() if k in whole}

    decide.n = 0
    known = until_decided(
        {k: Curve.unknown([q.batch for q in p.points]) for k, p in whole.items()},
        planned=decide,
        timed=lambda k, b: next(q.p50_s for q in whole[k].points if q.batch == b),
    )
    n_grid = sum(len(p.points) for p in whole.values())
    n_timed = sum(len(c.timed_s) for c in known.values())
    return {
        "model": model,
        "share": n_timed / n_grid,
        "timed": f"{n_timed} of {n_grid}",
        "same": answer(decide.last) == answer(exhaustive),
        "limits": [q.max_batch for q in decide.last.placements]
        == [q.max_batch for q in exhaustive.placements],
        "fits": bool(exhaustive.placements),
        "plans": decide.n,
        "cost": exhaustive.cost.total_usd_per_month if exhaustive.placements else 0.0,
        "cost_fewer": decide.last.cost.total_usd_per_month
        if decide.last.placements
        else 0.0,
    }


def main(n_specs):
    facts, rows = Catalog.shipped(), []
    sys.stdout.write(
        "seed  model            timed      share  same  plans  USD/month\n"
    )
    for seed in range(n_specs):
        began = time.perf_counter()
        row = one(seed, facts)
        rows.append(row)
        sys.stdout.write(
            f"{seed:4d}  {row['model']:15}  {row['timed']:9}  {row['share']:5.0%}  "
            f"{'yes' if row['same'] else 'no':4}  {row['plans']:5d}  {row['cost']:9.2f} "
            f"{'' if row['fits'] else 'nothing fits '}"
            f"{'' if row['limits'] else 'limits differ '}"
            f"{'' if row['same'] else 'against ' + format(row['cost_fewer'], '.2f')} "
            f"({time.perf_counter() - began:.1f} s)\n"
        )
        sys.stdout.flush()
    shares = [r["share"] for r in rows if r["same"]]
    sys.stdout.write(
        f"\nsame plan in {len(shares)} of {len(rows)}; share of the grid timed then: "
        f"mean {mean(shares):.0%}, median {median(shares):.0%}, most {max(shares):.0%}\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
