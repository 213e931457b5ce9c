"""The document a user writes: models, workloads, sites, policy."""

from typing import Annotated, Literal

from pydantic import Field

from planner.specs.base import Name, Spec
from planner.specs.by_request import HostedApi, Serverless
from planner.specs.models import Model
from planner.specs.policy import Policy
from planner.specs.sites import CloudSite, EdgeSite, Site
from planner.specs.workloads import Workload


class Deployment(Spec):
    """`kind: deployment`: one question to the planner."""

    kind: Literal["deployment"]
    version: Literal[1]
    name: Name
    models: Annotated[tuple[Model, ...], Field(min_length=1, max_length=1000)]
    workloads: Annotated[tuple[Workload, ...], Field(min_length=1, max_length=10_000)]
    sites: Annotated[tuple[Site, ...], Field(min_length=1, max_length=1000)]
    policy: Policy = Policy()

    def model_named(self, name: str) -> Model:
        """The model of that name; the document was checked to have it."""
        return next(m for m in self.models if m.name == name)

    def edge_sites(self) -> tuple[EdgeSite, ...]:
        """Places of the user's own."""
        return tuple(s for s in self.sites if isinstance(s, EdgeSite))

    def hosted_apis(self) -> tuple[HostedApi, ...]:
        """Somebody else's models."""
        return tuple(s for s in self.sites if isinstance(s, HostedApi))

    def regions(self) -> tuple[str, ...]:
        """Every cloud region of the document, in its order."""
        found: list[str] = []
        for site in self.sites:
            if isinstance(site, CloudSite):
                found += site.regions
            elif isinstance(site, Serverless):
                found.append(site.region)
        return tuple(dict.fromkeys(found))
