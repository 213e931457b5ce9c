"""`planner serve --emulate-network`: a plan served for real behind its own uplink."""

import json
import time
import urllib.request

import pytest

from planner.cli.app import main
from planner.domain.variants import Precision, Runtime
from planner.specs.placements import PlanVariant
from planner.units import seconds
from tests.support import ways
from tests.support.listening import planner_serving

pytestmark = [pytest.mark.ray, pytest.mark.slow]

MODEL = """
import torch


def build():
    torch.manual_seed(0)
    return torch.nn.Linear(8, 3)


def inputs():
    return torch.zeros(4, 8)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.py").write_text(MODEL, encoding="utf-8")
    plan = ways.digits_plan(
        variant=PlanVariant(
            precision=Precision.FP32, sparsity_frac=0.0, runtime=Runtime.TORCH
        ),
        artifact_sha256=None,
        threads=1,
    )
    models = [
        m.model_copy(update={"weights": None, "inputs": "model:inputs"})
        for m in plan.models
        if m.name == "digit-reader"
    ]
    plan = plan.model_copy(update={"models": tuple(models)})
    (tmp_path / "plan.json").write_text(plan.model_dump_json(by_alias=True))
    return tmp_path


def test_a_plan_served_behind_its_uplink_answers_after_its_round_trip(folder, capsys):
    with planner_serving(folder, "--emulate-network") as (url, _):
        began_s = time.perf_counter()
        with urllib.request.urlopen(f"{url}healthz", timeout=30) as healthy:
            assert json.load(healthy) == {"status": "ok"}
        taken_s = time.perf_counter() - began_s
        main(["verify", str(folder), "--url", url, "--workload", "reorder-digits", "--seconds", "3", "--rate", "20", "--json"])  # fmt: skip

    found = json.loads(capsys.readouterr().out)
    p50 = next(c["observed"]["value"] for c in found["checks"] if c["subject"] == "p50")
    # A new connection and a request: two round trips, whose jitter may be nothing.
    assert taken_s >= seconds(2 * ways.RTT_MS - ways.JITTER_MS)
    assert p50 >= ways.RTT_MS - ways.JITTER_MS
    assert any("emulated" in note for note in found["notes"])
    assert not any("are added to every latency" in note for note in found["notes"])
    assert (
        f"over an emulated way: RTT {ways.RTT_MS} ms"
        in (folder / "serve.log").read_text()
    )
