"""How far the best plan uses what was measured, for whoever measures no more than that."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from planner.domain.evidence import Provenance
from planner.domain.placement import NoPlan
from planner.domain.profiles import Profile, ProfileKey, key_of
from planner.pipeline.asking.candidates import Capacities
from planner.pipeline.asking.knowledge import Knowledge
from planner.pipeline.asking.question import ask
from planner.pipeline.solving.answered import answered
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """The largest batch of each profile measured here that the document's best plan uses.

    A profile that is predicted from those measured here uses all of the same variant,
    and where there is none, all of the model. Without a plan nothing is used.
    """

    spec: Deployment
    catalog: Catalog
    time_limit_s: float
    capacities: Capacities = field(default_factory=Capacities)

    def __call__(self, knowledge: Knowledge) -> Mapping[ProfileKey, int]:
        """Solved for anew from what is known by now.

        Raises:
            SolverTimeoutError: No verdict within the time limit.
        """
        question = ask(self.spec, self.catalog, knowledge, self.capacities)
        found = answered(question, time_limit_s=self.time_limit_s)
        used: dict[ProfileKey, int] = {}
        if isinstance(found, NoPlan):
            return used
        for assignment in found.solution.assignments:
            column = assignment.candidate
            for key in _behind(column.profile, knowledge):
                used[key] = max(column.policy.max_batch, used.get(key, 0))
        return used


def _behind(profile: Profile, knowledge: Knowledge) -> list[ProfileKey]:
    """What was measured here that the profile is, or is made from."""
    here = [key_of(p) for p in knowledge.here if p.model == profile.model]
    if key_of(profile) in here:
        return [key_of(profile)]
    if profile.evidence.provenance is not Provenance.PREDICTED:
        return []
    return [k for k in here if k.variant == profile.variant] or here
