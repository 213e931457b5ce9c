"""The way of a written plan's requests, from their origin to a placement and back."""

from planner.domain.hardware import NetworkPath
from planner.errors import SpecError
from planner.pipeline.asking.demands import demands
from planner.pipeline.asking.places import places
from planner.pipeline.asking.ways import Ways, lines
from planner.pipeline.exploring.explain import spec_of
from planner.reference.catalog import Catalog
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument


def way_to(
    plan: PlanDocument, placement: PlanPlacement, catalog: Catalog
) -> tuple[NetworkPath, float]:
    """The way, and the bytes of a request and its answer that its transfer time is for.

    Raises:
        SpecError: The plan does not carry its document, or the way is not known any more.
    """
    spec = spec_of(plan)
    workloads = demands(spec).workloads
    ways = Ways(spec, catalog, lines=lines(spec, catalog), workloads=workloads)
    workload = next((w for w in workloads if w.name == placement.workload), None)
    offer = next(
        (p.offer for p in places(spec, catalog) if p.offer.name == placement.offer),
        None,
    )
    path = ways.path(workload, offer) if workload and offer else None
    if workload is None or path is None:
        raise SpecError(
            f"the way of {placement.workload} to {placement.offer} is not known here "
            "(any more); run planner recommend again"
        )
    return path, workload.request_bytes + workload.response_bytes
