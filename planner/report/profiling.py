"""What profiling found, as tables and as plain data."""

from collections.abc import Sequence
from dataclasses import asdict

from planner.domain.profiles import BatchProfile, Quality
from planner.domain.profiling import ProfilingOutcome
from planner.report.sentences import latency, quality, share
from planner.report.tables import Table, table
from planner.units import milliseconds


def profiling_tables(outcome: ProfilingOutcome) -> tuple[Table, ...]:
    """Profiles by device and variant, then failures and warnings where there are any."""
    profiles = table(
        "Profiles",
        ["Model", "Variant", "Device", "How", ">Batch 1", ">Largest batch", ">Error up to", ">Accuracy"],
        [_row(p) for p in outcome.profiles],
        footnotes=outcome.warnings,
    )  # fmt: skip
    served = [p for p in outcome.profiles if p.server is not None]
    found = (profiles, _servers(served)) if served else (profiles,)
    if not outcome.failures:
        return found
    devices: dict[tuple[str, str, str], list[str]] = {}
    for f in outcome.failures:
        devices.setdefault((f.model, str(f.variant), f.reason), []).append(f.device)
    failures = table(
        "Not measured",
        ["Model", "Variant", "Devices", "Reason"],
        [
            (model, variant, ", ".join(names), reason)
            for (model, variant, reason), names in devices.items()
        ],
    )
    return *found, failures


def _servers(served: Sequence[BatchProfile]) -> Table:
    """What serving costs beside the models, a line for each model and device."""
    costs = {(p.model, p.device): p.server for p in served if p.server is not None}
    notes = [f"{model}: {c.evidence.note}" for (model, _), c in costs.items()]
    return table(
        "What a request costs the server beside the model",
        [
            *("Model", "Device", "Server", "How", ">Processor time", ">Beyond it"),
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
                share(c.shared_frac),
                share(c.evidence.error_frac),
            )
            for (model, device), c in costs.items()
        ],
        footnotes=tuple(dict.fromkeys(notes)),
    )


def _row(p: BatchProfile) -> Sequence[str]:
    first, last = p.points[0], p.points[-1]
    return (
        p.model,
        str(p.variant),
        p.device,
        p.evidence.provenance.value,
        latency(milliseconds(first.p50_s)),
        f"{latency(milliseconds(last.p50_s))} for {last.batch}",
        share(p.evidence.error_frac),
        _accuracy(p.quality),
    )


def _accuracy(graded: Quality | None) -> str:
    if graded is None:
        return "not evaluated"
    if graded.low_frac is None or graded.high_frac is None:
        return quality(graded.value_frac)
    interval = f"{quality(graded.low_frac)} to {quality(graded.high_frac)}"
    return f"{quality(graded.value_frac)} ({interval})"


def outcome_data(outcome: ProfilingOutcome) -> dict[str, object]:
    """Plain data, as `planner profile --json` prints it."""
    return {
        "kind": "profiles",
        "version": 1,
        "n_measured": outcome.n_measured,
        "n_cached": outcome.n_cached,
        "profiles": [_plain(p) for p in outcome.profiles],
        "failures": [_plain(f) for f in outcome.failures],
        "warnings": list(outcome.warnings),
        "environment": dict(outcome.environment),
    }


def _plain(record: object) -> dict[str, object]:
    data = asdict(record)  # type: ignore[call-overload]  # a frozen record of ours
    server = data.get("server") or {}
    for evidence in (data.get("evidence"), server.get("evidence")):
        if evidence is not None:
            evidence["as_of"] = evidence["as_of"].isoformat()
    return dict(data)
