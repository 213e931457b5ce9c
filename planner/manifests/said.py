"""What a manifest says of a placement, to be held against the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from planner.errors import ManifestError
from planner.manifests.placed import Placed
from planner.specs.placements import PlanVariant


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Every decision of the plan about one placement, as some document states it.

    `path` and `name` say where; they are not compared.
    """

    path: str
    name: str
    workload: str
    model: str
    site: str
    device: str
    instance_type: str
    purchase: str
    replicas: int
    least_replicas: int
    machines: int
    max_batch: int
    max_wait_ms: float
    precision: str
    sparsity_frac: float
    sparsity_pattern: str
    runtime: str
    share_frac: float
    rate_rps: float


_WHERE = frozenset({"path", "name"})


def planned(placed: Placed, *, path: str) -> Said:
    """What the plan says of a placement."""
    p = placed.placement
    return Said(
        path=path,
        name=placed.name,
        workload=p.workload,
        model=p.model,
        site=p.site,
        device=p.device,
        instance_type=p.instance_type,
        purchase=str(p.purchase),
        replicas=p.replicas,
        least_replicas=placed.least_replicas,
        machines=p.machines,
        max_batch=p.max_batch,
        max_wait_ms=p.max_wait_ms,
        precision=str(p.variant.precision),
        sparsity_frac=p.variant.sparsity_frac,
        sparsity_pattern=pattern(p.variant),
        runtime=str(p.variant.runtime),
        share_frac=p.share_frac,
        rate_rps=p.rate_rps,
    )


def pattern(variant: PlanVariant) -> str:
    """Which weights are zero, in a word: those of none where there are none."""
    return str(variant.variant().sparsity_pattern) if variant.sparsity_frac else "none"


def differences(expected: Said, found: Said) -> list[str]:
    """Fields that differ, each as a sentence."""
    return [
        f"{f.name} is {getattr(found, f.name)!r}, the plan says "
        f"{getattr(expected, f.name)!r}"
        for f in fields(Said)
        if f.name not in _WHERE and getattr(expected, f.name) != getattr(found, f.name)
    ]


# Facts that no field of any target holds: they travel as labels or annotations.
PREFIX = "deployment-planner/"


def noted(placed: Placed) -> dict[str, str]:
    """The facts of a placement as text, for labels and annotations."""
    said = planned(placed, path="")
    return {
        f"{PREFIX}{f.name.replace('_', '-')}": _word(getattr(said, f.name))
        for f in fields(Said)
        if f.name not in _WHERE
    }


def _word(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def read_said(
    notes: Mapping[str, str], acted: Mapping[str, Any], *, path: str, name: str
) -> tuple[Said, Said]:
    """What the notes on a placement say, and what it will do where that is written.

    `acted` holds the fields of `Said` that the target itself acts on; the rest is
    only noted.
    """
    noted_facts = _read_notes(notes, path=path, name=name)
    return Said(**noted_facts), Said(**(noted_facts | dict(acted)))


def _read_notes(notes: Mapping[str, str], *, path: str, name: str) -> dict[str, Any]:
    """`noted` in reverse, as arguments of `Said`.

    Raises:
        ManifestError: One is missing or is not a number where it should be.
    """
    found: dict[str, Any] = {"path": path, "name": name}
    for f in fields(Said):
        if f.name in _WHERE:
            continue
        key = f"{PREFIX}{f.name.replace('_', '-')}"
        if key not in notes:
            raise ManifestError(f"{path}: {name} does not say {key}")
        try:
            found[f.name] = f.type(notes[key]) if callable(f.type) else notes[key]
        except ValueError:
            raise ManifestError(
                f"{path}: {name} says {key}: {notes[key]!r}, which is not a number"
            ) from None
    return found


def require_same(expected: Sequence[Said], found: Sequence[Said]) -> None:
    """The documents say what the plan says, no less and no more.

    Raises:
        ManifestError: Naming the file and every difference of the first placement.
    """
    plan = {(s.path, s.name): s for s in expected}
    for said in found:
        if (said.path, said.name) not in plan:
            raise ManifestError(f"{said.path}: {said.name} is not in the plan")
        wrong = differences(plan[said.path, said.name], said)
        if wrong:
            raise ManifestError(f"{said.path}: {said.name}: {'; '.join(wrong)}")
    for path, name in plan.keys() - {(s.path, s.name) for s in found}:
        raise ManifestError(f"{path}: {name} is missing")
