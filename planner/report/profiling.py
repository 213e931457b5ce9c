"""What profiling found, as tables and as plain data."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

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
from planner.report.grading import grading_tables
from planner.report.sentences import NOTHING, latency, quality, score, share
from planner.report.tables import Table, table
from planner.units import BYTES_PER_MIB, milliseconds

_ROUTING = (
    "every expert is held in memory, also those a token is not sent to; routing is that "
    "of the example text, and made-up text routes otherwise than yours"
)

_IN_TIME = {Pays.YES: "faster", Pays.NO: "slower", Pays.UNTOLD: "no telling"}
_AGAINST = (
    "Against fp32: faster or slower with 90 % probability by the error of both, no telling "
    "between."
)
_COLD_START = (
    "Cold start: loading the variant and its first answer, the engine being imported. "
    f"{NOTHING}: this machine does not say."
)


def profiling_tables(outcome: ProfilingOutcome) -> tuple[Table, ...]:
    """Profiles by device and variant, then what else there is to tell."""
    batches = [p for p in outcome.profiles if isinstance(p, BatchProfile)]
    languages = [p for p in outcome.profiles if isinstance(p, TokenRates)]
    against = {id(p.profile): p for p in payoffs(outcome.profiles)}
    legend = (_AGAINST,) if against else ()
    notes = (*unpaid(outcome.profiles), *outcome.warnings, *legend)
    found = []
    if batches or not languages:
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
                    ">Against fp32",
                    ">Error up to",
                    ">Accuracy",
                ],
                [_row(p, against.get(id(p))) for p in batches],
                footnotes=notes,
            )
        )
    if languages:
        found.append(_language(languages, against, () if batches else notes))
    found += [_experts(languages)] if any(p.experts for p in languages) else []
    found += grading_tables(outcome.profiles)
    measured: list[BatchProfile | TokenRates] = [
        *(p for p in batches if p.memory_parts is not None),
        *(p for p in languages if p.memory_parts is not None),
    ]
    found += [_memory(measured)] if measured else []
    watched = [p for p in batches if p.conditions is not None]
    found += [_conditions(watched)] if watched else []
    served = [p for p in batches if p.server is not None]
    found += [_servers(served)] if served else []
    return (*found, _failures(outcome)) if outcome.failures else tuple(found)


def _conditions(watched: Sequence[BatchProfile]) -> Table:
    """Under what conditions it was measured, and what a start and a request took."""
    seen = [(p, p.conditions) for p in watched if p.conditions is not None]
    return table(
        "Conditions of measuring",
        ["Model", "Variant", "Device", ">Cold start", ">After a pause", ">Energy a request", ">Stolen", ">Others", ">Clock moved", ">Slowed for heat", ">Drift"],
        [
            (
                p.model,
                str(p.variant),
                _where(p),
                NOTHING if c.cold_start_s is None else latency(milliseconds(c.cold_start_s)),
                NOTHING if c.rested_s is None else f"+{latency(milliseconds(c.rested_s))}",
                _energy(p),
                *(NOTHING if f is None else share(f) for f in (c.stolen_frac, c.others_frac)),
                NOTHING if c.clock_ratio is None else f"× {c.clock_ratio:.2f}",
                NOTHING if c.n_heat_throttles is None else f"{c.n_heat_throttles} times",
                NOTHING if c.drift_ratio is None else f"× {c.drift_ratio:.2f}",
            )
            for p, c in seen
        ],
        footnotes=[
            _COLD_START,
            *dict.fromkeys(f"Energy: {c.energy_words}." for _, c in seen),
            *_not_timed(watched),
        ],
    )  # fmt: skip


def _energy(p: BatchProfile) -> str:
    """A request's share of its batch, from the smallest batch to the largest."""
    first, last = p.points[0], p.points[-1]
    if first.energy_j is None or last.energy_j is None:
        return NOTHING
    return f"{first.energy_j / first.batch:.3g} J to {last.energy_j / last.batch:.3g} J"


def _not_timed(profiles: Sequence[BatchProfile]) -> list[str]:
    """Which batch sizes are read off the line between others."""
    said = []
    for p in profiles:
        timed = {point.batch for point in p.points}
        read_off = [str(b) for b in p.batch_grid if b not in timed]
        if read_off:
            said.append(
                f"{p.model} {p.variant}: {len(timed)} batch sizes timed; "
                f"{', '.join(read_off)} read off the line between them, which the error holds"
            )
    return said


def _servers(served: Sequence[BatchProfile]) -> Table:
    """What serving costs beside the models, a line for each model and device."""
    costs = {(p.model, p.device): p.server for p in served if p.server is not None}
    notes = [f"{model}: {c.evidence.note}" for (model, _), c in costs.items()]
    return table(
        "What a request costs the server beside the model",
        [
            *(
                "Model",
                "Device",
                "Server",
                "How",
                ">Processor time",
                ">Beyond it",
                ">After a pause",
            ),
            *(">Of the model's cores", ">Error up to"),
        ],
        [
            (
                model,
                device,
                c.server,
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


def _failures(outcome: ProfilingOutcome) -> Table:
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
    return f"× {against.time_ratio:.2f} {_IN_TIME[against.in_time]}"


def _language(
    profiles: Sequence[TokenRates],
    against: dict[int, Payoff],
    footnotes: Sequence[str],
) -> Table:
    return table(
        "Language models, prompt and answer apart",
        ["Model", "Variant", "Device", ">Batch", ">Context", ">TTFT", ">TPOT", ">Without cache", ">Tokens/s out", ">Against fp32", ">Error up to"],
        [
            (
                p.model,
                str(p.variant),
                _where(p),
                str(at.batch),
                str(at.context_tokens),
                latency(milliseconds(at.prefill_s)),
                latency(milliseconds(at.step_s)),
                _uncached(at),
                f"{at.output_tokens_per_s:.1f}",
                _ratio(against.get(id(p))),
                share(p.evidence.error_frac),
            )
            for p in profiles
            for at in p.grid
        ],
        footnotes=footnotes,
    )  # fmt: skip


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


def outcome_data(outcome: ProfilingOutcome) -> dict[str, object]:
    """Plain data, as `planner profile --json` prints it."""
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
    }


def export_text(
    outcome: ProfilingOutcome,
    *,
    declared_device: str | None,
    unlike: Sequence[str] = (),
) -> str:
    """The same for another machine to take in: as what device it was declared.

    `unlike` says in what the machine is not like that device.
    """
    data = outcome_data(outcome)
    if declared_device is not None:
        data["declared_device"] = declared_device
        data["unlike"] = list(unlike)
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def _against(p: Payoff) -> dict[str, object]:
    return {
        "model": p.profile.model,
        "device": p.profile.device,
        "variant": asdict(p.profile.variant),
        "time_ratio": p.time_ratio,
        "memory_ratio": p.memory_ratio,
        "band_ratio": p.band_ratio,
        "in_time": p.in_time,
    }


def _plain(record: object) -> dict[str, object]:
    data = asdict(record)  # type: ignore[call-overload]  # a frozen record of ours
    server = data.get("server") or {}
    for evidence in (data.get("evidence"), server.get("evidence")):
        if evidence is not None:
            evidence["as_of"] = evidence["as_of"].isoformat()
    return dict(data)
