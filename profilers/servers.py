"""What serving costs, by device and kind of server: measured here, scaled elsewhere.

A server of ours on its own port is measured beside the user's model
(`profilers.serving.weighing`), with input of the model's shape. What was measured on
this machine holds for it. For a device that is emulated, both figures are multiplied
as the emulator multiplies a model's time (r), within a wider band: the published times
that it learned from used all n cores of the device and their vector units, and a server
uses one core and hardly any vectors.

    there = r · here,     between  r/√n  and  r·√n   (10 % and 90 %), times the emulator's

Cores (κ of `planner.domain.servers`): published times leave the server no core of its
own, κ = 1; nor does an engine that holds the interpreter between its operators. Here, a
server beside another model of fewer threads than cores takes κ = 1/cores.
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

from planner.domain.evidence import BAND_QUANTILE_FRAC, Evidence, Provenance
from planner.domain.servers import HOLD_INTERPRETER, ServerCost
from planner.domain.variants import Runtime
from planner.units import BYTES_PER_KIB, milliseconds

OWN_PORT: Final = "Ray Serve, a replica's own port"
_Z_BAND: Final = NormalDist().inv_cdf(BAND_QUANTILE_FRAC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMeasured:
    """What a request cost a server on the machine that measured; see `weighing`.

    The `_low_` and `_high_` ends are those of 95 % intervals. `busy_ratio` is the
    machine's load per processor meanwhile, by its own average over a minute. `rested_s` is
    what a request after a pause took longer; None where nobody tried. Where the model itself
    was served (`is_own`), its part is in that, and `stirred_s` is what it took longer
    among the server's work than at its quickest.
    """

    server: str
    request_bytes: int
    processor_s: float
    processor_low_s: float
    processor_high_s: float
    latency_s: float
    latency_low_s: float
    latency_high_s: float
    n_requests: int
    error_frac: float
    busy_ratio: float
    measured_at: dt.datetime
    environment: Mapping[str, str] = field(default_factory=dict)
    rested_s: float | None = None
    stirred_s: float | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSeen:
    """What a request cost the server of a running deployment; see `verifying.lone`.

    `together_s` is processor time and what is beyond it; `processor_s` is None where
    that part is not told from outside, for the reason `why_not`.
    """

    device: str
    server: str
    request_bytes: int
    together_s: float
    together_low_s: float
    together_high_s: float
    processor_s: float | None
    why_not: str
    n_requests: int
    error_frac: float
    measured_at: dt.datetime
    environment: Mapping[str, str] = field(default_factory=dict)


def seen_there(seen: ServerSeen, scaled: ServerCost | None) -> ServerCost:
    """The cost on the device where it was seen; what was not told stays as `scaled`.

    Where nothing at all says how much of it is processor time, all of it is taken to
    be: that is the part which limits how many requests a replica answers.
    """
    processor_s, told = seen.processor_s, "both measured"
    if processor_s is None:
        known_s = seen.together_s if scaled is None else scaled.processor_s
        processor_s = min(known_s, seen.together_s)
        told = "the first all of it, for want of better" if scaled is None else "the first scaled"  # fmt: skip
        told += f" ({seen.why_not})"
    latency_s = max(0.0, seen.together_s - processor_s)
    is_whole = seen.processor_s is not None
    error_frac = seen.error_frac
    if not is_whole and scaled is not None:
        error_frac = max(error_frac, scaled.evidence.error_frac)
    return ServerCost(
        server=seen.server,
        processor_s=processor_s,
        latency_s=latency_s,
        shared_frac=1.0 if scaled is None else scaled.shared_frac,
        rested_s=0.0 if scaled is None else scaled.rested_s,
        stirred_s=0.0 if scaled is None else scaled.stirred_s,
        evidence=Evidence(
            provenance=Provenance.MEASURED if is_whole else Provenance.PREDICTED,
            source=f"planner verify: {seen.n_requests} requests one by one to the "
            f"running deployment on {seen.device}",
            as_of=seen.measured_at.date(),
            error_frac=error_frac,
            note=f"{milliseconds(processor_s):.2f} ms of processor time and "
            f"{milliseconds(latency_s):.2f} ms beside it, {told}; together "
            f"{milliseconds(seen.together_s):.2f} ms "
            f"({milliseconds(seen.together_low_s):.2f} to "
            f"{milliseconds(seen.together_high_s):.2f}) a request of "
            f"{seen.request_bytes / BYTES_PER_KIB:.1f} KiB",
        ),
    )


def shared_frac(runtime: Runtime, *, threads: int, cores: int) -> float:
    """The part of the server's work that the model has to wait for."""
    if runtime in HOLD_INTERPRETER or threads >= cores:
        return 1.0
    return 1.0 / cores


