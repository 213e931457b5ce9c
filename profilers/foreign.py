"""The boundary to code that is not ours: a user's model, an exporter, a runtime.

Whatever such code raises is told in one sentence, as an error of our own tree.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from planner.errors import PlannerError, ProfilingError
from profilers.out_of_memory import OUT_OF_MEMORY, is_for_memory

# OpenVINO's own, as in "Check 'false' failed at src/frontends/common/src/frontend.cpp:47:".
_PLACE: Final = re.compile(r"(Exception from|Check .* failed at) \S+:\d+:?")


@contextmanager
def told_as(
    error: type[ProfilingError], doing: str, *, way_out: str = ""
) -> Iterator[None]:
    """Run someone else's code; what it raises becomes `error`, in one sentence.

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
    try:
        yield
    except PlannerError:
        raise
    except MemoryError as failure:
        said = f": {failure}" if str(failure) else ""
        raise error(f"{doing} failed: {OUT_OF_MEMORY}{said}") from failure
    # A script that calls sys.exit on import must not end the worker.
    except (Exception, SystemExit) as failure:
        said = last_line(failure)
        ending = f" ({way_out})" if way_out and not is_for_memory(said) else ""
        raise error(f"{doing} failed: {said}{ending}") from failure


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
