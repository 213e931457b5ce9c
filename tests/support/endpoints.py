"""A small HTTP server on loopback that answers by a script: slow, failing, lying."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from planner.specs.plan import PlanPlacement


@dataclass(frozen=True)
class Response:
    """What is answered, after how long."""

    body: bytes = b'{"outputs": [0.1, 0.7, 0.2], "label": 1, "batch_size": 1}'
    status: int = 200
    after_s: float = 0.0
    content_type: str = "application/json"


@dataclass
class Script:
    """What to answer to the nth request with this body; and what came."""

    answer: Callable[[int, bytes], Response]
    about: dict[str, Any] | None = None
    received: list[tuple[float, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    # A server of one worker: whoever comes meanwhile queues.
    is_serial: bool = False
    worker: threading.Lock = field(default_factory=threading.Lock)


def answer(**fields: Any) -> Response:
    return Response(body=json.dumps(fields).encode())


def steady(response: Response = Response()) -> Callable[[int, bytes], Response]:
    return lambda n, body: response


def about(placement: PlanPlacement, **changes: Any) -> dict[str, Any]:
    """What our own server would say if it ran the placement."""
    config = {
        "model": {"name": placement.model, "factory": "model:build"},
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


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small writes of one answer must not wait for the client's acknowledgement.
    disable_nagle_algorithm = True
    script: Script

    def do_GET(self) -> None:
        script = self.script
        if self.path.endswith("/about") and script.about is not None:
            self._send(Response(body=json.dumps(script.about).encode()))
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
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left is no error of the test."""


@contextlib.contextmanager
def serving(script: Script) -> Iterator[str]:
    """The server's address while it runs."""
    handler = type("Handler", (_Handler,), {"script": script})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
