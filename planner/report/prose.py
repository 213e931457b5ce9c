"""A plan in sentences: the answer, why it and not the next, what was proved and assumed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.evidence import Provenance
from planner.domain.placement import Objective, Verdict
from planner.report.sentences import (
    clean,
    counted,
    dollars,
    exact,
    known,
    latency,
    listed,
    number,
    rate,
    share,
    surely,
)
from planner.report.tables import machines, setting, target, where
from planner.report.timing import promise
from planner.specs.plan import (
    PlanCertificate,
    PlanDocument,
    PlanJoint,
    PlanPolicy,
    PlanRises,
    PlanSafety,
    PlanSimulation,
    PlanWorkload,
    TokenPrediction,
    TrialRound,
)
from planner.units import H_PER_MONTH

# More placements than this are counted in the headline, and listed in the table.
MOST_NAMED: Final = 3
# Attainment and percentile are floats that meet in the last digits.
KEPT_FRAC: Final = 1e-9
LEAST_TOLD_USD: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do next, with the command that does it where there is one."""

    sentence: str
    command: str | None = None


def spoken(step: Step) -> str:
    """A step on one line."""
    return f"{step.sentence} {step.command}" if step.command else step.sentence


def headline(plan: PlanDocument) -> tuple[str, str]:
    """The answer in two sentences."""
    if plan.status is Verdict.INFEASIBLE:
        return clean(_obstacle(plan)), clean(_way_out(plan))
    return clean(_what_to_run(plan)), clean(_how_it_holds(plan))


def _what_to_run(plan: PlanDocument) -> str:
    bill = f"{dollars(plan.cost.total_usd_per_month)} a month"
    if len(plan.placements) > MOST_NAMED:
        bought = sum(p.machines for p in plan.placements)
        places = {(p.provider, p.site) for p in plan.placements}
        return (
            f"Run {counted(len(plan.workloads), 'workload')} on "
            f"{counted(bought, 'machine')} at {counted(len(places), 'place')}, "
            f"for {bill} in all."
        )
    runs: dict[str, list[str]] = {}
    for p in plan.placements:
        runs.setdefault(p.workload, []).append(f"{machines(p)}, at {where(p)}")
    told = [f"{name} on {' and on '.join(parts)}" for name, parts in runs.items()]
    return f"Run {'; '.join(told)}: {bill} in all."


def _how_it_holds(plan: PlanDocument) -> str:
    missed = [w for w in plan.workloads if not is_kept(w)]
    if missed:
        misses = [
            f"{w.name} ({surely(w.attainment_frac)} in time, promised "
            f"{exact(w.slo.percentile)} %)"
            for w in missed
        ]
        return f"Predicted to miss its promise: {listed(misses)}."
    if not plan.workloads:
        return "There is no workload to keep a promise to."
    least = min(plan.workloads, key=lambda w: w.slo_met_probability_frac)
    probability = surely(least.slo_met_probability_frac)
    if len(plan.workloads) == 1:
        return (
            f"The promise, {promise(least.slo)}, is predicted to hold with "
            f"{probability} probability: {_seen(least)}."
        )
    count = "Both" if len(plan.workloads) == 2 else f"All {len(plan.workloads)}"
    return (
        f"{count} promises are predicted to hold; the least sure is {least.name}, "
        f"{promise(least.slo)}, with {probability} probability ({_seen(least)})."
    )


def is_kept(workload: PlanWorkload) -> bool:
    """Whether the predicted attainment reaches the promised percentile."""
    return workload.attainment_frac >= workload.slo.percentile / 100 - KEPT_FRAC


def _seen(workload: PlanWorkload) -> str:
    """The predicted figures nearest to the promise."""
    seen = workload.predicted
    if isinstance(seen, TokenPrediction):
        return f"TTFT {latency(seen.ttft_ms)}, TPOT {latency(seen.tpot_ms)}"
    return f"p50 {latency(seen.p50_ms)}, p95 {latency(seen.p95_ms)}"


def _obstacle(plan: PlanDocument) -> str:
    if not plan.reasons:
        return f"No plan satisfies every limit of {plan.name}."
    more = len(plan.reasons) - 1
    rest = f" (and {counted(more, 'more reason')})" if more else ""
    first = plan.reasons[0]
    return (
        f"No plan satisfies every limit of {plan.name}: {first.subject}: "
        f"{first.sentence.rstrip('.')}{rest}."
    )


def _way_out(plan: PlanDocument) -> str:
    if not plan.relaxations:
        return "No change of the spec that was tried makes it feasible."
    nearest = min(plan.relaxations, key=lambda r: r.ask_ratio)
    changes = [
        f"{c.field} from {setting(c.from_)} to {target(c)}"
        + ("" if c.unit == "none" else f" {c.unit}")
        for c in nearest.change
    ]
    runs = f" for {nearest.plan}" if nearest.plan else ""
    return (
        f"The nearest plan: {listed(changes)}, then "
        f"{dollars(nearest.cost_usd_per_month)} a month{runs}."
    )


