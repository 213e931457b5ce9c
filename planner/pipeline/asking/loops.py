"""What N clients see of a model on a device, each waiting before it asks again.

One replica at a time. Batches are those of our server: what waits when a batch is done
is the next one, up to the largest batch that was measured. Network not included.
"""

from planner.domain.predictions import ClosedLoop, Foresight
from planner.domain.profiles import BatchProfile, LoadCurve, Profile
from planner.errors import OutsideProfileError
from planner.perf.closed import Server, predict_closed
from planner.perf.closed_language import predict_users
from planner.perf.service import beside_s, service_knots


def closed_loops(
    known: Foresight, clients: int
) -> tuple[tuple[ClosedLoop, ...], tuple[str, ...]]:
    """One loop for each profile, and why there is none for others."""
    loops, reasons = [], []
    for profile in (*known.measured, *(p.profile for p in known.predictions)):
        try:
            loops.append(_loop(profile, clients))
        except OutsideProfileError as refusal:
            reasons.append(f"{profile.variant}, {refusal}")
    return tuple(loops), tuple(dict.fromkeys(reasons))


def _loop(profile: Profile, clients: int) -> ClosedLoop:
    if isinstance(profile, BatchProfile):
        return _of_batches(profile, clients)
    if isinstance(profile, LoadCurve):
        users = predict_users(profile, clients)
        return ClosedLoop(
            profile=profile,
            clients=clients,
            rate_rps=users.rate_rps,
            p50_s=users.answer_s,
            ttft_s=users.ttft_s,
            gap_s=users.gap_s,
        )
    raise OutsideProfileError(
        f"{profile.model} on {profile.device} is known by its token rates, which say "
        "nothing of several clients; use a load curve"
    )


def _of_batches(profile: BatchProfile, clients: int) -> ClosedLoop:
    knots_s = service_knots(profile, profile.points[-1].batch)
    server = Server(knots_s=knots_s, ahead=1.0, outside_s=beside_s(profile))
    told = predict_closed(server, clients)
    return ClosedLoop(
        profile=profile,
        clients=clients,
        rate_rps=told.rate_rps,
        p50_s=told.quantile_s(0.5),
        p95_s=told.quantile_s(0.95),
        p99_s=told.quantile_s(0.99),
    )
