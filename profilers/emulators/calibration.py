"""The known models that are measured here, so that published tables apply here.

Four of the MLPerf open edge sweep, chosen so that every device of the sweep has
three or more of them, from the smallest to a usual size. They run on
onnxruntime, the fastest runtime that every profiling install has, at batch 1 as
published.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from planner.domain.profiling import TorchModel
from planner.domain.variants import Precision, Runtime, Variant
from profilers.trials import Envelope, Trial

RUNTIME = Runtime.ONNXRUNTIME
# The sweep knows no others.
PRECISIONS = (Precision.FP32, Precision.INT8)
TIMEOUT_S = 120.0

_DIRECTORY = Path(__file__).parent / "reference_models"
# Published name: factory and inputs in `reference_models/architectures.py`.
_FACTORIES: Mapping[str, tuple[str, str]] = {
    "mobilenet-v1-0.25-160": ("mobilenet_v1_0_25", "images_160"),
    "mobilenet-v1-0.5-192": ("mobilenet_v1_0_5", "images_192"),
    "mobilenet-v1-0.75-224": ("mobilenet_v1_0_75", "images_224"),
    "mobilenet-v2-1.0-224": ("mobilenet_v2_1_0", "images_224"),
}
MODELS = tuple(_FACTORIES)


def room(envelope: Envelope) -> Envelope:
    """The part of an envelope that changes times: all but the memory limit."""
    return Envelope(threads=envelope.threads, cpu_quota_cores=envelope.cpu_quota_cores)


def trials(envelopes: Iterable[Envelope]) -> tuple[Trial, ...]:
    """Every known model at every precision, once in each room."""
    rooms = dict.fromkeys(map(room, envelopes))
    return tuple(
        Trial(
            model=TorchModel(
                name=name,
                directory=_DIRECTORY,
                factory=f"architectures:{factory}",
                inputs=f"architectures:{inputs}",
            ),
            variant=Variant(precision=precision, runtime=RUNTIME),
            envelope=envelope,
            batches=(1,),
            timeout_s=TIMEOUT_S,
        )
        for envelope in rooms
        for precision in PRECISIONS
        for name, (factory, inputs) in _FACTORIES.items()
    )
