"""What a model is, by content: the key under which its measurements are kept.

From files: the weights' bytes and the source of every module of the user's directory that the
factories reach by import, found without running any of it. Live: the parameters, the modules'
structure and source, and the data itself.
"""

import ast
import hashlib
import importlib.metadata
import inspect
import platform
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from planner.domain.profiling import (
    FileFormat,
    ModelFile,
    PipelineModel,
    TorchModel,
    UserModel,
)
from planner.errors import ModelLoadError
from profilers import factories
from profilers.keys import OF_GPUS, SHARE
from profilers.measuring import allocator, machine

# Where the system says that a driver is loaded: nothing heavy is imported.
_NVIDIA = Path("/proc/driver/nvidia")
_RUNTIMES = ("torch", "onnxruntime", "numpy", "openvino", "torchao", "transformers")


def runtime_versions() -> Mapping[str, str]:
    """What a measurement depends on besides the model; nothing heavy is imported.

    A package that is absent is left out, and so is a share of the processors that is all of
    them.
    """
    found = {
        "python": platform.python_version(),
        "processor": machine.processor(),
        "allocator": allocator.told(),
        **_accelerators(),
    }
    if (share := machine.share_cores()) < machine.allowed_cores():
        found[SHARE] = f"{share:g}"
    for package in _RUNTIMES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _accelerators(driver: Path = _NVIDIA) -> Mapping[str, str]:
    """The GPUs of NVIDIA's driver, and its version, as the system tells them; else empty."""
    told = [f.read_text() for f in sorted(driver.glob("gpus/*/information"))]
    lines = [line for text in told for line in text.splitlines()]
    models = [line.partition(":")[2].strip() for line in lines if "Model:" in line]
    version = driver / "version"
    if not models or not version.is_file():
        return {}
    first = " ".join(version.read_text().splitlines()[0].split())
    return dict(zip(OF_GPUS, (", ".join(models), first), strict=True))


def environment(*, threads: int) -> Mapping[str, str]:
    """The same, and the threads that it ran with."""
    return {**runtime_versions(), "threads": str(threads)}


def identity(model: UserModel) -> str:
    """SHA-256 of the model's content, in hexadecimal; its name is no part of it.

    Raises:
        ModelLoadError: A file is missing, or a live factory fails.
    """
    digest = hashlib.sha256()
    for role, factory in _factories(model):
        _add(digest, role)
        for part in _content(factory, model.directory):
            _add(digest, part)
    if isinstance(model, TorchModel) and model.weights is not None:
        _add(digest, "weights")
        digest.update(_file_bytes(model.weights))
    if isinstance(model, ModelFile):
        _add(digest, f"{model.format} {model.sequence_tokens} {model.context_tokens}")
        for file in _files(model):
            _add(digest, file.name)
            digest.update(_file_digest(file))
        if model.evaluation_text is not None:
            _add(digest, "evaluation_text")
            digest.update(_file_digest(model.evaluation_text))
    return digest.hexdigest()


def _factories(
    model: UserModel,
) -> Iterator[tuple[str, str | Callable[..., object] | None]]:
    if not isinstance(model, ModelFile):
        yield "factory", model.factory
    yield "evaluation", model.evaluation
    yield "inputs", model.inputs
    if isinstance(model, PipelineModel):
        yield "kind", None
    elif model.fine_tune is not None:
        yield "fine_tune", model.fine_tune


def _files(model: ModelFile) -> tuple[Path, ...]:
    """What is read of it: of a folder, its configuration and its weights."""
    if model.format is not FileFormat.HUGGINGFACE:
        # Weights of an ONNX file may lie beside it, under names that it gives.
        return (model.path, *sorted(model.path.parent.glob(f"{model.path.name}?data")))
    return (
        model.path / "config.json",
        *sorted(model.path.glob("*.safetensors")),
    )


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as failure:
        raise ModelLoadError(
            f"{path} cannot be read: {failure.strerror}; correct the path"
        ) from failure


def _content(
    factory: str | Callable[..., object] | None, directory: Path
) -> Iterator[str | bytes]:
    if factory is None:
        return
    if isinstance(factory, str):
        yield factory
        for name, path in sorted(
            _reached(factory.partition(":")[0], directory).items()
        ):
            yield name
            yield _file_bytes(path)
    else:
        yield from _live(factories.call(factory, directory))


def _file_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failure:
        raise ModelLoadError(
            f"{path} cannot be read: {failure.strerror}; correct the path"
        ) from failure


def _add(digest: "hashlib._Hash", part: str | bytes) -> None:
    raw = part.encode() if isinstance(part, str) else part
    # The length keeps "ab", "c" apart from "a", "bc".
    digest.update(len(raw).to_bytes(8, "big") + raw)


def _reached(module_name: str, directory: Path) -> dict[str, Path]:
    """Modules of the directory that importing this one runs, itself among them."""
    found: dict[str, Path] = {}
    waiting = [(module_name, factories.source_file(module_name, directory))]
    while waiting:
        name, path = waiting.pop()
        found[name] = path
        waiting += [
            (target, file)
            for target in _imports(name, path)
            if target not in found
            and (file := _own_file(target, directory)) is not None
        ]
    return found


def _own_file(module_name: str, directory: Path) -> Path | None:
    stem = directory.joinpath(*module_name.split("."))
    for path in (stem.with_name(stem.name + ".py"), stem / "__init__.py"):
        if path.is_file():
            return path
    return None


def _imports(name: str, path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(_file_bytes(path), filename=str(path))
    except (SyntaxError, ValueError) as failure:
        raise ModelLoadError(
            f"{path} is not Python: {failure}; correct it"
        ) from failure
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield from _with_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _with_parents(name: str) -> Iterator[str]:
    parts = [part for part in name.split(".") if part]
    yield from (".".join(parts[: i + 1]) for i in range(len(parts)))


def _live(value: object) -> Iterator[str | bytes]:
    """The content of a live module, tensor, or pair of tensors."""
    import torch  # noqa: PLC0415 - whoever passes a live model has it loaded

    if isinstance(value, torch.nn.Module):
        yield repr(value)
        kinds = {type(part) for part in value.modules()}
        for kind in sorted(kinds, key=lambda k: (k.__module__, k.__qualname__)):
            yield f"{kind.__module__}.{kind.__qualname__}"
            yield _source(kind)
        for name, tensor in value.state_dict().items():
            yield name
            yield from _live(tensor)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _live(part)
    elif value is not None:
        yield from _tensor(value)


def _tensor(value: Any) -> Iterator[str | bytes]:  # noqa: ANN401 - whatever torch takes for a tensor
    import torch  # noqa: PLC0415 - whoever passes a live model has it loaded

    tensor = torch.as_tensor(value).detach().cpu().contiguous()
    yield f"{tensor.dtype} {tuple(tensor.shape)}"
    yield tensor.reshape(-1).view(torch.uint8).numpy().tobytes()


def _source(kind: type) -> str:
    # torch's own layers are known by the version of torch, which keys the store too.
    if kind.__module__.partition(".")[0] == "torch":
        return ""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):  # typed into a prompt: its structure must do
        return ""
