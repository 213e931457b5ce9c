"""The known models that are measured here, so that published tables apply here.

All are of the MLPerf open edge sweep, at batch 1 as published, on onnxruntime, the
fastest runtime that every profiling install has. The emulator needs four of them,
chosen so that every device of the sweep has three or more, from the smallest to a
usual size; the others make this machine a column beside the published ones, from which
a model of the user's own is predicted on the others (`planner.perf.transfer`).
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from planner.domain.profiling import ProfilingJob, TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.trials import LOCAL, Envelope, Trial

RUNTIME = Runtime.ONNXRUNTIME
# The sweep knows no others.
PRECISIONS = (Precision.FP32, Precision.INT8)
TIMEOUT_S = 120.0
# Of one model at one precision, export and all: here, 2 cores, 2026-11.
TRIAL_S = 10.0

_DIRECTORY = Path(__file__).parent / "reference_models"
# Published name: factory and side of its images in `reference_models/architectures.py`.
_FACTORIES: Mapping[str, tuple[str, int]] = {
    "mobilenet-v1-0.25-128": ("mobilenet_v1_0_25", 128),
    "mobilenet-v1-0.25-160": ("mobilenet_v1_0_25", 160),
    "mobilenet-v1-0.5-192": ("mobilenet_v1_0_5", 192),
    "mobilenet-v1-0.75-224": ("mobilenet_v1_0_75", 224),
    "mobilenet-v1-1.0-128": ("mobilenet_v1_1_0", 128),
    "mobilenet-v1-1.0-224": ("mobilenet_v1_1_0", 224),
    "mobilenet-v2-0.35-96": ("mobilenet_v2_0_35", 96),
    "mobilenet-v2-0.35-160": ("mobilenet_v2_0_35", 160),
    "mobilenet-v2-0.5-192": ("mobilenet_v2_0_5", 192),
    "mobilenet-v2-0.75-128": ("mobilenet_v2_0_75", 128),
    "mobilenet-v2-1.0-224": ("mobilenet_v2_1_0", 224),
    "mobilenet-v3-large-minimalistic-1.0-224": ("mobilenet_v3_large_minimalistic", 224),
    "efficientnet-lite0": ("efficientnet_lite0", 224),
    "efficientnet-lite1": ("efficientnet_lite1", 240),
    "efficientnet-lite2": ("efficientnet_lite2", 260),
    "efficientnet-lite4": ("efficientnet_lite4", 300),
}
REFERENCES = tuple(_FACTORIES)
# What the emulator maps by.
MODELS = (
    "mobilenet-v1-0.25-160",
    "mobilenet-v1-0.5-192",
    "mobilenet-v1-0.75-224",
    "mobilenet-v2-1.0-224",
)


def room(envelope: Envelope) -> Envelope:
    """The part of an envelope that changes times: all but the memory limit."""
    return Envelope(threads=envelope.threads, cpu_quota_cores=envelope.cpu_quota_cores)


def trials(envelopes: Iterable[Envelope]) -> tuple[Trial, ...]:
    """Every model that the emulator maps by at every precision, once in each room."""
    rooms = dict.fromkeys(map(room, envelopes))
    return tuple(
        Trial(
            model=known(name),
            variant=Variant(precision=precision, runtime=RUNTIME),
            envelope=envelope,
            batches=(1,),
            timeout_s=TIMEOUT_S,
        )
        for envelope in rooms
        for precision in PRECISIONS
        for name in MODELS
    )


def jobs(rooms: Sequence[tuple[int, int]]) -> tuple[ProfilingJob, ...]:
    """Every known model at every precision on this machine, in each of the rooms."""
    return tuple(
        ProfilingJob(
            model=known(name),
            precisions=PRECISIONS,
            runtimes=(RUNTIME,),
            devices=(LOCAL,),
            batches=(1,),
            rooms=tuple(rooms),
        )
        for name in REFERENCES
    )


def known(name: str) -> TorchModel:
    """A known model, as it is built and run here."""
    factory, side = _FACTORIES[name]
    return TorchModel(
        name=name,
        directory=_DIRECTORY,
        factory=f"architectures:{factory}",
        inputs=f"architectures:images_{side}",
    )
