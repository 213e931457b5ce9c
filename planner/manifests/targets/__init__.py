"""Every target, one file each; a test holds the list against the folder."""

from types import MappingProxyType
from typing import Final

from planner.manifests.targets import by_request, compose, kubernetes, ray_serve

TARGETS: Final = MappingProxyType(
    {
        t.name: t
        for t in (
            compose.TARGET,
            kubernetes.TARGET,
            ray_serve.TARGET,
            by_request.TARGET,
        )
    }
)
