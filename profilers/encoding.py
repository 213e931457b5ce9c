"""How a result is written: one canonical JSON document, validated on reading."""

import datetime as dt
import json
from collections.abc import Mapping

from pydantic import TypeAdapter

from profilers.servers import ServerMeasured, ServerSeen
from profilers.trials import Deployed, Failure, Layers, Measurement, TrialResult

_MEASUREMENTS = TypeAdapter(Measurement)
_FAILURES = TypeAdapter(Failure)
_DEPLOYED = TypeAdapter(Deployed)
_SERVERS = TypeAdapter(ServerMeasured)
_SERVERS_SEEN = TypeAdapter(ServerSeen)
_LAYERS = TypeAdapter(Layers)

Stored = TrialResult | Deployed | ServerMeasured | ServerSeen | Layers


def canonical(document: object) -> str:
    """The document as JSON, the same for equal documents."""
    return json.dumps(
        document,
        sort_keys=True,
        allow_nan=False,
        ensure_ascii=False,
        separators=(",", ":"),
    )


def encode(result: Stored) -> str:
    """The result as canonical JSON.

    Raises:
        ValueError: A figure is infinite or not a number.
    """
    kind = _KINDS[type(result)]
    fields = _ADAPTERS[kind].dump_python(result)  # type: ignore[arg-type]  # its own
    told = {k: v for k, v in fields.items() if v or k not in _TOLD_WHERE_THERE}
    if told.get("quality"):
        told["quality"] = {
            k: v
            for k, v in told["quality"].items()
            if not (v is None or v == ()) or k not in _GRADED_WHERE_THERE
        }
    if told.get("conditions") and told["conditions"]["rested_s"] is None:
        del told["conditions"]["rested_s"]
    if "points" in told:
        told["points"] = [
            {k: v for k, v in p.items() if v is not None or k != "energy_j"}
            for p in told["points"]
        ]
    instants = {k: v.isoformat() for k, v in told.items() if isinstance(v, dt.datetime)}
    return canonical({"kind": kind, **told, **instants})


# Left out where a measurement has none, as before there could be any.
_TOLD_WHERE_THERE = frozenset(
    {
        "memory_parts",
        "tokens",
        "experts",
        "conditions",
        "batch_grid",
        "limit_s",
        "operations",
        "percentile_frac",
        "rested_s",
        "stirred_s",
        "is_own",
    }
)
_GRADED_WHERE_THERE = frozenset({"drop", "slices", "shifted", "calibration_error_frac"})
_ADAPTERS: Mapping[
    str,
    TypeAdapter[Measurement]
    | TypeAdapter[Failure]
    | TypeAdapter[Deployed]
    | TypeAdapter[ServerMeasured]
    | TypeAdapter[ServerSeen]
    | TypeAdapter[Layers],
] = {
    "measurement": _MEASUREMENTS,
    "failure": _FAILURES,
    "deployed": _DEPLOYED,
    "server": _SERVERS,
    "server-seen": _SERVERS_SEEN,
    "layers": _LAYERS,
}
_KINDS: Mapping[type, str] = {
    Measurement: "measurement",
    Failure: "failure",
    Deployed: "deployed",
    ServerMeasured: "server",
    ServerSeen: "server-seen",
    Layers: "layers",
}


def decode(text: str) -> Stored:
    """The result that `encode` wrote.

    Raises:
        ValueError: It is not such a document, whole and with finite figures.
    """
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004  # a value, not a caller's type
    kind = document.pop("kind", None)
    if kind not in _ADAPTERS:
        raise ValueError(f"unknown kind {kind!r}")
    result: Stored = _ADAPTERS[kind].validate_json(json.dumps(document))
    instant = result.failed_at if isinstance(result, Failure) else result.measured_at
    if instant.tzinfo is None:
        raise ValueError("its instant has no time zone")
    if json.loads(encode(result)) != {"kind": kind, **document}:
        raise ValueError("fields that are unknown or of another type")
    return result
