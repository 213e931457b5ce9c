"""torch.compile on the CPU: the module in the variant's precision, as compiled C++.

The first batch of a new shape is compiled while it waits (5 to 45 s for models of
laptop size, torch 2.13 on two cores); warm-up takes that, and a service pays it at its
start. Weights of integer products are frozen into the code's constants, which lets the
compiler lay them out for its kernels: a sixth of the time on wide layers (torch 2.13,
AMD EPYC). Others are not: of few bits they would be held in 32, and with frozen
floating-point convolutions of one channel the compiled code stops.
"""

import importlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from planner.domain.variants import Precision, Runtime
from planner.errors import ProfilingError
from profilers.backends.torch import Restored, TorchBackend, restored
from profilers.foreign import deprecations_of_torch_hidden, told_as

if TYPE_CHECKING:
    from profilers.backends import Backend

# Both operands in integers, of seven bits: without VNNI the kernel for frozen weights adds
# pairs of products in 16 bits, and of eight they overflow (answers were off by up to two
# thirds; torch 2.13, AMD EPYC without AVX-512, 2026-11-30).
_FROZEN = frozenset({Precision.INT8, Precision.INT8_STATIC, Precision.INT8_DYNAMIC})
# Of which backends torch holds code for which shapes of batches: none after its reset.
_compiled: set[tuple[int, tuple[int, ...]]] = set()


class CompiledBackend(TorchBackend):
    """A compiled module."""

    runtime = Runtime.TORCH_COMPILE

    def __init__(self, found: Restored, *, threads: int) -> None:
        compiled = cast("nn.Module", torch.compile(found.module))
        super().__init__(
            compiled, precision=found.precision, images=found.images, threads=threads
        )
        self._is_frozen = found.precision in _FROZEN

    def run(self, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        """Answers to a batch; of a shape that is new, it is compiled first.

        Raises:
            ProfilingError: The compiler or the module refuses the batch.
        """
        if (id(self), inputs.shape) in _compiled:
            return super().run(inputs)
        # As an option of torch.compile, which parameters to freeze is never asked.
        with (
            torch._inductor.config.patch(freezing=self._is_frozen),
            warnings.catch_warnings(),
        ):
            # The compiler's own passes on scales of integer products.
            warnings.filterwarnings("ignore", "To copy construct from a tensor")
            answers = super().run(inputs)
        _compiled.add((id(self), inputs.shape))
        return answers


def require_compiler() -> None:
    """Refuse where nothing can compile.

    Raises:
        ProfilingError: torch finds no C++ compiler.
    """
    with deprecations_of_torch_hidden():
        # The compiler's parts that a first run would import, with what they say.
        importlib.import_module("torch._inductor.compile_fx")
        from torch._inductor.cpp_builder import get_cpp_compiler  # noqa: PLC0415 - heavy

    with told_as(
        ProfilingError,
        "looking for a C++ compiler, which torch-compile needs",
        way_out="install g++ or clang++, or name one in CXX",
    ):
        get_cpp_compiler()


def load(
    artifact: Path, *, threads: int, build: Callable[[], nn.Module] | None = None
) -> "Backend":
    """The user's module with the artefact's weights, to be compiled when first run.

    Raises:
        ProfilingError: No compiler, no factory, or one that does not fit the artefact.
    """
    require_compiler()
    found = restored(artifact, build)
    torch.set_num_threads(threads)
    # Workers of the compiler would outlive the trial, and their memory be measured.
    torch._inductor.config.compile_threads = 1
    # Beyond its limit of shapes torch would run the module as it is, and not say so.
    torch._dynamo.config.fail_on_recompile_limit_hit = True
    torch._dynamo.reset()  # shapes of other modules count, too
    _compiled.clear()
    return CompiledBackend(found, threads=threads)
