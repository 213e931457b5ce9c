"""Read a prompt, then write token by token: what is measured of a language model, and served.

The keys and values of what was read are kept, so that a further token costs one step.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

Choose = Callable[[torch.Tensor], int]


def read(inner: nn.Module, prompts: torch.Tensor) -> Any:  # noqa: ANN401 - transformers' own
    """Read the prompts, remember them, and score the next token alone, as servers do."""
    return inner(prompts, use_cache=True, logits_to_keep=1)


def step(inner: nn.Module, tokens: torch.Tensor, cache: Any) -> Any:  # noqa: ANN401 - the same
    """Read one further token of each (n, 1) behind what the cache remembers."""
    return inner(tokens, cache=cache, use_cache=True)


def written(inner: nn.Module, prompt: Sequence[int], choose: Choose) -> Iterator[int]:
    """The tokens that follow the prompt, each read before the next; without end."""
    with torch.inference_mode():
        told = read(inner, torch.tensor([prompt]))
        while True:
            token = choose(told.logits[0, -1])
            yield token
            told = step(inner, torch.tensor([[token]]), told.cache)


def likeliest(logits: torch.Tensor) -> int:
    """The token with the highest score."""
    return int(logits.argmax())


def drawn(temperature: float, seed: int | None) -> Choose:
    """Draws tokens by softmax(scores / temperature), from a seed where one is given."""
    random = torch.Generator()
    random.seed() if seed is None else random.manual_seed(seed)

    def choose(logits: torch.Tensor) -> int:
        shares = (logits.double() / temperature).softmax(dim=-1)
        return int(torch.multinomial(shares, 1, generator=random))

    return choose
