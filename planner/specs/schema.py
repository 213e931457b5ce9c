"""JSON Schema of the documents, for editors."""

import json

from planner.specs.base import Spec  # noqa: TC001  # pydantic classes are values here
from planner.specs.deployment import Deployment
from planner.specs.plan import PlanDocument


def json_schema(kind: str = "deployment") -> str:
    """JSON Schema (draft 2020-12) of `deployment` or `plan` documents."""
    documents: dict[str, type[Spec]] = {"deployment": Deployment, "plan": PlanDocument}
    schema = documents[kind].model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
