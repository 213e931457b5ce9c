"""What profiling found, as tables."""

import re
from collections.abc import Iterable, Sequence

from planner.domain.payoff import Payoff, Pays, payoffs, unpaid
from planner.domain.profiles import (
    BatchProfile,
    MemoryParts,
    Profile,
    Quality,
    ServicePoint,
    TokenPoint,
    TokenRates,
)
from planner.domain.profiling import ProfilingOutcome
from planner.report.conditions import conditions_table
from planner.report.grading import grading_tables
from planner.report.quality import interval
from planner.report.sentences import NOTHING, latency, number, score, share
from planner.report.tables import Table, told_table
from planner.units import BYTES_PER_MIB, milliseconds

_ROUTING = (
    "every expert is held in memory, also those a token is not sent to; routing is that "
    "of the example text, and made-up text routes otherwise than yours"
)

_AGAINST = (
    "Against fp32: by what its time differs, at the smallest batch size of both and at the "
    "largest; faster and slower hold with 90 % probability by the error of both, else "
    "there is no telling."
)
_LANGUAGE = (
    *("Variant", ">Batch", ">Context", ">TTFT", ">TPOT", ">Without cache"),
    *(">Tokens/s", "Against fp32", ">Error up to"),
)
_AGAIN = (
    "Noise widens the error bands: planner profile SPEC --again, while the machine does "
    "nothing else, measures in place of it."
)
_SERVER = (
    "Beyond it: sockets, wake-ups, hops. After a pause: what the server then takes longer, "
    "the model not counted. Holds the model up: the part of the processor time for which the "
    "model waits."
)
_PARTS_NOTE = (
    "Context: tokens read before. TTFT: until the first token. TPOT: for each further one, keys and values of the "
    "earlier ones kept; without cache: computed anew each time. Tokens/s: written, by all "
    "of a batch."
)
# A list of batch sizes, or a figure: in these alone do alike warnings differ.
_FIGURES = re.compile(r"batch \d+(, batch \d+)*|(?<!\w)\d[\d.,]*")
_SHOWN_ALIKE = 3
_MILLION = 1e6


def profiling_tables(outcome: ProfilingOutcome) -> tuple[Table, ...]:
    """Profiles by device and variant, then what else there is to tell."""
    batches = [p for p in outcome.profiles if isinstance(p, BatchProfile)]
    languages = [p for p in outcome.profiles if isinstance(p, TokenRates)]
    against = {id(p.profile): p for p in payoffs(outcome.profiles)}
    notes = (
        *([_AGAINST] if against else []),
        *dict.fromkeys(asked_of_devices(p) for p in batches if p.operations),
        *unpaid(outcome.profiles),
        *_once(outcome.warnings),
        *([_AGAIN] if outcome.noise_warnings else []),
    )
    found = []
    found += [_batches(batches, against, notes)] if batches else []
    if languages:
        found += _languages(languages, against, () if batches else notes)
    found += [_experts(languages)] if any(p.experts for p in languages) else []
    found += grading_tables(outcome.profiles)
    measured: list[BatchProfile | TokenRates] = [
        *(p for p in batches if p.memory_parts is not None),
        *(p for p in languages if p.memory_parts is not None),
    ]
    found += [_memory(measured)] if measured else []
    watched = [p for p in batches if p.conditions is not None]
    found += (
        [conditions_table(watched, [_where(p) for p in watched])] if watched else []
    )
    served = [p for p in batches if p.server is not None]
    found += [_servers(served)] if served else []
    unsaid = () if batches or languages else notes
    return (*found, _failures(outcome, unsaid)) if outcome.failures else tuple(found)


def asked_of_devices(profile: BatchProfile) -> str:
    """What a model takes for one item on any device, where that was counted."""
    asked = profile.operations
    if asked is None:
        return ""
    moved = asked.activation_values
    parts = [
        f"{number((asked.macs or 0) / _MILLION)} M multiply-accumulates",
        f"{number(asked.parameters / _MILLION)} M parameters",
        *([] if moved is None else [f"{number(moved / _MILLION)} M activations moved"]),
    ]
    return f"{profile.model} takes {', '.join(parts)} for one item: {asked.source}"


