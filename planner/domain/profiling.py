"""What is to be measured, and what came of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from planner.domain.profiles import Profile
from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant

# The device of whoever measures, as documents and profiles call it.
HERE: Final = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchModel:
    """A user's torch model: from files, or live.

    From files: `factory` is "module:callable" found under `directory`, returning
    a `torch.nn.Module`; `weights` is a safetensors file loaded into it. Live:
    `factory` is a callable and `weights` is None. `evaluation` gives
    `(inputs, labels)`: a tensor of shape (n, …) and integer classes of shape
    (n,); or `(inputs, labels, slices)`, or a dict of these and of `shifted` sets
    (`profilers.quality.slices`). `inputs` gives one example batch, a tensor of shape (n, …), and is
    only needed without an evaluation set. `fine_tune` is called with a pruned
    module and trains it; zeroed weights stay zero.
    """

    name: str
    directory: Path
    factory: str | Callable[[], object]
    weights: Path | None = None
    evaluation: str | Callable[[], object] | None = None
    inputs: str | Callable[[], object] | None = None
    fine_tune: str | Callable[[object], object] | None = None


class FileFormat(StrEnum):
    """What a model's own file or folder is."""

    ONNX = "onnx"  # a graph with its weights
    HUGGINGFACE = "huggingface"  # a folder: config.json and safetensors
    EXPORTED = "exported"  # torch.export's .pt2


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A model that needs no code of the user's: a file, or a folder, at `path`.

    `trusted` is the user's word that the file may run code when it is loaded,
    without which an exported program is not. `sequence_tokens` is the length of
    the made-up text that a model of text is run on where the user gives none;
    `context_tokens` are the contexts at which a causal language model is measured,
    `evaluation_text` the documents that it is graded on.
    """

    name: str
    directory: Path
    format: FileFormat
    path: Path
    trusted: bool = False
    sequence_tokens: int = 128
    context_tokens: tuple[int, ...] = (128, 512)
    evaluation_text: Path | None = None
    evaluation: str | Callable[[], object] | None = None
    inputs: str | Callable[[], object] | None = None
    fine_tune: str | Callable[[object], object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineModel:
    """A fitted scikit-learn estimator that `factory` returns; it runs as ONNX."""

    name: str
    directory: Path
    factory: str | Callable[[], object]
    evaluation: str | Callable[[], object] | None = None
    inputs: str | Callable[[], object] | None = None


UserModel = TorchModel | ModelFile | PipelineModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparsity:
    """How many weights are made zero, and which."""

    share_frac: float
    pattern: SparsityPattern = SparsityPattern.UNSTRUCTURED


DENSE = Sparsity(share_frac=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRoom:
    """Limits that this machine is measured within; None: as it is.

    `soak_s` of load come before anything is timed; `heat_speed_frac` is the speed that is
    left from then on.
    """

    cpu_quota_cores: float | None = None
    memory_bytes: float | None = None
    soak_s: float = 0.0
    heat_speed_frac: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingJob:
    """Measure these variants of a model, and map them to these devices.

    `devices` holds catalogue names (emulated) and "local" (this machine). Each of
    `rooms` is a (threads, replicas) pair that "local" is measured with; without
    any, what the profiler takes by default. `percentile_frac` is the one that the model's
    promises name, and `limit_s` the longest of their times. With `fewer_points` only those
    of `batches` are timed that the others cannot be read off from. `local` is the room of
    this machine beside its threads: for a device that is not in the catalogue.
    """

    model: UserModel
    precisions: tuple[Precision, ...]
    runtimes: tuple[Runtime, ...]
    devices: tuple[str, ...]
    batches: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    sparsities: tuple[Sparsity, ...] = (DENSE,)
    rooms: tuple[tuple[int, int], ...] = ()
    percentile_frac: float = 0.5
    fewer_points: bool = False
    limit_s: float | None = None
    local: LocalRoom | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingFailure:
    """A variant that could not be measured; the others went on."""

    model: str
    variant: Variant
    device: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingProgress:
    """How far profiling is, for a progress view; `what` is being done now.

    `done_per_s` is how fast this run has measured so far, None before it can be told.
    """

    done: int
    total: int
    what: str
    done_per_s: float | None = None

    @property
    def left_s(self) -> float | None:
        """How long the rest takes at that speed; None where nothing is left or known."""
        n_left = self.total - self.done
        return n_left / self.done_per_s if n_left and self.done_per_s else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsTimed:
    """How many batch sizes were timed of those on the grids, and what became of the rest.

    `n_read_off` lie between timed ones, on lines that are about as good as timing again.
    The others the best plan does not use, though it took them to be as fast as the
    timed ones allow. `n_plans` is how often a plan was made to know that.
    """

    n_curves: int
    n_grid: int
    n_timed: int
    n_read_off: int
    n_plans: int

    @property
    def n_beyond(self) -> int:
        """Those that no plan could gain from."""
        return self.n_grid - self.n_timed - self.n_read_off


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingOutcome:
    """Profiles, failures, what users must know, and how many were not in the store.

    `model_sha256` is the content of each model that was found, by its name. `points` is
    told where a plan said which ones to time.
    """

    profiles: tuple[Profile, ...]
    failures: tuple[ProfilingFailure, ...]
    warnings: tuple[str, ...]
    n_measured: int
    n_cached: int
    environment: Mapping[str, str]
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    points: PointsTimed | None = None

    @property
    def noise_warnings(self) -> tuple[str, ...]:
        """Those that say that the machine did other things, too."""
        return tuple(w for w in self.warnings if "noisy" in w or "busy" in w)
