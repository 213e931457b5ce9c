"""What profiling found, as plain data: printed by `--json`, or for another machine to take in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from planner.domain.joining import Machine
from planner.domain.payoff import Payoff, payoffs, unpaid
from planner.domain.profiling import ProfilingOutcome


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
