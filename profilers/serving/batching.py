"""When a batch starts: the rule that the plan's latency is computed for.

One batch runs at a time. The next starts when the model is free and either `most`
requests wait or the oldest has waited `longest_wait_s` since it came, so that a wait
while another batch runs counts. (Ray's own `serve.batch` starts its timer only when
the model is free: under load everyone waits that much longer.)

Where a batch runs:

    on `thread`          which takes its batches itself: between two of them it does not
                         wait until the event loop, with requests to read and answers to
                         write, gets round to the next
    on the event loop    one by one, a model that is brief and holds the interpreter: that
                         is done sooner than by two threads which pass its lock to and fro.
                         What comes meanwhile waits in its socket
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
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
    """Gathers requests and has `run` answer them in their order.

    `thread` is an executor of one worker, where batches run unless `limit` says otherwise.
    """

    def __init__(
        self, run: Callable[[Sequence[Asked]], Sequence[Given]], thread: Executor
    ) -> None:
        self._run = run
        self._thread = thread
        self._waiting: deque[_Waiting[Asked, Given]] = deque()
        self._changed = threading.Condition()
        self._is_at_work = False
        self._most = 1
        self._longest_wait_s = 0.0
        self._is_on_loop = False

    def limit(
        self, *, most: int, longest_wait_s: float, is_on_loop: bool = False
    ) -> None:
        """Start batches by these limits from now on; on the loop, one by one."""
        with self._changed:
            self._most, self._longest_wait_s = most, longest_wait_s
            self._is_on_loop = is_on_loop
            self._changed.notify()

    @property
    def n_waiting(self) -> int:
        """Requests that no batch has taken up yet."""
        return len(self._waiting)

    async def answer(self, asked: Asked) -> Given:
        """The answer, when the request's batch has run."""
        loop = asyncio.get_running_loop()
        given: asyncio.Future[Given] = loop.create_future()
        waiting = _Waiting(asked=asked, since_s=time.monotonic(), given=given)
        with self._changed:
            self._waiting.append(waiting)
            if self._is_at_work:
                self._changed.notify()
            else:
                self._is_at_work = True
                if self._is_on_loop:
                    loop.call_soon(self._work_on_loop, loop)
                else:
                    self._thread.submit(self._work_on_thread, loop)
        return await given

    def _work_on_thread(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run batches until nobody waits."""
        while batch := self._next_batch():
            loop.call_soon_threadsafe(_give, batch, self._answers(batch))

    def _work_on_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run one request, and come again until nobody waits."""
        if batch := self._next_batch():
            _give(batch, self._answers(batch))
            # Not in the next round of the loop: its end is when the answer is sent.
            loop.call_soon(loop.call_soon, self._work_on_loop, loop)

    def _answers(
        self, batch: "Sequence[_Waiting[Asked, Given]]"
    ) -> Sequence[Given] | Exception:
        try:
            return self._run([w.asked for w in batch])
        except Exception as error:  # noqa: BLE001  # the requests' own, not the batcher's
            return error

    def _next_batch(self) -> "list[_Waiting[Asked, Given]]":
        """Those who go next, as soon as they may; none when nobody waits."""
        with self._changed:
            while True:
                # Whoever left does not hold the others up.
                while self._waiting and self._waiting[0].given.done():
                    self._waiting.popleft()
                if not self._waiting:
                    self._is_at_work = False
                    return []
                due_s = self._waiting[0].since_s + self._longest_wait_s
                left_s = due_s - time.monotonic()
                if len(self._waiting) >= self._most or left_s <= 0:
                    return self._taken()
                self._changed.wait(left_s)

    def _taken(self) -> "list[_Waiting[Asked, Given]]":
        batch: list[_Waiting[Asked, Given]] = []
        while self._waiting and len(batch) < self._most:
            first = self._waiting.popleft()
            if not first.given.done():
                batch.append(first)
        return batch


def _give(
    batch: "Sequence[_Waiting[Asked, Given]]", answers: Sequence[Given] | Exception
) -> None:
    if isinstance(answers, Exception):
        for waiting in batch:
            if not waiting.given.done():
                waiting.given.set_exception(answers)
        return
    for waiting, answer in zip(batch, answers, strict=True):
        if not waiting.given.done():
            waiting.given.set_result(answer)
