"""A solution as the plan document: placements, promises, bill, evidence, warnings."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from planner.domain.placement import Certificate, Solution
from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.pipeline.asking.question import Question
from planner.pipeline.solving.joint import joint_frac
from planner.pipeline.telling import prediction
from planner.pipeline.telling.bill import bill, parts_usd_per_month, purchases
from planner.pipeline.telling.cautions import cautions, unsure
from planner.pipeline.telling.evidence import evidence
from planner.pipeline.telling.offline import offline, offline_rates_rps
from planner.pipeline.telling.placements import (
    Placed,
    placed,
    placement,
    share_of_month_frac,
)
from planner.pipeline.telling.quality import floor
from planner.pipeline.telling.timed import points
from planner.pipeline.telling.traffic import trace_evidence
from planner.specs.assurance import PlanJoint, PlanSafety, PlanSimulation
from planner.specs.deployment import Deployment
from planner.specs.measuring import PlanMeasuring
from planner.specs.models import HostedSource, ReferenceSource
from planner.specs.plan import (
    PlanBlock,
    PlanCertificate,
    PlanDocument,
    PlanModel,
    PlanPolicy,
    PlanSlo,
    PlanWorkload,
    RunnerUp,
)
from planner.units import BYTES_PER_KIB, milliseconds
from planner.version import VERSION


def plan_document(
    question: Question,
    solution: Solution,
    *,
    now: dt.datetime,
    why: Mapping[str, str],
    runners_up: Mapping[str, RunnerUp],
    safety: PlanSafety | None = None,
    joint: PlanJoint | None = None,
    simulation: PlanSimulation | None = None,
    measuring: PlanMeasuring | None = None,
    ties: Sequence[str] = (),
) -> PlanDocument:
    """The whole answer; `checked` is set by whoever certifies it."""
    all_placed = placed(question, solution)
    parts = parts_usd_per_month(question.problem, solution)
    offline_rps = offline_rates_rps(question, solution)
    return PlanDocument(
        name=question.spec.name,
        status=solution.certificate.verdict,
        created_at=now,
        planner_version=VERSION,
        spec_sha256=spec_sha256(question.spec),
        certificate=certificate(question, solution),
        policy=policy(question.spec),
        models=models(question),
        cost=bill(question.problem, solution, question.catalog, question.behind),
        blocks=tuple(
            PlanBlock(name=b.name, h_per_month=b.h_per_month) for b in question.blocks
        ),
        purchases=purchases(question.problem, solution),
        placements=tuple(
            placement(
                p,
                question,
                parts[p.assignment.candidate.name],
                offline_rates_rps=offline_rps.get(p.assignment.candidate.name, ()),
            )
            for p in all_placed
        ),
        workloads=tuple(
            _workload(
                w,
                [p for p in all_placed if p.option.workload.name == w.name],
                question,
                why=why.get(w.name, ""),
                runner_up=runners_up.get(w.name),
            )
            for w in question.workloads
        ),
        evidence=(
            *trace_evidence(question.spec, now.date()),
            *evidence([p.option for p in all_placed], question.catalog),
        ),
        warnings=(
            *ties,
            *cautions(question, solution.assignments, today=now.date()),
            *unsure(joint),
        ),
        safety=safety,
        offline=offline(question, solution, offline_rps),
        joint=joint,
        simulation=simulation,
        measuring=measuring,
        points=points(question.knowledge),
        spec=plain_spec(question.spec),
    )


def spec_sha256(spec: Deployment) -> str:
    """The document's own fingerprint: of what it says, not of how it is laid out."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()


def plain_spec(spec: Deployment) -> dict[str, JsonValue]:
    """The document as plain data, without what it leaves to its defaults."""
    data: dict[str, JsonValue] = json.loads(spec.model_dump_json(exclude_unset=True))
    return data


def policy(spec: Deployment) -> PlanPolicy:
    """What held for the whole plan."""
    return PlanPolicy(
        budget_usd_per_month=spec.policy.budget_usd_per_month,
        objective=spec.policy.objectives[0],
        confidence_frac=spec.policy.confidence_frac,
        spare_replicas=spec.policy.spare_replicas,
    )


def models(question: Question) -> tuple[PlanModel, ...]:
    """The document's models, as manifests need them."""
    return tuple(_models(question))


def _models(question: Question) -> Iterable[PlanModel]:
    for m in question.spec.models:
        if isinstance(m.source, ReferenceSource):
            yield PlanModel(
                name=m.name,
                source="reference",
                reference=m.source.name,
                license=m.license,
            )
        elif isinstance(m.source, HostedSource):
            yield PlanModel(name=m.name, source="hosted", license=m.license)
        else:
            source = m.source
            yield PlanModel(
                name=m.name,
                source=source.kind,
                factory=getattr(source, "factory", None),
                weights=getattr(source, "weights", None),
                file=getattr(source, "file", None) or getattr(source, "folder", None),
                inputs=m.inputs.factory if m.inputs else None,
                evaluation=m.evaluation.factory if m.evaluation else None,
                fine_tune=m.fine_tune.factory if m.fine_tune else None,
                sequence_tokens=getattr(source, "sequence_tokens", None),
                context_tokens=getattr(source, "context_tokens", None),
                evaluation_text=getattr(source, "evaluation_text", None),
                trust=getattr(source, "trust", False),
                content_sha256=question.knowledge.model_sha256.get(m.name),
                license=m.license,
            )


def certificate(question: Question, solution: Solution) -> PlanCertificate:
    """What was proved; in money also where latency came first."""
    proof: Certificate = solution.certificate
    return PlanCertificate(
        solver=proof.solver,
        objective=question.spec.policy.objectives[0],
        objective_usd_per_month=proof.objective_value,
        bound_usd_per_month=proof.bound_value,
        gap_frac=proof.gap_frac,
        solve_s=proof.solve_s,
        checked=False,
    )


def _workload(
    w: Workload,
    parts: Sequence[Placed],
    question: Question,
    *,
    why: str,
    runner_up: RunnerUp | None,
) -> PlanWorkload:
    serving = [p for p in parts if p.assignment.rate_rps > 0]
    shares = [(share_of_month_frac(p.assignment, w, question), p.seen) for p in serving]
    attained = sum(
        share * prediction.attainment_frac(seen, w.slo) for share, seen in shares
    )
    return PlanWorkload(
        name=w.name,
        model=w.model,
        origin=w.origin,
        rate_rps=w.rate_rps,
        request_kib=w.request_bytes / BYTES_PER_KIB,
        response_kib=w.response_bytes / BYTES_PER_KIB,
        prompt_tokens=w.prompt_tokens,
        output_tokens=w.output_tokens,
        slo=_slo(w.slo),
        quality_floor=floor(w),
        residency=w.residency,
        predicted=prediction.together(shares),
        attainment_frac=min(1.0, attained),
        slo_met_probability_frac=joint_frac(
            (p.option.profile, p.slo_met_probability_frac) for p in serving
        ),
        why=why,
        runner_up=runner_up,
    )


def _slo(slo: LatencySlo | TokenSlo) -> PlanSlo:
    percentile = slo.percentile_frac * 100
    if isinstance(slo, LatencySlo):
        return PlanSlo(percentile=percentile, latency_ms=milliseconds(slo.latency_s))
    return PlanSlo(
        percentile=percentile,
        ttft_ms=milliseconds(slo.ttft_s),
        tpot_ms=milliseconds(slo.tpot_s),
    )
