"""Small documents of published profiles, asked as the pipeline asks them."""

import datetime as dt

from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge, published
from planner.pipeline.asking.question import Question, ask
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.recommend import World
from planner.ports import Unobserved
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.edit import with_values
from planner.specs.load import parse_spec

NOW = dt.datetime(2026, 8, 1, tzinfo=dt.UTC)


def document(**changes: object) -> Deployment:
    """A shop with boards only; dots in names are written as double underscores."""
    data = {
        "kind": "deployment",
        "version": 1,
        "name": "shop",
        "models": [
            {"name": "m", "source": {"kind": "reference", "name": "mobilenet-v2-1.0-224"}}
        ],
        "workloads": [
            {
                "name": "cameras",
                "model": "m",
                "origin": "shop",
                "traffic": {"kind": "constant", "rate_rps": 12},
                "payload": {"request_kib": 40, "response_kib": 1},
                "slo": {"percentile": 95, "latency_ms": 150},
                "quality": {"metric": "top1_accuracy", "minimum_frac": 0.7},
            }
        ],
        "sites": [
            {
                "kind": "edge",
                "name": "shop",
                "zone": "eu",
                "devices": [{"device": "raspberry-pi-4", "stock": 4, "capex_usd": 55}],
            }
        ],
        "policy": {"budget_usd_per_month": 100},
    }  # fmt: skip
    spec = parse_spec(data, document="shop")
    return with_values(spec, {k.replace("__", "."): v for k, v in changes.items()})


def knowledge(spec: Deployment) -> Knowledge:
    return Knowledge(profiles=published(spec, Catalog.shipped()))


def asked(spec: Deployment, capacities: Capacities | None = None) -> Question:
    return ask(spec, Catalog.shipped(), knowledge(spec), capacities or Capacities())


def trials(question: Question, *, search_s: float = 1e9) -> Trials:
    return Trials(
        question,
        time_limit_s=30.0,
        search_s=search_s,
        clock_s=lambda: 0.0,
    )


def world() -> World:
    return World(
        catalog=Catalog.shipped(),
        models={},
        profiler=None,
        observer=Unobserved(),
        now=lambda: NOW,
    )
