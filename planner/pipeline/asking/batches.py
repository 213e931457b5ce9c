"""One batch size of what is known of a model on a device."""

from collections.abc import Sequence
from dataclasses import replace

from planner.domain.predictions import Foresight, Prediction
from planner.domain.profiles import BatchProfile, Profile, ServicePoint


def of_batch(known: Foresight, batch: int) -> Foresight:
    """Times of that batch alone: stated ones, or on the line between two that are.

    Profiles that stop at smaller batches, or begin at larger ones, are refused;
    language models, which batch token by token, say nothing of batches.
    """
    measured, predictions, refusals = [], [], list(known.refusals)
    for profile in known.measured:
        found = _narrowed(profile, batch)
        if isinstance(found, str):
            refusals.append(found)
        else:
            measured.append(found)
    for prediction in known.predictions:
        found = _narrowed(prediction.profile, batch)
        if isinstance(found, str):
            refusals.append(found)
        else:
            predictions.append(_of_profile(prediction, found))
    return replace(
        known,
        measured=tuple(measured),
        predictions=tuple(predictions),
        refusals=tuple(dict.fromkeys(refusals)),
    )


def _of_profile(prediction: Prediction, profile: BatchProfile) -> Prediction:
    low_s, high_s = prediction.interval_s(profile.points[0].p50_s)
    return replace(prediction, profile=profile, low_s=low_s, high_s=high_s)


def _narrowed(profile: Profile, batch: int) -> BatchProfile | str:
    if not isinstance(profile, BatchProfile):
        return (
            f"{profile.variant}: a language model's engine batches token by token; "
            "leave out --batch, or ask with --clients"
        )
    first, last = profile.points[0].batch, profile.points[-1].batch
    if not first <= batch <= last:
        return (
            f"{profile.variant} in batches of {batch}: known are batches of {first} to "
            f"{last}, which say nothing of others; measure it with planner profile"
        )
    return replace(profile, points=(at_batch(profile.points, batch),), batch_grid=())


def at_batch(points: Sequence[ServicePoint], batch: int) -> ServicePoint:
    """The batch between the smallest and the largest: timed, or on the line between two."""
    above = next(i for i, p in enumerate(points) if p.batch >= batch)
    high = points[above]
    if high.batch == batch:
        return high
    low = points[above - 1]
    part = (batch - low.batch) / (high.batch - low.batch)

    def between(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a + part * (b - a)

    return ServicePoint(
        batch=batch,
        p50_s=low.p50_s + part * (high.p50_s - low.p50_s),
        mean_s=between(low.mean_s, high.mean_s),
        p90_s=between(low.p90_s, high.p90_s),
        p95_s=between(low.p95_s, high.p95_s),
        p99_s=between(low.p99_s, high.p99_s),
        energy_j=between(low.energy_j, high.energy_j),
    )
