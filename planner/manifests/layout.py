"""The whole plan as the manifests see it: which placements, where, under which names."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from planner.errors import ManifestError
from planner.manifests.names import require_distinct, slug
from planner.manifests.placed import Placed
from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Every placement of a plan with its names; `sha256` is the plan's.

    `placed` run on machines; `called` are paid by request, and nothing runs for them.
    """

    plan: PlanDocument
    sha256: str
    placed: tuple[Placed, ...]
    called: tuple[Placed, ...] = ()

    @property
    def tag(self) -> str:
        """The serving image's tag: which plan it was built for."""
        return self.sha256[:12]

    def memory_faults(self) -> list[str]:
        """Placements whose limit is below what a replica was seen to take."""
        return [
            f"{p.place}/{p.name}: a replica may take {limit} MiB and was seen to take "
            f"{peak:.0f} MiB: the plan needs machines with more memory"
            for p, limit, peak in self._known_memory()
            if limit < peak
        ]

    def warnings(self) -> list[str]:
        """What a reader should know before anything is started."""
        found = [
            f"`{p.name}`: its machine leaves a replica {limit} MiB, and with its server "
            f"it needs about {p.needed_memory_mib:.0f} MiB: take a machine with more"
            for p, limit, _ in self._known_memory()
            if limit < (p.needed_memory_mib or 0.0) - 1
        ]
        found += [
            f"`{p.name}`: the plan does not know the memory of "
            f"{p.placement.instance_type}, so no limit is set"
            for p in self.placed
            if p.memory_mib is None
        ]
        found += [
            f"`{p.name}`: one replica; while its machine is replaced nobody answers"
            for p in self.placed
            if p.placement.replicas == 1
        ]
        found += [
            f"`{p.name}`: shares its machines with {', '.join(p.others)}, and its "
            f"promise rests on one queue for all of them, in order of arrival: {how}"
            for p in self.placed
            if len(p.pool) > 1 and (how := p.turns_words)
        ]
        found += [
            f"`{p.name}`: shares its machines and their accelerators with "
            f"{', '.join(p.others)}; on Kubernetes that needs the "
            "device plugin's time slicing"
            for p in self.placed
            if len(p.pool) > 1 and p.gpus
        ]
        found += [
            f"`{p.name}`: the plan runs {p.placement.machines} machines in its busiest "
            f"hours and {min(p.placement.machines_on)} in its quietest: its autoscaler "
            "follows load between the two, so the bill is the plan's only as far as it "
            "keeps up"
            for p in self.placed
            if len(set(p.placement.machines_on)) > 1
        ]
        return found

    def _known_memory(self) -> list[tuple[Placed, int, float]]:
        return [
            (p, p.memory_mib, p.peak_memory_mib)
            for p in self.placed
            if p.memory_mib is not None and p.peak_memory_mib is not None
        ]

    def at_edge(self) -> dict[str, list[Placed]]:
        """Placements on machines of the user's own, by place."""
        return _by_place([p for p in self.placed if p.placement.site_kind == "edge"])

    def in_cloud(self) -> dict[str, list[Placed]]:
        """Placements on rented machines, by place."""
        return _by_place([p for p in self.placed if p.placement.site_kind == "cloud"])

    def anywhere(self) -> dict[str, list[Placed]]:
        """All placements, by place."""
        return _by_place(self.placed)


def _by_place(placed: Sequence[Placed]) -> dict[str, list[Placed]]:
    places: dict[str, list[Placed]] = {}
    for p in placed:
        places.setdefault(p.place, []).append(p)
    return places


def plan_sha256(plan: PlanDocument) -> str:
    """SHA-256 of the plan as compact JSON with sorted keys."""
    plain = plan.model_dump(mode="json", by_alias=True)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def lay_out(plan: PlanDocument) -> Layout:
    """Names for every placement of the plan.

    Raises:
        ManifestError: The plan runs nothing, or contradicts itself.
    """
    if not plan.placements:
        raise ManifestError(
            f"plan '{plan.name}' is {plan.status} and runs nothing, so there is "
            "nothing to deploy: change the spec as its relaxations say, then plan again"
        )
    require_distinct({p.workload for p in plan.placements})
    require_distinct({p.site for p in plan.placements if p.site_kind == "edge"})
    models = {m.name: m for m in plan.models}
    workloads = {w.name: w for w in plan.workloads}
    seen: Counter[tuple[str, str]] = Counter()
    names = []
    for i, placement in enumerate(plan.placements):
        _require_whole(placement, i)
        place = _place(placement)
        seen[place, placement.workload] += 1
        nth = seen[place, placement.workload]
        names.append(slug(placement.workload) + (f"--{nth}" if nth > 1 else ""))
    pools = _pools(plan, names)
    placed = []
    for i, (placement, name) in enumerate(zip(plan.placements, names, strict=True)):
        placed.append(
            Placed(
                placement=placement,
                model=_named(models, "model", placement.model, i),
                workload=_named(workloads, "workload", placement.workload, i),
                name=name,
                place=_place(placement),
                pool=pools[i],
            )
        )
    _require_distinct_places(plan.placements)
    return Layout(
        plan=plan,
        sha256=plan_sha256(plan),
        placed=tuple(p for p in placed if p.placement.by_request is None),
        called=tuple(p for p in placed if p.placement.by_request is not None),
    )


def _place(placement: PlanPlacement) -> str:
    kind = "edge" if placement.site_kind == "edge" else slug(placement.provider)
    return f"{kind}-{slug(placement.site)}"


def _pools(plan: PlanDocument, names: Sequence[str]) -> list[tuple[str, ...]]:
    """For each placement, the names of those on the same machines."""
    keys = [
        (p.offer, p.machines_on, tuple(sorted({p.workload, *p.shared_with})))
        if p.shared_with
        else i
        for i, p in enumerate(plan.placements)
    ]
    return [
        tuple(n for n, other in zip(names, keys, strict=True) if other == key)
        for key in keys
    ]


def _require_distinct_places(placements: Sequence[PlanPlacement]) -> None:
    taken: dict[str, tuple[str, str]] = {}
    for p in placements:
        here = ("edge" if p.site_kind == "edge" else p.provider, p.site)
        if taken.setdefault(_place(p), here) != here:
            raise ManifestError(
                f"the places {here} and {taken[_place(p)]} would both be called "
                f"'{_place(p)}' in the manifests: rename one of them in the spec"
            )


def _require_whole(placement: PlanPlacement, index: int) -> None:
    if (placement.by_request is None) != (placement.machines > 0):
        raise ManifestError(
            f"placements.{index}: either machines or terms by request: the plan was "
            "edited; plan again"
        )
    if placement.by_request is not None:
        return
    if placement.replicas % placement.machines or (
        placement.spare_machines >= placement.machines
    ):
        raise ManifestError(
            f"placements.{index}: {placement.replicas} replicas on "
            f"{placement.machines} machines, {placement.spare_machines} of them "
            "spare, cannot be shared out evenly: the plan was edited; plan again"
        )


def _named(known: Mapping[str, T], what: str, name: str, index: int) -> T:
    if name not in known:
        raise ManifestError(
            f"placements.{index}: {what} '{name}' is not in the plan's {what}s: the "
            "plan was edited; plan again"
        )
    return known[name]
