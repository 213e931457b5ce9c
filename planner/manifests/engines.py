"""What program serves a placement, and which of its flags follow from the plan.

    serving app   a user's own model on a runtime that `profilers.serving` runs
    vLLM          language models measured on vLLM
    llama.cpp     language models measured on llama.cpp
    own image     published models on other runtimes: the user brings the image, and
                  the plan's decisions reach it as environment variables

A flag is only written where the plan decides it. The plan's `max_batch` of a language
model is 1 where the engine's continuous batching was part of the measurement; then
the engine keeps its own limit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from planner.domain.variants import Precision, Runtime
from planner.manifests.hardware import Accelerator
from planner.manifests.placed import Placed

# Released 2026-11; the flags written here were read from its arg_utils.
VLLM_IMAGE: Final = "vllm/vllm-openai:v0.33.0"
# Build b11243 for processors (amd64, arm64) and b9603 for CUDA 12 (amd64, arm64):
# both stand in ghcr.io/ggml-org/llama.cpp's list of 2026.
LLAMA_CPP_IMAGE: Final = "ghcr.io/ggml-org/llama.cpp:server-b11243"
LLAMA_CPP_CUDA_IMAGE: Final = "ghcr.io/ggml-org/llama.cpp:server-cuda12-b9603"
SERVING_IMAGE: Final = "deployment-planner-serving"
SERVING_CONFIG: Final = "/etc/planner/serve.yaml"
# Where containers of one box find the queue that they share (`profilers.serving.turns`).
TURNS_DIRECTORY: Final = "/var/lib/planner-turns"
SERVING_APP: Final = "profilers.serving.app:build"
LANGUAGE_APP: Final = "profilers.serving.language:build"
WEIGHTS_CACHE: Final = "/models"
# Room for requests twice as long as planned; a longer one is refused, not cut.
CONTEXT_ROOM: Final = 2
_CONTEXT_STEP_TOKENS: Final = 256
# Ray keeps 30 % of memory for objects; this server passes none that are large.
_OBJECT_STORE_BYTES: Final = 128 * 1024**2

_VLLM_DTYPE: Final = {
    Precision.BF16: "bfloat16",
    Precision.FP16: "float16",
    Precision.FP32: "float32",
}
_ENVIRONMENT_FACTS: Final = {
    "PLANNER_PRECISION": "precision",
    "PLANNER_RUNTIME": "runtime",
    "PLANNER_MAX_BATCH": "max_batch",
    "PLANNER_MAX_WAIT_MS": "max_wait_ms",
}


class EngineKind(StrEnum):
    """Which program."""

    SERVING_APP = "serving-app"
    VLLM = "vllm"
    LLAMA_CPP = "llama.cpp"
    OWN_IMAGE = "own-image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How to start a replica and how to see that it lives.

    `image` is None where the user brings it. `WEIGHTS` in `arguments` stands for
    the user's weights, and weights may need the user's HF_TOKEN. `ready_path` answers once the model is loaded and
    `live_path` while the server is up.
    """

    kind: EngineKind
    image: str | None
    port: int
    ready_path: str
    live_path: str
    metrics_port: int
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    needs_weights: bool = False
    shared_memory_mib: int = 256


WEIGHTS: Final = "WEIGHTS"


def engine_of(placed: Placed, *, tag: str) -> Engine:
    """The engine of a placement; `tag` is that of the serving image of this plan."""
    runtime = placed.placement.variant.runtime
    if runtime is Runtime.VLLM:
        return _vllm(placed)
    if runtime is Runtime.LLAMA_CPP:
        return _llama_cpp(placed)
    if placed.is_served_here:
        return Engine(
            kind=EngineKind.SERVING_APP,
            image=f"{SERVING_IMAGE}:{tag}",
            port=8000,
            ready_path="/healthz",
            live_path="/-/healthz",
            metrics_port=8080,
            environment={
                "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(_OBJECT_STORE_BYTES),
                "RAY_USAGE_STATS_ENABLED": "0",
                "HOME": "/tmp",  # noqa: S108 - the one folder a read-only image can write
            },
        )
    return _own_image(placed)


