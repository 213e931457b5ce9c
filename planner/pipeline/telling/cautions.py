"""What the reader of a plan must know before acting on it."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from planner.domain.evidence import Provenance
from planner.domain.hardware import Purchase
from planner.domain.placement import Assignment
from planner.domain.profiles import BatchProfile
from planner.domain.servers import SERVED_HERE, Timing
from planner.domain.tariffs import FunctionTariff, TokenTariff
from planner.pipeline.asking.obstacles import Obstacle
from planner.pipeline.asking.question import Question
from planner.pipeline.telling.bill import machine_words
from planner.pipeline.telling.traffic import trace_cautions
from planner.specs.assurance import PlanJoint

# Of 829 AWS types compared between 2025-04 and 2026-07, 805 kept their price; GPUs fell
# by 25-44 %: half a year is when a founder should look again.
STALE_AFTER_DAYS: Final = 183


NOT_ON_THE_BILL: Final = (
    "not on the bill: disks and snapshots, load balancers, public addresses, logs and "
    "monitoring, taxes, and people's time"
)


def cautions(
    question: Question, assignments: Sequence[Assignment], *, today: dt.date
) -> Iterable[str]:
    """Warnings, each once, the gravest first."""
    found = [
        *question.knowledge.warnings,
        *trace_cautions(question.spec),
        *_about_profiles(assignments),
        *_about_prices(assignments, today),
        *_about_places(question, assignments),
        *_about_jitter(question),
        *_about_sharing(question, assignments),
        *_about_carbon(question),
        *_about_licences(question),
        NOT_ON_THE_BILL,
    ]
    return dict.fromkeys(found)


def unsure(joint: PlanJoint | None) -> Iterable[str]:
    """Workloads whose profiles do not hold together as surely as asked."""
    if joint is not None and joint.why_not:
        for split in joint.splits:
            yield (
                f"{split.workload}: only {100 * split.joint_frac:.0f} % sure that all "
                f"{split.n_profiles} of its profiles hold at once; {joint.why_not}"
            )


def _about_profiles(assignments: Sequence[Assignment]) -> Iterable[str]:
    for a in assignments:
        profile = a.candidate.profile
        known = profile.evidence
        offer = a.candidate.offer
        if isinstance(offer.tariff, FunctionTariff):
            yield (
                f"{profile.model} was never run as {offer.instance_type}: its times are "
                f"those of {profile.device}, which the document says it runs like, up to "
                f"{100 * known.error_frac:.0f} % slower with 90 % probability; time one call there"
            )
        elif isinstance(offer.tariff, TokenTariff) and not known.error_frac:
            yield (
                f"{offer.instance_type} at {offer.site}: its times are taken at their "
                "word, for no error_frac is stated; others' load moves them"
            )
        elif known.provenance in {Provenance.EMULATED, Provenance.PREDICTED}:
            yield (
                f"{profile.model} was never run on a real {profile.device}: its figures "
                f"are {known.provenance.value}, up to {100 * known.error_frac:.0f} % slower with "
                "90 % probability; measure one before you buy many"
            )
        if isinstance(profile, BatchProfile):
            yield from _about_server(profile)


def _about_server(profile: BatchProfile) -> Iterable[str]:
    """What serving adds to the times, where they are the model's alone."""
    if profile.timing is Timing.SERVER or profile.variant.runtime not in SERVED_HERE:
        return
    if profile.server is None:
        yield (
            f"{profile.model}'s figures are the model's alone: what a server takes of "
            f"{profile.device} for each request is not known and not counted; planner "
            "profile measures it here for your own models, planner verify in all where it runs"
        )
    elif profile.server.evidence.provenance is not Provenance.MEASURED:
        yield (
            f"what a request of {profile.model} costs the server on {profile.device} was "
            f"not measured there: it is {profile.server.evidence.source}, up to "
            f"{100 * profile.server.evidence.error_frac:.0f} % more with 90 % probability"
        )


def _about_prices(assignments: Sequence[Assignment], today: dt.date) -> Iterable[str]:
    for a in assignments:
        offer = a.candidate.offer
        age_days = (today - offer.price_as_of).days
        if offer.purchase is not Purchase.OWNED and age_days > STALE_AFTER_DAYS:
            today_s = (
                "look it up again and state the new as_of"
                if offer.purchase is Purchase.BY_REQUEST
                else f"planner catalog refresh --provider {offer.provider} brings today's"
            )
            yield (
                f"the price of {machine_words(offer)} is {age_days} days old "
                f"({offer.price_as_of}); {today_s}"
            )
        if offer.purchase is Purchase.SPOT:
            rate = offer.interruption_frac_per_month
            often = "an unknown share" if rate is None else f"up to {100 * rate:.0f} %"
            yield (
                f"{machine_words(offer)} can be taken away: {often} of such machines "
                "are interrupted in a month"
            )


def _about_places(
    question: Question, assignments: Sequence[Assignment]
) -> Iterable[str]:
    used = {a.candidate.offer.name for a in assignments}
    for place in question.places:
        if place.offer.name in used:
            yield from place.notes


def _about_sharing(
    question: Question, assignments: Sequence[Assignment]
) -> Iterable[str]:
    """Shared machines whose servers are not ours, and so keep no queue of ours."""
    groups: dict[str, list[Assignment]] = {}
    for a in assignments:
        groups.setdefault(a.candidate.group, []).append(a)
    for members in groups.values():
        foreign = sorted(
            {a.candidate.workload for a in members if not _is_ours(question, a)}
        )
        if len(members) > 1 and foreign:
            names = ", ".join(sorted({a.candidate.workload for a in members}))
            yield (
                f"{names} share {machine_words(members[0].candidate.offer)}: their promises "
                "rest on one queue for all of them, in order of arrival, and a program "
                f"other than ours serves {', '.join(foreign)}; put such a queue before "
                "them, or plan with policy.share_machines: false"
            )


def _is_ours(question: Question, a: Assignment) -> bool:
    workload = next(w for w in question.workloads if w.name == a.candidate.workload)
    source = question.spec.model_named(workload.model).source
    runtime = a.candidate.profile.variant.runtime
    return source.kind != "reference" and runtime in SERVED_HERE


def _about_carbon(question: Question) -> Iterable[str]:
    left_out = {r.reason for r in question.refusals if r.obstacle is Obstacle.CARBON}
    for reason in sorted(left_out):
        yield f"left out, for carbon counts here: {reason}"


def _about_jitter(question: Question) -> Iterable[str]:
    for site in question.spec.edge_sites():
        if site.uplink is not None and site.uplink.jitter_ms > 0:
            yield (
                f"the round trip from {site.name} varies by {site.uplink.jitter_ms:g} ms: "
                "capacities and predicted percentiles count its mean, trials its spread"
            )


def _about_licences(question: Question) -> Iterable[str]:
    for model in question.spec.models:
        if model.license is None:
            yield (
                f"no licence is stated for model {model.name}: make sure that you may "
                "serve it, then write it down as models[].license"
            )
