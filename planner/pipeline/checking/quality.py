"""Whether the emitted plan's answers are as good as it says it promises."""

from collections.abc import Iterable, Iterator
from typing import Final

from planner.domain.variants import Precision
from planner.specs.placements import PlanPlacement, PlanQuality
from planner.specs.plan import PlanQualityFloor

# Shares of traffic are a solver's floats.
TOLERANCE_FRAC: Final = 1e-6
# The metric that is a share of right answers.
COUNTED: Final = "top1_accuracy"


def below_floor(
    p: PlanPlacement, floor: PlanQualityFloor, every: Iterable[PlanPlacement]
) -> Iterator[str]:
    """What of the floor the placement does not keep, in sentences."""
    where = f"{p.workload} on {p.offer}"
    if p.quality is None or p.quality.metric != floor.metric:
        yield f"{where} has no known {floor.metric}"
        return
    least = floor.minimum_frac
    if least is not None and floor.over == "each_request" and p.quality.value < least:
        yield f"{where} is below its quality floor"
    if least is not None and floor.over == "mean":
        mean = _mean([q for q in every if q.workload == p.workload])
        if mean < least * (1 - TOLERANCE_FRAC):
            yield f"{p.workload} is below its mean quality floor"
    if floor.allowed_drop_frac is not None and not _is_as_given(p):
        yield from _dropped(where, p.quality, floor.allowed_drop_frac)
    if floor.worst_slice_minimum_frac is not None:
        yield from _sliced(where, p.quality, floor.worst_slice_minimum_frac)


def _is_as_given(p: PlanPlacement) -> bool:
    return p.variant.precision is Precision.FP32 and p.variant.sparsity_frac == 0


def _mean(placements: Iterable[PlanPlacement]) -> float:
    weights = [
        (p.share_frac, p.quality.value if p.quality else 0.0) for p in placements
    ]
    return sum(s * q for s, q in weights) / (sum(s for s, _ in weights) or 1.0)


def _dropped(where: str, quality: PlanQuality, allowed_frac: float) -> Iterator[str]:
    """The loss, where right answers count again from its counts, within its interval."""
    drop = quality.drop
    if drop is None:
        yield f"what {where} loses against fp32 is not known"
        return
    lost = drop.drop_frac
    if quality.metric == COUNTED:
        lost = (drop.n_right_to_wrong - drop.n_wrong_to_right) / drop.n_samples
    if not drop.low_frac <= lost <= drop.high_frac:
        yield f"the loss of {where} against fp32 lies outside its own interval"
    if drop.high_frac > allowed_frac:
        yield f"{where} is not shown to lose at most {allowed_frac:.1%} against fp32"


def _sliced(where: str, quality: PlanQuality, least_frac: float) -> Iterator[str]:
    if not quality.slices:
        yield f"{where} has no known slices"
    for s in quality.slices:
        if s.value < least_frac:
            yield f"{where} is below the floor of slices on {s.name}"
