"""`planner simulate --json`: what a simulated plan did to its traffic."""

from typing import Annotated, Literal

from pydantic import Field

from planner.specs.base import NonNegative, Share, Spec
from planner.specs.traffic import ConstantTraffic, HourlyTraffic

Many = Annotated[int, Field(ge=0)]


class HourSeen(Spec):
    """One simulated hour of a workload; None where nothing was sent or answered."""

    hour: Many
    rate_rps: NonNegative
    attainment_frac: Share | None
    p95_ms: NonNegative | None


class SimulatedWorkload(Spec):
    """What a workload's users saw.

    `attainment_frac` is the share of all requests answered within the promise, those
    given up counted as missed (of a language model's two limits, the one that fewer
    keep); `low_frac` and `high_frac` bound the simulation's own
    error (95 %, from batches of time). Percentiles are of answered requests.
    `is_kept` says whether the promised share lies within or below that interval.
    """

    name: str
    n_requests: Many
    n_given_up: Many
    rate_rps: NonNegative
    promised_frac: Share
    attainment_frac: Share
    low_frac: Share
    high_frac: Share
    is_kept: bool
    mean_ms: NonNegative | None
    p50_ms: NonNegative | None
    p95_ms: NonNegative | None
    p99_ms: NonNegative | None
    ttft_ms: NonNegative | None = None
    tpot_ms: NonNegative | None = None
    by_hour: tuple[HourSeen, ...]


class SimulatedMachines(Spec):
    """What a group of machines did.

    `utilization_frac` is of replicas that were on; `mean_waiting` and `most_waiting`
    count requests in the queue; energy is None where no source states the watts.
    """

    name: str
    workloads: tuple[str, ...]
    machines: Many
    most_on: Many
    utilization_frac: NonNegative
    mean_waiting: NonNegative
    most_waiting: Many
    interruptions: Many
    handed_on: Many
    preemptions: Many
    cost_usd: NonNegative
    energy_kwh: NonNegative | None


class WorkloadTimeline(Spec):
    """A workload by steps of time; None where nothing was answered.

    `p95_ms` and `promised_ms` are of the whole answer, or of the first token.
    """

    name: str
    rate_rps: tuple[NonNegative, ...]
    p95_ms: tuple[NonNegative | None, ...]
    promised_ms: NonNegative | None


class MachinesTimeline(Spec):
    """A group's requests in the queue and in service, on average, by steps of time."""

    name: str
    waiting: tuple[float, ...]
    in_service: tuple[float, ...]


class Timeline(Spec):
    """The whole run in steps of equal length."""

    step_s: NonNegative
    workloads: tuple[WorkloadTimeline, ...]
    machines: tuple[MachinesTimeline, ...]


class FittedTraffic(Spec):
    """A trace as the traffic section of a spec; `rate_rps` is its mean."""

    workload: str
    rate_rps: NonNegative
    traffic: ConstantTraffic | HourlyTraffic


class SimulationDocument(Spec):
    """A simulated plan; costs and energy are those of the simulated time.

    Hours of `hour_s` stand for whole ones where a day was cut short.
    """

    kind: Literal["simulation"] = "simulation"
    version: Literal[1] = 1
    name: str
    spec_sha256: str
    seed: Many
    traffic: str
    simulated_s: NonNegative
    hour_s: NonNegative
    n_requests: Many
    workloads: tuple[SimulatedWorkload, ...]
    machines: tuple[SimulatedMachines, ...]
    cost_usd: NonNegative
    energy_kwh: NonNegative | None
    assumptions: tuple[str, ...] = ()
    fitted: tuple[FittedTraffic, ...] = ()
    timeline: Timeline