def here(
    measured: ServerMeasured,
    *,
    runtime: Runtime,
    threads: int,
    cores: int,
    model_rested_s: float = 0.0,
) -> ServerCost:
    """The cost on the machine that measured; of a pause, what is not the model's part."""
    processor = measured.environment.get("processor", "its processor not stated")
    return ServerCost(
        server=measured.server,
        processor_s=measured.processor_s,
        latency_s=measured.latency_s,
        shared_frac=shared_frac(runtime, threads=threads, cores=cores),
        rested_s=_rested_s(measured, model_rested_s),
        stirred_s=measured.stirred_s or 0.0,
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source=f"measured on the machine that profiled ({processor})",
            as_of=measured.measured_at.date(),
            error_frac=measured.error_frac,
            note=in_words(measured),
        ),
    )


def _rested_s(measured: ServerMeasured, model_rested_s: float) -> float:
    took_s = measured.rested_s or 0.0
    return max(0.0, took_s - model_rested_s) if measured.is_own else took_s


def in_words(measured: ServerMeasured) -> str:
    """The figures with their intervals."""
    low_ms, high_ms = (
        milliseconds(s) for s in (measured.processor_low_s, measured.processor_high_s)
    )
    beside = [
        milliseconds(s)
        for s in (measured.latency_s, measured.latency_low_s, measured.latency_high_s)
    ]
    own = ", the model's own part of it included" if measured.is_own else ""
    rested = (
        f", {milliseconds(measured.rested_s):.2f} ms more after a pause{own}"
        if measured.rested_s
        else ""
    )
    stirred = (
        f", and {milliseconds(measured.stirred_s):.2f} ms that a batch takes longer "
        "among the server's work,"
        if measured.stirred_s
        else ""
    )
    what = "it" if measured.is_own else "a model that does nothing"
    return (
        f"{milliseconds(measured.processor_s):.2f} ms of processor time ({low_ms:.2f} to "
        f"{high_ms:.2f}) and {beside[0]:.2f} ms beside it ({beside[1]:.2f} to "
        f"{beside[2]:.2f}) a request of {measured.request_bytes / BYTES_PER_KIB:.1f} KiB{rested}{stirred} "
        f"from {measured.n_requests} requests to {what}, at a load of "
        f"{measured.busy_ratio:.1f} per processor"
    )


def there(
    measured: ServerMeasured,
    *,
    ratio: float,
    error_frac: float,
    cores: int,
    model_rested_s: float = 0.0,
) -> ServerCost:
    """The cost on a device that is `ratio` times as slow with all its cores.

    `error_frac` is the emulator's own band.
    """
    sigma = math.hypot(math.log1p(error_frac) / _Z_BAND, math.log(cores) / 2 / _Z_BAND)
    return ServerCost(
        server=measured.server,
        processor_s=measured.processor_s * ratio,
        latency_s=measured.latency_s * ratio,
        shared_frac=1.0,
        rested_s=_rested_s(measured, model_rested_s) * ratio,
        stirred_s=(measured.stirred_s or 0.0) * ratio,
        evidence=Evidence(
            provenance=Provenance.PREDICTED,
            source=(
                f"{milliseconds(measured.processor_s):.2f} ms measured on the machine "
                f"that profiled × {ratio:.2f}"
            ),
            as_of=measured.measured_at.date(),
            error_frac=math.expm1(sigma * _Z_BAND),
            note=in_words(measured),
        ),
    )
