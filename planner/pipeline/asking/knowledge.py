"""What is known of each model: published profiles, and what was measured for the user."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from planner.domain.evidence import Provenance
from planner.domain.payoff import unpaid
from planner.domain.profiles import (
    BatchProfile,
    Profile,
    ProfileKey,
    content_sha256,
)
from planner.domain.profiling import (
    DENSE,
    HERE,
    PointsTimed,
    ProfilingFailure,
    ProfilingJob,
    ProfilingOutcome,
    ProfilingProgress,
    Sparsity,
    UserModel,
)
from planner.pipeline.asking.by_request import with_hosted
from planner.pipeline.asking.foresight import predicted_profiles
from planner.pipeline.asking.places import devices, hosts, places
from planner.ports import Profiler
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.models import Model, Variants
from planner.units import seconds

DEFAULT_VARIANTS: Final = Variants()


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Profiles by model name of the document, and what was learned on the way.

    `model_sha256` is the content of the user's own models; `here` holds those of the
    profiles that this planner measured, and `points` how few of their points it took.
    `references` are published models as they were timed on this machine.
    """

    profiles: Mapping[str, tuple[Profile, ...]]
    warnings: tuple[str, ...] = ()
    n_measured: int = 0
    n_cached: int = 0
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    here: tuple[Profile, ...] = ()
    points: PointsTimed | None = None
    references: tuple[BatchProfile, ...] = ()


# The largest batch that the best plan uses of each profile that was measured here.
Planned = Callable[[Knowledge], Mapping[ProfileKey, int]]


def published(spec: Deployment, catalog: Catalog) -> dict[str, tuple[Profile, ...]]:
    """The catalogue's profiles of the document's reference models."""
    return {
        m.name: tuple(p for p in catalog.profiles(m.source.name) if _wanted(m, p))
        for m in spec.models
        if m.source.kind == "reference"
    }


def _wanted(model: Model, profile: Profile) -> bool:
    chosen = model.variants
    if chosen is None:
        return True
    # The defaults name what can be measured here; published runs used other runtimes.
    any_runtime = "runtimes" not in chosen.model_fields_set
    any_precision = "precisions" not in chosen.model_fields_set
    return (any_precision or profile.variant.precision in chosen.precisions) and (
        any_runtime or profile.variant.runtime in chosen.runtimes
    )


def profiling_jobs(
    spec: Deployment,
    catalog: Catalog,
    models: Mapping[str, UserModel],
    reachable: Sequence[str],
    references: Sequence[BatchProfile] = (),
) -> tuple[ProfilingJob, ...]:
    """What must be measured: each own model on each reachable device on offer.

    Also on this machine as the `references` were, where it is to be predicted from those.
    """
    offered = devices(places(spec, catalog))
    here = tuple(d for d in offered if d in set(reachable))
    jobs = []
    for model in spec.models:
        if model.name in models:
            variants = model.variants or DEFAULT_VARIANTS
            job = ProfilingJob(
                model=models[model.name],
                precisions=variants.precisions,
                runtimes=variants.runtimes,
                devices=here,
                sparsities=(DENSE, *_sparsities(variants)),
                percentile_frac=_percentile_frac(spec, model.name),
                limit_s=_longest_promise_s(spec, model.name),
            )
            jobs += [job, *_beside(references, job)]
    return tuple(jobs)


def _beside(
    references: Sequence[BatchProfile], job: ProfilingJob
) -> Iterable[ProfilingJob]:
    """The part of a job that can be compared with what was timed on this machine."""
    ran = {p.variant.runtime for p in references}
    at = {p.variant.precision for p in references}
    runtimes = tuple(r for r in job.runtimes if r in ran)
    precisions = tuple(p for p in job.precisions if p in at)
    if runtimes and precisions:
        yield replace(
            job,
            devices=(HERE,),
            runtimes=runtimes,
            precisions=precisions,
            sparsities=(DENSE,),
        )


def _percentile_frac(spec: Deployment, model: str) -> float:
    """The farthest percentile that is promised of the model."""
    named = [w.slo.percentile for w in spec.workloads if w.model == model]
    return max(named, default=50.0) / 100


def _longest_promise_s(spec: Deployment, model: str) -> float | None:
    """What no batch may take longer than, whatever the plan; None: nothing is promised."""
    named = [w.slo.latency_ms for w in spec.workloads if w.model == model]
    stated = [ms for ms in named if ms is not None]
    return seconds(max(stated)) if stated and len(stated) == len(named) else None


def _sparsities(variants: Variants) -> tuple[Sparsity, ...]:
    return tuple(
        Sparsity(share_frac=s.share_frac, pattern=s.pattern)
        for s in variants.sparsities
    )


def learn(
    spec: Deployment,
    catalog: Catalog,
    models: Mapping[str, UserModel],
    profiler: Profiler | None,
    *,
    on_progress: Callable[[ProfilingProgress], None],
    planned: Planned | None = None,
    foresees: bool = False,
) -> Knowledge:
    """All profiles the document's models have, measuring the user's own.

    Where there is a `planned`, batch sizes that it says no plan uses are not timed. With
    `foresees` they are to be predicted from, whatever the policy says.

    Raises:
        ProfilingError: Nothing can be measured here at all.
    """
    known = published(spec, catalog)
    if not models:
        foreseen = _with_foreseen(spec, catalog, known)
        return Knowledge(profiles=with_hosted(spec, foreseen))
    if profiler is None:
        raise AssertionError("a document with models of its own comes with a profiler")
    predicts = foresees or spec.policy.predict_unmeasured
    references = tuple(profiler.references()) if predicts else ()
    jobs = profiling_jobs(
        spec, catalog, models, profiler.reachable_devices(), references
    )
    knows = partial(_with_own, spec, catalog, models, references)
    outcome = profiler.profile(
        jobs,
        on_progress=on_progress,
        planned=planned and (lambda hoped: planned(knows(hoped))),
    )
    return knows(outcome)