def _vllm(placed: Placed) -> Engine:
    variant, workload = placed.placement.variant, placed.workload
    arguments = [f"--model={WEIGHTS}", f"--served-model-name={placed.name}"]
    if placed.gpus > 1:
        arguments.append(f"--tensor-parallel-size={placed.gpus}")
    if variant.precision in _VLLM_DTYPE:
        arguments.append(f"--dtype={_VLLM_DTYPE[variant.precision]}")
    if variant.precision is Precision.FP8:
        arguments.append("--quantization=fp8")
    if workload.prompt_tokens is not None and workload.output_tokens is not None:
        arguments.append(f"--max-model-len={_context_tokens(placed)}")
    if placed.placement.max_batch > 1:
        arguments.append(f"--max-num-seqs={placed.placement.max_batch}")
    return Engine(
        kind=EngineKind.VLLM,
        image=VLLM_IMAGE,
        port=8000,
        ready_path="/health",
        live_path="/health",
        metrics_port=8000,
        arguments=tuple(arguments),
        # Without an entry in /etc/passwd its caches ask for a user's name.
        environment={
            "HOME": "/tmp",  # noqa: S108 - the one folder a read-only image can write
            "USER": "planner",
            "HF_HOME": WEIGHTS_CACHE,
        },
        needs_weights=True,
        # Ranks of one model pass tensors through shared memory.
        shared_memory_mib=2048 if placed.gpus > 1 else 256,
    )


def _llama_cpp(placed: Placed) -> Engine:
    slots = placed.placement.max_batch
    precision = placed.placement.variant.precision
    arguments = [
        f"--hf-repo={WEIGHTS}:{precision.upper()}",
        "--host=0.0.0.0",
        "--port=8000",
        f"--alias={placed.name}",
        f"--parallel={slots}",
        "--metrics",
    ]
    if placed.gpus:
        arguments.append("--n-gpu-layers=999")
    else:
        arguments.append(f"--threads={placed.threads}")
    if placed.workload.prompt_tokens is not None:
        arguments.append(f"--ctx-size={slots * _context_tokens(placed)}")
    has_cuda = placed.accelerator in (Accelerator.NVIDIA, Accelerator.JETSON)
    return Engine(
        kind=EngineKind.LLAMA_CPP,
        image=LLAMA_CPP_CUDA_IMAGE if has_cuda else LLAMA_CPP_IMAGE,
        port=8000,
        ready_path="/health",
        live_path="/health",
        metrics_port=8000,
        arguments=tuple(arguments),
        environment={
            "HOME": "/tmp",  # noqa: S108 - the one folder a read-only image can write
            "LLAMA_CACHE": WEIGHTS_CACHE,
        },
        needs_weights=True,
    )


def _own_image(placed: Placed) -> Engine:
    p = placed.placement
    return Engine(
        kind=EngineKind.OWN_IMAGE,
        image=None,
        port=8000,
        ready_path="/healthz",
        live_path="/healthz",
        metrics_port=8000,
        environment={
            "PLANNER_PRECISION": str(p.variant.precision),
            "PLANNER_RUNTIME": str(p.variant.runtime),
            "PLANNER_MAX_BATCH": str(p.max_batch),
            "PLANNER_MAX_WAIT_MS": repr(p.max_wait_ms),
            "PLANNER_THREADS": str(placed.threads),
            "HOME": "/tmp",  # noqa: S108 - the one folder a read-only image can write
        },
    )


def _context_tokens(placed: Placed) -> int:
    planned = (placed.workload.prompt_tokens or 0) + (
        placed.workload.output_tokens or 0
    )
    steps = math.ceil(CONTEXT_ROOM * planned / _CONTEXT_STEP_TOKENS)
    return steps * _CONTEXT_STEP_TOKENS


def acted_by_flags(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> dict[str, Any]:
    """What an engine's flags and variables make it do, as fields of `Said`."""
    flags = dict(a.removeprefix("--").split("=", 1) for a in arguments if "=" in a)
    acted: dict[str, Any] = {
        fact: _number(environment[name])
        for name, fact in _ENVIRONMENT_FACTS.items()
        if name in environment
    }
    for flag in ("parallel", "max-num-seqs"):
        if flag in flags:
            acted["max_batch"] = _number(flags[flag])
    if "hf-repo" in flags:
        acted["precision"] = flags["hf-repo"].rpartition(":")[2].lower()
    if "dtype" in flags:
        by_dtype = {d: str(p) for p, d in _VLLM_DTYPE.items()}
        acted["precision"] = by_dtype.get(flags["dtype"], flags["dtype"])
    if "quantization" in flags:
        acted["precision"] = flags["quantization"]
    return acted


def _number(text: str) -> float | str:
    """The number a text writes; the text itself where it writes none."""
    try:
        return float(text)
    except ValueError:
        return text
