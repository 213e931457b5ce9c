"""A small HTTP server on loopback that answers by a script: slow, failing, lying."""

import contextlib
import datetime as dt
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from planner.specs.placements import PlanPlacement


@dataclass(frozen=True)
class Response:
    """What is answered, after how long."""

    body: bytes = b'{"outputs": [0.1, 0.7, 0.2], "label": 1, "batch_size": 1}'
    status: int = 200
    after_s: float = 0.0
    content_type: str = "application/json"
    # Hang up in the middle of the body.
    is_cut: bool = False
    # Events of a stream, each after so many seconds; `body` is not sent then.
    events: tuple[tuple[float, bytes], ...] = ()


@dataclass
class Script:
    """What to answer to the nth request with this body; and what came."""

    answer: Callable[[int, bytes], Response]
    about: dict[str, Any] | Callable[[], dict[str, Any]] | None = None
    received: list[tuple[float, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    # A server of one worker: whoever comes meanwhile queues.
    is_serial: bool = False
    worker: threading.Lock = field(default_factory=threading.Lock)
    # What an OpenAI-compatible server lists at v1/models.
    models: tuple[str, ...] = ()


def answer(**fields: Any) -> Response:
    return Response(body=json.dumps(fields).encode())


def steady(response: Response = Response()) -> Callable[[int, bytes], Response]:
    return lambda n, body: response


SOURCE = {"kind": "torch", "factory": "model:build"}


def about(placement: PlanPlacement, **changes: Any) -> dict[str, Any]:
    """What our own server would say if it ran the placement."""
    config = {
        "model": {"name": placement.model, "source": SOURCE},
        "variant": placement.variant.model_dump(mode="json"),
        "max_batch": placement.max_batch,
        "max_wait_ms": placement.max_wait_ms,
        "threads": placement.threads or 1,
    }
    return {
        "config": config | changes,
        "artifact_sha256": placement.artifact_sha256,
        "input_shape": [2],
        "input_dtype": "float32",
        "environment": {"processor": "a test's"},
    }


def about_language(placement: PlanPlacement, **changes: Any) -> dict[str, Any]:
    """The same of a language model, which takes no arrays."""
    told = about(placement, **changes)
    return {k: v for k, v in told.items() if not k.startswith("input_")}


def spoken(
    words: Sequence[str],
    *,
    first_s: float = 0.0,
    each_s: float = 0.0,
    model: str = "llama-3.1-8b-instruct",
    usage: dict[str, int] | None = None,
    ending: bytes = b"data: [DONE]\n\n",
) -> Response:
    """A completion as vLLM streams it: a word an event, the counts, the end."""

    def event(**fields: Any) -> bytes:
        return b"data: " + json.dumps({"model": model, **fields}).encode() + b"\n\n"

    told = [event(choices=[{"index": 0, "text": word}]) for word in words]
    counts = event(choices=[], usage=usage) if usage else b""
    waits = [first_s, *[each_s] * (len(words) - 1)]
    events = [*zip(waits, told, strict=True), (0.0, counts + ending)]
    return Response(events=tuple(events), content_type="text/event-stream")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small writes of one answer must not wait for the client's acknowledgement.
    disable_nagle_algorithm = True
    script: Script

    def do_GET(self) -> None:
        script = self.script
        if self.path.endswith("/about") and script.about is not None:
            told = script.about() if callable(script.about) else script.about
            self._send(Response(body=json.dumps(told).encode()))
        elif self.path.endswith("/v1/models") and script.models:
            listed = [{"id": name, "object": "model"} for name in script.models]
            self._send(Response(body=json.dumps({"data": listed}).encode()))
        elif self.path.endswith("/healthz"):
            self._send(Response(body=b'{"status": "ok"}'))
        else:
            self._send(Response(status=404, body=b"{}"))

    def do_POST(self) -> None:
        script = self.script
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with script.lock:
            n = len(script.received)
            script.received.append((time.monotonic(), body))
        response = script.answer(n, body)
        with script.worker if script.is_serial else contextlib.nullcontext():
            time.sleep(response.after_s)
        self._send(response)

    def _send(self, response: Response) -> None:
        if response.status == 0:  # hang up instead
            self.close_connection = True
            self.connection.close()
            return
        if response.events:
            self._stream(response)
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        length = len(response.body) * (2 if response.is_cut else 1)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(response.body)
        if response.is_cut:
            self.close_connection = True

    def _stream(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            for after_s, event in response.events:
                time.sleep(after_s)
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left is no error of the test."""


def self_signed(folder: Path, name: str) -> ssl.SSLContext:
    """What a server of that name shows which nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextlib.contextmanager
def serving(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The server's address while it runs; https where it has a certificate."""
    handler = type("Handler", (_Handler,), {"script": script})
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}
    )
    thread.start()
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
