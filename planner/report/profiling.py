"""What profiling found, as tables and as plain data."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from planner.domain.joining import Machine
from planner.domain.payoff import Payoff, Pays, payoffs, unpaid
from planner.domain.profiles import (
    BatchProfile,
    MemoryParts,
    Profile,
    Quality,
    TokenPoint,
    TokenRates,
)
from planner.domain.profiling import ProfilingOutcome
from planner.report.conditions import conditions_table
from planner.report.grading import grading_tables
from planner.report.sentences import NOTHING, latency, number, quality, score, share
from planner.report.tables import Table, table
from planner.units import BYTES_PER_MIB, milliseconds

_ROUTING = (
    "every expert is held in memory, also those a token is not sent to; routing is that "
    "of the example text, and made-up text routes otherwise than yours"
)

_AGAINST = (
    "Against fp32, from the smallest batch size of both to the largest: faster or slower "
    "with 90 % probability by the error of both, no telling between."
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
    legend = (_AGAINST,) if against else ()
    notes = (
        *unpaid(outcome.profiles),
        *_once(outcome.warnings),
        *dict.fromkeys(asked_of_devices(p) for p in batches if p.operations),
        *legend,
    )
    found = []
    if batches:
        found.append(
            table(
                "Profiles",
                [
                    "Model",
                    "Variant",
                    "Device",
                    "How",
                    ">Batch 1",
                    ">Largest batch",
                    "Against fp32",
                    ">Error up to",
                    "Accuracy",
                ],
                [_row(p, against.get(id(p))) for p in batches],
                footnotes=notes,
            )
        )
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
    alike: dict[str, list[str]] = {}
    for warning in warnings:
        _, _, what = warning.partition(": ")
        alike.setdefault(_FIGURES.sub("#", what), []).append(warning)
    for first, *others in alike.values():
        names = dict.fromkeys(other.partition(": ")[0] for other in others)
        shown = list(names)[:_SHOWN_ALIKE]
        shown += [f"{len(names) - len(shown)} more"] if len(names) > len(shown) else []
        yield f"{first} (alike: {'; '.join(shown)})" if shown else first


def _servers(served: Sequence[BatchProfile]) -> Table:
    """What serving costs beside the models, a line for each model and device."""
    costs = {(p.model, p.device): p.server for p in served if p.server is not None}
    notes = [
        f"{model}, by {c.server}: {c.evidence.note}" for (model, _), c in costs.items()
    ]
    return table(
        "What a request costs the server beside the model",
        [
            *("Model", "Device", "How", ">Processor time", ">Beyond it"),
            *(">After a pause", ">Of the model's cores", ">Error up to"),
        ],
        [
            (
                model,
                device,
                c.evidence.provenance.value,
                latency(milliseconds(c.processor_s)),
                latency(milliseconds(c.latency_s)),
                latency(milliseconds(c.rested_s)),
                share(c.shared_frac),
                share(c.evidence.error_frac),
            )
            for (model, device), c in costs.items()
        ],
        footnotes=tuple(dict.fromkeys(notes)),
    )


def _failures(outcome: ProfilingOutcome, footnotes: Sequence[str]) -> Table:
    devices: dict[tuple[str, str, str], list[str]] = {}
    for f in outcome.failures:
        devices.setdefault((f.model, str(f.variant), f.reason), []).append(f.device)
    return table(
        "Not measured",
        ["Model", "Variant", "Devices", "Reason"],
        [
            (model, variant, ", ".join(names), reason)
            for (model, variant, reason), names in devices.items()
        ],
        footnotes=footnotes,
    )


def _row(p: BatchProfile, against: Payoff | None) -> Sequence[str]:
    first, last = p.points[0], p.points[-1]
    return (
        p.model,
        str(p.variant),
        _where(p),
        p.evidence.provenance.value,
        latency(milliseconds(first.p50_s)),
        f"{latency(milliseconds(last.p50_s))} for {last.batch}",
        _ratio(against),
        share(p.evidence.error_frac),
        _accuracy(p.quality),
    )


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
    return f"× {' to '.join(ends)} {_in_time(against)}"


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
    ran = list(dict.fromkeys((p.model, _where(p)) for p in profiles))
    return [
        table(
            f"{model} on {where}, prompt and answer apart",
            [
                *("Variant", ">Batch", ">Context", ">TTFT", ">TPOT", ">Without cache"),
                *(">Tokens/s out", "Against fp32", ">Error up to"),
            ],
            [
                row
                for p in profiles
                if (p.model, _where(p)) == (model, where)
                for row in _language(p, against.get(id(p)))
            ],
            footnotes=footnotes if i == len(ran) else (),
        )
        for i, (model, where) in enumerate(ran, start=1)
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
    return table(
        "Experts",
        ["Model", "Variant", ">Experts used of", ">Parameters used of", ">Held in memory", ">Touched", ">Busiest against even"],
        [
            (
                p.model,
                str(p.variant),
                f"{e.n_active} of {e.n_experts}",
                f"{e.active_parameters:,} of {e.total_parameters:,}",
                _mib(e.experts_bytes),
                share(e.touched_frac),
                f"× {e.imbalance_ratio:.2f}",
            )
            for p in profiles
            if (e := p.experts) is not None
        ],
        footnotes=[_ROUTING],
    )  # fmt: skip


def _memory(profiles: Iterable[BatchProfile | TokenRates]) -> Table:
    return table(
        "Memory of a replica",
        ["Model", "Variant", "Device", ">Peak", ">Engine", ">Weights", ">Activations", ">Cache a token"],
        [
            (p.model, str(p.variant), _where(p), _mib(p.memory_bytes), *_parts(p.memory_parts))
            for p in profiles
        ],
    )  # fmt: skip


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
    return NOTHING if size_bytes is None else f"{size_bytes / BYTES_PER_MIB:.1f} MiB"


def _accuracy(graded: Quality | None) -> str:
    if graded is None:
        return "not evaluated"
    value = score(graded.metric, graded.value_frac)
    if graded.low_frac is None or graded.high_frac is None:
        return value
    interval = f"{quality(graded.low_frac)} to {quality(graded.high_frac)}"
    return f"{value} ({interval})"


def outcome_data(
    outcome: ProfilingOutcome,
    *,
    machine: Machine | None = None,
    unlike: Sequence[str] = (),
) -> dict[str, object]:
    """Plain data, as `planner profile --json` prints it.

    `machine` is what "local" was; None where a cluster measured. `unlike` says in what
    it was not like itself, or like the device that it was declared to be.
    """
    return {
        "kind": "profiles",
        "version": 1,
        "n_measured": outcome.n_measured,
        "n_cached": outcome.n_cached,
        "profiles": [_plain(p) for p in outcome.profiles],
        "against_fp32": [_against(p) for p in payoffs(outcome.profiles)],
        "failures": [_plain(f) for f in outcome.failures],
        "warnings": [*unpaid(outcome.profiles), *outcome.warnings],
        "environment": dict(outcome.environment),
        "model_sha256": dict(outcome.model_sha256),
        "machine": None if machine is None else asdict(machine),
        "unlike": list(unlike),
    }


def export_text(data: Mapping[str, object], *, declared_device: str | None) -> str:
    """The same for another machine to take in: as what device it was declared."""
    declared = {} if declared_device is None else {"declared_device": declared_device}
    return json.dumps({**data, **declared}, indent=1, ensure_ascii=False) + "\n"


def _against(p: Payoff) -> dict[str, object]:
    return {
        "model": p.profile.model,
        "device": p.profile.device,
        "variant": asdict(p.profile.variant),
        "times_ratio": {str(n): ratio for n, ratio in p.times_ratio.items()},
        "memory_ratio": p.memory_ratio,
        "band_ratio": p.band_ratio,
        "in_time": p.in_time,
        "faster_at_batches": p.paying,
        "slower_at_batches": p.costing,
    }


def _plain(record: object) -> dict[str, object]:
    data = asdict(record)  # type: ignore[call-overload]  # a frozen record of ours
    server = data.get("server") or {}
    for evidence in (data.get("evidence"), server.get("evidence")):
        if evidence is not None:
            evidence["as_of"] = evidence["as_of"].isoformat()
    return dict(data)
