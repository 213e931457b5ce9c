"""What the user brings: a reference model by name, or a torch model of their own."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from planner.domain.variants import Precision, Runtime
from planner.specs.base import Name, Spec

# `module:callable`, looked up beside the document.
Factory = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", max_length=200)
]


class ReferenceSource(Spec):
    """A published model whose profiles ship with the planner."""

    kind: Literal["reference"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]


class TorchSource(Spec):
    """A torch model: a factory and safetensors weights, beside the document."""

    kind: Literal["torch"]
    factory: Factory
    weights: Annotated[str, StringConstraints(pattern=r"\.safetensors$")] | None = None


ModelSource = Annotated[ReferenceSource | TorchSource, Field(discriminator="kind")]


class Variants(Spec):
    """Which ways of running the model are tried."""

    precisions: Annotated[tuple[Precision, ...], Field(min_length=1)] = (
        Precision.FP32,
        Precision.BF16,
        Precision.INT8,
    )
    runtimes: Annotated[tuple[Runtime, ...], Field(min_length=1)] = (
        Runtime.TORCH,
        Runtime.ONNXRUNTIME,
    )


class FactoryCall(Spec):
    """A function of the user's that gives data."""

    factory: Factory


class Model(Spec):
    """A model of the deployment."""

    name: Name
    source: ModelSource
    variants: Variants | None = None
    evaluation: FactoryCall | None = None
    inputs: FactoryCall | None = None
    license: str | None = None
