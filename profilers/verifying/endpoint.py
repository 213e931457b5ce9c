"""What a server says of itself, and how far away it is.

`/about` is what a server of ours says it runs; another may not have it. `/healthz` is
answered without the model: it costs HTTP, Ray's proxy and router, and the way. Setting
a connection up is one round trip of the network and nothing else.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from pydantic import ValidationError

from planner.errors import ProfilingError, SpecError
from planner.specs.placements import PlanPlacement
from planner.specs.serving import ServingConfig
from profilers.emulators.network import SERVED_BEHIND

PROBES: Final = 7
PROBE_TIMEOUT_S: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """What an example of a server's input is: its numbers by shape and type."""

    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a server of ours says it runs, and behind what emulated way if any.

    `takes` is None of a language model, which takes tokens.
    """

    config: ServingConfig
    artifact_sha256: str | None
    takes: Arrays | None
    environment: Mapping[str, str] = field(default_factory=dict)
    accepts: tuple[str, ...] = ()
    emulated_way: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The server behind a URL; `about` is None where it does not say what it is.

    `connect_s` is the network's round trip; `empty_s` what a request that needs no
    model takes, None where the server answers none.
    """

    url: str
    connect_s: float
    empty_s: float | None
    about: About | None


def checked_url(url: str) -> str:
    """The URL with a path that ends in a slash.

    Raises:
        SpecError: Not a web address.
    """
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in _PORTS and bool(parts.hostname)
        is_bare = not parts.query and not parts.fragment and not parts.username
        _ = parts.port
    except ValueError:
        is_web = is_bare = False
    if not (is_web and is_bare):
        raise SpecError(
            f"{url!r} is not the address of a deployment: give its route, as in "
            "http://127.0.0.1:8000/"
        )
    return url.rstrip("/") + "/"


def is_this_machine(url: str) -> bool:
    """Whether the URL names this very machine (or a tunnel that begins here)."""
    return urlsplit(url).hostname in _LOOPBACK


async def look_at(client: aiohttp.ClientSession, url: str) -> Endpoint:
    """What is behind the URL.

    Raises:
        ProfilingError: Nobody listens there, or not by the protocol that the URL names.
    """
    connect_s = await connecting_s(url)
    if urlsplit(url).scheme == "https":
        await _require_tls(client, url)
    return Endpoint(
        url=url,
        connect_s=connect_s,
        empty_s=await _empty_s(client, f"{url}healthz"),
        about=_read_about(await document_at(client, f"{url}about")),
    )


async def connecting_s(url: str) -> float:
    """The least time that setting up a connection takes.

    Raises:
        ProfilingError: Nobody listens there.
    """
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    taken = []
    for _ in range(PROBES):
        began_s = time.perf_counter()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                _, writer = await asyncio.open_connection(parts.hostname, port)
        except TimeoutError:
            raise ProfilingError(
                f"{url} cannot be measured: no connection within {PROBE_TIMEOUT_S:g} s; "
                "is the address right, and may this machine reach it?"
            ) from None
        except OSError as error:
            raise ProfilingError(
                f"{url} cannot be measured: {_reason(error)}; is it running? "
                "planner serve starts a placement on this machine"
            ) from None
        taken.append(time.perf_counter() - began_s)
        writer.close()
    return min(taken)


def _reason(error: OSError) -> str:
    # asyncio's own text for a refused connection is "Connect call failed" and an address.
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused"
    return error.strerror or str(error)


async def _require_tls(client: aiohttp.ClientSession, url: str) -> None:
    """A connection that this machine trusts.

    Raises:
        ProfilingError: Its certificate is not trusted here, or it does not speak TLS.
    """
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
    try:
        async with client.get(url, timeout=timeout, allow_redirects=False):
            return
    except aiohttp.ClientConnectorCertificateError as error:
        problem = str(error.certificate_error).partition("] ")[2]
        raise ProfilingError(
            f"{url} cannot be measured: its certificate is refused: "
            f"{problem.partition(' (_ssl')[0]}; use the name that it was made out to, or "
            "let this machine trust who signed it (SSL_CERT_FILE)"
        ) from None
    except aiohttp.ClientConnectorSSLError:
        raise ProfilingError(
            f"{url} cannot be measured: it does not speak TLS; is it http://?"
        ) from None
    except (aiohttp.ClientError, TimeoutError):
        # Whatever else is wrong shows with the first request.
        return


async def _empty_s(client: aiohttp.ClientSession, url: str) -> float | None:
    taken = []
    for _ in range(PROBES):
        began_s = time.perf_counter()
        if await document_at(client, url) is None:
            return None
        taken.append(time.perf_counter() - began_s)
    # The first opens the connection.
    return median(taken[1:])


async def document_at(client: aiohttp.ClientSession, url: str) -> object | None:
    """The JSON at an address; None where there is none."""
    timeout = aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)
    try:
        async with client.get(url, timeout=timeout, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                return None
            found: object = json.loads(await response.read())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RecursionError):
        return None
    return found


def _read_about(document: object | None) -> About | None:
    if not isinstance(document, dict):
        return None
    try:
        return About(
            config=ServingConfig.model_validate(document["config"]),
            artifact_sha256=document.get("artifact_sha256"),
            takes=_read_arrays(document),
            environment=_texts(document.get("environment")),
            accepts=tuple(map(str, document.get("accepts", ()))),
            emulated_way=_texts(document.get("placement")).get(SERVED_BEHIND),
        )
    except (ValidationError, KeyError, TypeError, ValueError):
        return None


def _read_arrays(document: Mapping[str, Any]) -> Arrays | None:
    if "input_shape" not in document:
        return None
    return Arrays(
        shape=tuple(int(n) for n in document["input_shape"]),
        dtype=str(document["input_dtype"]),
    )


def _texts(given: Any) -> dict[str, str]:  # noqa: ANN401 - a foreign document
    if not isinstance(given, dict):
        return {}
    return {str(key): str(value) for key, value in given.items()}


def disagreements(about: About, placement: PlanPlacement) -> list[str]:
    """Where the server runs something else than the plan says, each as a sentence."""
    config = about.config
    pairs = [
        ("model", config.model.name, placement.model),
        ("precision", config.variant.precision, placement.variant.precision),
        ("runtime", config.variant.runtime, placement.variant.runtime),
        ("sparsity", config.variant.sparsity_frac, placement.variant.sparsity_frac),
        (
            "sparsity pattern",
            config.variant.variant().sparsity_pattern,
            placement.variant.variant().sparsity_pattern,
        ),
        ("batch limit", config.max_batch, placement.max_batch),
        ("batch wait in ms", config.max_wait_ms, placement.max_wait_ms),
    ]
    if placement.threads is not None:
        pairs.append(("threads", config.threads, placement.threads))
    return [
        f"its {what} is {runs} and the plan's is {planned}"
        for what, runs, planned in pairs
        if runs != planned
    ]
