"""A replica's own port: HTTP to the model without Ray's proxy between them.

Where one replica answers everything on its port, the proxy finds nobody to choose
between, and costs more than the rest of the way together (`running.LEAN`'s figures).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

import uvicorn
from starlette.requests import Request
from starlette.responses import Response

from planner.specs.serving import Listen

# Beyond so many connections at once, callers are told that the server is overloaded.
MOST_AT_ONCE: Final = 2000
_BACKLOG: Final = 1024
# Callers keep connections: opening one costs more than a request.
_KEEP_ALIVE_S: Final = 60
_GRACE_S: Final = 20


class Listener:
    """Hands every request of a port to `handler`, in the event loop that opens it."""

    def __init__(
        self, listen: Listen, handler: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self._listen = listen
        self._handler = handler
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen from now on; nothing happens where that is so already.

        Raises:
            OSError: The port is taken.
        """
        if self._serving is not None:
            return
        # Bound here and not by uvicorn, which would end the process if it could not.
        bound = socket.create_server(
            (self._listen.host, self._listen.port), backlog=_BACKLOG
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._application,
                interface="asgi3",
                proxy_headers=False,
                lifespan="off",
                ws="none",
                access_log=False,
                log_config=None,
                limit_concurrency=MOST_AT_ONCE,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._serving = asyncio.create_task(self._server.serve(sockets=[bound]))

    async def close(self) -> None:
        """Take no new requests, and end when those at hand are answered."""
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = True
        await self._serving

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own
        response = await self._handler(Request(scope, receive))
        await response(scope, receive, send)
