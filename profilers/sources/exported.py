"""A program of torch.export, in a .pt2 file.

torch.export.load falls back to unpickling where its safe loader refuses an entry (torch
2.13): a crafted file runs code on loading. So nothing is opened without the user's word.
"""

from pathlib import Path

import torch
from torch import nn

from planner.errors import ModelLoadError
from profilers.foreign import deprecations_of_torch_hidden, told_as


def module(path: Path, *, trusted: bool) -> nn.Module:
    """The program as a module.

    Raises:
        ModelLoadError: It is not trusted, or torch refuses it.
    """
    if not trusted:
        raise ModelLoadError(
            f"{path} is not loaded: a .pt2 file can run code when it is, and nobody said "
            "'trust: true' of it; do so if you know who made it, or bring ONNX"
        )
    if not path.is_file():
        raise ModelLoadError(f"{path} does not exist: correct the path")
    with (
        told_as(
            ModelLoadError, f"loading {path}", way_out="is it from torch.export.save?"
        ),
        deprecations_of_torch_hidden(),
    ):
        found: nn.Module = torch.export.load(path).module()
    return found
