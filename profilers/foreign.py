"""The boundary to code that is not ours: a user's model, an exporter, a runtime.

Whatever such code raises is told in one sentence, as an error of our own tree.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final

from planner.errors import PlannerError, ProfilingError
from profilers.measuring.out_of_memory import OUT_OF_MEMORY, is_for_memory

# OpenVINO's own, as in "Check 'false' failed at src/frontends/common/src/frontend.cpp:47:".
_PLACE: Final = re.compile(r"(Exception from|Check .* failed at) \S+:\d+:?")


class told_as:  # noqa: N801 - reads as the verb it is
    """Run someone else's code; what it raises becomes `error`, in one sentence.

    A class, and no generator: a model of a millisecond is run within one, too.

    Raises:
        ProfilingError: Of the class given, when the code inside fails.

    Example:
        >>> from planner.errors import ModelLoadError
        >>> with told_as(ModelLoadError, "reading 'x'", way_out="give a number"):
        ...     float("x")
        Traceback (most recent call last):
        ...
        planner.errors.ModelLoadError: reading 'x' failed: ValueError: could not convert string to float: 'x' (give a number)
    """

    __slots__ = ("_doing", "_error", "_way_out")

    def __init__(
        self, error: type[ProfilingError], doing: str, *, way_out: str = ""
    ) -> None:
        self._error, self._doing, self._way_out = error, doing, way_out

    def __enter__(self) -> None:
        """Nothing is needed before."""

    def __exit__(
        self, _: object, failure: BaseException | None, __: TracebackType | None
    ) -> None:
        """Tell what was raised; errors of ours stay what they are."""
        # A script that calls sys.exit on import must not end the worker.
        if not isinstance(failure, Exception | SystemExit):
            return
        if isinstance(failure, PlannerError):
            return
        raise self._error(
            f"{self._doing} failed: {_told(failure, self._way_out)}"
        ) from failure


def _told(failure: BaseException, way_out: str) -> str:
    if isinstance(failure, MemoryError):
        said = f": {failure}" if str(failure) else ""
        return f"{OUT_OF_MEMORY}{said}"
    said = last_line(failure)
    return f"{said} ({way_out})" if way_out and not is_for_memory(said) else said


def last_line(failure: BaseException) -> str:
    r"""What it says, on one line and not longer than a paragraph.

    The first line; where engines put before it where in their own source they failed,
    all that follows.

    Example:
        >>> last_line(RuntimeError("Exception from src/core.cpp:84:\nno operator Scaler"))
        'RuntimeError: no operator Scaler'
    """
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    told = [line for line in lines if _PLACE.fullmatch(line) is None]
    said = ": ".join(told if len(told) < len(lines) else told[:1]) or "no message"
    return f"{type(failure).__name__}: {said[:300]}"


@contextmanager
def deprecations_of_torch_hidden() -> Iterator[None]:
    """Hide what torch 2.13 says about its own quantized modules and exporter.

    torch is pinned: these are notes to its next release, raised by calls that
    have no other spelling in this one. Anything else still comes through.
    """
    with warnings.catch_warnings():
        for message in (
            "torch.ao.quantization is deprecated",
            "(?s).*torch.quantize_per_tensor, torch.quantize_per_channel",
            "Please use quant_min and quant_max",
            r".*must run observer before calling calculate_qparams",
            r"`torch.jit.script_method` is deprecated",
            r"`isinstance\(treespec, LeafSpec\)` is deprecated",
        ):
            warnings.filterwarnings("ignore", message=message)
        yield
