"""The way from a workload to a placement, as it is emulated here."""

from typing import TYPE_CHECKING

from planner.wiring.facts import catalog

if TYPE_CHECKING:
    from planner.specs.placements import PlanPlacement
    from planner.specs.plan import PlanDocument
    from profilers.emulators.network import Way


def emulated_way(plan: "PlanDocument", placement: "PlanPlacement") -> "Way":
    """The way to a placement: its round trip, jitter and bandwidth.

    Raises:
        SpecError: The plan does not carry its document, or the way is not known any more.
    """
    from planner.pipeline.rehearsing.way import way_to  # noqa: PLC0415  # few ask
    from profilers.emulators.network import way_of  # noqa: PLC0415

    path, payload_bytes = way_to(plan, placement, catalog())
    return way_of(path, payload_bytes=payload_bytes)
