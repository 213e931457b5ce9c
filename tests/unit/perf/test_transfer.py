import math
from dataclasses import replace

import pytest

from planner.domain.operations import Operations
from planner.domain.predictions import Refused
from planner.perf.transfer import MIN_COMMON, Used, transferred

NAMES = [f"net-v1-{i}" for i in range(12)]
MACS = {m: int(20e6 * 1.6**i) for i, m in enumerate(NAMES)}
OPERATIONS = {
    m: Operations(model=m, parameters=int(1e6 * 1.2**i), source="made up", macs=MACS[m])
    for i, m in enumerate(NAMES)
}
HERE = {m: 1e-3 + MACS[m] / 20e9 for m in NAMES}
# Ten times the arithmetic, twice the overhead: no one ratio, no straight line.
THERE = {m: 2e-3 + MACS[m] / 200e9 for m in NAMES}


def without(times, model):
    return {m: t for m, t in times.items() if m != model}


def test_devices_in_a_fixed_ratio_are_predicted_exactly():
    slower = {m: 3.7 * t for m, t in HERE.items()}

    found = transferred(NAMES[5], HERE, without(slower, NAMES[5]), OPERATIONS)

    assert found.p50_s == pytest.approx(slower[NAMES[5]], rel=1e-6)
    assert found.low_s <= found.p50_s <= found.high_s


@pytest.mark.parametrize("model", NAMES[2:10])
def test_overhead_and_arithmetic_that_differ_are_told_apart(model):
    found = transferred(model, HERE, without(THERE, model), OPERATIONS)

    assert found.p50_s == pytest.approx(THERE[model], rel=0.05)
    assert found.low_s <= THERE[model] <= found.high_s


def test_the_models_own_time_there_is_not_looked_at():
    lied = {**THERE, NAMES[4]: 100.0}

    told = transferred(NAMES[4], HERE, lied, OPERATIONS)

    assert told == transferred(NAMES[4], HERE, without(THERE, NAMES[4]), OPERATIONS)


def test_one_bad_run_among_many_hardly_moves_the_others():
    spoiled = {**THERE, NAMES[7]: 6 * THERE[NAMES[7]]}

    found = transferred(NAMES[4], HERE, without(spoiled, NAMES[4]), OPERATIONS)

    assert found.p50_s == pytest.approx(THERE[NAMES[4]], rel=0.1)


def test_noise_widens_the_band():
    noisy = {m: t * (1.3 if i % 2 else 1 / 1.3) for i, (m, t) in enumerate(THERE.items())}  # fmt: skip

    quiet = transferred(NAMES[6], HERE, without(THERE, NAMES[6]), OPERATIONS)
    loud = transferred(NAMES[6], HERE, without(noisy, NAMES[6]), OPERATIONS)

    assert loud.error_frac > 2 * quiet.error_frac


def test_a_model_of_no_known_family_is_predicted_with_less_confidence():
    mixed = {
        m: Operations(
            model=m,
            parameters=o.parameters,
            source=o.source,
            macs=o.macs,
        )
        for m, o in OPERATIONS.items()
    }
    # Two families that behave differently: the second is slower there by half.
    names = [m if i < 6 else m.replace("net", "web") for i, m in enumerate(NAMES)]
    ops = {n: mixed[m] for n, m in zip(names, NAMES, strict=True)}
    here = {n: HERE[m] for n, m in zip(names, NAMES, strict=True)}
    there = {
        n: HERE[m] * (1.0 if n.startswith("net") else 1.5)
        for n, m in zip(names, NAMES, strict=True)
    }
    stranger, relative = "odd-v1-3", "net-v1-x"

    def ask(name):
        return transferred(
            name,
            {**here, name: HERE[NAMES[3]]},
            there,
            {**ops, name: mixed[NAMES[3]]},
        )

    assert ask(stranger).error_frac > ask(relative).error_frac


def two_kinds(*, own_activations):
    """Half of the models move much for each operation, and run half as long again there."""
    names = [m if i % 2 else m.replace("net", "web") for i, m in enumerate(NAMES)]
    here = dict(zip(names, HERE.values(), strict=True))
    there = {m: t * (1.5 if m.startswith("web") else 1.0) for m, t in here.items()}
    known = {
        m: Operations(
            model=m, parameters=10**6, macs=macs, source="made up",
            activation_values=macs // (4 if m.startswith("web") else 40),
        )
        for m, macs in zip(names, MACS.values(), strict=True)
    }  # fmt: skip
    own = replace(known[names[6]], model="mine", activation_values=own_activations)
    return {**here, "mine": here[names[6]]}, there, {**known, "mine": own}