def _once(warnings: Iterable[str]) -> Iterable[str]:
    """Of warnings that differ in figures alone the first, and whom it holds for, too.

    A warning is "whom: what"; the JSON document holds every one.

    Example:
        >>> list(_once(["a fp32: load 3.1", "a int8: load 2", "b fp32: no labels"]))
        ['a fp32: load 3.1 (alike: a int8)', 'b fp32: no labels']
    """
    kinds: dict[str, list[str]] = {}
    for warning in warnings:
        _, _, what = warning.partition(": ")
        kinds.setdefault(_FIGURES.sub("#", what), []).append(warning)
    for first, *others in kinds.values():
        names = dict.fromkeys(other.partition(": ")[0] for other in others)
        many = f"{len(names)} others, --json names them"
        alike = many if len(names) > _SHOWN_ALIKE else "; ".join(names)
        yield f"{first} (alike: {alike})" if names else first


def _servers(served: Sequence[BatchProfile]) -> Table:
    """What serving costs beside the models, a line for each model and device."""
    costs = {(p.model, p.device): p.server for p in served if p.server is not None}
    notes = [
        _SERVER,
        *(
            f"{model}, by {c.server}: {c.evidence.note}"
            for (model, _), c in costs.items()
        ),
    ]
    return told_table(
        "What a request costs the server beside the model",
        {
            ">Processor time": [
                latency(milliseconds(c.processor_s)) for c in costs.values()
            ],
            ">Beyond it": [latency(milliseconds(c.latency_s)) for c in costs.values()],
            ">After a pause": [
                latency(milliseconds(c.rested_s)) for c in costs.values()
            ],
            ">Holds the model up": [share(c.shared_frac) for c in costs.values()],
            ">Error up to": [share(c.evidence.error_frac) for c in costs.values()],
        },
        of={
            "Model": [model for model, _ in costs],
            "Device": [device for _, device in costs],
            "How": [c.evidence.provenance.value for c in costs.values()],
            "As of": [c.evidence.as_of.isoformat() for c in costs.values()],
        },
        footnotes=tuple(dict.fromkeys(notes)),
    )


def _failures(outcome: ProfilingOutcome, footnotes: Sequence[str]) -> Table:
    devices: dict[tuple[str, str, str], list[str]] = {}
    for f in outcome.failures:
        devices.setdefault((f.model, str(f.variant), f.reason), []).append(f.device)
    return told_table(
        "Not measured",
        {
            "Variant": [variant for _, variant, _ in devices],
            "Reason": [reason for _, _, reason in devices],
        },
        of={
            "Model": [model for model, _, _ in devices],
            "Devices": [", ".join(names) for names in devices.values()],
        },
        footnotes=footnotes,
    )


def _batches(
    profiles: Sequence[BatchProfile],
    against: dict[int, Payoff],
    footnotes: Sequence[str],
) -> Table:
    """How fast, how large and how good: a row for each profile."""
    smallest, small_times = _at("Smallest batch", [p.points[0] for p in profiles])
    largest, large_times = _at("Largest batch", [p.points[-1] for p in profiles])
    return told_table(
        "Profiles",
        {
            "Variant": [str(p.variant) for p in profiles],
            smallest: small_times,
            largest: large_times,
            "Against fp32": [_ratio(against.get(id(p))) for p in profiles],
            ">Error up to": [share(p.evidence.error_frac) for p in profiles],
            ">Memory": [_mib(p.memory_bytes) for p in profiles],
            ">Accuracy": [_accuracy(p.quality) for p in profiles],
        },
        of=_of(profiles) | _known(profiles),
        footnotes=footnotes,
    )


def _at(which: str, points: Sequence[ServicePoint]) -> tuple[str, Sequence[str]]:
    """A heading and its times; the batch size stands in it where it is the same for all."""
    times = [latency(milliseconds(point.p50_s)) for point in points]
    sizes = {point.batch for point in points}
    if len(sizes) == 1:
        return f">Batch {sizes.pop()}", times
    told = zip(times, points, strict=True)
    return f">{which}", [f"{time} for {point.batch}" for time, point in told]


def _of(profiles: Sequence[Profile]) -> dict[str, Sequence[str]]:
    """Whose profiles they are."""
    return {
        "Model": [p.model for p in profiles],
        "Device": [_where(p) for p in profiles],
    }


def _known(profiles: Sequence[Profile]) -> dict[str, Sequence[str]]:
    """How they are known, and since when."""
    return {
        "How": [p.evidence.provenance.value for p in profiles],
        "As of": [p.evidence.as_of.isoformat() for p in profiles],
    }


def _where(p: Profile) -> str:
    """The device, and more than one thread or replica where there was."""
    _, _, room = p.evidence.note.partition(", ")
    is_plain = p.device != "local" or room in {"", "1 thread"}
    return p.device if is_plain else f"{p.device} ({room})"


