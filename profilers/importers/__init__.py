"""Other people's measurements as profiles: one file a format, this list of them."""

from collections.abc import Mapping
from typing import Final

from planner.errors import UnknownReferenceError
from profilers.importers import (
    guidellm,
    llama_bench,
    mlperf,
    model_analyzer,
    optimum,
    own,
    perf_analyzer,
    vllm,
)
from profilers.importers._reading import About, Importer

FORMATS: Final[Mapping[str, Importer]] = {
    "guidellm": guidellm,
    "llama-bench": llama_bench,
    "mlperf": mlperf,
    "model-analyzer": model_analyzer,
    "optimum": optimum,
    "own": own,
    "perf-analyzer": perf_analyzer,
    "vllm": vllm,
}

__all__ = ["FORMATS", "About", "Importer", "importer"]


def importer(name: str) -> Importer:
    """Who reads that format.

    Raises:
        UnknownReferenceError: Nobody does.
    """
    if name not in FORMATS:
        raise UnknownReferenceError("format", name, tuple(FORMATS))
    return FORMATS[name]
