"""Language engines whose machines scale, start cold, are switched and taken away."""

import numpy as np
import pytest

from planner.domain.workloads import TokenSlo
from planner.simulate.arrivals import Arrivals
from planner.simulate.run import run
from planner.simulate.scenario import (
    Autoscaling,
    Calendar,
    Engine,
    Group,
    Placed,
    Routing,
    Scenario,
    Stream,
    Way,
)

STEP_S = 0.1
OUTPUT = 10
ALONE_S = OUTPUT * STEP_S  # a prompt's step, then nine further tokens


def stage(at_s, *, machines=(1,), most=1, span_s=100.0, rest=None, **group):
    """Requests of ten tokens; `most` run at once on each machine."""
    engine = Engine(
        step_s=np.full(most + 1, STEP_S),
        prefill_s_per_token=0.0,
        most_sequences=most,
        step_tokens=1000,
        cache_tokens=1e9,
    )
    placed = Placed(
        workload="w",
        way=Way(rtt_s=0.0),
        service=engine,
        rates_rps=(1.0,) * len(machines),
    )
    arrivals = Arrivals(at_s=np.asarray(at_s, dtype=np.float64), span_s=span_s)
    return Scenario(
        streams=(
            Stream(
                workload="w",
                slo=TokenSlo(percentile_frac=0.95, ttft_s=1.0, tpot_s=1.0),
                arrivals=arrivals,
                prompt_tokens=1,
                output_tokens=OUTPUT,
            ),
        ),
        groups=(Group(name="g", placements=(placed,), machines_on=machines, **group),),
        **(rest or {}),
    )


def seen(scenario, seed=1):
    found = run(scenario, seed=seed)
    return found.requests[0], found.work[0]


def scaling(**fields):
    settings = {
        "target_rps": 1.0,
        "least": 1,
        "most": 4,
        "interval_s": 10.0,
        "patience": 0,
        "lag_s": 7.0,
    }
    return Autoscaling(**(settings | fields))


def test_a_new_engine_serves_only_after_its_lag():
    # 20 requests at once make two machines wanted at the first look, at 10 s.
    requests, work = seen(
        stage(
            [0.5] * 20 + [12.0, 18.0],
            scaling=scaling(),
            routing=Routing.LEAST_OUTSTANDING,
        )
    )

    assert work.most_on == 2
    # Who comes at 12 s finds the first engine only, busy until 20.5 s; who comes at
    # 18 s, a second after the other one is there, goes to that.
    assert requests.answered_s[-2:] == pytest.approx([21.5, 18.0 + ALONE_S])


def test_a_machine_is_paid_for_while_it_starts_and_until_it_is_let_go():
    _, work = seen(stage([0.5] * 20, scaling=scaling()))

    # One for 100 s; the second from the look at 10 s to that at 20 s: nothing came.
    assert work.paid_machine_s == pytest.approx(110.0)


@pytest.mark.parametrize("routing", list(Routing))
def test_engines_follow_the_calendar(routing):
    _, work = seen(
        stage(
            [1.0, 110.0, 210.0],
            machines=(3, 1),
            span_s=300.0,
            routing=routing,
            rest={"calendar": Calendar(block_of_hour=(0, 1), hour_s=100.0)},
        )
    )

    assert work.paid_machine_s == pytest.approx(700.0)
    assert work.most_on == 3


def test_who_comes_while_no_engine_is_there_waits_for_one():
    requests, work = seen(
        stage(
            np.arange(0, 100, 2.0),
            interruptions_per_h=200.0,
            replacement_s=5.0,
        ),
        seed=3,
    )

    assert work.interruptions > 0
    assert not np.isnan(requests.answered_s).any()
    # Waiting is never longer than the lag and what is handed on before.
    assert requests.latency_s.max() > 5.0 - 2.0
    assert (requests.latency_s >= ALONE_S - 1e-9).all()


def test_what_a_lost_engine_ran_is_generated_anew_elsewhere():
    scenario = stage(
        np.arange(0, 100, 0.5),
        machines=(4,),
        most=4,
        interruptions_per_h=150.0,
        replacement_s=20.0,
    )
    requests, work = seen(scenario, seed=2)

    assert work.interruptions > 0
    assert work.handed_on > 0
    assert not np.isnan(requests.answered_s).any()
    # A first token is never later than the whole answer, and it is the last run's.
    spent = requests.latency_s - requests.first_token_s
    assert spent == pytest.approx(np.full(spent.size, (OUTPUT - 1) * STEP_S))


def test_every_busy_second_makes_a_step_of_tokens():
    """One at a time: busy time is the requests' own, whatever machines come and go."""
    requests, work = seen(stage(np.arange(0, 90, 3.0), scaling=scaling()))

    assert work.busy_replica_s == pytest.approx(requests.sent_s.size * ALONE_S)


def test_tied_engines_do_what_untied_ones_do_where_nothing_happens():
    at_s = np.sort(np.random.default_rng(1).random(300) * 100)

    untied, _ = seen(stage(at_s, machines=(1,), most=8))
    tied, _ = seen(
        stage(at_s, machines=(1,), most=8, routing=Routing.LEAST_OUTSTANDING)
    )

    assert tied.answered_s == pytest.approx(untied.answered_s)
    assert tied.first_token_s == pytest.approx(untied.first_token_s)


@pytest.mark.parametrize("routing", [Routing.SHARE, Routing.LEAST_OUTSTANDING])
def test_who_waits_longer_than_the_timeout_gives_up(routing):
    requests, _ = seen(
        stage([0.0] * 5, routing=routing, rest={"timeout_s": 2.5 * ALONE_S})
    )

    # Begun at 0, 1 and 2 s; the fourth would have waited 3.
    assert np.isnan(requests.answered_s).sum() == 2
