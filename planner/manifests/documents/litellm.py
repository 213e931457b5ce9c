"""LiteLLM's proxy config, as far as the manifests write it (docs.litellm.ai, 2026-10)."""

from typing import Literal

from pydantic import ConfigDict

from planner.manifests.documents.base import Document


class Parameters(Document):
    """Whom a deployment of a model is called at, and what may be sent to it.

    Of several deployments of one name, each gets its `weight`'s part of the requests.
    """

    model: str
    api_base: str | None = None
    api_key: str
    rpm: int | None = None
    tpm: int | None = None
    weight: float


class ModelInfo(Document):
    """What the proxy keeps of a deployment; `metadata` is ours."""

    id: str
    metadata: dict[str, str]


class Deployment(Document):
    """One of the places where requests for `model_name` may go."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    litellm_params: Parameters
    model_info: ModelInfo


class RouterSettings(Document):
    """Deployments are picked at random, by their weights."""

    routing_strategy: Literal["simple-shuffle"] = "simple-shuffle"


class ProxyConfig(Document):
    """The whole file."""

    model_config = ConfigDict(protected_namespaces=())

    model_list: list[Deployment]
    router_settings: RouterSettings