def _with_own(
    spec: Deployment,
    catalog: Catalog,
    models: Mapping[str, UserModel],
    references: tuple[BatchProfile, ...],
    outcome: ProfilingOutcome,
) -> Knowledge:
    """What is known with what profiling the user's own models gave."""
    known = published(spec, catalog)
    models_of = {m.name: m for m in spec.models}
    strangers: list[str] = []
    for name in models:
        here = tuple(p for p in outcome.profiles if p.model == name)
        content = outcome.model_sha256.get(name)
        there = [p for p in catalog.imported_of(name) if _wanted(models_of[name], p)]
        same = [p for p in there if content and content_sha256(p) == content]
        left = [p for p in there if p not in same]
        strangers += _left_out(name, left, is_known=content is not None)
        known[name] = _sooner(same, here)
    foreseen = _with_foreseen(spec, catalog, known, references)
    return Knowledge(
        profiles=with_hosted(spec, _offered(foreseen)),
        warnings=(*_summary(outcome, models, known), *strangers),
        n_measured=outcome.n_measured,
        n_cached=outcome.n_cached,
        model_sha256=outcome.model_sha256,
        here=tuple(p for p in outcome.profiles if p in known[p.model]),
        points=outcome.points,
        references=references,
    )


def _offered(
    known: Mapping[str, tuple[Profile, ...]],
) -> Mapping[str, tuple[Profile, ...]]:
    """All but those of this machine, which nobody offers."""
    return {
        model: tuple(p for p in profiles if p.device != HERE)
        for model, profiles in known.items()
    }


def _left_out(
    name: str, strangers: Sequence[Profile], *, is_known: bool
) -> Iterable[str]:
    """Why profiles under the model's name are not taken to be of the user's own model.

    Unless the content of that `is_known`, nobody can say.
    """
    n_other = sum(content_sha256(p) is not None for p in strangers)
    n_unsaid = len(strangers) - n_other
    if n_other:
        yield f"{name}: {_imports(n_other)} " + (
            "of a model of that name with other content, and left out; measure there again"
            if is_known
            else "left out, for the content of the model's files here cannot be read"
        )
    if n_unsaid:
        yield (
            f"{name}: {_imports(n_unsaid)} left out, for the file does not say of which "
            "content the model was, and a name may be another's; planner profile --export "
            f"says it, and source: {{kind: reference, name: {name}}} takes them on your word"
        )


def _imports(count: int) -> str:
    return "1 imported profile is" if count == 1 else f"{count} imported profiles are"


def _with_foreseen(
    spec: Deployment,
    catalog: Catalog,
    known: Mapping[str, tuple[Profile, ...]],
    references: Sequence[BatchProfile] = (),
) -> Mapping[str, tuple[Profile, ...]]:
    """What is known and, where the policy wants it, what is predicted from that."""
    if not spec.policy.predict_unmeasured:
        return known
    rented = hosts(places(spec, catalog), catalog)
    return {
        model: (*profiles, *predicted_profiles(profiles, rented, catalog, references))
        for model, profiles in known.items()
    }


def _sooner(
    imported: Sequence[Profile], here: Sequence[Profile]
) -> tuple[Profile, ...]:
    """Measured on the very device before emulated here; what this user measured first."""

    def place(p: Profile) -> tuple[str, str]:
        return p.device, str(p.variant)

    measured = {place(p) for p in here if p.evidence.provenance is Provenance.MEASURED}
    taken = [p for p in imported if place(p) not in measured]
    better = {place(p) for p in taken}
    return (*(p for p in here if place(p) not in better), *taken)


def _first_reason(failed: Sequence[ProfilingFailure]) -> str:
    return f" ({failed[0].variant}: {failed[0].reason})" if failed else ""


def _summary(
    outcome: ProfilingOutcome,
    models: Mapping[str, UserModel],
    known: Mapping[str, Sequence[Profile]],
) -> list[str]:
    """What profiling met with, in a line a kind; `planner profile` tells each."""
    lines = []
    for name in models:
        imported = [p for p in known[name] if p not in outcome.profiles]
        instead = {(p.device, p.variant) for p in imported}
        failed = [
            f
            for f in outcome.failures
            if f.model == name and (f.device, f.variant) not in instead
        ]
        variants = sorted({str(f.variant) for f in failed})
        is_measured = any(p.model == name for p in outcome.profiles)
        if variants and is_measured:
            on = sorted({f.device for f in failed})
            where = f"some of {len(on)} devices" if len(on) > 1 else on[0]
            lines.append(
                f"{name}: {', '.join(variants)} could not be had on {where}; "
                "planner profile SPEC says why"
            )
        if not is_measured:
            taken = f"; imported profiles of it are used ({len(imported)})"
            lines.append(
                f"{name}: nothing could be measured here{_first_reason(failed)}"
                f"{taken if imported else ''}; planner profile SPEC tells all"
            )
    lines += unpaid(outcome.profiles)
    if noise := outcome.noise_warnings:
        lines.append(
            f"the machine that measured was busy (remarks: {len(noise)}): error bands are "
            "wider for it; planner profile SPEC --again, while it does nothing else, may "
            "make the plan cheaper"
        )
    return lines
