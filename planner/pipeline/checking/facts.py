"""What an emitted plan is held against, beside itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.domain.profiles import Profile
from planner.pipeline.asking.demands import Demands
from planner.pipeline.asking.places import Place
from planner.pipeline.checking.serving import stated_profile
from planner.reference.catalog import Catalog
from planner.specs.deployment import Deployment
from planner.specs.placements import PlanPlacement


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The document, what it asks for, and everything it may be served by, by name."""

    spec: Deployment
    catalog: Catalog
    profiles: Mapping[str, Sequence[Profile]]
    asked: Demands
    offered: Mapping[str, Place]

    def profile(self, p: PlanPlacement) -> Profile | None:
        """The profile that the placement states."""
        return stated_profile(p, self.profiles.get(p.model, ()))
