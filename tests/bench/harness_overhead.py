"""What the harness adds: one model through a Ray actor, the local executor, torch's own timer.

python tests/bench/harness_overhead.py [ROUNDS]

Three models, batch 1, one thread, fp32 on torch. All three ways in one run, in turns: every
round times the models by each way, the ways in another order each time, so that drift of the
machine falls on all alike. A round takes about a minute, most of it Ray and torch starting.
A figure is the median over rounds of the way's own median; `against` is the median over
rounds of its ratio to `torch.utils.benchmark` in the same round. Load at the end is told.
"""

import os
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median

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
    from profilers.events import KeepMeasurement
    from profilers.schedule import Schedule
    from profilers.session import drive

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


def by_torch(name, folder):
    """Seconds in the median, the layout of images as the product has it."""
    import torch
    from torch.utils.benchmark import Timer

    sys.path.insert(0, str(folder))
    import models

    module, inputs = getattr(models, name)(), getattr(models, f"{name}_inputs")()
    if inputs.ndim == 4:
        module, inputs = (
            x.to(memory_format=torch.channels_last) for x in (module, inputs)
        )
    with torch.inference_mode():
        timer = Timer("m(x)", globals={"m": module, "x": inputs}, num_threads=1)
        return timer.blocked_autorange(min_run_time=1.5).median


def in_a_process_each(names, folder):
    """As the other two have it: nothing of one model is in another's memory."""
    found = {}
    for name in names:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as one:
            found[name] = one.submit(by_torch, name, folder).result()
    return found


def main(n_rounds):
    from profilers.actors import RayExecutor
    from profilers.local import LocalExecutor

    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "models.py").write_text(MODELS)
        every, wanted = defaultdict(list), trials(folder)
        ways = {
            "torch.utils.benchmark": lambda t: in_a_process_each(t, folder),
            "local executor": lambda t: by(LocalExecutor(), t),
            "Ray actor": lambda t: by(RayExecutor(), t),
        }
        for round_ in range(n_rounds):
            began_s = time.perf_counter()
            for way in list(ways)[round_ % 3 :] + list(ways)[: round_ % 3]:
                for name, took_s in ways[way](wanted).items():
                    every[name, way].append(took_s)
            sys.stdout.write(f"round {round_ + 1}: {time.perf_counter() - began_s:.0f} s\n")  # fmt: skip
            sys.stdout.flush()
        for name in NAMES:
            base = every[name, "torch.utils.benchmark"]
            for way in ways:
                ratios = [a / b for a, b in zip(every[name, way], base, strict=True)]
                sys.stdout.write(
                    f"{name:8} {way:22} {1e3 * median(every[name, way]):8.3f} ms  "
                    f"against {median(ratios) - 1:+.1%}  ({min(ratios) - 1:+.1%} to "
                    f"{max(ratios) - 1:+.1%})\n"
                )
    sys.stdout.write(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
