"""How a model is run: its precision, sparsity and runtime."""

from dataclasses import dataclass
from enum import StrEnum


class Precision(StrEnum):
    """Number format of weights (and of activations where the runtime says so)."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"
    INT4 = "int4"
    # llama.cpp's block formats, in its own words.
    Q8_0 = "q8_0"
    Q6_K = "q6_k"
    Q5_K_M = "q5_k_m"
    Q4_K_M = "q4_k_m"
    Q3_K_M = "q3_k_m"
    Q2_K = "q2_k"


class Runtime(StrEnum):
    """The engine that executes a variant."""

    TORCH = "torch"
    TORCH_COMPILE = "torch-compile"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"
    TFLITE = "tflite"
    ARMNN = "armnn"
    EDGETPU = "edgetpu"
    NCNN = "ncnn"
    TENSORRT = "tensorrt"
    VLLM = "vllm"
    LLAMA_CPP = "llama.cpp"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Variant:
    """A way to run a model: precision × sparsity × runtime."""

    precision: Precision
    runtime: Runtime
    sparsity_frac: float = 0.0

    def __str__(self) -> str:
        sparse = f" {self.sparsity_frac:.0%} sparse" if self.sparsity_frac else ""
        return f"{self.precision}{sparse} on {self.runtime}"
