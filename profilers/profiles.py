"""What was measured on the very device, as a profile of it.

A deployment that was measured under load is the best profile of its device. Its
service times stand in place of what an emulator or a quiet machine says of the same
variant, device and threads; what load says nothing about stays as it was: memory, and
quality on the whole evaluation set. Batches that never came are left out: a policy may
not use what the measurement does not reach.
"""

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import BatchProfile, ServicePoint, TokenRates
from profilers.store import describe
from profilers.trials import LOCAL, Deployed, MeasuredPoint, Measurement, Trial


def service_point(point: MeasuredPoint) -> ServicePoint:
    """A measured batch size as a profile states it."""
    return ServicePoint(
        batch=point.batch,
        p50_s=point.p50_s,
        mean_s=point.mean_s,
        p90_s=point.p90_s,
        p95_s=point.p95_s,
        p99_s=point.p99_s,
        energy_j=point.energy_j,
    )


def measured_profile(
    measurement: Measurement, trial: Trial
) -> BatchProfile | TokenRates:
    """The profile of the very machine that measured, under the name it goes by."""
    processor = measurement.environment.get("processor", "its processor not stated")
    where = (
        "the machine that profiled"
        if trial.device == LOCAL
        else f"what its owner declared to be a {trial.device}"
    )
    evidence = Evidence(
        provenance=Provenance.MEASURED,
        source=f"measured on {where} ({processor})",
        as_of=measurement.measured_at.date(),
        error_frac=measurement.error_frac,
        note=describe(trial),
        repeats_frac=measurement.error_frac,
    )
    if measurement.tokens:
        return _token_rates(measurement, trial, evidence)
    return BatchProfile(
        model=trial.model.name,
        variant=trial.variant,
        device=trial.device,
        points=tuple(service_point(p) for p in measurement.points),
        evidence=evidence,
        memory_bytes=measurement.memory_bytes,
        quality=measurement.quality,
        artifact_sha256=measurement.artifact_sha256 or None,
        memory_parts=measurement.memory_parts,
        batch_grid=_within(measurement),
        conditions=measurement.conditions,
        rested_s=rested_s(measurement),
        operations=measurement.operations,
    )


def rested_s(measurement: Measurement) -> float:
    """What the smallest batch took longer after a pause; 0 where nobody tried."""
    conditions = measurement.conditions
    return 0.0 if conditions is None else conditions.rested_s or 0.0


def _within(measurement: Measurement) -> tuple[int, ...]:
    """The grid, up to the largest batch that was timed."""
    return tuple(b for b in measurement.batch_grid if b <= measurement.points[-1].batch)


def _token_rates(
    measurement: Measurement, trial: Trial, evidence: Evidence
) -> TokenRates:
    """One request at a time, at the slowest of the contexts, prefill and step apart."""
    alone = [p for p in measurement.tokens if p.batch == 1]
    return TokenRates(
        model=trial.model.name,
        variant=trial.variant,
        device=trial.device,
        prompt_tokens_per_s=min(p.prompt_tokens_per_s for p in alone),
        output_tokens_per_s=min(p.output_tokens_per_s for p in alone),
        evidence=evidence,
        memory_bytes=measurement.memory_bytes,
        quality=measurement.quality,
        artifact_sha256=measurement.artifact_sha256 or None,
        memory_parts=measurement.memory_parts,
        grid=measurement.tokens,
        experts=measurement.experts,
    )


def deployed_profile(
    seen: Deployed, *, name: str, otherwise: BatchProfile | None
) -> BatchProfile:
    """The profile of a measured deployment of the model that the document calls `name`.

    `otherwise` is what would be said without it, None where nothing could be.
    """
    return BatchProfile(
        model=name,
        variant=seen.variant,
        device=seen.device,
        points=tuple(service_point(p) for p in seen.points),
        evidence=Evidence(
            provenance=Provenance.MEASURED,
            source=seen.source,
            as_of=seen.measured_at.date(),
            error_frac=seen.error_frac,
            note=f"batches up to {seen.points[-1].batch} came under load",
        ),
        memory_bytes=None if otherwise is None else otherwise.memory_bytes,
        quality=None if otherwise is None else otherwise.quality,
        artifact_sha256=None if otherwise is None else otherwise.artifact_sha256,
    )
