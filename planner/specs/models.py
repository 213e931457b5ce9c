"""What the user brings: a reference model by name, or a model of their own."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from planner.domain.variants import Precision, Runtime, SparsityPattern
from planner.specs.base import Name, Spec

# `module:callable`, looked up beside the document.
Factory = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", max_length=200)
]
_PICKLED = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")


def _file(suffix: str) -> AfterValidator:
    """A path with that suffix; of pickles it is said why not."""

    def check(path: str) -> str:
        if path.endswith(_PICKLED):
            raise ValueError(
                f"a pickle can run code when it is loaded, so none is: save it as {suffix}"
            )
        if not path.endswith(suffix):
            raise ValueError(f"the name must end in {suffix}")
        return path

    return AfterValidator(check)


_Path = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Tokens = Annotated[int, Field(ge=1, le=1_000_000)]


class ReferenceSource(Spec):
    """A published model whose profiles ship with the planner."""

    kind: Literal["reference"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]


class TorchSource(Spec):
    """A torch model: a factory and safetensors weights, beside the document."""

    kind: Literal["torch"]
    factory: Factory
    weights: Annotated[_Path, _file(".safetensors")] | None = None


class OnnxSource(Spec):
    """An ONNX file beside the document: its graph and weights, no code."""

    kind: Literal["onnx"]
    file: Annotated[_Path, _file(".onnx")]


class HuggingFaceSource(Spec):
    """A local folder of Hugging Face's layout: config.json and safetensors weights.

    On `evaluation_text`, a JSON object a line with its "text" or "tokens", a causal
    language model is graded (`profilers.quality.texts`).
    """

    kind: Literal["huggingface"]
    folder: _Path
    sequence_tokens: Tokens = 128
    context_tokens: Annotated[tuple[Tokens, ...], Field(min_length=1, max_length=8)] = (
        128,
        512,
    )
    evaluation_text: Annotated[_Path, _file(".jsonl")] | None = None


class ExportedSource(Spec):
    """A program of torch.export, which is loaded only on the user's word."""

    kind: Literal["exported"]
    file: Annotated[_Path, _file(".pt2")]
    trust: bool = False

    @model_validator(mode="after")
    def _is_trusted(self) -> Self:
        if not self.trust:
            raise ValueError(
                "a .pt2 file can run code when it is loaded: say 'trust: true' if you "
                "made it or know who did, or bring ONNX or safetensors"
            )
        return self


class SklearnSource(Spec):
    """A fitted scikit-learn estimator that a factory returns; it runs as ONNX."""

    kind: Literal["sklearn"]
    factory: Factory


class HostedSource(Spec):
    """A model that only others run: sites of kind hosted_api serve it."""

    kind: Literal["hosted"]


OwnSource = Annotated[
    TorchSource | OnnxSource | HuggingFaceSource | ExportedSource | SklearnSource,
    Field(discriminator="kind"),
]
ModelSource = Annotated[
    ReferenceSource
    | HostedSource
    | TorchSource
    | OnnxSource
    | HuggingFaceSource
    | ExportedSource
    | SklearnSource,
    Field(discriminator="kind"),
]


class SparsityChoice(Spec):
    """Weights made zero: a share of the smallest, or two of every four."""

    pattern: SparsityPattern = SparsityPattern.UNSTRUCTURED
    share_frac: Annotated[float, Field(gt=0, lt=1)] = 0.5

    @model_validator(mode="after")
    def _half_of_four(self) -> Self:
        if self.pattern is SparsityPattern.TWO_OF_FOUR and self.share_frac != 0.5:
            raise ValueError("the pattern 2:4 is a share_frac of 0.5: leave it out")
        return self


class Variants(Spec):
    """Which ways of running the model are tried; dense ones always are."""

    precisions: Annotated[tuple[Precision, ...], Field(min_length=1)] = (
        Precision.FP32,
        Precision.BF16,
        Precision.INT8,
    )
    runtimes: Annotated[tuple[Runtime, ...], Field(min_length=1)] = (
        Runtime.TORCH,
        Runtime.ONNXRUNTIME,
    )
    sparsities: Annotated[tuple[SparsityChoice, ...], Field(max_length=8)] = ()


class FactoryCall(Spec):
    """A function of the user's that gives data, or trains what it is given."""

    factory: Factory


class Model(Spec):
    """A model of the deployment."""

    name: Name
    source: ModelSource
    variants: Variants | None = None
    evaluation: FactoryCall | None = None
    inputs: FactoryCall | None = None
    fine_tune: FactoryCall | None = None
    license: str | None = None
