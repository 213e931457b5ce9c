"""Really profiles hundreds of variants of tiny models: a program for tests to kill.

usage: profile_hundreds.py local|ray STORE DIRECTORY N_MODELS

Each model has VARIANTS; the last one cannot be built. What was found is printed as JSON.
"""

import json
import sys
from pathlib import Path

from planner.domain.profiling import DENSE, ProfilingJob, Sparsity, TorchModel
from planner.domain.variants import Precision, Runtime
from profilers.profiler import Profiling
from profilers.running.local import LocalExecutor
from profilers.store import ProfileStore

PRECISIONS = (Precision.FP32, Precision.BF16)
SPARSITIES = (DENSE, Sparsity(share_frac=0.5))
VARIANTS = len(PRECISIONS) * len(SPARSITIES)
MODELS = """
import torch
from torch import nn


def _build(n):
    torch.manual_seed(n)
    return nn.Sequential(nn.Linear(16, 16 + n), nn.ReLU(), nn.Linear(16 + n, 4))


def inputs():
    return torch.randn(8, 16, generator=torch.Generator().manual_seed(1))


def broken():
    raise RuntimeError("this model cannot be built")


for _n in range(100):
    globals()[f"m{_n}"] = lambda n=_n: _build(n)
"""


class NothingToEmulate:
    def devices(self):
        return ()

    def calibration_trials(self, devices):
        return ()


def executor(kind):
    if kind == "local":
        return LocalExecutor(n_slots=2)
    from profilers.running.actors import RayExecutor

    return RayExecutor(n_slots=2)


def factories(n_models):
    return [*(f"m{n}" for n in range(n_models - 1)), "broken"]


def main(kind, store, directory, n_models):
    (Path(directory) / "models.py").write_text(MODELS, encoding="utf-8")
    jobs = [
        ProfilingJob(
            model=TorchModel(
                name=name,
                directory=Path(directory),
                factory=f"models:{name}",
                inputs="models:inputs",
            ),
            precisions=PRECISIONS,
            runtimes=(Runtime.TORCH,),
            devices=("local",),
            batches=(1,),
            sparsities=SPARSITIES,
        )
        for name in factories(int(n_models))
    ]
    outcome = Profiling(
        ProfileStore(Path(store)), executor(kind), emulator=NothingToEmulate()
    ).profile(jobs, on_progress=lambda _: None)
    told = {
        "n_measured": outcome.n_measured,
        "n_cached": outcome.n_cached,
        "measured": [(p.model, str(p.variant)) for p in outcome.profiles],
        "failed": [(f.model, str(f.variant), f.reason) for f in outcome.failures],
    }
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
