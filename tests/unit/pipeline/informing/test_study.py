"""A study of real documents: what is worth measuring, what is measured, when it stops."""

import dataclasses
import math
import pickle
from statistics import NormalDist

import pytest

from planner.domain.evidence import Provenance
from planner.domain.placement import NoPlan
from planner.domain.profiles import key_of
from planner.domain.profiling import ProfilingFailure, ProfilingOutcome, TorchModel
from planner.domain.variants import Precision
from planner.errors import ProfilingError, SpecError
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.informing.prices import sessions
from planner.pipeline.informing.study import Means, Study, studied
from planner.pipeline.informing.worlds import Costs, as_found
from planner.pipeline.recommend import recommend
from planner.pipeline.solving.answered import answered
from planner.ports import OneByOne
from planner.specs.edit import with_values
from tests.support.questions import asked, document, world

JETSONS = {
    "workloads__0__traffic__rate_rps": 20,
    "workloads__0__slo__percentile": 99,
    "workloads__0__slo__latency_ms": 100,
    "workloads__0__quality": {"metric": "openimages_map", "minimum_frac": 0.37},
    "models__0__source__name": "retinanet-800",
    "sites__0__devices": [
        {"device": "jetson-agx-orin", "stock": 4, "capex_usd": 2000},
        {"device": "jetson-orin-nx-16gb", "stock": 8, "capex_usd": 700},
    ],
    "policy__budget_usd_per_month": 2500,
}


def plan(spec, **facts):
    study = Study(**{"budget_usd": 5.0, "clock_s": lambda: 0.0, **facts})
    return recommend(spec, dataclasses.replace(world(), study=study))


def means(profiler=None, models=None):
    return Means(
        models=models or {},
        profiler=profiler,
        scenarios=OneByOne(),
        time_limit_s=30.0,
        on_progress=lambda _: None,
    )


def test_a_box_whose_band_keeps_it_out_is_worth_measuring():
    found = plan(document(**JETSONS)).measuring

    (only,) = found.measurements
    assert (only.device, only.verdict, only.price_usd) == ("jetson-orin-nx-16gb", "take", 0.0)  # fmt: skip
    assert 0 < only.saving_usd_per_month < only.best_saving_usd_per_month
    assert found.regret_usd_per_month < found.regret_now_usd_per_month


def test_the_figure_itself_is_worth_the_cost_of_the_plan_that_trusts_it():
    question = asked(document(**JETSONS))
    today = answered(question, time_limit_s=30.0)
    costs = Costs(question, today.solution, time_limit_s=30.0)
    known = {
        k: 1.0 for s in sessions(question, here=None, own_models=()) for k in s.keys
    }

    trusting = answered(
        asked(with_values(question.spec, {"policy.confidence_frac": 0.5})),
        time_limit_s=30.0,
    )

    assert costs(known) == pytest.approx(trusting.solution.cost_usd_per_month)
    assert pickle.loads(pickle.dumps(costs))(known) == costs(known)


def test_the_truth_at_the_policys_quantile_costs_what_todays_plan_costs():
    question = asked(document(**JETSONS))
    today = answered(question, time_limit_s=30.0)
    costs = Costs(question, today.solution, time_limit_s=30.0)
    feared = {
        key_of(p): p.evidence.quantile_factor(0.9)
        for p in question.knowledge.profiles["m"]
    }

    assert costs(feared) == pytest.approx(today.solution.cost_usd_per_month)


def test_a_budget_of_nothing_measures_nothing():
    found = plan(document(**JETSONS), budget_usd=0.0).measuring

    assert all(m.verdict == "over_budget" for m in found.measurements)
    assert found.regret_usd_per_month == found.regret_now_usd_per_month


def test_without_a_study_nothing_is_weighed():
    assert recommend(document(**JETSONS), world()).measuring is None


def test_a_plan_that_nothing_can_better_has_nothing_to_measure():
    # One board of the only kind there is carries everything with room to spare.
    found = plan(document(workloads__0__traffic__rate_rps=1)).measuring

    assert found.measurements == ()
    assert found.n_powerless >= 1
    assert found.regret_usd_per_month == 0


