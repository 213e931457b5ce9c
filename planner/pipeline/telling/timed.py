"""Which of the user's own models' batch sizes were timed, as a part of the plan document."""

from dataclasses import asdict

from planner.pipeline.asking.knowledge import Knowledge
from planner.specs.measuring import PlanPoints


def points(knowledge: Knowledge) -> PlanPoints | None:
    """How few they were; None where nobody asked for fewer than all."""
    found = knowledge.points
    if found is None:
        return None
    return PlanPoints(**asdict(found), n_beyond=found.n_beyond)
