"""A plan as `plan.json`: what `--json` prints and what the other verbs read."""

import json

from planner.specs.plan import PlanDocument


def plan_json(plan: PlanDocument) -> str:
    """The document in its own key order, unrounded, one trailing newline."""
    data = plan.model_dump(mode="json", by_alias=True)
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
