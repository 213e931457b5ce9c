"""What measurements are worth, against closed forms of two candidates."""

import math
from statistics import NormalDist

import pytest

from planner.pipeline.informing.value import Values, pays, promising, weigh
from tests.support.measurements import draws, key, session

TODAY_USD = 100.0
RIVAL_USD = 40.0


def rivals(thresholds, costs=None):
    """Each device serves for less once it is known to be no slower than its threshold."""

    def cost(world):
        offers = [TODAY_USD]
        for device, most in thresholds.items():
            if world.get(key(device), math.inf) <= most:
                offers.append((costs or {}).get(device, RIVAL_USD))
        return min(offers)

    return cost


def values(cost, sigmas, **options):
    return Values(draws(cost, sigmas, **options), today_usd_per_month=TODAY_USD)


@pytest.mark.parametrize(
    ("sigma", "most"), [(0.2, 0.9), (0.5, 0.8), (0.3, 1.2), (1.0, 0.5)]
)
def test_two_candidates_are_worth_their_difference_times_the_chance_of_the_cheaper(
    sigma, most
):
    chance = NormalDist(0, sigma).cdf(math.log(most))

    worth = values(rivals({"b": most}), {"b": sigma}).of(frozenset([key("b")]))

    assert worth.saving_usd_per_month == pytest.approx(
        (TODAY_USD - RIVAL_USD) * chance, abs=(TODAY_USD - RIVAL_USD) / 1000
    )
    assert worth.changes_frac == pytest.approx(chance, abs=1e-3)
    assert worth.best_usd_per_month == TODAY_USD - RIVAL_USD


def test_two_independent_rivals_save_unless_both_disappoint():
    sigmas, most = {"b": 0.4, "c": 0.7}, {"b": 0.9, "c": 0.6}
    miss = math.prod(1 - NormalDist(0, sigmas[d]).cdf(math.log(most[d])) for d in most)

    worth = values(rivals(most), sigmas, n_worlds=4000).of(
        frozenset([key("b"), key("c")])
    )

    assert worth.changes_frac == pytest.approx(1 - miss, abs=0.02)


@pytest.mark.parametrize("most", [0.5, 0.8, 1.0])
def test_a_wider_band_is_never_worth_less_where_the_rival_must_be_quicker_than_its_figure(
    most,
):
    worths = [
        values(rivals({"b": most}), {"b": sigma})
        .of(frozenset([key("b")]))
        .saving_usd_per_month
        for sigma in (0.05, 0.1, 0.2, 0.4, 0.8)
    ]

    assert worths == sorted(worths)


def test_a_truth_that_makes_today_dearer_is_no_negative_saving():
    def cost(world):
        return TODAY_USD * max(1.0, world.get(key("a"), 1.0))

    worth = values(cost, {"a": 0.5}).of(frozenset([key("a")]))

    assert worth.saving_usd_per_month == 0
    # The luckiest world saves nothing, so one solve told that there is nothing to know.
    assert worth.dearer_frac == 0


def test_knowing_more_is_never_worth_less():
    weighing = values(rivals({"b": 0.9, "c": 0.6}), {"b": 0.4, "c": 0.7})
    both = weighing.of(frozenset([key("b"), key("c")])).saving_usd_per_month

    for device in "bc":
        assert weighing.of(frozenset([key(device)])).saving_usd_per_month <= both


def test_halving_finds_the_few_that_matter_with_few_solves():
    devices = [f"d{i}" for i in range(64)]
    drawing = draws(rivals({"d37": 0.9}), dict.fromkeys(devices, 0.3))
    weighing = Values(drawing, today_usd_per_month=TODAY_USD)

    found = list(promising([session(d) for d in devices], weighing))

    assert [s.device for s in found] == ["d37"]
    assert drawing.n_solves <= 2 * math.log2(64) + 1


def test_the_most_saved_per_dollar_is_measured_first_and_it_stops_when_none_pays():
    most = {"b": 0.9, "c": 0.9, "d": 0.9}
    costs = {"b": 40.0, "c": 90.0, "d": 95.0}
    sigmas = dict.fromkeys("bcd", 0.5)
    known = [session("b", 2.0), session("c", 0.5), session("d", 50.0)]

    weighed = weigh(
        known, values(rivals(most, costs), sigmas), budget_usd=100.0, months=1
    )

    assert [s.device for s, _ in weighed.chosen] == ["b", "c"]
    assert weighed.alone[known[2]].saving_usd_per_month < 50.0
    assert weighed.regret_usd_per_month < weighed.today_regret_usd_per_month


def test_what_is_measured_first_takes_the_worth_of_its_double():
    sigmas = dict.fromkeys("bc", 0.5)
    known = [session("b", 1.0), session("c", 20.0)]

    # Alone c pays (24.7 a month for 20); after b it adds 14.5 and does not.
    weighed = weigh(
        known,
        values(rivals({"b": 0.9, "c": 0.9}), sigmas),
        budget_usd=100.0,
        months=1,
    )

    assert pays(
        weighed.alone[known[1]].saving_usd_per_month, known[1].price_usd, months=1
    )
    assert [s.device for s, _ in weighed.chosen] == ["b"]


def test_a_budget_of_nothing_measures_nothing_and_all_is_regret():
    known = [session("b", 0.0)]

    weighed = weigh(
        known, values(rivals({"b": 0.9}), {"b": 0.5}), budget_usd=0.0, months=1
    )

    assert weighed.chosen == ()
    assert weighed.regret_usd_per_month == weighed.today_regret_usd_per_month > 0


def test_the_budget_bounds_what_is_chosen_together():
    known = [session(d, 3.0) for d in "bcd"]
    most = dict.fromkeys("bcd", 0.9)
    costs = {"b": 80.0, "c": 60.0, "d": 40.0}

    weighed = weigh(
        known,
        values(rivals(most, costs), dict.fromkeys("bcd", 0.5)),
        budget_usd=7,
        months=1,
    )

    assert sum(s.price_usd for s, _ in weighed.chosen) <= 7
    assert len(weighed.chosen) == 2


def test_a_longer_horizon_makes_more_worth_its_price():
    known = [session("b", 50.0)]

    def chosen(months):
        weighing = values(rivals({"b": 0.9}), {"b": 0.5})
        return weigh(known, weighing, budget_usd=100.0, months=months).chosen

    assert not chosen(1)
    assert chosen(3)


def test_what_was_weighed_before_the_time_ran_out_stands():
    ticks = iter(range(10_000))
    weighing = values(
        rivals({"b": 0.9, "c": 0.9}),
        {"b": 0.5, "c": 0.5},
        n_worlds=10,
        now_s=lambda: float(next(ticks)),
        ends_s=25.0,
    )

    weighed = weigh([session("b"), session("c")], weighing, budget_usd=9.0, months=1)

    assert weighed.is_cut_short
    assert weighed.today_regret_usd_per_month is not None
    assert [s.device for s in weighed.alone] == ["b"]
