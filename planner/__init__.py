"""A distributed, cost-aware deployment planner for deep learning.

`recommend` answers where a model should run, on what, how many, at which batch
size and precision, what it costs, and how sure that is. Names are loaded when
they are first used: `import planner` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from planner.api import recommend
    from planner.errors import PlannerError
    from planner.plan import Infeasible, Plan, load_plan
    from planner.specs.deployment import Deployment
    from planner.specs.load import load_spec

    __version__: str

_HOMES: Final = {
    "Deployment": "planner.specs.deployment",
    "Infeasible": "planner.plan",
    "Plan": "planner.plan",
    "PlannerError": "planner.errors",
    "load_plan": "planner.plan",
    "load_spec": "planner.specs.load",
    "recommend": "planner.api",
}

__all__ = [
    "Deployment",
    "Infeasible",
    "Plan",
    "PlannerError",
    "__version__",
    "load_plan",
    "load_spec",
    "recommend",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # whatever the name stands for
    if name == "__version__":
        return import_module("planner.version").VERSION
    if name not in _HOMES:
        raise AttributeError(f"module 'planner' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
