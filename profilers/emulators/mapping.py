"""A measurement made here, told as the profile of a device that is not here.

    point        every figure × ratio(p50 here) × the relative's factor; what was read off
                 between timed batch sizes is read off here, for the ratio bends the line
    error band   σ² = max(σ devices left out, σ known models' scatter)²
                      + σ beyond² + σ known² + σ measurement² + σ relative²
                 error = exp(z · σ) − 1

The errors are taken as independent and log-normal, as `Evidence` takes them. Of
the first two the larger counts: a machine whose own known models scatter more
than published devices do among each other is trusted less than those. σ beyond
is zero between the smallest and the largest known model; outside, what the slope
would have said is taken as the 90 % quantile. σ known is how sure the known
models' own times are, their median: a busy machine slows all of them together,
so it does not average out.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

from planner.domain.evidence import BAND_QUANTILE_FRAC, Evidence, Provenance
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.domain.variants import Precision
from planner.reference.relatives import Relative
from planner.units import milliseconds
from profilers.emulators import calibration
from profilers.emulators.published import Published
from profilers.emulators.ratios import Pair, Ratio, fit, scatter_sigma
from profilers.points import read_off
from profilers.profiles import rested_s
from profilers.trials import MeasuredPoint, Measurement, Trial

_Z_BAND = NormalDist().inv_cdf(BAND_QUANTILE_FRAC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """How to map one precision to one device, and what it was learned from.

    `rows` and `local_s` hold the known models' times on the device (or on its
    relative) and here, `known_error_frac` how sure the latter are; `devices_sigma`
    is the band from leaving devices out.
    """

    device: str
    precision: Precision
    rows: Mapping[str, Published]
    local_s: Mapping[str, float]
    known_error_frac: float
    devices_sigma: float
    n_devices: int
    relative: Relative | None = None

    def pairs(self) -> tuple[Pair, ...]:
        """The known models' two times."""
        return tuple(
            Pair(local_s=self.local_s[model], device_s=row.p50_s)
            for model, row in self.rows.items()
        )


def emulated(learned: Learned, measurement: Measurement, trial: Trial) -> BatchProfile:
    """The device's profile of what the trial measured."""
    ratio = fit(learned.pairs())
    first_ratio = ratio.at(measurement.points[0].p50_s) * _factor(learned)
    return BatchProfile(
        model=trial.model.name,
        variant=trial.variant,
        device=learned.device,
        points=tuple(
            _scaled(point, ratio.at(point.p50_s) * _factor(learned))
            for point in read_off(measurement.points, measurement.batch_grid)
        ),
        evidence=Evidence(
            provenance=Provenance.EMULATED,
            source="; ".join(_sources(learned)),
            as_of=measurement.measured_at.date(),
            error_frac=error_frac(learned, measurement),
            note=_note(learned, measurement, trial, ratio),
            repeats_frac=measurement.error_frac,
        ),
        memory_bytes=measurement.memory_bytes,
        quality=measurement.quality,
        artifact_sha256=measurement.artifact_sha256 or None,
        batch_grid=measurement.batch_grid,
        rested_s=rested_s(measurement) * first_ratio,
        operations=measurement.operations,
    )


def error_frac(learned: Learned, measurement: Measurement) -> float:
    """The band of an emulated profile, from the rule above; its widest point counts."""
    ratio = fit(learned.pairs())
    mapping_sigma = max(learned.devices_sigma, scatter_sigma(learned.pairs()))
    beyond_sigma = max(ratio.log_beyond(p.p50_s) for p in measurement.points) / _Z_BAND
    known_sigma = _sigma(learned.known_error_frac)
    own_sigma = _sigma(measurement.error_frac)
    sigma = math.hypot(
        mapping_sigma, beyond_sigma, known_sigma, own_sigma, _relative_sigma(learned)
    )
    return math.expm1(_Z_BAND * sigma)


def _sigma(band_frac: float) -> float:
    return math.log1p(band_frac) / _Z_BAND


def _factor(learned: Learned) -> float:
    return (
        learned.relative.factors[learned.precision].middle_ratio
        if learned.relative
        else 1.0
    )


def _relative_sigma(learned: Learned) -> float:
    return (
        learned.relative.factors[learned.precision].sigma if learned.relative else 0.0
    )


def _scaled(point: MeasuredPoint, ratio: float) -> ServicePoint:
    return ServicePoint(
        batch=point.batch,
        p50_s=point.p50_s * ratio,
        mean_s=point.mean_s * ratio,
        p90_s=point.p90_s * ratio,
        p95_s=point.p95_s * ratio,
        p99_s=point.p99_s * ratio,
    )


def _sources(learned: Learned) -> Iterable[str]:
    """Without the line of each log: the table that was learned from says those."""
    yield "measured on the machine that profiled"
    yield from dict.fromkeys(
        row.source.partition(": ")[0] for row in learned.rows.values()
    )
    if learned.relative:
        yield learned.relative.source


def _note(
    learned: Learned, measurement: Measurement, trial: Trial, ratio: Ratio
) -> str:
    first = measurement.points[0]
    factor = _factor(learned)
    said = []
    if learned.relative:
        bounds = learned.relative.factors[learned.precision]
        said.append(
            f"emulated via {learned.relative.device} × {factor:.2f} (between "
            f"{bounds.low_ratio:.2f} and {bounds.high_ratio:.2f}: {learned.relative.argument})"
        )
    said.append(
        f"this machine's {milliseconds(first.p50_s):.2f} ms at batch {first.batch} "
        f"× {ratio.at(first.p50_s) * factor:.2f}"
    )
    said.append(_learned_from(learned))
    if trial.variant.runtime is not calibration.RUNTIME:
        said.append(
            f"{trial.variant.runtime} is taken to be as much slower or faster than "
            f"{calibration.RUNTIME} there as here"
        )
    timed = {point.batch for point in measurement.points}
    between = [str(b) for b in measurement.batch_grid if b not in timed]
    if between:
        said.append(f"batches of {', '.join(between)} read off between those timed")
    if any(ratio.log_beyond(point.p50_s) > 0 for point in measurement.points):
        said.append(
            "some times here lie outside those of the known models, which widens the "
            "band"
        )
    return "; ".join(said)


def _learned_from(learned: Learned) -> str:
    runtimes = " and ".join(dict.fromkeys(row.runtime for row in learned.rows.values()))
    years = _years(row.as_of for row in learned.rows.values())
    off_frac = math.expm1(_Z_BAND * learned.devices_sigma)
    return (
        f"ratio learned from {len(learned.rows)} known models, here on "
        f"{calibration.RUNTIME}, there on {runtimes} ({years}); leaving each of "
        f"{learned.n_devices} published devices out, 90 % of times were at most "
        f"{off_frac:.0%} above what was predicted"
    )


def _years(dates: Iterable[dt.date]) -> str:
    years = sorted({date.year for date in dates})
    return f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}"
