"""The order in which a plan is told, the same in every medium."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from planner.domain.placement import Objective, Verdict
from planner.report import certainty, prose
from planner.report.fitting import fitting_lines, fitting_table
from planner.report.measuring import (
    measuring_lines,
    measuring_table,
    points_lines,
)
from planner.report.offline import offline_table
from planner.report.prose import Step
from planner.report.quality import drop_table, quality_table, slices_table
from planner.report.sentences import clean
from planner.report.tables import (
    Table,
    cost_table,
    evidence_table,
    placements_table,
    reasons_table,
    relaxations_table,
    schedule_table,
)
from planner.report.timing import breakdown_table, latency_table
from planner.specs.plan import PlanDocument


class Topic(StrEnum):
    """What a section is about; renderers hang pictures on it."""

    PLACEMENTS = "placements"
    SCHEDULE = "schedule"
    COST = "cost"
    LATENCY = "latency"
    QUALITY = "quality"
    BREAKDOWN = "breakdown"
    OFFLINE = "offline"
    SURENESS = "sureness"
    TRIAL = "trial"
    MEASURING = "measuring"
    CHOICE = "choice"
    ASSUMPTIONS = "assumptions"
    WARNINGS = "warnings"
    EVIDENCE = "evidence"
    PROOF = "proof"
    NEXT = "next"
    OBSTACLES = "obstacles"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    """Short lines, in no order."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Things to do, in order."""

    steps: tuple[Step, ...]


Block = Paragraph | Bullets | Steps | Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One topic under one heading; `is_brief` ones fit a terminal's answer too."""

    topic: Topic
    title: str
    blocks: tuple[Block, ...]
    is_brief: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A whole report, free of any medium."""

    name: str
    verdict: str
    headline: tuple[str, str]
    sections: tuple[Section, ...]
    colophon: str


def outline(plan: PlanDocument) -> Outline:
    """Everything there is to tell, in order; empty sections are left out."""
    told = _no_plan(plan) if plan.status is Verdict.INFEASIBLE else _plan(plan)
    return Outline(
        name=clean(plan.name),
        verdict=_verdict(plan),
        headline=prose.headline(plan),
        sections=tuple(s for s in told if s is not None),
        colophon=clean(
            f"Planned {plan.created_at:%Y-%m-%d %H:%M %Z} by deployment-planner "
            f"{plan.planner_version}; spec SHA-256 {plan.spec_sha256[:12]}."
        ),
    )


def answer_tables(plan: PlanDocument) -> tuple[Table, ...]:
    """The tables that answer the question, without those that back it up."""
    told = (s for s in outline(plan).sections if s.is_brief)
    return tuple(b for s in told for b in s.blocks if isinstance(b, Table))


def closing_lines(plan: PlanDocument) -> tuple[str, ...]:
    """What is to be said under the tables: the answer, why, warnings, proof."""
    told = outline(plan)
    brief = [s for s in told.sections if s.is_brief]
    spoken = [line for s in brief for b in s.blocks for line in _spoken(s.title, b)]
    return (*told.headline, *spoken)


def _spoken(title: str, block: Block) -> Iterable[str]:
    match block:
        case Bullets():
            return [f"{title}: {line}" for line in block.lines]
        case Paragraph():
            return [block.text]
        case Steps():
            return [prose.spoken(step) for step in block.steps]
        case Table():
            return ()


def _verdict(plan: PlanDocument) -> str:
    if plan.status is Verdict.INFEASIBLE:
        return "infeasible"
    if plan.status is Verdict.FEASIBLE:
        return "a plan, not proven best"
    is_by_cost = plan.policy.objective is Objective.COST
    return "proven cheapest" if is_by_cost else "proven fastest"


def _plan(plan: PlanDocument) -> Iterable[Section | None]:
    yield _tables(Topic.PLACEMENTS, placements_table(plan), is_brief=True)
    yield _tables(Topic.SCHEDULE, schedule_table(plan), is_brief=True)
    yield _tables(Topic.COST, cost_table(plan), is_brief=True)
    yield _tables(Topic.LATENCY, latency_table(plan), is_brief=True)
    yield _tables(Topic.BREAKDOWN, breakdown_table(plan))
    yield _tables(Topic.QUALITY, quality_table(plan), is_brief=True)
    yield _tables(Topic.QUALITY, drop_table(plan), is_brief=True)
    yield _tables(Topic.QUALITY, slices_table(plan))
    yield _tables(Topic.OFFLINE, offline_table(plan), is_brief=True)
    yield _lines(Topic.SURENESS, "How sure", certainty.how_sure(plan))
    yield _lines(Topic.TRIAL, "Tried out", certainty.trial(plan), is_brief=True)
    yield _tables(Topic.MEASURING, measuring_table(plan), is_brief=True)
    yield _lines(
        Topic.MEASURING, "Before you buy", measuring_lines(plan), is_brief=True
    )
    yield _timed(plan)
    yield _lines(Topic.CHOICE, "Why this", prose.whys(plan), is_brief=True)
    yield _lines(
        Topic.CHOICE, "Why not the runner-up", prose.runners_up(plan), is_brief=True
    )
    yield _warnings(plan)
    yield _lines(Topic.ASSUMPTIONS, "What was assumed", prose.assumptions(plan))
    yield from _ending(plan)


def _no_plan(plan: PlanDocument) -> Iterable[Section | None]:
    yield _tables(Topic.OBSTACLES, reasons_table(plan), is_brief=True)
    yield _tables(Topic.CHANGES, relaxations_table(plan), is_brief=True)
    yield _tables(Topic.MEASURING, fitting_table(plan), is_brief=True)
    yield _lines(
        Topic.MEASURING, "Before you give up", fitting_lines(plan), is_brief=True
    )
    yield _timed(plan)
    yield _warnings(plan)
    yield _lines(Topic.ASSUMPTIONS, "What was assumed", prose.assumptions(plan))
    yield from _ending(plan)


def _ending(plan: PlanDocument) -> Iterable[Section | None]:
    yield _tables(Topic.EVIDENCE, evidence_table(plan))
    yield Section(
        topic=Topic.PROOF,
        title="What was proved",
        blocks=(Paragraph(text=certainty.certificate(plan)),),
        is_brief=True,
    )
    yield Section(
        topic=Topic.NEXT,
        title="What to do next",
        blocks=(Steps(steps=prose.next_steps(plan)),),
        is_brief=True,
    )


def _timed(plan: PlanDocument) -> Section | None:
    return _lines(Topic.MEASURING, "Timed", points_lines(plan), is_brief=True)


def _warnings(plan: PlanDocument) -> Section | None:
    lines = tuple(clean(w) for w in plan.warnings)
    return _lines(Topic.WARNINGS, "Warnings", lines, is_brief=True)


def _tables(
    topic: Topic, content: Table | None, *, is_brief: bool = False
) -> Section | None:
    if content is None or not content.rows:
        return None
    return Section(
        topic=topic, title=content.title, blocks=(content,), is_brief=is_brief
    )


def _lines(
    topic: Topic, title: str, lines: tuple[str, ...], *, is_brief: bool = False
) -> Section | None:
    if not lines:
        return None
    return Section(
        topic=topic, title=title, blocks=(Bullets(lines=lines),), is_brief=is_brief
    )
