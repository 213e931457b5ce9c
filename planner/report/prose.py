"""A plan in sentences: the answer, why it and not the next, what it assumes, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from planner.domain.evidence import Provenance
from planner.domain.placement import Verdict
from planner.report.sentences import (
    clean,
    counted,
    dollars,
    exact,
    latency,
    listed,
    number,
    rate,
    share,
    surely,
)
from planner.report.tables import machines, setting, target, where
from planner.report.timing import promise
from planner.specs.placements import TokenPrediction
from planner.specs.plan import PlanDocument, PlanWorkload
from planner.units import H_PER_MONTH

# More placements than this are counted in the headline, and listed in the table.
MOST_NAMED: Final = 3
# Attainment and percentile are floats that meet in the last digits.
KEPT_FRAC: Final = 1e-9


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
    if plan.status is Verdict.INFEASIBLE and not plan.relaxations:
        return (
            Step(
                sentence="Mend what stands in the way, then plan again:",
                command="planner recommend SPEC",
            ),
        )
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
        p.provenance not in {Provenance.MEASURED, Provenance.EXPORTED}
        for p in plan.placements
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
