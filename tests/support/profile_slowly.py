"""Profiles a few slow models: a program for tests to kill.

usage: profile_slowly.py local|ray|HOST:PORT STORE DIRECTORY NAME…
"""

import sys
from pathlib import Path

from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime
from profilers.profiler import Profiling
from profilers.running.local import LocalExecutor
from profilers.running.process import Measuring
from profilers.store import ProfileStore


class NothingToEmulate:
    def devices(self):
        return ()

    def calibration_trials(self, devices):
        return ()


def executor(kind):
    options = {
        "measuring": Measuring(function="measurers:measure", preload=()),
        "versions": "measurers:versions",
    }
    if kind == "local":
        return LocalExecutor(**options)
    from profilers.running.actors import RayExecutor

    address = None if kind == "ray" else kind
    return RayExecutor(address=address, **options)


def main(kind, store, directory, *names):
    jobs = [
        ProfilingJob(
            model=TorchModel(name=name, directory=Path(directory), factory="m:build"),
            precisions=(Precision.FP32,),
            runtimes=(Runtime.TORCH,),
            devices=("local",),
            batches=(1,),
        )
        for name in names
    ]
    outcome = Profiling(
        ProfileStore(Path(store)),
        executor(kind),
        emulator=NothingToEmulate(),
        identity="measurers:identity",
    ).profile(jobs, on_progress=lambda _: None)
    print(outcome.n_measured, outcome.n_cached, len(outcome.profiles))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
