"""Carries out the schedule on Ray actors.

An actor places a slot on a node and watches over a warm child there
(`profilers.running.process`): Ray brings the machines, the transport and the news of
their death, the child brings the isolation. A trial that dies leaves the actor
and the warm child standing; a killed actor takes its child along.

On a cluster each node is one slot. A node that announces a resource `device:NAME`, as
`planner device join` has it do, is that device, and only its trials run there; its actor
holds the resource, so that nobody else measures on the device meanwhile. Nodes of one
device (or without any) take turns at one line of trials, provided that processor and
versions are those of most of them: figures of unlike machines must not be stored under
one key. A model's files have to be found on every node under the path that they have here.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from planner.errors import DeviceUnavailableError
from profilers.measuring import machine
from profilers.running.cluster import connect, disconnect
from profilers.running.events import (
    Beat,
    RunTrial,
    SlotEvent,
    SlotInstruction,
    SlotLost,
    SlotName,
    StartSlot,
    StopSlot,
)
from profilers.running.local import event_of
from profilers.running.process import (
    LEAVE_S,
    Measuring,
    Message,
    Packed,
    WarmProcess,
    one_line,
    packed,
    resolve,
    search_path,
)
from profilers.trials import LOCAL

if TYPE_CHECKING:
    from profilers.ports import Executor

# A busy node starts a worker and imports what it needs in tens of seconds.
SURVEY_TIMEOUT_S = 120.0
# Twice what a child is given that does not end by itself.
LEAVE_TIMEOUT_S = 2 * LEAVE_S
# What a node announces that is a device: this, and the device's name in the catalogue.
DEVICE_RESOURCE = "device:"

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

    def run(self, trial: Packed) -> Message | _Gone:
        """What a trial came to."""
        self._child.run(trial)
        return self._next()

    def beat(self) -> float:
        """Processor time of the trial so far; answered while `run` waits."""
        return self._child.cpu_s()

    def leave(self) -> None:
        """End the child, its trial and what they wrote."""
        self._child.kill()

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
    beat: Any = None  # the reference to its next beat, None where none is due


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """The nodes that are one device, alike, and what they say of themselves."""

    nodes: tuple[str, ...]
    environment: Mapping[str, str]
    cores: int


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
        beat_s: float = 5.0,
    ) -> None:
        self._beat_s = beat_s
        self._address = address
        self._measuring = measuring
        self._versions = versions
        self._n_slots = n_slots
        self._clock = clock
        self._is_ours = False
        self._nodes: dict[SlotName, str] = {}
        self._devices: dict[SlotName, str] = {}
        self._kinds: Mapping[str, _Kind] | None = None  # None before it is surveyed
        self._slots: dict[SlotName, _Slot] = {}
        self._beats_due_s = 0.0

    def devices(self) -> tuple[str, ...]:
        """The devices that take part in the cluster, by their names in the catalogue.

        Raises:
            DeviceUnavailableError: No cluster at the address, or it does not answer.
        """
        if self._address is None:
            return ()
        return tuple(sorted(self._surveyed().keys() - {LOCAL}))

    def environment(self, device: str = LOCAL) -> Mapping[str, str]:
        """Processor and versions of the nodes that will measure for it.

        Raises:
            DeviceUnavailableError: No cluster at the address, or it does not answer.
        """
        if self._address is None:
            return _environment(self._versions)
        kind = self._surveyed().get(device)
        return _environment(self._versions) if kind is None else kind.environment

    def cores(self, device: str) -> int:
        """As many as its nodes say they have, the least of them."""
        return self._surveyed()[device].cores

    def device_of(self, slot: SlotName) -> str:
        """What the slot is."""
        return self._devices[slot]

    def open(self) -> tuple[SlotName, ...]:
        """Connect, and name a slot for each node.

        Raises:
            DeviceUnavailableError: Ray cannot be started or reached.
        """
        self._connect()
        if self._address is None:
            nodes = {LOCAL: tuple(n["NodeID"] for n in _alive_nodes())}
        else:
            nodes = {name: kind.nodes for name, kind in self._surveyed().items()}
        placed = [(d, n) for d, ids in nodes.items() for n in ids]
        if self._n_slots:
            placed = [placed[i % len(placed)] for i in range(self._n_slots)]
        names = [SlotName(f"ray-{i}") for i in range(len(placed))]
        self._nodes = {s: n for s, (_, n) in zip(names, placed, strict=True)}
        self._devices = {s: d for s, (d, _) in zip(names, placed, strict=True)}
        return tuple(names)

    def execute(self, instruction: SlotInstruction) -> None:
        """Begin what is asked and return at once."""
        match instruction:
            case StartSlot(slot=slot, generation=generation):
                actor = self._actor(self._nodes[slot], self._devices[slot])
                self._slots[slot] = _Slot(
                    generation=generation, actor=actor, answer=actor.ready.remote()
                )
            case RunTrial(slot=slot, trial=trial):
                actor = self._slots[slot].actor
                asked = actor.run.remote(packed(trial))
                self._slots[slot] = replace(self._slots[slot], answer=asked)
            case StopSlot(slot=slot):
                self._end(slot)

    def wait(self, *, timeout_s: float | None) -> Sequence[SlotEvent]:
        """Block until an actor answers, beats or dies, or the time is up."""
        self._ask_for_beats()
        answers = {s.answer: n for n, s in self._slots.items() if s.answer is not None}
        beats = {s.beat: n for n, s in self._slots.items() if s.beat is not None}
        left_s = max(0.0, self._beats_due_s - self._clock())
        limit_s = left_s if timeout_s is None else min(timeout_s, left_s)
        ready, _ = ray.wait([*answers, *beats], num_returns=1, timeout=limit_s)
        heard = [self._listen(answers[r]) for r in ready if r in answers]
        felt = [self._feel(beats[r]) for r in ready if r in beats]
        return [*heard, *(beat for beat in felt if beat is not None)]

    def _ask_for_beats(self) -> None:
        """Ask what runs for a beat, where the last has come; silence is the schedule's."""
        if self._clock() < self._beats_due_s:
            return
        self._beats_due_s = self._clock() + self._beat_s
        for name, slot in self._slots.items():
            if slot.answer is not None and slot.beat is None:
                self._slots[name] = replace(slot, beat=slot.actor.beat.remote())

    def _feel(self, name: SlotName) -> SlotEvent | None:
        slot = self._slots.get(name)
        if slot is None:
            return None
        self._slots[name] = replace(slot, beat=None)
        try:
            cpu_s: float = ray.get(slot.beat)
        except RayError:
            return None  # its answer says how it ended
        return Beat(
            slot=name, generation=slot.generation, at_s=self._clock(), cpu_s=cpu_s
        )

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
        self._slots[name] = replace(slot, answer=None)
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
            # Ray would kill the child alone, which then could not tidy up after its trial.
            left = ended.actor.leave.remote()
            ray.wait([left], timeout=LEAVE_TIMEOUT_S)
            ray.kill(ended.actor)

    def _actor(self, node: str, device: str) -> Any:  # noqa: ANN401  # Ray states no type for it
        remote = ray.remote(
            _Watcher
        ).options(
            num_cpus=1,
            resources={} if device == LOCAL else {f"{DEVICE_RESOURCE}{device}": 1},
            max_restarts=0,
            max_concurrency=3,  # beats are answered, and it can leave, while a trial runs
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        # A cluster's nodes import from places of their own.
        return remote.remote(
            self._measuring, None if self._address else list(search_path())
        )

    def _connect(self) -> None:
        n_cpus = max(machine.cores(), self._n_slots or 1)
        instead = "measure without Ray: --executor local"
        if connect(self._address, n_cpus=n_cpus, instead=instead):
            self._is_ours = True

    def _surveyed(self) -> Mapping[str, _Kind]:
        if self._kinds is None:
            self._connect()
            self._kinds = self._survey()
        return self._kinds

    def _survey(self) -> Mapping[str, _Kind]:
        """Every device of the cluster, with the nodes that agree on what they are."""
        ask = ray.remote(_environment)
        nodes = _alive_nodes()
        asked = [
            ask.options(
                num_cpus=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(
                    node["NodeID"], soft=False
                ),
            ).remote(self._versions)
            for node in nodes
        ]
        try:
            answers = ray.get(asked, timeout=SURVEY_TIMEOUT_S)
        except (RayError, GetTimeoutError) as error:
            raise DeviceUnavailableError(
                f"Ray at {self._address}: a node cannot say what it is"
                f" ({one_line(str(error))})"
            ) from error
        members: dict[str, list[tuple[dict[str, Any], Mapping[str, str]]]] = {}
        for node, answer in zip(nodes, answers, strict=True):
            members.setdefault(_device(node), []).append((node, answer))
        return {device: _kind(device, of) for device, of in members.items()}


def _kind(
    device: str, members: Sequence[tuple[dict[str, Any], Mapping[str, str]]]
) -> _Kind:
    """The members that say what most of them say."""
    seen = Counter(tuple(sorted(answer.items())) for _, answer in members)
    common = dict(seen.most_common(1)[0][0])
    alike = [node for node, answer in members if answer == common]
    if len(alike) < len(members):
        _log.warning(
            "%d of %d nodes of '%s' have another processor or other versions and do not measure",
            len(members) - len(alike),
            len(members),
            device,
        )
    return _Kind(
        nodes=tuple(node["NodeID"] for node in alike),
        environment=common,
        cores=min(max(1, int(node["Resources"].get("CPU", 1))) for node in alike),
    )


def _device(node: Mapping[str, Any]) -> str:
    """What the node announces itself as."""
    names = [r for r in node["Resources"] if r.startswith(DEVICE_RESOURCE)]
    return names[0].removeprefix(DEVICE_RESOURCE) if names else LOCAL


def _environment(versions: str) -> Mapping[str, str]:
    return dict(resolve(versions)())


def _alive_nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]  # Ray's own


def _how(error: RayError) -> str:
    if isinstance(error, RayActorError):
        return "the Ray actor that measured has died, or its node"
    return one_line(f"{type(error).__name__}: {error}")


if TYPE_CHECKING:
    _: Executor = RayExecutor()