def _ratio(against: Payoff | None) -> str:
    if against is None:
        return NOTHING
    ratios = list(against.times_ratio.values())
    ends = dict.fromkeys(f"{ratio:.2f}" for ratio in (ratios[0], ratios[-1]))
    return f"{_in_time(against)} (× {' to '.join(ends)})"


def _in_time(against: Payoff) -> str:
    match against.in_time:
        case Pays.UNTOLD:
            return "no telling"
        case Pays.NO:
            return f"slower {against.where(against.costing)}".rstrip()
        case _:
            return f"faster {against.where(against.paying)}".rstrip()


def _languages(
    profiles: Sequence[TokenRates],
    against: dict[int, Payoff],
    footnotes: Sequence[str],
) -> list[Table]:
    """A table for each model and device, where each variant is named once."""
    ran: dict[tuple[str, ...], list[Sequence[str]]] = {}
    for p in profiles:
        whose = tuple(cell for (cell,) in (_of([p]) | _known([p])).values())
        ran.setdefault(whose, []).extend(_language(p, against.get(id(p))))
    return [
        told_table(
            f"Prompt and answer apart ({', '.join(whose)})",
            dict(zip(_LANGUAGE, zip(*rows, strict=True), strict=True)),
            footnotes=(_PARTS_NOTE, *footnotes) if i == len(ran) else (),
        )
        for i, (whose, rows) in enumerate(ran.items(), start=1)
    ]


def _language(p: TokenRates, against: Payoff | None) -> Iterable[Sequence[str]]:
    for i, at in enumerate(p.grid):
        yield (
            "" if i else str(p.variant),
            str(at.batch),
            str(at.context_tokens),
            latency(milliseconds(at.prefill_s)),
            latency(milliseconds(at.step_s)),
            _uncached(at),
            f"{at.output_tokens_per_s:,.1f}",
            "" if i else _ratio(against),
            "" if i else share(p.evidence.error_frac),
        )


def _uncached(at: TokenPoint) -> str:
    if at.uncached_step_s is None:
        return NOTHING
    return latency(milliseconds(at.uncached_step_s))


def _experts(profiles: Sequence[TokenRates]) -> Table:
    known = [(p, p.experts) for p in profiles if p.experts is not None]
    return told_table(
        "Experts",
        {
            "Variant": [str(p.variant) for p, _ in known],
            ">Experts used of": [f"{e.n_active} of {e.n_experts}" for _, e in known],
            ">Parameters used of": [
                f"{e.active_parameters:,} of {e.total_parameters:,}" for _, e in known
            ],
            ">Held in memory": [_mib(e.experts_bytes) for _, e in known],
            ">Touched": [share(e.touched_frac) for _, e in known],
            ">Busiest against even": [f"× {e.imbalance_ratio:.2f}" for _, e in known],
        },
        of=_of([p for p, _ in known]),
        footnotes=[_ROUTING],
    )


def _memory(profiles: Sequence[BatchProfile | TokenRates]) -> Table:
    """By what holds it; how much it is in all stands beside the times of a batch."""
    parts = [_parts(p.memory_parts) for p in profiles]
    engine, weights, activations, cache = zip(*parts, strict=True)
    return told_table(
        "What holds the memory of a replica",
        {
            "Variant": [str(p.variant) for p in profiles],
            ">In all": [
                _mib(p.memory_bytes) if isinstance(p, TokenRates) else NOTHING
                for p in profiles
            ],
            ">Engine": engine,
            ">Weights": weights,
            ">Activations": activations,
            ">Cache a token": cache,
        },
        of=_of(profiles),
    )


def _parts(parts: MemoryParts | None) -> tuple[str, str, str, str]:
    if parts is None:
        return NOTHING, NOTHING, NOTHING, NOTHING
    kv_bytes = parts.kv_bytes_per_token
    return (
        _mib(parts.runtime_bytes),
        _mib(parts.weights_bytes),
        _mib(parts.activations_bytes),
        NOTHING if kv_bytes is None else f"{kv_bytes:,.0f} B",
    )


def _mib(size_bytes: float | None) -> str:
    return (
        NOTHING if size_bytes is None else f"{number(size_bytes / BYTES_PER_MIB)} MiB"
    )


def _accuracy(graded: Quality | None) -> str:
    """The score; its interval stands with what it loses, where that is known."""
    if graded is None:
        return NOTHING
    value = score(graded.metric, graded.value_frac)
    if graded.drop is not None or graded.low_frac is None:
        return value
    return f"{value} ({interval(graded.low_frac, graded.high_frac)})"
