"""A trial measured inside its envelope: the function that worker processes call."""

import dataclasses
import datetime as dt
from collections.abc import Callable

from profilers.emulators.envelope import enter
from profilers.trials import Measurement, Trial
from profilers.worker import measure_trial


def measure_within(
    trial: Trial,
    *,
    clock: Callable[[], float],
    now: Callable[[], dt.datetime],
) -> Measurement:
    """What `measure_trial` gives under the limits of the trial's envelope.

    The limits hold for all of it, export and quantisation included, which need
    more memory than serving does. What was really in force is added to the
    measurement's environment.

    Raises:
        ProfilingError: The trial cannot be measured.
        MissingExtraError: What profiling needs is not installed.
    """
    with enter(trial.envelope) as in_force:
        measurement = measure_trial(trial, clock=clock, now=now)
    return dataclasses.replace(
        measurement,
        environment={**measurement.environment, **dataclasses.asdict(in_force)},
    )
