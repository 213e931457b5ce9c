"""When a batch starts: the rule that the plan's latency is computed for.

One batch runs at a time. The next starts when the model is free and either `most`
requests wait or the oldest has waited `longest_wait_s` since it came, so that a wait
while another batch runs counts. (Ray's own `serve.batch` starts its timer only when
the model is free: under load everyone waits that much longer.)
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting(Generic[Asked, Given]):
    asked: Asked
    since_s: float
    given: "asyncio.Future[Given]"


class Batcher(Generic[Asked, Given]):
    """Gathers requests and hands them to `run`, which answers them in their order."""

    def __init__(
        self, run: Callable[[Sequence[Asked]], Awaitable[Sequence[Given]]]
    ) -> None:
        self._run = run
        self._waiting: deque[_Waiting[Asked, Given]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.most = 1
        self.longest_wait_s = 0.0

    @property
    def n_waiting(self) -> int:
        """Requests that no batch has taken up yet."""
        return len(self._waiting)

    async def answer(self, asked: Asked) -> Given:
        """The answer, when the request's batch has run."""
        loop = asyncio.get_running_loop()
        given: asyncio.Future[Given] = loop.create_future()
        self._waiting.append(_Waiting(asked=asked, since_s=loop.time(), given=given))
        self._consider()
        return await given

    def _consider(self) -> None:
        """Start a batch, or see to it that one starts in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Whoever left does not hold the others up.
        while self._waiting and self._waiting[0].given.done():
            self._waiting.popleft()
        if self._running is not None or not self._waiting:
            return
        loop = asyncio.get_running_loop()
        due_s = self._waiting[0].since_s + self.longest_wait_s
        if len(self._waiting) >= self.most or loop.time() >= due_s:
            self._running = loop.create_task(self._batch())
        else:
            self._timer = loop.call_at(due_s, self._consider)

    async def _batch(self) -> None:
        batch: list[_Waiting[Asked, Given]] = []
        while self._waiting and len(batch) < self.most:
            first = self._waiting.popleft()
            if not first.given.done():
                batch.append(first)
        try:
            answers = await self._run([w.asked for w in batch]) if batch else []
            for waiting, answer in zip(batch, answers, strict=True):
                if not waiting.given.done():
                    waiting.given.set_result(answer)
        except Exception as error:  # noqa: BLE001  # the requests' own, not the batcher's
            for waiting in batch:
                if not waiting.given.done():
                    waiting.given.set_exception(error)
        finally:
            self._running = None
            self._consider()
