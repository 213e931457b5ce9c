"""How sure a plan is, in sentences: what was proved, tried out, and what caution costs."""

from collections.abc import Iterable, Sequence
from typing import Final

from planner.domain.placement import Objective, Verdict
from planner.report.sentences import (
    clean,
    counted,
    dollars,
    known,
    listed,
    number,
    share,
    surely,
)
from planner.report.timing import promise
from planner.specs.assurance import (
    PlanJoint,
    PlanRises,
    PlanSafety,
    PlanSimulation,
    TrialRound,
)
from planner.specs.plan import PlanCertificate, PlanDocument, PlanPolicy

LEAST_TOLD_USD: Final = 0.005


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
            f"confidence and without spares{'; ' if w.traffic else ''}{w.traffic}"
        )
    if last.workloads:
        yield clean(f"what was sent: {simulation.traffic}")
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