def key_figures(plan: PlanDocument) -> tuple[tuple[str, str], ...]:
    """What a reader looks for first, each with its label; none without a plan."""
    if plan.status is Verdict.INFEASIBLE:
        return ()
    total, budget = plan.cost.total_usd_per_month, plan.policy.budget_usd_per_month
    figures = [("Each month", dollars(total))]
    if budget is not None:
        part = total / budget if budget else None
        figures.append(("Of the budget", share(part)))
    figures.append(("Machines", f"{sum(p.machines for p in plan.placements):,}"))
    if plan.workloads:
        least = min(w.slo_met_probability_frac for w in plan.workloads)
        label = (
            "Sure of the promise" if len(plan.workloads) == 1 else "Least sure promise"
        )
        figures.append((label, surely(least)))
    return tuple(figures)


def whys(plan: PlanDocument) -> tuple[str, ...]:
    """Why each workload runs where it does."""
    return tuple(clean(f"{w.name}: {w.why}") for w in plan.workloads if w.why)


def runners_up(plan: PlanDocument) -> tuple[str, ...]:
    """The next best for each workload, and why it lost."""
    found = []
    for w in plan.workloads:
        other = w.runner_up
        if other is not None:
            cost = other.cost_usd_per_month
            bill = f", {dollars(cost)} a month in all" if cost is not None else ""
            found.append(clean(f"{w.name}: {other.description}{bill}: {other.why_not}"))
    return tuple(found)


def certificate(plan: PlanDocument) -> str:
    """What was proved, by whom, and whether the checker agreed."""
    proof = plan.certificate
    if proof is None:
        return "No solver's proof came with this answer."
    if plan.status is Verdict.INFEASIBLE:
        return clean(
            f"{proof.solver} proved in {number(proof.solve_s)} s that no plan "
            f"satisfies every limit."
        )
    return clean(f"{_proof(plan, proof)} {_check(proof)}")


def _proof(plan: PlanDocument, proof: PlanCertificate) -> str:
    figures = (
        f"{dollars(proof.objective_usd_per_month)} a month against a proven bound of "
        f"{dollars(proof.bound_usd_per_month)}, gap {share(proof.gap_frac)}, "
        f"in {number(proof.solve_s)} s"
    )
    solver = proof.solver
    among = " among the plans of least latency" if _is_latency_first(proof) else ""
    if plan.status is Verdict.OPTIMAL:
        return f"{solver} proved that no plan costs less{among}: {figures}."
    return (
        f"{solver} stopped before it proved this plan best{among}; a cheaper one may "
        f"exist, by the gap at most: {figures}."
    )


def _is_latency_first(proof: PlanCertificate) -> bool:
    return proof.objective is Objective.LATENCY


def _check(proof: PlanCertificate) -> str:
    if not proof.checked:
        return "The independent checker has not confirmed this plan."
    return (
        "A checker that shares no code with the model worked out cost, memory, stock, "
        "residency, quality and promises again from this plan, and agreed."
    )


def assumptions(plan: PlanDocument) -> tuple[str, ...]:
    """What the answer takes as given."""
    return tuple(clean(line) for line in _assumptions(plan))


def _assumptions(plan: PlanDocument) -> Iterable[str]:
    for w in plan.workloads:
        tokens = (
            f", {w.prompt_tokens:,} tokens in and {w.output_tokens:,} out"
            if w.prompt_tokens is not None and w.output_tokens is not None
            else ""
        )
        yield (
            f"{w.name}: {rate(w.rate_rps)} on average from {w.origin}, arriving at "
            f"random, {number(w.request_kib)} KiB in and {number(w.response_kib)} KiB "
            f"out{tokens}"
            + (f"; data stays in {listed(w.residency)}." if w.residency else ".")
        )
    yield (
        f"Where a figure was not measured on the device, latency is taken at the "
        f"{share(plan.policy.confidence_frac)} quantile of its error band when "
        f"machines are counted: uncertain hardware must be cheaper to win."
    )
    if plan.policy.spare_replicas:
        spares = counted(plan.policy.spare_replicas, "spare machine")
        yield f"Every placement keeps {spares}, on top of what its traffic needs."
    yield f"A month is {H_PER_MONTH:.0f} hours; every machine runs all of them."


def next_steps(plan: PlanDocument) -> tuple[Step, ...]:
    """What to do with the answer."""
    if plan.status is Verdict.INFEASIBLE:
        return (
            Step(
                sentence="Apply one numbered change to the spec, then plan again:",
                command="planner recommend SPEC",
            ),
        )
    return tuple(_steps_of_a_plan(plan))


def _steps_of_a_plan(plan: PlanDocument) -> Iterable[Step]:
    yield Step(
        sentence="Deploy: manifests/README.md beside this report has the commands for "
        "every place. To write the manifests again:",
        command="planner manifests plan.json",
    )
    if any(m.source == "torch" for m in plan.models) and any(
        p.provenance is not Provenance.MEASURED for p in plan.placements
    ):
        yield Step(
            sentence="Measure your model on the device itself, and narrow the error band:",
            command="planner profile SPEC",
        )
    bought = {(p.provider, p.site) for p in plan.placements if p.site_kind == "cloud"}
    regions = ",".join(sorted(site for provider, site in bought if provider == "aws"))
    if regions:
        yield Step(
            sentence="Fetch today's prices, then plan again:",
            command=f"planner catalog refresh --provider aws --regions {clean(regions)}",
        )


