"""What is to be measured, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from planner.domain.profiles import BatchProfile
from planner.domain.variants import Precision, Runtime, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchModel:
    """A user's torch model: from files, or live.

    From files: `factory` is "module:callable" found under `directory`, returning
    a `torch.nn.Module`; `weights` is a safetensors file loaded into it. Live:
    `factory` is a callable and `weights` is None. `evaluation` gives
    `(inputs, labels)`: a tensor of shape (n, …) and integer classes of shape
    (n,). `inputs` gives one example batch, a tensor of shape (n, …), and is
    only needed without an evaluation set.
    """

    name: str
    directory: Path
    factory: str | Callable[[], object]
    weights: Path | None = None
    evaluation: str | Callable[[], tuple[object, object]] | None = None
    inputs: str | Callable[[], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingJob:
    """Measure these variants of a model, and map them to these devices.

    `devices` holds catalogue names (emulated) and "local" (this machine).
    """

    model: TorchModel
    precisions: tuple[Precision, ...]
    runtimes: tuple[Runtime, ...]
    devices: tuple[str, ...]
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingFailure:
    """A variant that could not be measured; the others went on."""

    model: str
    variant: Variant
    device: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingProgress:
    """How far profiling is, for a progress view."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingOutcome:
    """Profiles, failures, what users must know, and how many were not in the store."""

    profiles: tuple[BatchProfile, ...]
    failures: tuple[ProfilingFailure, ...]
    warnings: tuple[str, ...]
    n_measured: int
    n_cached: int
    environment: Mapping[str, str]