def test_only_plans_for_money_are_weighed():
    with pytest.raises(SpecError, match=r"policy\.objective"):
        plan(document(policy__objective="latency"))


class Here:
    """Measures on the device that this machine is said to be, which is that much slower.

    What it has no profile of fails.
    """

    def __init__(self, profiles, ratio, failures=()):
        self.profiles, self.ratio, self.n_jobs = profiles, ratio, 0
        self.failures = failures

    def references(self):
        return ()

    def reachable_devices(self):
        return ()

    def profile(self, jobs, *, on_progress, planned=None):
        self.n_jobs += 1
        assert jobs[0].devices == ("local",)
        return ProfilingOutcome(
            profiles=tuple(
                dataclasses.replace(
                    as_found(p, self.ratio),
                    device="local",
                    evidence=dataclasses.replace(p.evidence, error_frac=0.03),
                )
                for p in self.profiles
                if self.ratio
            ),
            failures=self.failures,
            warnings=(),
            n_measured=1,
            n_cached=0,
            environment={},
        )


def study_here(ratio, tmp_path, *, fails=(), measurer=Here, **changes):
    """What comes of a study on the box; of it there is a profile in `fails`, too."""
    question = asked(document(**{**JETSONS, **changes}))
    orin = [
        p for p in question.knowledge.profiles["m"] if p.device == "jetson-orin-nx-16gb"
    ]
    failing = [
        dataclasses.replace(p, variant=dataclasses.replace(p.variant, precision=how))
        for p in orin
        for how in fails
    ]
    # Profiles of the user's own model carry its own name.
    named = {
        "m": tuple(
            dataclasses.replace(p, model="m")
            for p in (*question.knowledge.profiles["m"], *failing)
        )
    }
    knowledge = Knowledge(profiles=named)
    question = dataclasses.replace(question, knowledge=knowledge).surer({})
    found = answered(question, time_limit_s=30.0)
    profiler = measurer(
        [dataclasses.replace(p, model="m") for p in orin],
        ratio,
        failures=tuple(
            ProfilingFailure(
                model="m", variant=p.variant, device="local", reason="it broke"
            )
            for p in failing
        ),
    )
    models = {"m": TorchModel(name="m", directory=tmp_path, factory="m:build")}
    study = Study(budget_usd=5.0, here="jetson-orin-nx-16gb", clock_s=lambda: 0.0)
    return found, studied(found, question, study, means(profiler, models)), profiler


def test_what_is_worth_it_here_is_measured_and_the_plan_solved_again(tmp_path):
    before, outcome, profiler = study_here(0.8, tmp_path)
    after, told = outcome.plan, outcome.measuring

    assert profiler.n_jobs == 1
    assert after.solution.cost_usd_per_month < before.solution.cost_usd_per_month
    (taken,) = told.taken
    assert taken.after_usd_per_month == after.solution.cost_usd_per_month
    assert all(m.device != "jetson-orin-nx-16gb" for m in told.measurements)
    used = {a.candidate.profile.evidence.provenance for a in after.solution.assignments}
    assert used == {Provenance.MEASURED}


def test_a_disappointing_measurement_leaves_the_plan_and_less_regret(tmp_path):
    before, outcome, _ = study_here(3.0, tmp_path)
    after, told = outcome.plan, outcome.measuring

    assert after is not None
    assert after.solution.cost_usd_per_month == pytest.approx(
        before.solution.cost_usd_per_month
    )
    assert told.regret_usd_per_month == 0


def test_a_measurement_that_gives_nothing_is_tried_once_and_told(tmp_path):
    _, outcome, profiler = study_here(0, tmp_path)
    told = outcome.measuring

    assert profiler.n_jobs == 1
    (only,) = told.measurements
    assert only.verdict == "failed"
    (failed,) = told.failed
    assert (failed.model, failed.device) == ("m", "jetson-orin-nx-16gb")
    assert failed.reason == "none of its variants could be measured"
    assert told.regret_usd_per_month == told.regret_now_usd_per_month > 0


