"""How a model is run: its precision, sparsity and runtime."""

from dataclasses import dataclass
from enum import StrEnum


class Precision(StrEnum):
    """Number format of weights (and of activations where the runtime says so)."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    # In the way that the runtime is fast at; the three below name one way.
    INT8 = "int8"
    INT8_STATIC = "int8-static"  # activation scales from calibration samples
    INT8_DYNAMIC = "int8-dynamic"  # activation scales from each batch
    INT8_WEIGHT_ONLY = "int8-weight-only"  # activations stay in floating point
    INT4 = "int4"  # weights only, in groups that share a scale
    # llama.cpp's block formats, in its own words.
    Q8_0 = "q8_0"
    Q6_K = "q6_k"
    Q5_K_M = "q5_k_m"
    Q4_K_M = "q4_k_m"
    Q3_K_M = "q3_k_m"
    Q2_K = "q2_k"
    UNSTATED = "unstated"  # whoever runs it does not say


class Runtime(StrEnum):
    """The engine that executes a variant."""

    TORCH = "torch"
    TORCH_COMPILE = "torch-compile"
    TORCH_CUDA = "torch-cuda"
    ONNXRUNTIME = "onnxruntime"
    OPENVINO = "openvino"
    TFLITE = "tflite"
    ARMNN = "armnn"
    EDGETPU = "edgetpu"
    NCNN = "ncnn"
    TENSORRT = "tensorrt"
    VLLM = "vllm"
    LLAMA_CPP = "llama.cpp"
    HOSTED = "hosted"  # whatever runs behind somebody else's API


class SparsityPattern(StrEnum):
    """Which weights of a layer are made zero."""

    UNSTRUCTURED = "unstructured"  # the smallest, wherever they are
    TWO_OF_FOUR = "2:4"  # the two smallest of every four along the inputs


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Variant:
    """A way to run a model: precision × sparsity × runtime.

    `sparsity_pattern` says nothing where `sparsity_frac` is zero.

    Example:
        >>> str(Variant(precision=Precision.INT8, runtime=Runtime.TORCH))
        'int8 on torch'
    """

    precision: Precision
    runtime: Runtime
    sparsity_frac: float = 0.0
    sparsity_pattern: SparsityPattern = SparsityPattern.UNSTRUCTURED

    def __str__(self) -> str:
        sparse = f" {self.sparsity_frac:.0%} sparse" if self.sparsity_frac else ""
        if sparse and self.sparsity_pattern is not SparsityPattern.UNSTRUCTURED:
            sparse = f" {self.sparsity_pattern} sparse"
        return f"{self.precision}{sparse} on {self.runtime}"
