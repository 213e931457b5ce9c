"""What a client may send: one example, as nested lists of numbers or as its bare bytes.

    application/json           {"inputs": one example as nested lists}
    application/octet-stream   the example's numbers in the model's own type, in C order
                               and little-endian: read where they lie, without a copy

400 says that the body is no JSON, 413 that it is too large, 422 that it is not an
example of this model; each with a sentence that names what was expected.
"""

import json
import math
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np
from numpy.typing import NDArray

BARE: Final = "application/octet-stream"


@dataclass(eq=False)
class RefusedRequestError(Exception):
    """A request that is answered with a 4xx status and a sentence."""

    status: int
    sentence: str

    def __str__(self) -> str:
        return self.sentence


def read_inputs(
    body: bytes, *, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """The example in a request body, as the model takes it.

    Raises:
        RefusedRequestError: It holds none.
    """
    document = _parse(body)
    if not isinstance(document, dict) or set(document) != {"inputs"}:
        raise RefusedRequestError(
            422, 'send {"inputs": one example as nested lists of numbers}'
        )
    try:
        given = np.asarray(document["inputs"])
    except (ValueError, OverflowError):
        raise RefusedRequestError(
            422, f"inputs is ragged; it must have shape {list(shape)}"
        ) from None
    # Text, null and whole numbers beyond 64 bits become other kinds of array.
    if given.dtype.kind not in "iuf":
        raise RefusedRequestError(422, "inputs must hold nothing but numbers")
    if given.shape != shape:
        raise RefusedRequestError(
            422,
            f"inputs has shape {list(given.shape)}; one example has {list(shape)}",
        )
    return _cast(given, dtype)


def read_bare(
    body: bytes, *, shape: tuple[int, ...], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    """The example whose numbers the body is, seen through an array.

    Raises:
        RefusedRequestError: It has another size, or a number that is none.
    """
    kind = dtype.newbyteorder("<")
    expected = math.prod(shape) * kind.itemsize
    if len(body) != expected:
        raise RefusedRequestError(
            422,
            f"the body has {len(body)} bytes; one example is {dtype} of shape "
            f"{list(shape)}: {expected} bytes",
        )
    given = np.frombuffer(body, dtype=kind).reshape(shape)
    if kind.kind == "f" and not np.isfinite(given).all():
        raise RefusedRequestError(422, "inputs must hold finite numbers")
    return given


def _parse(body: bytes) -> object:
    try:
        return json.loads(body, parse_constant=_no_constant)
    except RecursionError:
        raise RefusedRequestError(400, "the body is nested too deeply") from None
    except ValueError as error:  # json's and UTF-8's errors are ValueErrors
        raise RefusedRequestError(400, f"the body is not JSON: {error}") from None


def _no_constant(name: str) -> NoReturn:
    raise RefusedRequestError(422, f"inputs holds {name}; send finite numbers")


def _cast(
    given: NDArray[np.generic], dtype: np.dtype[np.generic]
) -> NDArray[np.generic]:
    with np.errstate(over="ignore", invalid="ignore"):
        cast = given.astype(dtype)
    if dtype.kind in "iu" and not np.array_equal(cast, given):
        raise RefusedRequestError(
            422, f"inputs must be whole numbers that {dtype} can hold"
        )
    if dtype.kind == "f" and not np.isfinite(cast).all():
        raise RefusedRequestError(422, f"inputs holds numbers beyond {dtype}")
    return cast
