"""Carries out the schedule on Ray actors.

An actor places a slot on a node and watches over a warm child there
(`profilers.process`): Ray brings the machines, the transport and the news of
their death, the child brings the isolation. A trial that dies leaves the actor
and the warm child standing; a killed actor takes its child along.

On a cluster each node is one slot, provided that its processor and versions are
those of most nodes: figures of unlike machines must not be stored under one key. A
model's files have to be found on every node under the path that they have here.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from planner.errors import DeviceUnavailableError
from profilers.cluster import connect, disconnect
from profilers.local import event_of
from profilers.process import (
    Measuring,
    Message,
    WarmProcess,
    one_line,
    packed,
    resolve,
    search_path,
)
from profilers.schedule import (
    RunTrial,
    SlotEvent,
    SlotInstruction,
    SlotLost,
    SlotName,
    StartSlot,
    StopSlot,
)

if TYPE_CHECKING:
    from profilers.ports import Executor

# A busy node starts a worker and imports what it needs in tens of seconds.
SURVEY_TIMEOUT_S = 120.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    """The actor's warm child is gone."""

    reason: str


class _Watcher:
    """The actor: keeps one warm child and hands trials to it, one at a time."""

    def __init__(self, measuring: Measuring, path: Sequence[str] | None) -> None:
        self._child = WarmProcess(measuring, search_path=path or search_path())

    def ready(self) -> Message | _Gone:
        """The child's first word, or how it ended."""
        return self._next()

    def run(self, trial: bytes) -> Message | _Gone:
        """What a packed trial came to."""
        self._child.run(trial)
        return self._next()

    def _next(self) -> Message | _Gone:
        try:
            return self._child.receive()
        except EOFError:
            return _Gone(reason=self._child.obituary())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    generation: int
    actor: Any  # an actor handle; Ray states no type for it
    answer: Any  # the reference to what it is asked for


class RayExecutor:
    """Actors of a Ray runtime: this machine's own, or the cluster's at `address`.

    `n_slots` are spread over the nodes; None is one slot a node, so that
    measurements never share a processor.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        measuring: Measuring = Measuring(),  # noqa: B008  # frozen
        versions: str = "profilers.worker:runtime_versions",
        n_slots: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._measuring = measuring
        self._versions = versions
        self._n_slots = n_slots
        self._clock = clock
        self._is_ours = False
        self._nodes: dict[SlotName, str] = {}
        self._alike: tuple[str, ...] | None = None  # None before a cluster is surveyed
        self._slots: dict[SlotName, _Slot] = {}

    def environment(self) -> Mapping[str, str]:
        """Processor and versions of the nodes that will measure.

        Raises:
            DeviceUnavailableError: No cluster at the address, or it does not answer.
        """
        if self._address is None:
            return _environment(self._versions)
        self._connect()
        environment, self._alike = self._survey()
        return environment

    def open(self) -> tuple[SlotName, ...]:
        """Connect, and name a slot for each node.

        Raises:
            DeviceUnavailableError: Ray cannot be started or reached.
        """
        self._connect()
        nodes = self._alike or _alive_nodes()
        n_slots = self._n_slots or len(nodes)
        self._nodes = {
            SlotName(f"ray-{n}"): nodes[n % len(nodes)] for n in range(n_slots)
        }
        return tuple(self._nodes)

    def execute(self, instruction: SlotInstruction) -> None:
        """Begin what is asked and return at once."""
        match instruction:
            case StartSlot(slot=slot, generation=generation):
                actor = self._actor(self._nodes[slot])
                self._slots[slot] = _Slot(
                    generation=generation, actor=actor, answer=actor.ready.remote()
                )
            case RunTrial(slot=slot, generation=generation, trial=trial):
                actor = self._slots[slot].actor
                self._slots[slot] = _Slot(
                    generation=generation,
                    actor=actor,
                    answer=actor.run.remote(packed(trial)),
                )
            case StopSlot(slot=slot):
                self._end(slot)

    def wait(self, *, timeout_s: float | None) -> Sequence[SlotEvent]:
        """Block until an actor answers or dies, or the time is up."""
        waiting = {s.answer: n for n, s in self._slots.items() if s.answer is not None}
        ready, _ = ray.wait(list(waiting), num_returns=1, timeout=timeout_s)
        return [self._listen(waiting[answer]) for answer in ready]

    def _listen(self, name: SlotName) -> SlotEvent:
        slot = self._slots[name]
        try:
            message: Message | _Gone = ray.get(slot.answer)
        except RayError as error:
            message = _Gone(reason=_how(error))
        if isinstance(message, _Gone):
            self._end(name)
            return SlotLost(
                slot=name,
                generation=slot.generation,
                at_s=self._clock(),
                reason=message.reason,
            )
        self._slots[name] = _Slot(
            generation=slot.generation, actor=slot.actor, answer=None
        )
        return event_of(
            message, slot=name, generation=slot.generation, at_s=self._clock()
        )

    def at_s(self) -> float:
        """This machine's monotonic clock."""
        return self._clock()

    def close(self) -> None:
        """Kill the actors, and end the runtime or connection if it is ours."""
        for slot in tuple(self._slots):
            self._end(slot)
        if self._is_ours:
            disconnect()
            self._is_ours = False

    def _end(self, name: SlotName) -> None:
        ended = self._slots.pop(name, None)
        if ended is not None:
            ray.kill(ended.actor)

    def _actor(self, node: str) -> Any:  # noqa: ANN401  # Ray states no type for it
        remote = ray.remote(_Watcher).options(
            num_cpus=1,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        # A cluster's nodes import from places of their own.
        return remote.remote(
            self._measuring, None if self._address else list(search_path())
        )

    def _connect(self) -> None:
        n_cpus = max(os.cpu_count() or 1, self._n_slots or 1)
        instead = "measure without Ray: --executor local"
        if connect(self._address, n_cpus=n_cpus, instead=instead):
            self._is_ours = True

    def _survey(self) -> tuple[Mapping[str, str], tuple[str, ...]]:
        """The environment that most nodes share, and those nodes."""
        ask = ray.remote(_environment)
        asked = {
            node: ask.options(
                num_cpus=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            ).remote(self._versions)
            for node in _alive_nodes()
        }
        try:
            answers = ray.get(list(asked.values()), timeout=SURVEY_TIMEOUT_S)
        except (RayError, GetTimeoutError) as error:
            raise DeviceUnavailableError(
                f"Ray at {self._address}: a node cannot say what it is"
                f" ({one_line(str(error))})"
            ) from error
        seen = Counter(tuple(sorted(answer.items())) for answer in answers)
        common = dict(seen.most_common(1)[0][0])
        alike = tuple(n for n, a in zip(asked, answers, strict=True) if a == common)
        if len(alike) < len(asked):
            _log.warning(
                "%d of %d nodes have another processor or other versions and do not measure",
                len(asked) - len(alike),
                len(asked),
            )
        return common, alike


def _environment(versions: str) -> Mapping[str, str]:
    return dict(resolve(versions)())


def _alive_nodes() -> tuple[str, ...]:
    return tuple(node["NodeID"] for node in ray.nodes() if node["Alive"])  # type: ignore[no-untyped-call]  # Ray's own


def _how(error: RayError) -> str:
    if isinstance(error, RayActorError):
        return "the Ray actor that measured has died, or its node"
    return one_line(f"{type(error).__name__}: {error}")


if TYPE_CHECKING:
    _: Executor = RayExecutor()