def how_sure(plan: PlanDocument) -> tuple[str, ...]:
    """For each workload, the probability that its promise holds, and why not more."""
    found = []
    for w in plan.workloads:
        rests = dict.fromkeys(
            f"{p.device} ({known(p.provenance, p.error_frac)})"
            for p in plan.placements
            if p.workload == w.name
        )
        found.append(
            clean(
                f"{w.name}: {surely(w.slo_met_probability_frac)} sure that "
                f"{promise(w.slo)} holds, from figures for {listed(list(rests))}."
            )
        )
    if plan.joint is not None:
        found += _joint(plan.joint, plan.policy)
    if plan.safety is not None:
        found += _safety(plan.safety)
    return tuple(found)


def trial(plan: PlanDocument) -> tuple[str, ...]:
    """What the plan did on simulated traffic, and what it cost to make it hold."""
    return tuple(_trial(plan.simulation))


def _trial(simulation: PlanSimulation | None) -> Iterable[str]:
    if simulation is None:
        yield "not tried on simulated traffic: attainment is from queueing theory alone"
        return
    *earlier, last = simulation.rounds
    for w in last.workloads:
        yield clean(
            f"{w.workload}: {surely(w.attainment_frac)} of {w.n_requests:,} simulated "
            f"requests in time (promised {surely(w.promised_frac)}), at the policy's "
            f"confidence and without spares; {simulation.traffic}"
        )
    if earlier:
        yield clean(
            f"{_missed(earlier)}; keeping the promise costs "
            f"{dollars(abs(simulation.price_usd_per_month))} a month "
            f"{'more' if simulation.price_usd_per_month >= 0 else 'less'}"
        )
    if simulation.why_not:
        yield clean(f"this plan does not hold when tried out: {simulation.why_not}")


def _missed(rounds: Sequence[TrialRound]) -> str:
    """The cheapest plan that did not hold, and how far it fell short."""
    first = rounds[0]
    worst = min(first.workloads, key=lambda w: w.attainment_frac - w.promised_frac)
    return (
        f"a plan for {dollars(first.cost_usd_per_month)} kept {worst.workload}'s promise "
        f"for {surely(worst.attainment_frac)} of requests only"
    )


def _joint(joint: PlanJoint, policy: PlanPolicy) -> Iterable[str]:
    """What it took that several uncertain profiles hold at once, and what that costs."""
    for split in joint.splits:
        hold = (
            f"{split.workload}: the cheapest plan needs {split.n_profiles} profiles to hold "
            f"at once, of which it is {surely(split.joint_frac)} sure"
        )
        if joint.why_not:
            yield clean(f"{hold}, and still runs it so: {joint.why_not}.")
        elif split.is_on_one_profile:
            yield clean(f"{hold}; this one needs a single profile to hold.")
        else:
            yield clean(
                f"{hold}; this one takes each at {surely(split.trusted_frac)} instead of "
                f"{surely(policy.confidence_frac)}."
            )
    price = joint.price_usd_per_month
    if not joint.why_not and abs(price) >= LEAST_TOLD_USD:
        more = "more" if price > 0 else "less"
        yield f"Being as sure as asked of all at once costs {dollars(abs(price))} a month {more}."


def _safety(safety: PlanSafety) -> Iterable[str]:
    premium = safety.premium_usd_per_month
    if abs(premium) < LEAST_TOLD_USD:
        yield "Caution costs nothing: trusting every figure leads to a plan as dear."
    else:
        more = "more" if premium > 0 else "less"
        yield clean(
            f"Caution costs {dollars(abs(premium))} a month {more} than trusting every "
            f"figure, which would run {safety.trusting_plan}."
        )
    if safety.rises is not None:
        yield clean(_rises(safety.rises))
    risk = safety.budget_exceeded_probability_frac
    if risk is not None:
        yield clean(
            f"The bill outgrows the budget by a rise of prices with at most "
            f"{share(risk)} probability: {safety.price_note}."
        )


def _rises(rises: PlanRises) -> str:
    which = (
        f"all {rises.n_rising} workloads"
        if rises.most_at_once >= rises.n_rising
        else f"any {rises.most_at_once} of {counted(rises.n_rising, 'workload')}"
    )
    premium = rises.premium_usd_per_month
    more = "more" if premium > 0 else "less"
    cost = (
        "costs nothing beyond"
        if abs(premium) < LEAST_TOLD_USD
        else f"costs {dollars(abs(premium))} a month {more} than"
    )
    return (
        f"Every promise also holds while {which} ask for up to "
        f"{share(rises.largest_rise_frac)} more than stated at once; that {cost} a plan "
        "for the stated rates."
    )