def test_a_variant_that_fails_beside_one_that_does_not_is_not_tried_for_ever(tmp_path):
    _, outcome, profiler = study_here(3.0, tmp_path, fails=[Precision.FP16])
    told = outcome.measuring

    # Both, then the one that is left.
    assert profiler.n_jobs == 2
    assert [t.n_profiles for t in told.taken] == [1]
    assert [f.reason for f in told.failed] == ["fp16 on tensorrt: it broke"]
    assert [m.verdict for m in told.measurements] == ["failed"]


class Refusing(Here):
    """A machine on which nothing can be measured at all."""

    def profile(self, jobs, *, on_progress, planned=None):
        self.n_jobs += 1
        raise ProfilingError("no processor is left")


def test_where_nothing_can_be_measured_at_all_the_answer_stands_and_says_so(tmp_path):
    before, outcome, profiler = study_here(0.8, tmp_path, measurer=Refusing)

    assert profiler.n_jobs == 1
    assert outcome.plan.solution == before.solution
    assert [f.reason for f in outcome.measuring.failed] == ["no processor is left"]


# Only the boards whose band keeps them out: at the policy's confidence none of them will do.
FEARED = {
    "workloads__0__slo__latency_ms": 80,
    "sites__0__devices": [
        {"device": "jetson-orin-nx-16gb", "stock": 4, "capex_usd": 700}
    ],
}


def fitting_of(**changes):
    question = asked(document(**{**JETSONS, **FEARED, **changes}))
    found = answered(question, time_limit_s=30.0)
    study = Study(budget_usd=5.0, clock_s=lambda: 0.0)
    outcome = studied(found, question, study, means())
    assert (outcome.plan, outcome.measuring) == (None, None)
    return outcome.fitting


def test_a_spec_without_a_plan_says_which_measurement_could_lead_to_one():
    (way,) = fitting_of().ways
    (only,) = way.measurements
    assert (only.device, way.verdict, way.price_usd) == ("jetson-orin-nx-16gb", "take", 0.0)  # fmt: skip
    assert 0 < way.probability_frac < 1


def test_a_way_is_as_likely_as_the_truth_is_quick_enough_for_a_plan():
    """Against the ratio up to which there is one, found by halving."""
    question = asked(document(**{**JETSONS, **FEARED}))
    costs = Costs(question, None, time_limit_s=30.0)
    (profile,) = {
        key_of(o.profile): o.profile
        for o in (*question.behind.values(), *question.too_slow)
    }.values()

    low, high = 0.1, 10.0
    for _ in range(12):
        middle = (low * high) ** 0.5
        fits = costs({key_of(profile): middle}) < math.inf
        low, high = (middle, high) if fits else (low, middle)

    chance = NormalDist(0, profile.evidence.sigma()).cdf(math.log(low))
    assert fitting_of().ways[0].probability_frac == pytest.approx(chance, abs=1 / 16)


def test_where_no_measurement_could_lead_to_a_plan_that_is_said():
    told = fitting_of(workloads__0__slo__latency_ms=2)

    assert (told.ways, told.possible_frac) == ((), 0.0)


def test_a_measurement_here_that_turns_out_well_makes_a_plan(tmp_path):
    before, outcome, profiler = study_here(0.6, tmp_path, **FEARED)

    assert isinstance(before, NoPlan)
    assert profiler.n_jobs == 1
    assert outcome.plan is not None
    assert outcome.fitting is None
    (taken,) = outcome.measuring.taken
    assert taken.before_usd_per_month is None
    assert taken.after_usd_per_month == outcome.plan.solution.cost_usd_per_month


def test_a_measurement_here_that_disappoints_leaves_no_plan_and_nothing_to_measure(
    tmp_path,
):
    _, outcome, profiler = study_here(1.5, tmp_path, **FEARED)

    assert profiler.n_jobs == 1
    assert outcome.plan is None
    assert (outcome.fitting.ways, outcome.fitting.n_measurable) == ((), 0)
    assert [t.after_usd_per_month for t in outcome.fitting.taken] == [None]
