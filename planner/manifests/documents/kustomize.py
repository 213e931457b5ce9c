"""What `kubectl apply -k` reads, as far as the manifests write it."""

from typing import Literal

from planner.manifests.documents.base import CamelDocument


class Image(CamelDocument):
    """A name used in the manifests, and the image it stands for."""

    name: str
    new_name: str
    new_tag: str | None = None


class Generator(CamelDocument):
    """A config map made from lines of `key=value`."""

    name: str
    literals: list[str]


class Kustomization(CamelDocument):
    """What `kubectl apply -k` applies, and the two things the user sets."""

    api_version: Literal["kustomize.config.k8s.io/v1beta1"] = (
        "kustomize.config.k8s.io/v1beta1"
    )
    kind: Literal["Kustomization"] = "Kustomization"
    namespace: str
    resources: list[str]
    images: list[Image] | None = None
    config_map_generator: list[Generator] | None = None
