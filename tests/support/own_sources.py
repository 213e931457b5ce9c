"""A spec's folder that holds one small model of every source a user may bring."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_model

from planner.domain.variants import Precision, Runtime, SparsityPattern, Variant
from planner.specs.plan import PlanModel
from planner.specs.serving import served_model
from profilers.models import load_model
from profilers.variants import export_variant
from tests.support import networks

CODE = """
import numpy as np
import torch
from torch import nn


def build():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 64), nn.ReLU(),
        nn.Linear(64, 10),
    )


def images():
    return torch.linspace(-1, 1, 8 * 64).reshape(8, 1, 8, 8).sin()


def evaluation():
    return images(), torch.arange(8)


def tune(module):
    torch.manual_seed(5)
    target = torch.randn(8, 10)
    optimizer = torch.optim.SGD([p for p in module.parameters()], lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        (module(images()) - target).square().mean().backward()
        optimizer.step()


def fitted():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 5))
    labels = (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 0.5)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)


def rows():
    return np.random.default_rng(1).normal(size=(8, 5)).astype(np.float32)
"""
MODELS: Mapping[str, PlanModel] = {
    m.source: m
    for m in (
        PlanModel(
            name="of-torch",
            source="torch",
            factory="nets:build",
            weights="net.safetensors",
            evaluation="nets:evaluation",
            fine_tune="nets:tune",
        ),
        PlanModel(
            name="of-onnx",
            source="onnx",
            file="net.onnx",
            inputs="nets:images",
            evaluation="nets:evaluation",
        ),
        PlanModel(
            name="of-exported",
            source="exported",
            file="net.pt2",
            trust=True,
            inputs="nets:images",
        ),
        PlanModel(
            name="of-huggingface",
            source="huggingface",
            file="bert",
            sequence_tokens=12,
            context_tokens=(8,),
        ),
        PlanModel(
            name="of-sklearn",
            source="sklearn",
            factory="nets:fitted",
            inputs="nets:rows",
        ),
    )
}


def on(
    runtime: Runtime,
    precision: Precision = Precision.FP32,
    sparsity_frac: float = 0.0,
    sparsity_pattern: SparsityPattern = SparsityPattern.UNSTRUCTURED,
) -> Variant:
    return Variant(
        precision=precision,
        runtime=runtime,
        sparsity_frac=sparsity_frac,
        sparsity_pattern=sparsity_pattern,
    )


# Every source on one runtime at least, and every runtime on a torch model.
SERVED: Mapping[str, tuple[str, Variant]] = {
    "torch": ("torch", on(Runtime.TORCH)),
    "torch-int8": ("torch", on(Runtime.TORCH, Precision.INT8)),
    "torch-sparse": (
        "torch",
        on(Runtime.TORCH, Precision.FP32, 0.5, SparsityPattern.TWO_OF_FOUR),
    ),
    "compiled": ("torch", on(Runtime.TORCH_COMPILE)),
    "onnxruntime": ("torch", on(Runtime.ONNXRUNTIME)),
    "openvino": ("torch", on(Runtime.OPENVINO)),
    "openvino-int8": ("torch", on(Runtime.OPENVINO, Precision.INT8)),
    "file": ("onnx", on(Runtime.OPENVINO)),
    "folder": ("huggingface", on(Runtime.TORCH, Precision.INT8_DYNAMIC)),
    "program": ("exported", on(Runtime.TORCH)),
    "pipeline": ("sklearn", on(Runtime.ONNXRUNTIME)),
}


def write(folder: Path) -> Path:
    """The files of all models, in a folder that is there already."""
    (folder / "nets.py").write_text(CODE, encoding="utf-8")
    scope: dict[str, object] = {}
    exec(CODE, scope)
    torch.manual_seed(2)
    module = scope["build"]().eval()  # type: ignore[operator]  # the text above
    images = scope["images"]()  # type: ignore[operator]  # the same
    save_model(module, folder / "net.safetensors")
    program = torch.export.export(
        module,
        (images[:2],),
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
    )
    torch.export.save(program, folder / "net.pt2")
    exported = served_model(MODELS["exported"], directory=str(folder)).user_model()
    graph = export_variant(load_model(exported), on(Runtime.ONNXRUNTIME), folder)
    graph.path.rename(folder / "net.onnx")
    networks.encoder(folder / "bert")
    return folder
