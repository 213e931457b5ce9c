"""Closed loops: exact cases, bounds, a simulation that shares no code, and learning."""

import heapq
from collections import deque
from itertools import count

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.perf.closed import (
    ClosedObservation,
    Server,
    calibrated,
    predict_closed,
)
from planner.perf.service import STRATA, spread_apart


def server(*alone_s, **others):
    knots_s = np.repeat(np.array(alone_s, dtype=float)[:, None], STRATA.size, axis=1)
    return Server(knots_s=spread_apart(knots_s), **others)


def repairman_rps(clients, away_s, service_s):
    """M/M/1//N: P(n inside) ∝ N! / (N - n)! · (service / away)^n (Feller 1957)."""
    weight = np.cumprod(
        [1.0] + [(clients - n) * service_s / away_s for n in range(clients)]
    )
    return (1 - weight[0] / weight.sum()) / service_s


def mean_value_rps(clients, away_s, service_s):
    """Exact mean value analysis (Reiser and Lavenberg 1980)."""
    waiting = rate_rps = 0.0
    for n in range(1, clients + 1):
        inside_s = service_s * (1 + waiting)
        rate_rps = n / (away_s + inside_s)
        waiting = rate_rps * inside_s
    return rate_rps


def simulated(alone_s, clients, *, instances, ahead, away_s, rounds=100):
    """What the server's own statistics would state: events one by one.

    Instances share the device; `ahead` batches may wait already formed; times outside
    are exponential, so that batches do not stay as they began.
    """
    rng = np.random.default_rng(7)
    number, now, answered, spent_s, worked_s = count(), 0.0, 0, 0.0, 0.0
    back = [(away_s * k / clients, next(number)) for k in range(clients)]
    heapq.heapify(back)
    alone, formed, at_work = deque(), deque(), []
    while answered < rounds * clients:
        shared = max(len(at_work), 1)
        ready_s = min((left for left, _, _ in at_work), default=np.inf) * shared
        passed_s = min(ready_s, back[0][0] - now if back else np.inf)
        now += passed_s
        at_work = [(left - passed_s / shared, at, b) for left, at, b in at_work]
        while back and back[0][0] <= now + 1e-9:
            alone.append(now)
            heapq.heappop(back)
        for _, begun_s, batch in [x for x in at_work if x[0] <= 1e-9]:
            answered += len(batch)
            spent_s += sum(now - sent_s for sent_s in batch)
            worked_s += (now - begun_s) * len(batch)
            for _ in batch:
                heapq.heappush(back, (now + rng.exponential(away_s), next(number)))
        at_work = [x for x in at_work if x[0] > 1e-9]
        while alone and (len(formed) < ahead or len(at_work) < instances):
            taken = min(len(alone), len(alone_s))
            formed.append([alone.popleft() for _ in range(taken)])
            _begin(formed, at_work, alone_s, instances, now)
        _begin(formed, at_work, alone_s, instances, now)
    inside_s, in_service_s = spent_s / answered, worked_s / answered
    # By Little's law; the clients that are away at the end bias nothing.
    return ClosedObservation(
        clients=clients,
        waiting_s=inside_s - in_service_s,
        in_service_s=in_service_s,
        outside_s=clients * now / answered - inside_s,
    )


def _begin(formed, at_work, alone_s, instances, now):
    while formed and len(at_work) < instances:
        batch = formed.popleft()
        at_work.append((alone_s[len(batch) - 1], now, batch))


@pytest.mark.parametrize("clients", [1, 2, 3, 5, 8, 40])
def test_one_at_a_time_and_always_the_same_is_exact(clients):
    regular = server(2.0, outside_s=5.0)

    seen = predict_closed(regular, clients)

    # D/D/1//N: nobody waits while N · service ≤ the round; then the server is busy.
    assert seen.rate_rps == pytest.approx(min(clients / 7.0, 1 / 2.0), rel=1e-6)
    assert seen.mean_s == pytest.approx(max(7.0, clients * 2.0), rel=1e-6)


@pytest.mark.parametrize("clients", [1, 3, 6, 30])
def test_regular_service_beats_exponential_service_and_meets_it_at_the_ends(clients):
    told = predict_closed(server(2.0, outside_s=5.0), clients).rate_rps
    exponential = repairman_rps(clients, 5.0, 2.0)

    assert exponential == pytest.approx(mean_value_rps(clients, 5.0, 2.0))
    assert told >= exponential * (1 - 1e-6)
    if clients in {1, 30}:
        assert told == pytest.approx(exponential, rel=1e-6)


def test_two_batches_take_turns_at_one_instance_with_one_ahead():
    # By hand: eight clients are two fours; each waits four's service and has its own.
    turns = predict_closed(server(*(1.0 + b for b in range(1, 9)), ahead=1), 8)

    assert turns.batch == pytest.approx(4.0)
    assert turns.mean_s == pytest.approx(2 * 5.0)
    assert turns.waiting_s == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("instances", "ahead", "away_s"),
    [(1, 1, 1.0), (2, 4, 2.0), (2, 2, 0.5), (3, 0, 4.0)],
)
def test_much_load_is_foretold_from_little_in_a_simulation(instances, ahead, away_s):
    alone_s = [1.0 + 0.5 * b for b in range(1, 33)]
    shape = {"instances": instances, "ahead": ahead, "away_s": away_s}
    known = [simulated(alone_s, n, **shape) for n in (8, 16, 24)]

    learned = calibrated(server(*alone_s, instances=instances), known)

    for clients in (64, 160):
        truth = simulated(alone_s, clients, **shape)
        told = predict_closed(learned, clients)
        assert told.rate_rps == pytest.approx(truth.rate_rps, rel=0.1)
        assert told.mean_s == pytest.approx(clients / truth.rate_rps, rel=0.1)


