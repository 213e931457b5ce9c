"""What is sent: the user's labelled samples, example inputs, a file, or made-up numbers.

A file of the user's is one of

    FILE.npy     examples (n, …)
    FILE.npz     arrays `inputs` (n, …) and, if there are any, `labels` (n)
    FILE.json    a list of examples; or {"inputs": [...], "labels": [...]}; or
                 {"bodies": [...]}: whole documents, for a server with words of its own
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from planner.domain.profiling import UserModel
from planner.errors import SpecFileError
from planner.units import BYTES_PER_KIB, BYTES_PER_MIB

# Bodies are made before the first is sent, so that making them delays none.
MAX_BODIES: Final = 10_000
MAX_BODY_BYTES: Final = 256 * BYTES_PER_MIB
MAX_FILE_BYTES: Final = 1024 * BYTES_PER_MIB
MADE_UP: Final = 64
JSON: Final = "application/json"
# One example's numbers in the model's own type, as our server reads them without parsing.
BARE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payloads:
    """Request bodies and, where they are known, the class each should get.

    `is_raw`: the user's own documents, whose answers are any JSON. `is_stream`: a
    language model's, whose answers come token by token and should hold `expected`.
    """

    bodies: tuple[bytes, ...]
    origin: str
    labels: tuple[int, ...] | None = None
    is_raw: bool = False
    is_stream: bool = False
    expected: tuple[str, ...] | None = None
    media_type: str = JSON

    @property
    def mean_kib(self) -> float:
        """Mean size of a body."""
        return sum(map(len, self.bodies)) / len(self.bodies) / BYTES_PER_KIB

    def bare(self, shape: Sequence[int], dtype: str) -> "Payloads":
        """The same examples without their words; as they are if they are no such ones."""
        if self.is_raw or self.is_stream or self.media_type == BARE:
            return self
        kind = np.dtype(dtype).newbyteorder("<")
        bodies = []
        for body in self.bodies:
            given = json.loads(body)["inputs"]
            try:
                example = np.asarray(given)
                with np.errstate(over="ignore", invalid="ignore"):
                    numbers = example.astype(kind)
            except (ValueError, TypeError, OverflowError):
                return self
            is_same = kind.kind == "f" or np.array_equal(numbers, example)
            if numbers.shape != tuple(shape) or not is_same:
                return self
            bodies.append(numbers.tobytes())
        return replace(self, bodies=tuple(bodies), media_type=BARE)

    def shuffled(self, rng: np.random.Generator) -> "Payloads":
        """In random order: any first part of it is then a random sample."""
        order = rng.permutation(len(self.bodies)).tolist()
        labels, expected = self.labels, self.expected
        return replace(
            self,
            bodies=tuple(self.bodies[i] for i in order),
            labels=None if labels is None else tuple(labels[i] for i in order),
            expected=None if expected is None else tuple(expected[i] for i in order),
        )


def from_examples(
    examples: Iterable[object], labels: Sequence[int] | None, origin: str
) -> Payloads:
    """Bodies as our server reads them, as many as fit."""
    bodies = bodies_of({"inputs": example} for example in examples)
    kept = None if labels is None else tuple(labels[: len(bodies)])
    return Payloads(bodies=bodies, labels=kept, origin=origin)


def bodies_of(documents: Iterable[object]) -> tuple[bytes, ...]:
    """Documents as JSON, as many of the first as fit."""
    bodies: list[bytes] = []
    room_bytes = MAX_BODY_BYTES
    for document in documents:
        body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        room_bytes -= len(body)
        if bodies and (room_bytes < 0 or len(bodies) >= MAX_BODIES):
            break
        bodies.append(body)
    return tuple(bodies)


def from_model(model: UserModel) -> Payloads:
    """The user's evaluation set, else their example inputs.

    Raises:
        ModelLoadError: There is neither, or their factory fails.
    """
    from profilers import sources  # noqa: PLC0415 - torch is heavy
    from profilers.models import (  # noqa: PLC0415 - the same
        evaluation_set,
        example_batch,
    )

    evaluation = evaluation_set(model)
    if evaluation is None:
        batch = example_batch(model, None, made_up=sources.made_up(model))
        origin = f"example inputs of model '{model.name}'"
        return from_examples((x.tolist() for x in batch), None, origin)
    return from_examples(
        (x.tolist() for x in evaluation.inputs),
        [int(label) for label in evaluation.labels],
        f"evaluation set of model '{model.name}'",
    )


def made_up(shape: Sequence[int], dtype: str, rng: np.random.Generator) -> Payloads:
    """Numbers of the shape that the server says it takes; whole ones are 0 or 1."""
    size = (MADE_UP, *shape)
    is_float = np.dtype(dtype).kind == "f"
    batch = rng.normal(size=size) if is_float else rng.integers(0, 2, size=size)
    origin = f"random numbers of shape {list(shape)}, which the endpoint asks for"
    return from_examples((x.tolist() for x in np.round(batch, 6)), None, origin)


def from_file(path: Path) -> Payloads:
    """The examples, labels or bodies in a file of the user's.

    Raises:
        SpecFileError: It cannot be read, or is not what it should be.
    """
    readers: Mapping[str, Callable[[Path], Payloads]] = {
        ".npy": _from_npy,
        ".npz": _from_npz,
        ".json": _from_json,
    }
    if path.suffix not in readers:
        raise SpecFileError("give a .npy, .npz or .json file of inputs", str(path))
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SpecFileError("too large: a sample of the inputs will do", str(path))
        found = readers[path.suffix](path)
    except OSError as error:
        problem = error.strerror or "not readable"
        raise SpecFileError(f"cannot be read: {problem}", str(path)) from None
    except (ValueError, TypeError, OverflowError, RecursionError, EOFError) as error:
        raise SpecFileError(f"no usable inputs: {error}", str(path)) from None
    except (KeyError, zipfile.BadZipFile) as error:
        raise SpecFileError(f"no usable inputs: {error}", str(path)) from None
    if not found.bodies:
        raise SpecFileError("there are no inputs in it", str(path))
    return found


def _from_npy(path: Path) -> Payloads:
    return _from_arrays(np.load(path, allow_pickle=False), None, path)


def _from_npz(path: Path) -> Payloads:
    with np.load(path, allow_pickle=False) as arrays:
        if "inputs" not in arrays:
            raise ValueError("it has no array named 'inputs'")
        labels = arrays["labels"] if "labels" in arrays else None  # noqa: SIM401 - an NpzFile has no typed get
        return _from_arrays(arrays["inputs"], labels, path)


def _from_arrays(
    inputs: NDArray[Any], labels: NDArray[Any] | None, path: Path
) -> Payloads:
    if inputs.ndim < 2 or inputs.dtype.kind not in "iuf":
        raise ValueError(
            f"inputs are {inputs.dtype} of shape {inputs.shape}: give numbers of "
            "shape (n, …)"
        )
    if labels is not None and (labels.ndim != 1 or labels.dtype.kind not in "iu"):
        raise ValueError("labels must be whole numbers of shape (n,)")
    plain = None if labels is None else labels.tolist()
    _require_pairs(len(inputs), plain)
    return from_examples((x.tolist() for x in inputs), plain, path.name)


def read_json(path: Path) -> object:
    """The document in a file of the user's.

    Raises:
        SpecFileError: It cannot be read, or is not JSON.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SpecFileError("too large: a sample of the inputs will do", str(path))
        document: object = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = error.strerror or "not readable"
        raise SpecFileError(f"cannot be read: {problem}", str(path)) from None
    except (ValueError, RecursionError) as error:
        raise SpecFileError(f"not JSON: {error}", str(path)) from None
    return document


def _from_json(path: Path) -> Payloads:
    document = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(document, list):
        return from_examples(document, None, path.name)
    if not isinstance(document, dict):
        raise TypeError("give a list of examples, or an object with inputs or bodies")
    labels = document.get("labels")
    raw = document.get("bodies")
    inputs = raw if isinstance(raw, list) else document.get("inputs")
    if not isinstance(inputs, list):
        raise TypeError("it has neither a list 'inputs' nor a list 'bodies'")
    if labels is not None and not all(type(label) is int for label in labels):
        raise TypeError("labels must be whole numbers")
    _require_pairs(len(inputs), labels)
    if raw is None:
        return from_examples(inputs, labels, path.name)
    bodies = bodies_of(inputs)
    kept = None if labels is None else tuple(labels[: len(bodies)])
    return Payloads(bodies=bodies, labels=kept, origin=path.name, is_raw=True)


def _require_pairs(n_inputs: int, labels: Sequence[int] | None) -> None:
    if labels is not None and len(labels) != n_inputs:
        raise ValueError(f"{n_inputs} inputs and {len(labels)} labels")