@pytest.mark.parametrize(("moved", "slower"), [(4, 1.5), (40, 1.0)])
def test_of_no_known_family_what_was_counted_says_what_it_is_like(moved, slower):
    own = MACS[NAMES[6]] // moved
    here, there, known = two_kinds(own_activations=own)

    found = transferred("mine", here, there, known, family_known=False)

    assert found.ratio == pytest.approx(slower, rel=0.03)
    as_stranger = transferred("mine", here, there, known)
    assert abs(math.log(found.ratio / slower)) < abs(math.log(as_stranger.ratio / slower))  # fmt: skip
    assert found.error_frac < as_stranger.error_frac


@pytest.mark.parametrize("known", [OPERATIONS, {}])
def test_where_the_family_is_not_known_the_name_says_nothing(known):
    def ask(name):
        return transferred(
            name,
            {**HERE, name: HERE[NAMES[3]]},
            without(THERE, name),
            {**known, name: replace(OPERATIONS[NAMES[3]], model=name)} if known else {},
            family_known=False,
        )

    assert ask("net-v1-9x") == ask("odd-v3-1")


def test_without_operations_the_times_alone_are_used():
    found = transferred(NAMES[5], HERE, without(THERE, NAMES[5]), {})

    assert found.used is Used.NOTHING
    assert found.p50_s == pytest.approx(THERE[NAMES[5]], rel=0.3)


def test_too_few_common_models_are_refused_with_their_number():
    few = dict(list(THERE.items())[: MIN_COMMON - 1])

    found = transferred("net-v1-11", HERE, few, OPERATIONS)

    assert isinstance(found, Refused)
    assert str(MIN_COMMON - 1) in found.reason
    assert found.n_common == MIN_COMMON - 1


@pytest.mark.parametrize("factor", [1 / 50, 50])
def test_a_size_far_outside_the_common_ones_is_refused(factor):
    edge = min(HERE.values()) if factor < 1 else max(HERE.values())

    found = transferred("mine", {**HERE, "mine": edge * factor}, THERE, OPERATIONS)

    assert isinstance(found, Refused)
    assert "outside" in found.reason


@pytest.mark.parametrize(
    ("macs", "parameters", "what"),
    [
        (MACS[NAMES[3]], 10**9, "parameters for each operation"),
        (10**5, 10**4, "operations"),
    ],
)
def test_a_model_of_a_common_time_but_another_kind_is_refused(macs, parameters, what):
    own = Operations(model="mine", parameters=parameters, source="made up", macs=macs)

    found = transferred(
        "mine", {**HERE, "mine": HERE[NAMES[3]]}, THERE, {**OPERATIONS, "mine": own}
    )

    assert isinstance(found, Refused)
    assert f"in {what} it lies a factor of" in found.reason


def test_fewer_parameters_than_any_other_leave_arithmetic_to_decide():
    few = replace(OPERATIONS[NAMES[3]], model="mine", parameters=10**3)

    found = transferred(
        "mine", {**HERE, "mine": HERE[NAMES[3]]}, THERE, {**OPERATIONS, "mine": few}
    )

    assert found.low_s <= THERE[NAMES[3]] <= found.high_s


def test_the_interval_is_wider_than_the_one_sided_band():
    found = transferred(NAMES[6], HERE, without(THERE, NAMES[6]), OPERATIONS)

    assert math.log(found.high_s / found.p50_s) >= math.log1p(found.error_frac)


def test_by_times_alone_a_stranger_is_as_far_off_as_whole_families_were():
    """Half of the models run 1.5 times as long there: their sizes say so of each other."""
    names = [m if i % 2 else m.replace("net", "web") for i, m in enumerate(NAMES)]
    here = dict(zip(names, HERE.values(), strict=True))
    there = {m: t * (1.5 if m.startswith("web") else 1.0) for m, t in here.items()}

    def ask(name):
        return transferred(name, {**here, name: HERE[NAMES[3]]}, there, {})

    stranger, relative = ask("mine"), ask("net-v1-x")
    assert stranger.p50_s == relative.p50_s
    assert stranger.error_frac > relative.error_frac
