"""What is known of a variant's answers, and what a workload asks of them, as documents."""

from dataclasses import asdict

from planner.domain.profiles import Quality
from planner.domain.quality import PartScore
from planner.domain.workloads import Workload
from planner.specs.placements import PlanDrop, PlanPartScore, PlanQuality
from planner.specs.plan import PlanQualityFloor


def graded(quality: Quality | None) -> PlanQuality | None:
    """The quality as the plan states it; None where nothing is known."""
    if quality is None:
        return None
    return PlanQuality(
        metric=quality.metric,
        value=quality.value_frac,
        low=quality.low_frac,
        high=quality.high_frac,
        n_samples=quality.n_samples,
        drop=None if quality.drop is None else PlanDrop(**asdict(quality.drop)),
        slices=tuple(map(_part, quality.slices)),
        shifted=tuple(map(_part, quality.shifted)),
        calibration_error_frac=quality.calibration_error_frac,
    )


def _part(score: PartScore) -> PlanPartScore:
    return PlanPartScore(
        name=score.name,
        value=score.value_frac,
        low=score.low_frac,
        high=score.high_frac,
        n_samples=score.n_samples,
    )


def floor(w: Workload) -> PlanQualityFloor | None:
    """The least the workload accepts; None where it accepts anything."""
    if w.quality_metric is None:
        return None
    return PlanQualityFloor(
        metric=w.quality_metric,
        minimum_frac=w.quality_minimum_frac,
        over="mean" if w.is_mean_floor else "each_request",
        allowed_drop_frac=w.quality_allowed_drop_frac,
        worst_slice_minimum_frac=w.worst_slice_minimum_frac,
    )
