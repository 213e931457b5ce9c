"""One question to the optimizer, with all that was known when it was asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from planner.domain.hardware import DeviceKind, Purchase
from planner.domain.placement import PlacementProblem
from planner.domain.profiles import BatchProfile, Profile
from planner.domain.profiling import ProfilingJob, ProfilingProgress, TorchModel
from planner.domain.workloads import LatencySlo, TokenSlo, Workload
from planner.perf.language import predict_load
from planner.perf.latency import predict
from planner.pipeline.candidates import (
    Capacities,
    Option,
    Refusal,
    candidates,
    options,
)
from planner.pipeline.demands import demands
from planner.pipeline.places import Place, Ways, places, uplink_loads
from planner.ports import Profiler
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.models import Model, Variants
from planner.units import bytes_per_s

DEFAULT_VARIANTS: Final = Variants()


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Profiles by model name of the document, and what was learned on the way."""

    profiles: Mapping[str, tuple[Profile, ...]]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The problem, and the options behind its columns, by candidate name."""

    problem: PlacementProblem
    workloads: tuple[Workload, ...]
    places: tuple[Place, ...]
    ways: Ways
    refusals: tuple[Refusal, ...]


def learn(
    spec: Deployment,
    catalog: Catalog,
    jobs: Sequence[ProfilingJob],
    profiler: Profiler | None,
    on_progress: Callable[[ProfilingProgress], None],
) -> Knowledge:
    """Published profiles of reference models, measured ones of the user's own."""
    known: dict[str, tuple[Profile, ...]] = {}
    for model in spec.models:
        if model.source.kind == "reference":
            known[model.name] = tuple(
                p for p in catalog.profiles(model.source.name) if _wanted(model, p)
            )
    if not jobs or profiler is None:
        return Knowledge(profiles=known, warnings=())
    outcome = profiler.profile(jobs, on_progress=on_progress)
    for job in jobs:
        known[job.model.name] = tuple(
            p for p in outcome.profiles if p.model == job.model.name
        )
    failures = [
        f"{f.model}, {f.variant} on {f.device}: {f.reason}" for f in outcome.failures
    ]
    return Knowledge(profiles=known, warnings=(*outcome.warnings, *failures))


def _wanted(model: Model, profile: Profile) -> bool:
    chosen = model.variants
    return chosen is None or (
        profile.variant.precision in chosen.precisions
        and ("runtimes" not in chosen.model_fields_set
             or profile.variant.runtime in chosen.runtimes)
    )  # fmt: skip


def profiling_jobs(
    spec: Deployment,
    catalog: Catalog,
    models: Mapping[str, TorchModel],
    reachable: Sequence[str],
) -> tuple[ProfilingJob, ...]:
    """What must be measured: each torch model on each device that offers need."""
    wanted = {p.offer.device for p in places(spec, catalog)} & set(reachable)
    devices = tuple(
        sorted(d for d in wanted if catalog.device(d).kind is not DeviceKind.GPU)
    )
    jobs = []
    for model in spec.models:
        if model.source.kind == "torch":
            variants = model.variants or DEFAULT_VARIANTS
            jobs.append(
                ProfilingJob(
                    model=models[model.name],
                    precisions=variants.precisions,
                    runtimes=variants.runtimes,
                    devices=devices,
                )
            )
    return tuple(jobs)


def ask(
    spec: Deployment, catalog: Catalog, knowledge: Knowledge, capacities: Capacities
) -> Question:
    """The document as an optimizer's problem."""
    workloads = demands(spec)
    offered = places(spec, catalog)
    ways = Ways(
        spec=spec, catalog=catalog, uplink_load_frac=uplink_loads(spec, workloads)
    )
    found: list[Option] = []
    refused: list[Refusal] = []
    for workload in workloads:
        some, no = options(
            workload,
            offered,
            knowledge.profiles.get(workload.model, ()),
            ways,
            confidence_frac=spec.policy.confidence_frac,
        )
        found += some
        refused += no
    columns, missed = candidates(
        found,
        capacities.of(found),
        catalog,
        objective=spec.policy.objective,
        predict_s=slo_percentile_s,
    )
    problem = PlacementProblem(
        rate_rps={w.name: w.rate_rps for w in workloads},
        candidates=tuple(columns),
        stock={
            p.offer.name: p.offer.stock for p in offered if p.offer.stock is not None
        },
        uplink_bytes_per_s={
            s.name: bytes_per_s(s.uplink.bandwidth_mbps) * s.uplink.max_load_frac
            for s in spec.edge_sites()
            if s.uplink is not None
        },
        budget_usd_per_month=spec.policy.budget_usd_per_month,
        objective=spec.policy.objective,
        spare_replicas=spec.policy.spare_replicas,
    )
    return Question(
        problem=problem,
        workloads=workloads,
        places=offered,
        ways=ways,
        refusals=(*refused, *missed),
    )


def slo_percentile_s(option: Option, rate_rps: float) -> float:
    """The SLO's percentile of the option's latency at a rate per replica."""
    slo, profile = option.workload.slo, option.profile
    if isinstance(slo, LatencySlo) and isinstance(profile, BatchProfile):
        seen = predict(
            profile,
            option.policy,
            rate_rps,
            option.path,
            error_factor=option.error_factor,
        )
        return seen.quantile_s(slo.percentile_frac)
    if isinstance(slo, TokenSlo) and not isinstance(profile, BatchProfile):
        return predict_load(
            profile,
            rate_rps,
            option.path.rtt_s,
            percentile_frac=slo.percentile_frac,
            error_factor=option.error_factor,
            prompt_tokens=option.workload.prompt_tokens,
            output_tokens=option.workload.output_tokens,
        ).ttft_s
    raise AssertionError("options pair promises with profiles of their own kind")
