"""torchao's quantizers: linear layers whose weights are integer tensors of its own."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn

from planner.errors import MissingExtraError, ProfilingError
from profilers.foreign import told_as

_GROUP = 32


def weights_in(bits: Literal[4, 8]) -> Any:  # noqa: ANN401 - a package without types
    """The configuration of integer weights and floating-point activations."""
    ao = torchao_quantization()
    if bits == 8:
        return ao.Int8WeightOnlyConfig(set_inductor_config=False)
    return ao.IntxWeightOnlyConfig(
        weight_dtype=getattr(torch, "int4"),  # noqa: B009 - torch's stubs lack it
        granularity=ao.PerGroup(_GROUP),
    )


def dynamic_int8() -> Any:  # noqa: ANN401 - a package without types
    """The configuration of integer weights and activations, scaled batch by batch.

    Seven bits of each: sums of pairs of their products fit into 16, which is all that a
    processor without VNNI has for them, so that answers do not depend on the machine.
    """
    return torchao_quantization().Int8DynamicActivationInt8WeightConfig(
        set_inductor_config=False, reduce_range=True
    )


def quantize(
    module: nn.Module,
    configuration: Any,  # noqa: ANN401 - torchao's own
    name: str,
    *,
    inputs_in_groups_of: int = 1,
) -> nn.Module:
    """The module with its linear layers quantized, in place, whose inputs divide so.

    Raises:
        ProfilingError: No layer's do, or torchao refuses one.
    """

    def fits(part: nn.Module, _: str) -> bool:
        return (
            isinstance(part, nn.Linear) and part.in_features % inputs_in_groups_of == 0
        )

    if not any(fits(part, "") for part in module.modules()):
        raise ProfilingError(
            f"model '{name}' has no linear layer whose inputs come in groups of "
            f"{inputs_in_groups_of}: choose another precision"
        )
    ao = torchao_quantization()
    with told_as(ProfilingError, f"quantizing model '{name}' with torchao"):
        ao.quantize_(module, configuration, filter_fn=fits)
    return module


def torchao_quantization() -> Any:  # noqa: ANN401 - a package without types
    """torchao, without what its import says about kernels for GPUs that are not here.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        with _quiet():
            import torchao.quantization  # noqa: PLC0415 - an extra, and heavy
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "torchao", "quantize", "weights in few bits, and compiled int8"
        ) from missing
    return torchao.quantization


@contextmanager
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(n) for n in ("torchao", "torch.utils._pytree")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
