"""A mixture of experts: what it holds in memory, what a token uses, how evenly.

Of E experts a layer, a token is sent to the k that the router scores highest. All E are
resident; k are read. With n[e] the tokens that a layer sends to expert e,

    active parameters   all - (1 - k / E) · those of experts
    imbalance           max over layers of  max n[e] · E / Σ n[e]      1 is even

The router's scores come from the model itself, on the text at hand.
"""

from typing import Any

import torch
from torch import nn

from planner.domain.profiles import ExpertUse

# Names that the families of transformers give the number of experts (5.24).
_COUNTS = ("num_local_experts", "num_experts", "n_routed_experts")
_EXPERTS = ".experts."


def use_of(inner: nn.Module, prompts: torch.Tensor) -> ExpertUse | None:
    """How the model's experts are used on these prompts; None where it has none."""
    config: Any = inner.config
    counts = [getattr(config, name) for name in _COUNTS if hasattr(config, name)]
    chosen = getattr(config, "num_experts_per_tok", None)
    if not counts or not chosen:
        return None
    n_experts = int(counts[0])
    scores = inner(
        prompts, use_cache=False, output_router_logits=True, logits_to_keep=1
    ).router_logits
    sent = torch.stack([_sent(s, int(chosen), n_experts) for s in scores])
    parameters = [(name, p) for name, p in inner.named_parameters()]
    of_experts = [p for name, p in parameters if _EXPERTS in name]
    total = sum(p.numel() for _, p in parameters)
    idle_frac = 1 - int(chosen) / n_experts
    return ExpertUse(
        n_experts=n_experts,
        n_active=int(chosen),
        total_parameters=total,
        active_parameters=round(total - idle_frac * sum(p.numel() for p in of_experts)),
        experts_bytes=float(sum(p.nbytes for p in of_experts)),
        imbalance_ratio=float((sent.amax(1) * n_experts / sent.sum(1)).max()),
        touched_frac=float((sent > 0).double().mean()),
    )


def _sent(scores: torch.Tensor, n_chosen: int, n_experts: int) -> torch.Tensor:
    """Tokens sent to each expert of a layer."""
    chosen = scores.topk(n_chosen, dim=-1).indices.reshape(-1)
    return torch.bincount(chosen, minlength=n_experts).double()
