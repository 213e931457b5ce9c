"""What users must know of how times were taken, and of what was timed."""

import os
from collections.abc import Callable, Sequence
from typing import Final

from profilers.measuring import machine
from profilers.measuring.measure import Timing
from profilers.trials import Trial

# From here on a mean says something else than its median.
PAUSED_RATIO: Final = 1.25
_MOST_NAMED: Final = 5


def of_timings(
    timings: Sequence[Timing],
    trial: Trial,
    *,
    name: Callable[[int], str] = "batch {}".format,
) -> list[str]:
    """A sentence for each; `name` says what was timed, by a point's batch."""
    n_threads = trial.envelope.threads * trial.envelope.replicas
    busy = machine.load_warning(
        os.getloadavg()[0], cores=os.cpu_count() or 1, threads=n_threads
    )
    said = [] if busy is None else [busy]
    if trial.variant.sparsity_frac:
        from profilers.compression.pruning import NO_GAIN  # noqa: PLC0415 - imports torch

        said.append(NO_GAIN)
    loose = [name(t.point.batch) for t in timings if not t.is_tail_known]
    if loose:
        said.append(
            f"the {100 * trial.percentile_frac:g}th percentile at "
            f"{_listed(loose, len(timings))} is known less well than to 10 %: its time to "
            "be measured was over"
        )
    paused_ratio = max(t.point.mean_s / t.point.p50_s for t in timings)
    if paused_ratio > PAUSED_RATIO:
        said.append(
            "slowed by pauses that most calls do not meet: the mean is up to "
            f"{paused_ratio:.1f} times the median; plans count the mean"
        )
    noisy = [name(t.point.batch) for t in timings if t.point.is_noisy]
    if noisy:
        said.append(
            f"timings at {_listed(noisy, len(timings))} stayed noisy when repeated: "
            "the error band is wider"
        )
    return said


def _listed(names: Sequence[str], n_timed: int) -> str:
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    if len(names) == n_timed:
        return f"all {n_timed} points"
    return f"{', '.join(names[:_MOST_NAMED])} and {len(names) - _MOST_NAMED} more"
