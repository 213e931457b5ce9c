"""What the harness adds: one model through a Ray actor, the local executor, torch's own timer.

python tests/bench/harness_overhead.py [ROUNDS]

Three models, batch 1, one thread, fp32 on torch. All three ways in one run, in turns: every
round times the models by each way, the ways in another order each time, so that drift of the
machine falls on all alike. A round takes about a minute, most of it Ray and torch starting.
A figure is the median over rounds of the way's own median; `against` is the median over
rounds of its ratio to `torch.utils.benchmark` in the same round. Torch's timer runs in a
process that keeps freed memory, as the product's do, and once more in one that leaves it
to the C library (`profilers.measuring.allocator` says why that is another figure). Load is told.

Processes of one way differ among themselves by 5 to 15 % here, so a last table holds the
timers to each other inside one process, in turns of 0.1 s: torch's over the bare module,
torch's over the product's backend (an array in, an array out, as a server has it), and
the product's over that: what the harness itself adds is the last against the second.
"""

import os
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from unittest.mock import patch

MODELS = """
import torch
from torch import nn

def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1024, 2048), nn.ReLU(), nn.Linear(2048, 1024)).eval()

def cnn():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 10)).eval()

def encoder():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()

def mlp_inputs():
    return torch.rand(1, 1024)

def cnn_inputs():
    return torch.rand(1, 3, 96, 96)

def encoder_inputs():
    return torch.rand(1, 64, 256)
"""
NAMES = ("mlp", "cnn", "encoder")
TURNS = 60
TURN_S = 0.1


def trials(folder):
    from planner.domain.profiling import TorchModel
    from planner.domain.variants import Precision, Runtime, Variant
    from profilers.trials import Envelope, Trial

    return {
        name: Trial(
            model=TorchModel(
                name=name, directory=folder, factory=f"models:{name}",
                inputs=f"models:{name}_inputs",
            ),
            variant=Variant(precision=Precision.FP32, runtime=Runtime.TORCH),
            envelope=Envelope(), batches=(1,),
        )
        for name in NAMES
    }  # fmt: skip


def by(executor, wanted):
    """The medians that the executor's trials give, one trial at a time, in seconds."""
    from profilers.running.events import KeepMeasurement
    from profilers.running.schedule import Schedule
    from profilers.running.session import drive

    found = {}

    def keep(order):
        if not isinstance(order, KeepMeasurement):
            raise SystemExit(f"{order.key}: {order.reason}")
        found[order.key] = order.measurement.points[0].p50_s

    slots = executor.open()
    try:
        drive(Schedule(slots), executor, wanted, on_start=lambda _: None, on_kept=keep)
    finally:
        executor.close()
    return found


def module_and_inputs(name, folder):
    """The layout of images as the product has it."""
    import torch

    sys.path.insert(0, str(folder))
    import models

    module, inputs = getattr(models, name)(), getattr(models, f"{name}_inputs")()
    if inputs.ndim == 4:
        module, inputs = (
            x.to(memory_format=torch.channels_last) for x in (module, inputs)
        )
    return module, inputs


def by_torch(name, folder):
    """Seconds in the median."""
    import torch
    from torch.utils.benchmark import Timer

    module, inputs = module_and_inputs(name, folder)
    with torch.inference_mode():
        timer = Timer("m(x)", globals={"m": module, "x": inputs}, num_threads=1)
        return timer.blocked_autorange(min_run_time=1.5).median


def side_by_side(name, folder):
    """Medians of each turn, in seconds: torch's bare, torch's and ours of the backend."""
    import torch
    from torch.utils.benchmark import Timer

    from planner.domain.variants import Precision
    from profilers.backends.torch import TorchBackend
    from profilers.measuring.measure import _block

    module, inputs = module_and_inputs(name, folder)
    backend = TorchBackend(
        module, precision=Precision.FP32, images=inputs.ndim == 4, threads=1
    )
    names = {"m": module, "x": inputs, "b": backend, "a": inputs.contiguous().numpy()}
    timers = [Timer(s, globals=names, num_threads=1) for s in ("m(x)", "b.run(a)")]
    n = max(6, round(TURN_S / timers[1].timeit(20).mean))

    def ours():
        block_s = _block(lambda _: backend.run(names["a"]), 1, n, clock=perf_counter)
        return median(block_s)

    ways = [
        *(lambda t=t: t.blocked_autorange(min_run_time=TURN_S).median for t in timers),
        ours,
    ]
    turns = []
    for turn in range(TURNS):
        order = turned(list(enumerate(ways)), turn)
        with torch.inference_mode():
            took_s = {i: way() for i, way in order}
        turns.append([took_s[i] for i in range(len(ways))])
    return turns


def in_a_process_each(names, folder, *, keeps_memory=True, work=by_torch):
    """As the other two have it: nothing of one model is in another's memory."""
    from planner.domain.servers import KEEPS_FREED_MEMORY

    told = KEEPS_FREED_MEMORY if keeps_memory else {}
    found = {}
    with patch.dict(os.environ, told):
        for name in names:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
                found[name] = one.submit(work, name, folder).result()
    return found


def turned(ways, by):
    return ways[by % len(ways) :] + ways[: by % len(ways)]


def main(n_rounds):
    from profilers.running.actors import RayExecutor
    from profilers.running.local import LocalExecutor

    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "models.py").write_text(MODELS)
        every, wanted = defaultdict(list), trials(folder)
        ways = {
            "torch.utils.benchmark": partial(in_a_process_each, folder=folder),
            "the same, C library's own": partial(
                in_a_process_each, folder=folder, keeps_memory=False
            ),
            "local executor": lambda t: by(LocalExecutor(), t),
            "Ray actor": lambda t: by(RayExecutor(), t),
        }
        for round_ in range(n_rounds):
            began_s = perf_counter()
            for way in turned(list(ways), round_):
                for name, took_s in ways[way](wanted).items():
                    every[name, way].append(took_s)
            sys.stdout.write(f"round {round_ + 1}: {perf_counter() - began_s:.0f} s\n")  # fmt: skip
            sys.stdout.flush()
        for name in NAMES:
            base = every[name, "torch.utils.benchmark"]
            for way in ways:
                ratios = [a / b for a, b in zip(every[name, way], base, strict=True)]
                sys.stdout.write(
                    f"{name:8} {way:26} {1e3 * median(every[name, way]):8.3f} ms  "
                    f"against {median(ratios) - 1:+.1%}  ({min(ratios) - 1:+.1%} to "
                    f"{max(ratios) - 1:+.1%})\n"
                )
        for name, turns in in_a_process_each(NAMES, folder, work=side_by_side).items():
            loop = quantiles([ours / theirs - 1 for _, theirs, ours in turns], n=4)
            arrays = quantiles([theirs / bare - 1 for bare, theirs, _ in turns], n=4)
            sys.stdout.write(
                f"{name:8} in one process, {TURNS} turns: the harness adds {loop[1]:+.1%} "
                f"({loop[0]:+.1%} to {loop[2]:+.1%}), arrays in and out {arrays[1]:+.1%} "
                f"({arrays[0]:+.1%} to {arrays[2]:+.1%}; quartiles)\n"
            )
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
