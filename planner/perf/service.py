"""What a profile says about service times, as a distribution for every batch size.

A distribution is a quantile function, linear between the probabilities STRATA:
a mixture of uniform pieces whose masses are the same for every profile.

    p50 .. p99      knots, exactly as measured
    between them    linear in -ln(1 - probability): the shape of an exponential tail
    above the last  the tail goes on as an exponential with the slope between the
                    last two known percentiles; the piece [last, 1] gets its mean
    below p50       nothing: no credit for being faster than the median
    mean, if given  pulls the piece below p50 down (never below 0), or the last
                    piece up, until the mean is met as far as it can be
    only p50        deterministic, at the larger of p50 and mean

Between measured batch sizes every knot is interpolated linearly: for service
times convex or linear in the batch that is never optimistic, and for the usual
"fixed cost plus cost per item" it is exact. Below the smallest measured batch
its own times hold, from above.

Where a server works on the model's cores, a batch of b keeps them longer than the
model does (`planner.domain.servers`: c, l and κ of each request):

    S_b = max(s_b + d + b κ c, b c)    on the model's cores; and what a server on a core
                                       of its own can hand over no faster than that; d is
                                       what a batch takes longer among the server's work
    beside = (1 - κ) c + l             a request's own time outside of any batch

A batch whose server was idle before takes longer: caches hold something else, and
the processor has gone to sleep. What the profile and its server say of that is added
to S_b of such batches alone.

The model's error factor is a quantile of its error; the server errs by its own band
at the same quantile.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from planner.domain.evidence import Evidence
from planner.domain.profiles import BatchProfile, ServicePoint
from planner.errors import OutsideProfileError

Floats = npt.NDArray[np.float64]

STRATA: Final = np.array([0.0, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0])
MASSES: Final = np.diff(STRATA)
# Knots are kept this far apart (relative), so that densities stay finite.
_APART: Final = 1e-7


def service_knots(
    profile: BatchProfile, max_batch: int, *, error_factor: float = 1.0
) -> Floats:
    """Quantiles of the service time at STRATA, for batches of 1 .. max_batch.

    What a server takes of the model's cores is in them (S_b).

    Raises:
        OutsideProfileError: A batch larger than the largest measured one.
    """
    alone = model_knots(profile, max_batch, error_factor=error_factor)
    server = profile.server
    if server is None:
        return alone
    factor = server_factor(profile, error_factor)
    handled_s = np.arange(1, max_batch + 1)[:, None] * server.processor_s * factor
    both = alone + server.stirred_s * factor + server.shared_frac * handled_s
    return spread_apart(np.maximum(both, handled_s))


def model_knots(
    profile: BatchProfile, max_batch: int, *, error_factor: float = 1.0
) -> Floats:
    """Quantiles of the model's own time at STRATA, for batches of 1 .. max_batch.

    Raises:
        OutsideProfileError: A batch larger than the largest measured one.
    """
    points = profile.points
    if max_batch > points[-1].batch:
        raise OutsideProfileError(
            f"{profile.model} on {profile.device}: a batch of {max_batch} lies beyond "
            f"the largest measured, {points[-1].batch}; lower max_batch or measure more"
        )
    measured = np.array([point_knots(p) for p in points]) * error_factor
    wanted = np.arange(1, max_batch + 1)
    at = np.array([p.batch for p in points])
    columns = [np.interp(wanted, at, column) for column in measured.T]
    return spread_apart(np.stack(columns, axis=-1))


def beside_s(profile: BatchProfile, *, error_factor: float = 1.0) -> float:
    """What the server adds to every request outside of its batch."""
    server = profile.server
    if server is None:
        return 0.0
    beside = (1 - server.shared_frac) * server.processor_s + server.latency_s
    return beside * server_factor(profile, error_factor)


def rested_s(profile: BatchProfile, *, error_factor: float = 1.0) -> float:
    """What a batch takes longer, server and all, when its server was idle before."""
    model_s = model_rested_s(profile, error_factor=error_factor)
    server = profile.server
    if server is None:
        return model_s
    return model_s + server.rested_s * server_factor(profile, error_factor)


def lone_knots(profile: BatchProfile, *, error_factor: float = 1.0) -> Floats:
    """Quantiles at STRATA of the service of one request that finds its server idle."""
    warm = service_knots(profile, 1, error_factor=error_factor)[0]
    return np.asarray(warm + rested_s(profile, error_factor=error_factor))


def model_rested_s(profile: BatchProfile, *, error_factor: float = 1.0) -> float:
    """What the model itself takes longer then."""
    return profile.rested_s * error_factor


def server_factor(profile: BatchProfile, error_factor: float) -> float:
    """How much slower the server is where the model is that much slower.

    Example:
        >>> import datetime as dt
        >>> from planner.domain.evidence import Evidence, Provenance
        >>> sure, unsure = (
        ...     Evidence(provenance=Provenance.MEASURED, source="s",
        ...              as_of=dt.date(2026, 1, 1), error_frac=e) for e in (0.1, 0.5)
        ... )
        >>> round(_same_quantile(1.1, sure, unsure), 9)
        1.5
    """
    if profile.server is None:
        return 1.0
    return _same_quantile(error_factor, profile.evidence, profile.server.evidence)


def _same_quantile(factor: float, of: Evidence, to: Evidence) -> float:
    """The factor of one error band that is as improbable as that of another one."""
    if of.sigma() == 0:
        return factor
    deviations = math.log(factor) / of.sigma()
    # Beyond five deviations nothing happens that a probability would show.
    return math.exp(to.sigma() * min(max(deviations, -5.0), 5.0))


def point_knots(point: ServicePoint) -> Floats:
    """Quantiles of one measured batch size at STRATA."""
    known = [(0.5, point.p50_s)] + [
        (frac, value)
        for frac, value in (
            (0.9, point.p90_s),
            (0.95, point.p95_s),
            (0.99, point.p99_s),
        )
        if value is not None
    ]
    if len(known) == 1:
        return np.full(STRATA.size, max(point.p50_s, point.mean_s or 0.0))
    knots = _between(known)
    return knots if point.mean_s is None else _meet_mean(knots, point.mean_s)


def _between(known: Sequence[tuple[float, float]]) -> Floats:
    depth = np.array([-math.log1p(-frac) for frac, _ in known])
    value = np.maximum.accumulate([v for _, v in known])
    slope = (value[-1] - value[-2]) / (depth[-1] - depth[-2])
    inner = -np.log1p(-STRATA[1:-1])
    knots = np.interp(inner, depth, value)
    knots += slope * np.maximum(inner - depth[-1], 0.0)
    # A uniform piece with the mean excess of that exponential is twice as long.
    return np.concatenate(([value[0]], knots, [knots[-1] + 2 * slope]))


def _meet_mean(knots: Floats, mean_s: float) -> Floats:
    missing_s = mean_s - float(MASSES @ (knots[1:] + knots[:-1])) / 2
    met = knots.copy()
    if missing_s < 0:
        met[0] = max(knots[0] + 2 * missing_s / MASSES[0], 0.0)
    else:
        met[-1] = knots[-1] + 2 * missing_s / MASSES[-1]
    return met


def spread_apart(knots: Floats) -> Floats:
    """Ascending knots that nowhere coincide: a point mass becomes a sliver."""
    ascending = np.maximum.accumulate(knots, axis=-1)
    steps = np.arange(knots.shape[-1]) * _APART
    return np.asarray(ascending + ascending[..., -1:] * steps, dtype=np.float64)


def mean_s(knots: Floats) -> Floats:
    """Mean of each distribution."""
    return np.asarray((knots[..., 1:] + knots[..., :-1]) @ MASSES / 2)


def shortfall_s(knots: Floats, within_s: Floats) -> Floats:
    """E[(t - S)+], the integral of the distribution function up to each t.

    `knots` has one trailing axis more than `within_s`; the others broadcast.
    """
    density = MASSES / np.diff(knots, axis=-1)
    bend = np.diff(density, axis=-1, prepend=0.0, append=0.0)
    total = np.zeros(np.broadcast_shapes(knots.shape[:-1], within_s.shape))
    for i in range(knots.shape[-1]):
        over = np.maximum(within_s - knots[..., i], 0.0)
        over *= over
        over *= bend[..., i]
        total += over
    total *= 0.5
    return total


def share_within(knots: Floats, within_s: Floats) -> Floats:
    """Distribution function of the service time at each t."""
    total = np.zeros(np.broadcast_shapes(knots.shape[:-1], within_s.shape))
    for i, mass in enumerate(MASSES):
        low, high = knots[..., i], knots[..., i + 1]
        total += mass * np.clip((within_s - low) / (high - low), 0.0, 1.0)
    return total
