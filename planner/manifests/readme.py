"""The README beside the manifests: what each file is, how to run it, what was checked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from planner.manifests import image
from planner.manifests.layout import Layout
from planner.manifests.target import Target

if TYPE_CHECKING:
    from planner.manifests.placed import Placed


def render(layout: Layout, targets: Sequence[Target]) -> str:
    """The README of a folder that holds these targets."""
    parts = [
        _head(layout),
        _decisions(layout),
        _warnings(layout),
        _shares(layout),
        image.guide(layout),
        *(t.guide(layout) for t in targets),
        _checks(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(layout: Layout) -> str:
    plan = layout.plan
    written_at = f"{plan.created_at:%Y-%m-%d %H:%M} UTC"
    return "\n".join(
        [
            f"# {_text(plan.name)}: what to deploy",
            "",
            f"Written by deployment-planner {plan.planner_version} from the plan of",
            f"{written_at} (SHA-256 `{layout.sha256}`).",
            "Change the spec and plan again rather than editing these files: a check",
            "holds them against the plan.",
        ]
    )


def _decisions(layout: Layout) -> str:
    lines = [
        "| workload | runs as | at | replicas | batch | wait | share |",
        "|---|---|---|---|---|---|---|",
    ]
    for p in layout.placed:
        placement = p.placement
        lines.append(
            f"| {_text(placement.workload)} | {_text(placement.model)}, "
            f"{placement.variant} | {_text(placement.site)}, "
            f"{placement.machines} × {_text(placement.instance_type)} | "
            f"{placement.replicas} | ≤ {placement.max_batch} | "
            f"≤ {placement.max_wait_ms:g} ms | {placement.share_frac:.0%} |"
        )
    for p in layout.called:
        placement = p.placement
        lines.append(
            f"| {_text(placement.workload)} | {_text(placement.instance_type)}, called "
            f"and paid by request | {_text(placement.provider)} "
            f"{_text(placement.site)}, no machine | — | — | — | "
            f"{placement.share_frac:.0%} |"
        )
    return "\n".join(lines)


def _shares(layout: Layout) -> str:
    by_workload: dict[str, list[Placed]] = {}
    for p in (*layout.placed, *layout.called):
        by_workload.setdefault(p.placement.workload, []).append(p)
    split = {w: placed for w, placed in by_workload.items() if len(placed) > 1}
    if not split:
        return ""
    lines = [
        "## Traffic that is split",
        "",
        "Nothing in these files splits a workload between placements: whoever sends",
        "the requests (your router, DNS weights or clients) must do it as planned:",
        "",
    ]
    for workload, placed in split.items():
        shares = "; ".join(
            f"{p.placement.share_frac:.1%} to {_text(p.placement.site)} (`{p.name}`, "
            f"{p.placement.rate_rps:g} requests/s)"
            for p in placed
        )
        lines.append(f"- {_text(workload)}: {shares}")
    return "\n".join(lines)


def _warnings(layout: Layout) -> str:
    found = layout.warnings()
    return (
        "\n".join(["## Look at this first", "", *(f"- {w}" for w in found)])
        if (found)
        else ""
    )


def _checks() -> str:
    return "\n".join(
        [
            "## What was checked",
            "",
            "Each file was read back from the disk and says what the plan says: counts,",
            "machines, batch, wait, precision, runtime, share. Selectors, ports, volumes,",
            "bounds of scaling and disruption, and limits fit together. The shapes are",
            "tested against the schemas of Kubernetes 1.37, the compose specification and",
            "Ray Serve 2.60 in the planner's own test suite. These files were not run on",
            "a cluster or a box of yours: the first `apply` is yours to watch.",
        ]
    )


def _text(words: str) -> str:
    """A name of the user's as Markdown text."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in words)
