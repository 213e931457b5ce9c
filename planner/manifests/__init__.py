"""From a plan to the documents that run it, read back and held against the plan.

placed      name and room of a placement; `layout` all of them
engines     which program serves it, with which flags
targets     one file a kind of deployment document
folder      written whole, checked, kept in step with the plan
"""

from planner.manifests.folder import (
    ALL,
    check_manifests,
    render,
    write_manifests,
)
from planner.manifests.layout import plan_sha256
from planner.manifests.target import Target
from planner.manifests.targets import TARGETS

__all__ = [
    "ALL",
    "TARGETS",
    "Target",
    "check_manifests",
    "plan_sha256",
    "render",
    "write_manifests",
]
