"""Which machines an emitted plan switches on, and whose placements share them."""

from collections import defaultdict
from collections.abc import Sequence

from planner.specs.placements import PlanPlacement
from planner.specs.plan import PlanDocument


def groups(plan: PlanDocument) -> dict[tuple[str, ...], list[PlanPlacement]]:
    """Placements that share their machines, each group once."""
    found: dict[tuple[str, ...], list[PlanPlacement]] = defaultdict(list)
    for i, p in enumerate(plan.placements):
        # Placements with machines of their own may be alike; a pool is one of its kind.
        own = (str(i),) if not p.shared_with else ()
        who = tuple(sorted({p.workload, *p.shared_with})) if p.shared_with else ()
        found[p.offer, *map(str, p.machines_on), *who, *own].append(p)
    return found


def machines_on(plan: PlanDocument) -> dict[str, Sequence[int]]:
    """Machines of each offer that are on, by block."""
    on: dict[str, list[int]] = defaultdict(lambda: [0] * len(plan.blocks))
    for members in groups(plan).values():
        for t, count in enumerate(members[0].machines_on):
            on[members[0].offer][t] += count
    return dict(on)