def test_a_full_batch_bounds_the_rate_however_many_ask():
    many = predict_closed(server(3.0, 4.0, instances=2, ahead=4), 500)

    # Two instances of one device: each is half as fast as alone.
    assert many.rate_rps == pytest.approx(2 / 4.0)
    assert many.mean_s == pytest.approx(500 / (2 / 4.0))


@given(
    st.integers(1, 200),
    st.floats(0.1, 3.0),
    st.floats(0.0, 0.5),
    st.floats(0.0, 5.0),
    st.integers(1, 3),
    st.floats(1.0, 2.0),
    st.floats(0.0, 1.0),
)
def test_littles_law_holds_and_more_clients_never_get_less(
    clients, fixed_s, each_s, away_s, instances, ratio, exponent
):
    loop = server(
        *(fixed_s + each_s * b for b in range(1, 9)),
        instances=instances,
        ahead=instances,
        sharing_ratio=ratio,
        seen_batch=2.0,
        outside_s=away_s,
        outside_exponent=exponent,
    )

    few, more = predict_closed(loop, clients), predict_closed(loop, clients + 1)

    assert few.rate_rps * few.mean_s == pytest.approx(clients)
    assert more.rate_rps >= few.rate_rps * (1 - 1e-6)
    parts_s = few.waiting_s + few.in_service_s + few.outside_s
    assert few.mean_s == pytest.approx(parts_s, rel=1e-6)


def test_answers_that_leave_one_by_one_spread_the_latency_evenly():
    loop = predict_closed(
        server(*[4.0] * 8, ahead=1, outside_s=0.5, outside_exponent=1.0), 16
    )

    spread_s = loop.quantile_s(0.95) - loop.quantile_s(0.05)
    assert spread_s == pytest.approx(0.9 * 2 * 0.5 * (loop.batch - 1))
    assert loop.quantile_s(0.5) == pytest.approx(loop.mean_s)


def test_the_services_own_spread_is_in_the_percentiles():
    knots_s = np.array([[1.0, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0]])
    loop = predict_closed(Server(knots_s=knots_s), 10)

    at_95_s, at_50_s = loop.quantile_s(0.95), loop.quantile_s(0.5)
    assert at_95_s - at_50_s == pytest.approx(3.0 - 1.0)


@pytest.mark.parametrize("ratio", [0.7, 1.3])
def test_little_load_of_a_known_server_gives_the_server_back(ratio):
    alone_s = [1.0 + 0.2 * b for b in range(1, 65)]
    truth = server(
        *alone_s,
        instances=2,
        ahead=3.0,
        sharing_ratio=ratio,
        seen_batch=3.0,
        outside_s=0.3,
        outside_exponent=0.6,
    )
    rows = []
    for clients in (8, 12, 16):
        told = predict_closed(truth, clients)
        rows.append(
            ClosedObservation(
                clients=clients,
                waiting_s=told.waiting_s,
                in_service_s=told.in_service_s,
                outside_s=told.outside_s,
            )
        )

    learned = calibrated(server(*alone_s, instances=2), rows)

    for clients in (16, 60, 200):
        assert predict_closed(learned, clients).mean_s == pytest.approx(
            predict_closed(truth, clients).mean_s, rel=0.01
        )
    assert learned.ahead == pytest.approx(3.0, rel=1e-3)
    assert learned.outside_exponent == pytest.approx(0.6, rel=1e-3)


@pytest.mark.parametrize("took_s", [1.5, 3.1])
def test_however_instances_share_the_device_full_batches_are_its_throughput(took_s):
    seen = ClosedObservation(clients=2, waiting_s=0.0, in_service_s=took_s, outside_s=0)
    learned = calibrated(server(1.0, 1.5, 2.0, 2.5, instances=2), [seen])

    # By hand: two instances with batches of one, then of four that take 2 · 2.5.
    assert learned.at_work_s(1, 2) == pytest.approx(took_s)
    assert learned.at_work_s(4, 2) == pytest.approx(5.0)
    assert predict_closed(learned, 100).rate_rps == pytest.approx(4 / 2.5)
    # Two take 2 · 1.5 if nothing disturbed them, and took_s / 2 as much if all of it did.
    least_s, most_s = sorted((3.0, 3.0 * took_s / 2))
    assert least_s < learned.at_work_s(2, 2) < most_s


def test_a_batch_is_never_faster_than_alone_on_the_device():
    seen = ClosedObservation(clients=2, waiting_s=0.0, in_service_s=0.8, outside_s=0.1)
    learned = calibrated(server(1.0, 1.1, 1.2, instances=2), [seen])

    assert learned.at_work_s(1, 2) == pytest.approx(1.0)


def test_time_outside_grows_with_batches_as_it_was_seen_to_and_not_faster():
    def outside(*seconds):
        rows = [
            ClosedObservation(clients=n, waiting_s=0.0, in_service_s=n - s, outside_s=s)
            for n, s in zip((4, 16), seconds, strict=True)
        ]
        return calibrated(server(*[1.0] * 64), rows)

    # One answer a second: n - s are at work when n go round.
    slower, faster, falling = outside(1, 2), outside(0.5, 8), outside(2, 1)

    assert slower.away_s(14) == pytest.approx(2.0, rel=0.01)
    assert slower.away_s(64) == pytest.approx(
        2.0 * (64 / 14) ** (np.log(2) / np.log(14 / 3)), rel=0.01
    )
    assert faster.outside_exponent == 1.0
    assert falling.outside_exponent == 0.0
