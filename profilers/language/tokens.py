"""Measure a causal language model: reading a prompt, and writing token by token.

For every batch of the trial and every context L of the model, in one interleaved run:

    prefill     a batch of prompts of L tokens, until their first tokens are known
    step        one further token for each, with the cache of L tokens before it
    uncached    the same without a cache: all L tokens are read again (batch 1 only)

so that TTFT of an idle replica is `prefill` and its TPOT is `step`. The cache is cut back
to L tokens after every step, so all steps see the same context. Its size is counted on
its own tensors: bytes / (batch · L), as allocated.

Prompts are the model's example text, cut and repeated to size. With experts, where they
are sent depends on the text: made-up text is said to be made up.
"""

import copy
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from planner.domain.profiles import Quality, TokenPoint
from planner.errors import ProfilingError
from profilers import cautions
from profilers.backends import load_backend
from profilers.foreign import told_as
from profilers.identity import environment
from profilers.language import decoding, experts
from profilers.measuring import machine, measure
from profilers.measuring.measure import Clock
from profilers.measuring.memory import ReplicaMemory
from profilers.models import LoadedModel
from profilers.quality.likelihood import graded_text
from profilers.trials import Measurement, Trial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from profilers.artifacts.artifact import Artifact

# Beyond, a grid takes minutes on a laptop, and serving engines batch otherwise.
MAX_BATCH = 8
_UNGRADED = (
    "what this precision does to a language model's text is not graded: name "
    "source.evaluation_text, documents of yours, to know"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """One batch and context, with its prompts and the cache of them."""

    batch: int
    context: int
    prompts: torch.Tensor
    cache: Any


def measured(
    trial: Trial,
    model: LoadedModel,
    artifact: "Artifact",
    floor_bytes: float,
    *,
    clock: Clock,
    now: Callable[[], dt.datetime],
    rule: measure.SamplingRule = measure.DEFAULT_RULE,
) -> Measurement:
    """Measure the trial's variant at each batch and context.

    Raises:
        ProfilingError: There are several replicas, or the model refuses.
    """
    if trial.envelope.replicas > 1:
        raise ProfilingError(
            "a causal language model is measured one replica at a time"
        )
    memory = ReplicaMemory(floor_bytes)
    backend: Any = load_backend(
        trial.variant.runtime,
        artifact.path,
        threads=trial.envelope.threads,
        build=lambda: copy.deepcopy(model.module),
    )
    memory.loaded()
    inner = backend.module.inner
    with (
        told_as(ProfilingError, f"running model '{model.name}' token by token"),
        torch.inference_mode(),
    ):
        places = _places(trial, model, inner)
        works = _works(inner, places)
        timings = measure.measure_batches(
            lambda i: works[i](),
            range(len(works)),
            clock=clock,
            stolen_frac=machine.StolenTime(),
            rule=replace(rule, soak_s=trial.envelope.soak_s),
        )
        use = experts.use_of(inner, places[-1].prompts)
    parts, peak_bytes = memory.parts(), memory.peak_bytes()
    kv_bytes = cache_bytes(places[-1].cache)
    largest = places[-1].batch * places[-1].context
    return Measurement(
        points=(),
        memory_bytes=peak_bytes,
        artifact_bytes=float(artifact.size_bytes),
        artifact_sha256=artifact.sha256,
        error_frac=measure.error_band_frac(timings),
        measured_at=now(),
        quality=_quality(model, inner),
        warnings=(
            *cautions.of_timings(timings, trial, name=partial(_work_name, places)),
            *(() if model.documents else (_UNGRADED,)),
        ),
        environment=environment(threads=backend.threads),
        memory_parts=replace(parts, kv_bytes_per_token=kv_bytes / largest),
        tokens=tuple(_points(places, timings)),
        experts=use,
    )


def _quality(model: LoadedModel, inner: Any) -> Quality | None:  # noqa: ANN401 - transformers' own
    """How the variant does on the user's documents, in windows of the longest context."""
    if not model.documents:
        return None
    given: Any = model.module
    return graded_text(
        partial(_scores, inner),
        model.documents,
        original=partial(_scores, given.inner),
        window_tokens=max(2, *model.contexts),
    )


def _scores(
    inner: Callable[..., Any], window: "NDArray[np.int64]"
) -> "NDArray[np.float32]":
    """What follows each token of a window, as scores of every word."""
    with (
        told_as(ProfilingError, f"reading {len(window)} tokens of a document"),
        torch.inference_mode(),
    ):
        told = inner(torch.from_numpy(window)[None], use_cache=False)
    scores: NDArray[np.float32] = told.logits[0].float().numpy()
    return scores


def _places(trial: Trial, model: LoadedModel, inner: nn.Module) -> list[_Place]:
    batches = sorted({1, *(b for b in trial.batches if b <= MAX_BATCH)})
    return [
        _place(batch, context, model.example, inner)
        for batch, context in product(batches, model.contexts)
    ]


def _place(batch: int, context: int, text: torch.Tensor, inner: nn.Module) -> _Place:
    words = text.reshape(-1)
    n_words = batch * context
    prompts = words.repeat(-(-n_words // len(words)))[:n_words].reshape(batch, context)
    return _Place(
        batch=batch,
        context=context,
        prompts=prompts,
        cache=decoding.read(inner, prompts).cache,
    )


def _reread(inner: nn.Module, prompts: torch.Tensor) -> Any:  # noqa: ANN401 - transformers' own
    return inner(prompts, use_cache=False, logits_to_keep=1)


def _step(inner: nn.Module, place: _Place) -> None:
    decoding.step(inner, place.prompts[:, -1:], place.cache)
    place.cache.crop(-1)


def _works(inner: nn.Module, places: Sequence[_Place]) -> list[Callable[[], object]]:
    """Prefill and step of each place, in turn, then the uncached steps of batch 1."""
    cached = [
        work
        for place in places
        for work in (
            partial(decoding.read, inner, place.prompts),
            partial(_step, inner, place),
        )
    ]
    alone = [p for p in places if p.batch == 1]
    return [*cached, *(partial(_reread, inner, p.prompts) for p in alone)]


def _work_name(places: Sequence[_Place], i: int) -> str:
    """What the i-th of `_works` does, for a message."""
    if i >= 2 * len(places):
        return f"uncached step {i - 2 * len(places) + 1}"
    place = places[i // 2]
    what = "step" if i % 2 else "prefill"
    return f"{what} of {place.batch} x {place.context} tokens"


def _points(
    places: Sequence[_Place], timings: Sequence[measure.Timing]
) -> list[TokenPoint]:
    medians_s = [timing.point.p50_s for timing in timings]
    uncached_s = iter(medians_s[2 * len(places) :])
    return [
        TokenPoint(
            batch=place.batch,
            context_tokens=place.context,
            prefill_s=medians_s[2 * i],
            step_s=medians_s[2 * i + 1],
            uncached_step_s=next(uncached_s) if place.batch == 1 else None,
        )
        for i, place in enumerate(places)
    ]


def cache_bytes(cache: Any) -> int:  # noqa: ANN401 - transformers' own
    """Bytes of all keys and values that a cache holds."""
    return sum(int(layer.keys.nbytes + layer.values.nbytes) for layer in cache.layers)
