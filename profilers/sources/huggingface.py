"""A local folder of Hugging Face's layout: config.json and safetensors weights.

The class is the one that config.json names, out of transformers itself: code that comes
with a folder is never run, and weights in any other format are never opened. What the
folder lacks is an error, not a layer of random numbers.
"""

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from planner.errors import MissingExtraError, ModelLoadError
from profilers.foreign import told_as
from profilers.language.wording import Wording
from profilers.quality.texts import Document, read_documents
from profilers.sources import PICKLED

# Enough for activation ranges to settle on made-up text or pictures.
_SAMPLES = 32
_CAUSAL = "ForCausalLM"
_SEED = 0


class Answering(nn.Module):
    """A transformers model that takes one tensor and gives its first output."""

    def __init__(self, inner: nn.Module, arguments: dict[str, object]) -> None:
        super().__init__()
        self.inner = inner
        self._arguments = arguments

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Logits, or the last hidden states of a bare encoder."""
        answer: torch.Tensor = self.inner(batch, return_dict=False, **self._arguments)[
            0
        ]
        return answer


def module(folder: Path) -> nn.Module:
    """The folder's model in float32.

    Raises:
        ModelLoadError: Pickled or missing weights, unknown code, or files that disagree.
        MissingExtraError: transformers is not installed.
    """
    transformers = _transformers()
    name = _architecture(folder)
    _require_safetensors(folder)
    kind = getattr(transformers, name, None)
    if kind is None or "auto_map" in _config(folder):
        raise ModelLoadError(
            f"{folder}: its class {name} is not in transformers {transformers.__version__}, "
            "or comes with code of its own, which is never run: export it to ONNX, or "
            "write a torch factory"
        )
    with (
        told_as(
            ModelLoadError,
            f"loading {folder}",
            way_out="was it saved by save_pretrained, whole?",
        ),
        _quiet(transformers),
    ):
        inner, told = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    missing = sorted(told["missing_keys"])
    if missing:
        raise ModelLoadError(
            f"{folder}: its weights lack {', '.join(missing[:5])}, which {name} needs: "
            "save the whole model again"
        )
    return Answering(inner, {"use_cache": False} if is_causal(folder) else {})


def is_causal(folder: Path) -> bool:
    """Whether the folder holds a causal language model.

    Raises:
        ModelLoadError: It is no such folder.
    """
    return _architecture(folder).endswith(_CAUSAL)


def contexts(folder: Path, asked: tuple[int, ...]) -> tuple[int, ...]:
    """The contexts asked for of a causal language model, as far as it can go.

    Raises:
        ModelLoadError: It goes to none of them.
    """
    if not is_causal(folder):
        return ()
    limit = _config(folder).get("max_position_embeddings")
    fitting = tuple(sorted({c for c in asked if limit is None or c < limit}))
    if not fitting:
        raise ModelLoadError(
            f"{folder}: its context ends at {limit} tokens, before "
            f"{min(asked)}: name shorter context_tokens"
        )
    return fitting


def samples(folder: Path, *, n_tokens: int) -> torch.Tensor:
    """Made-up text or pictures of the size that config.json names, from a fixed seed.

    Raises:
        ModelLoadError: It names neither a vocabulary nor a picture's size.
    """
    config = _config(folder)
    random = torch.Generator().manual_seed(_SEED)
    size = config.get("image_size")
    if isinstance(size, int):
        picture = (_SAMPLES, int(config.get("num_channels", 3)), size, size)
        return torch.rand(picture, generator=random)
    vocabulary = config.get("vocab_size")
    if isinstance(vocabulary, int):
        limit = int(config.get("max_position_embeddings", n_tokens))
        text = (_SAMPLES, min(n_tokens, limit))
        return torch.randint(0, vocabulary, text, generator=random)
    raise ModelLoadError(
        f"{folder}: config.json names neither vocab_size nor image_size: name an "
        "'inputs' or an 'evaluation' factory"
    )


def documents(folder: Path, path: Path) -> tuple[Document, ...]:
    """The documents of a file, in the words of the folder's model.

    Raises:
        ModelLoadError: It is no causal model, or the file is not as it should be.
    """
    if not is_causal(folder):
        raise ModelLoadError(
            f"{folder} holds no causal language model, which alone is graded on texts: "
            "name an 'evaluation' factory instead"
        )
    n_words = int(_config(folder)["vocab_size"])
    return read_documents(path, ids=Wording(folder).ids, n_words=n_words)


def _architecture(folder: Path) -> str:
    named = _config(folder).get("architectures")
    if not isinstance(named, list) or len(named) != 1:
        raise ModelLoadError(
            f"{folder}: config.json names {named!r} as architectures: one is needed; save "
            "the model again with save_pretrained"
        )
    return str(named[0])


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    with told_as(
        ModelLoadError,
        f"reading {path}",
        way_out="a folder that save_pretrained wrote has one",
    ):
        config: dict[str, Any] = json.loads(path.read_text())
        return dict(config)


def _require_safetensors(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(p for p in folder.iterdir() if p.suffix in PICKLED)
    if pickled:
        raise ModelLoadError(
            f"{pickled[0]} is pickled, and can run code when it is loaded: save the model "
            "again with save_pretrained, which writes safetensors"
        )
    raise ModelLoadError(
        f"{folder} holds no *.safetensors: save the model with save_pretrained"
    )


def _transformers() -> Any:  # noqa: ANN401 - a package without types
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import transformers  # noqa: PLC0415 - an extra, and heavy
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "transformers", "huggingface", "loading a Hugging Face folder"
        ) from missing
    return transformers


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:  # noqa: ANN401 - a package without types
    logging = transformers.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
