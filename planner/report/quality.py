"""How good the answers of what a plan runs are: the score, what is lost, and on what."""

from collections.abc import Iterable, Sequence
from typing import Final

from planner.domain.quality import LIKELIHOOD, Drop
from planner.report.sentences import NOTHING, quality, score, variant
from planner.report.tables import Table, table, told_table
from planner.specs.placements import PlanDrop, PlanPartScore
from planner.specs.plan import PlanDocument, PlanQualityFloor

_DROP_NOTE: Final = (
    "Flips: answers on the evaluation set that differ from those of the model as given, in "
    "fp32; lost are those that it had right and the variant has not, won the reverse. "
    "Loses: the 95 % interval of what the score loses against it (below 0: gains)."
)
_LIKELIHOOD_NOTE: Final = (
    "Token likelihood: 1/perplexity, what a model gives the token that follows, on "
    "(geometric) average; loses: the share of it that is lost. Its answers are tokens, the "
    "likeliest next one, right where it is the one that followed."
)
CALIBRATION_NOTE: Final = (
    "Confidence off by: expected calibration error, how far stated confidence is from the "
    "share that is right."
)


def quality_table(plan: PlanDocument) -> Table | None:
    """How good the answers are; None where neither a score nor a floor is known."""
    floors = {w.name: w.quality_floor for w in plan.workloads}
    if not any(floors.values()) and not any(p.quality for p in plan.placements):
        return None
    rated = [(p, p.quality, floors.get(p.workload)) for p in plan.placements]
    return told_table(
        "Quality of the answers",
        {
            "Workload": [p.workload for p, _, _ in rated],
            "Variant": [variant(p.variant) for p, _, _ in rated],
            "Metric": [
                found.metric if found else floor.metric if floor else NOTHING
                for _, found, floor in rated
            ],
            ">Score": [
                score(found.metric, found.value) if found else NOTHING
                for _, found, _ in rated
            ],
            ">95 % interval": [
                interval(found.low, found.high) if found else NOTHING
                for _, found, _ in rated
            ],
            ">Samples": [
                f"{found.n_samples:,}" if found and found.n_samples else NOTHING
                for _, found, _ in rated
            ],
            ">At least": [_floor(floor) for _, _, floor in rated],
        },
    )


def drop_table(plan: PlanDocument) -> Table | None:
    """What is lost against fp32; None where nothing that runs was compared with it."""
    floors = {w.name: w.quality_floor for w in plan.workloads}
    compared = [(p, q) for p in plan.placements if (q := p.quality) and q.drop]
    if not compared:
        return None
    flips, losses = zip(*(drop_cells(q.drop) for _, q in compared), strict=True)
    allowed = [
        floor.allowed_drop_frac if (floor := floors.get(p.workload)) else None
        for p, _ in compared
    ]
    return told_table(
        "Answers beside those of fp32",
        {
            "Workload": [p.workload for p, _ in compared],
            "Variant": [variant(p.variant) for p, _ in compared],
            "Flips": flips,
            ">Loses": losses,
            ">Allowed": [quality(allowed_frac) for allowed_frac in allowed],
            ">Confidence off by": [
                quality(q.calibration_error_frac) for _, q in compared
            ],
        },
        footnotes=[*drop_notes(q.metric for _, q in compared), CALIBRATION_NOTE],
    )


def drop_notes(metrics: Iterable[str]) -> Sequence[str]:
    """What a table of losses against fp32 means, of these metrics."""
    return [_DROP_NOTE, *([_LIKELIHOOD_NOTE] if LIKELIHOOD in metrics else [])]


def interval(low: float | None, high: float | None) -> str:
    """The two ends of an interval of a score.

    Example:
        >>> interval(0.935, 0.9687)
        '93.50 to 96.87 %'
    """
    if low is None or high is None:
        return NOTHING
    return _between(quality(low), quality(high))


def _between(low: str, high: str) -> str:
    """From one figure to another, their unit told once."""
    figure = low.removesuffix(" %") if high.endswith(" %") else low
    return f"{figure} to {high}"


def drop_cells(drop: PlanDrop | Drop | None) -> list[str]:
    """Flips by what they cost, and the interval of the loss."""
    if drop is None:
        return [NOTHING, NOTHING]
    lost, won = drop.n_right_to_wrong, drop.n_wrong_to_right
    flips = f"{drop.n_flips:,} ({lost:,} lost, {won:,} won)"
    return [flips, _between(_lost(drop.low_frac), _lost(drop.high_frac))]


def _lost(frac: float) -> str:
    return f"{frac:.2%}".replace("%", " %")


def _floor(floor: PlanQualityFloor | None) -> str:
    if floor is None:
        return NOTHING
    asked = []
    if floor.minimum_frac is not None:
        asked.append(quality(floor.minimum_frac))
    if floor.worst_slice_minimum_frac is not None:
        asked.append(f"worst slice {quality(floor.worst_slice_minimum_frac)}")
    return ", ".join(asked) or NOTHING


def slices_table(plan: PlanDocument) -> Table | None:
    """The score on every slice and on every shifted set; None where there are none."""
    rows = [
        [p.workload, variant(p.variant), *cells]
        for p in plan.placements
        if p.quality is not None
        for cells in part_rows(p.quality.slices, p.quality.shifted)
    ]
    if not rows:
        return None
    headings = ["Workload", "Variant", "On", ">Score", ">95 % interval", ">Samples"]
    return table("Quality by slice", headings, rows)


def part_rows(
    slices: Iterable[PlanPartScore], shifted: Iterable[PlanPartScore]
) -> Iterable[list[str]]:
    """Slices, the worst first, and then sets that look otherwise."""
    for s in sorted(slices, key=lambda s: s.value):
        yield [s.name, *_score(s)]
    for s in shifted:
        yield [f"shifted: {s.name}", *_score(s)]


def _score(s: PlanPartScore) -> list[str]:
    return [quality(s.value), interval(s.low, s.high), f"{s.n_samples:,}"]
