"""A placement as the manifests see it: its name, its place, and the room of a replica.

Placements of one pool run on the same machines; any other has machines of its own.
All replicas on a machine share it evenly, so a replica's room is

    threads   what it was profiled with, else vCPUs of the machine / its own replicas
              on it: placements of a pool work by turns
    memory    NODE_SHARE_FRAC · memory of the machine / replicas on it, or, where that
              is more, PEAK_ROOM · what a replica was seen to take + SERVER_MIB
    GPUs      devices of the machine / replicas on it
"""

import math
from dataclasses import dataclass
from typing import Final

from planner.domain.servers import SERVED_HERE
from planner.domain.variants import Runtime
from planner.manifests.hardware import Accelerator, accelerator_of
from planner.specs.placements import PlanPlacement, TokenPrediction
from planner.specs.plan import PlanModel, PlanWorkload

# The system, kubelet and its daemons keep the rest. GKE and EKS reserve 5-25 % of a
# node's memory and 1-6 % of its processors (their documentation, 2026), daemons more.
NODE_SHARE_FRAC: Final = 0.8
# A limit kills: leave a fifth above the highest that was seen.
PEAK_ROOM: Final = 1.2
# Ray's own processes beside a replica: their resident sizes add up to 1,018 MB
# (measured 2026-11-24, Ray 2.60, x86-64, one replica, no dashboard).
SERVER_MIB: Final = 970.0
# Models that the user brings; of others the planner has no files.
OWN: Final = frozenset({"torch", "onnx", "huggingface", "exported", "sklearn"})
MILLICORES_PER_VCPU: Final = 1000
MIB_PER_GIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A placement with its names.

    `name` is unique within `place`; `place` is unique within the plan and begins
    with `edge-` or with the provider. `pool` names the placements on its machines,
    itself among them.
    """

    placement: PlanPlacement
    model: PlanModel
    workload: PlanWorkload
    name: str
    place: str
    pool: tuple[str, ...]

    @property
    def replicas_per_machine(self) -> int:
        """Replicas of this placement on a machine; one where there is no machine."""
        machines = self.placement.machines
        return self.placement.replicas // machines if machines else 1

    @property
    def all_replicas_per_machine(self) -> int:
        """Replicas on a machine, of every placement of the pool."""
        return self.replicas_per_machine * len(self.pool)

    @property
    def least_replicas(self) -> int:
        """Replicas in the hours when the plan runs fewest machines; one at least.

        None where requests are paid for one by one.
        """
        if self.placement.by_request is not None:
            return 0
        machines = min(self.placement.machines_on, default=self.placement.machines)
        return max(1, machines * self.replicas_per_machine)

    @property
    def spare_replicas(self) -> int:
        """Replicas beyond what the demand needs."""
        return self.placement.spare_machines * self.replicas_per_machine

    @property
    def accelerator(self) -> Accelerator | None:
        """What the machine computes with beside its processors."""
        return accelerator_of(self.placement.device)

    @property
    def gpus(self) -> int:
        """Accelerators of one replica."""
        if self.accelerator is None:
            return 0
        return max(1, self.placement.device_count // self.replicas_per_machine)

    @property
    def threads(self) -> int:
        """Threads of one replica."""
        if self.placement.threads is not None:
            return self.placement.threads
        return max(1, (self.placement.vcpus or 1) // self.replicas_per_machine)

    @property
    def vcpus(self) -> float | None:
        """Processors of one replica; None where the machine's are not known."""
        vcpus = self.placement.vcpus
        return vcpus / self.all_replicas_per_machine if vcpus else None

    @property
    def most_vcpus(self) -> float | None:
        """What one replica may use at most: those of its pool work by turns."""
        vcpus = self.placement.vcpus
        return vcpus / self.replicas_per_machine if vcpus else None

    @property
    def cpu_request_millicores(self) -> int | None:
        """What one replica asks of a node; None where its vCPUs are not known."""
        if self.vcpus is None:
            return None
        return max(1, math.floor(self.vcpus * MILLICORES_PER_VCPU * NODE_SHARE_FRAC))

    @property
    def memory_mib(self) -> int | None:
        """Memory one replica may take; None where the machine's is not known."""
        machine_gib = self.placement.machine_memory_gib
        if not machine_gib:
            return None
        share_mib = machine_gib * MIB_PER_GIB / self.all_replicas_per_machine
        needed_mib = self.needed_memory_mib or 0.0
        usual_mib = NODE_SHARE_FRAC * share_mib
        return max(1, math.floor(min(max(usual_mib, needed_mib), share_mib)))

    @property
    def is_served_here(self) -> bool:
        """Whether our own server runs it: a user's own model on a runtime we have."""
        runtime = self.placement.variant.runtime
        if self.is_language:
            return self.model.source == "huggingface" and runtime is Runtime.TORCH
        return self.model.source in OWN and runtime in SERVED_HERE

    @property
    def is_language(self) -> bool:
        """Whether it answers token by token."""
        return isinstance(self.placement.predicted, TokenPrediction)

    @property
    def others(self) -> tuple[str, ...]:
        """Who else is on its machines."""
        return tuple(name for name in self.pool if name != self.name)

    @property
    def turns_words(self) -> str | None:
        """What a user must see to so that those on its machines take turns."""
        if not self.is_served_here:
            return (
                "a program other than ours serves it, so put such a queue before them, "
                "or plan with policy.share_machines: false"
            )
        if self.placement.site_kind == "cloud":
            return (
                "our servers keep it on Ray Serve; pods on Kubernetes do not share one, "
                "so deploy this place on Ray Serve, or plan with policy.share_machines: "
                "false"
            )
        return None

    @property
    def needed_memory_mib(self) -> float | None:
        """What a replica should be given; None where its profile states no memory."""
        if self.peak_memory_mib is None:
            return None
        server_mib = SERVER_MIB if self.is_served_here else 0.0
        return PEAK_ROOM * self.peak_memory_mib + server_mib

    @property
    def peak_memory_mib(self) -> float | None:
        """What one replica was seen to take of the machine's memory, if it is known.

        None on a card, whose profile counts the card's own memory.
        """
        has_card = self.accelerator not in (None, Accelerator.JETSON)
        peak_gib = self.placement.memory_gib
        return None if peak_gib is None or has_card else peak_gib * MIB_PER_GIB
