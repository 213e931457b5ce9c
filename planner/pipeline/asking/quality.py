"""Whether a variant's answers are good enough for a workload, and why not.

Three floors, of which a document asks for any: the metric itself; what it loses against
the model as given in fp32, which must be shown on the evaluation set to be no more than
is allowed (`planner.domain.quality.Drop`); and the worst slice of that set. The model
as given is what others are compared with, and loses nothing.
"""

from planner.domain.profiles import Profile, Quality
from planner.domain.quality import Drop
from planner.domain.variants import Precision, Variant
from planner.domain.workloads import Workload
from planner.pipeline.asking.obstacles import Obstacle


def quality_refusal(
    workload: Workload, profile: Profile
) -> tuple[Obstacle, str] | None:
    """What is not good enough about the variant; None where nothing is."""
    floors = (
        workload.quality_minimum_frac,
        workload.quality_allowed_drop_frac,
        workload.worst_slice_minimum_frac,
    )
    if workload.quality_metric is None or all(f is None for f in floors):
        return None
    known, variant = profile.quality, profile.variant
    if known is None or known.metric != workload.quality_metric:
        reason = f"{workload.quality_metric} of {variant} is not known"
        return Obstacle.QUALITY, reason
    reason = (
        _below_floor(workload, variant, known)
        or _dropped(workload, variant, known)
        or _worst_slice(workload, variant, known)
    )
    return (Obstacle.QUALITY, reason) if reason else None


def _below_floor(workload: Workload, variant: Variant, known: Quality) -> str:
    floor = workload.quality_minimum_frac
    if floor is None or workload.is_mean_floor or known.value_frac >= floor:
        return ""
    return f"{variant} has {known.metric} {known.value_frac:.3f}"


def is_as_given(variant: Variant) -> bool:
    """Whether the variant is the model as given, that others are compared with."""
    return variant.precision is Precision.FP32 and not variant.sparsity_frac


def _dropped(workload: Workload, variant: Variant, known: Quality) -> str:
    allowed = workload.quality_allowed_drop_frac
    if allowed is None or is_as_given(variant):
        return ""
    drop = known.drop
    if drop is None:
        return f"what {variant} loses of {known.metric} against fp32 is not known"
    if drop.is_shown_within(allowed):
        return ""
    return f"{variant} {_not_shown(drop, allowed)}"


def _not_shown(drop: Drop, allowed_frac: float) -> str:
    interval = (
        f"{drop.drop_frac:.1%} on {drop.n_samples:,} samples, "
        f"{drop.low_frac:.1%} to {drop.high_frac:.1%}"
    )
    if drop.is_shown_beyond(allowed_frac):
        return f"loses more than {allowed_frac:.1%} against fp32: {interval}"
    return (
        f"is not shown to lose at most {allowed_frac:.1%} against fp32: {interval}; more "
        "samples would tell"
    )


def _worst_slice(workload: Workload, variant: Variant, known: Quality) -> str:
    floor, worst = workload.worst_slice_minimum_frac, known.worst_slice
    if floor is None:
        return ""
    if worst is None:
        return f"{known.metric} of {variant} by slice is not known"
    if worst.value_frac >= floor:
        return ""
    return f"{variant} has {known.metric} {worst.value_frac:.3f} on slice {worst.name}"
