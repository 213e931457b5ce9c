"""Regions of a provider that the document allows, but does not name.

All of them together are the furthest this limit goes. Which of them it takes is
read off the plan with all of them: one that suffices alone is looked for first, among
those the plan uses and then among the others, the nearest first; where none does,
those of the plan are left out one by one as long as a plan remains. So a single
region is the least there is, and of several none can be spared.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from planner.errors import PriceMissingError
from planner.pipeline.asking.question import Question
from planner.pipeline.asking.ways import lines
from planner.pipeline.exploring.knob import Found
from planner.pipeline.exploring.trials import Trials
from planner.pipeline.solving.scenarios import Changes, Trial
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.sites import CloudSite
from planner.specs.ways_out import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionsKnob:
    """A cloud site's regions, and those that could be added, the nearest first."""

    field: str
    provider: str
    current: tuple[str, ...]
    others: tuple[str, ...]
    unit: str = "list"

    @property
    def most(self) -> tuple[str, ...]:
        """Every region of the provider."""
        return (*self.current, *self.others)

    def ask_ratio(self, value: Setting) -> float:
        """The factor by which the list grows."""
        return len(_names(value)) / len(self.current)

    def reaches(self, one: Setting, other: Setting) -> bool:
        """Where all that the other list names is named."""
        return set(_names(one)) >= set(_names(other))

    def least(
        self,
        trials: Trials,
        others: Changes,
        *,
        start: Setting,
        coarse_frac: float,  # noqa: ARG002  # lists have no resolution
    ) -> Found | None:
        """The fewest that suffice beside the others."""
        all_of_them = trials.solve({**others, self.field: start})
        if all_of_them is None:
            return None

        def suffices(added: Sequence[str]) -> bool:
            value = (*self.current, *added)
            return trials.solve({**others, self.field: value}) is not None

        allowed = [name for name in _names(start) if name not in self.current]
        added, spared = fewest(self.used(all_of_them), allowed, suffices)
        return Found(value=(*self.current, *added), not_enough=(*self.current, *spared))

    def used(self, trial: Trial) -> tuple[str, ...]:
        """The added regions in which a plan runs anything."""
        runs = {
            a.candidate.offer.site
            for a in trial.solution.assignments
            if a.candidate.offer.provider == self.provider
        }
        return tuple(name for name in self.others if name in runs)


def fewest(
    used: Sequence[str],
    allowed: Sequence[str],
    suffices: Callable[[Sequence[str]], bool],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Regions that suffice, and the most of them that are known not to."""
    rest = [name for name in allowed if name not in used]
    if len(used) == 1:
        return tuple(used), ()
    for name in (*used, *rest):
        if suffices([name]):
            return (name,), ()
    kept, short = tuple(used), tuple[str, ...]()
    for name in used:
        fewer = tuple(n for n in kept if n != name)
        if suffices(fewer):
            kept = fewer
        else:
            short = fewer
    return kept, short


def _names(value: Setting) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    raise AssertionError("regions are a list of names")


def region_knobs(question: Question) -> Iterable[RegionsKnob]:
    """One for every cloud site whose provider has more regions that may be used."""
    for i, site in enumerate(question.spec.sites):
        if isinstance(site, CloudSite):
            others = _others(site, question.spec, question.catalog)
            if others:
                yield RegionsKnob(
                    field=f"sites.{i}.regions",
                    provider=site.provider,
                    current=site.regions,
                    others=others,
                )


def _others(site: CloudSite, spec: Deployment, catalog: Catalog) -> tuple[str, ...]:
    """Where something is sold, at known prices, to a workload that may run there."""
    leads_to = {name: line.to for name, line in lines(spec, catalog).items()}
    origins = {leads_to.get(w.origin, w.origin) for w in spec.workloads}
    named = {
        name
        for s in spec.sites
        if isinstance(s, CloudSite) and s.provider == site.provider
        for name in s.regions
    }

    def far_s(name: str) -> float:
        if name in origins:
            return 0.0
        known = [catalog.rtt_s(origin, name) for origin in origins]
        return min((rtt[0] for rtt in known if rtt is not None), default=math.inf)

    found = [
        r.name
        for r in catalog.regions(site.provider)
        if r.name not in named
        and any(not w.residency or r.zone in w.residency for w in spec.workloads)
        and catalog.quotes(site.provider, r.name)
        and _is_egress_priced(site.provider, r.name, catalog)
    ]
    return tuple(sorted(found, key=lambda name: (far_s(name), name)))


def _is_egress_priced(provider: str, region: str, catalog: Catalog) -> bool:
    try:
        catalog.egress_usd_per_gb(provider, region)
    except PriceMissingError:
        return False
    return True
