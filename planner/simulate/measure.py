"""From a run to figures: attainment with its error, percentiles, queues, cost, energy.

Requests that wait together are late together, so the error of a share is taken from
the means of BATCHES stretches of time (batch means; Law and Carson 1979), weighted by
their requests: with x_k of n_k in time, share s = Σx/Σn and K batches,

    variance(s) = K/(K − 1) · Σ (x_k − s·n_k)² / (Σ n)²       (ratio estimator)

and the interval is s ± t(0.975, K − 1) · √variance, widened to what a binomial of
that size allows where no batch differs.
"""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np

from planner.domain.workloads import LatencySlo, TokenSlo
from planner.simulate.arrays import Floats
from planner.simulate.requests import Requests
from planner.simulate.run import Run
from planner.simulate.scenario import Group, Scenario, Stream
from planner.specs.simulation import (
    HourSeen,
    MachinesTimeline,
    SimulatedMachines,
    SimulatedWorkload,
    SimulationDocument,
    Timeline,
    WorkloadTimeline,
)
from planner.units import MS_PER_S, S_PER_H, W_PER_KW

if TYPE_CHECKING:
    from planner.simulate.shifts import Work

BATCHES: Final = 20
T_QUANTILE: Final = 2.093  # Student's t, 0.975, 19 degrees of freedom
# Zero misses in n requests: fewer than 3/n with 95 % (Hanley and Lippman-Hand 1983).
RULE_OF_THREE: Final = 3.0
STEPS: Final = 120


def measured(
    run: Run, *, name: str, spec_sha256: str, traffic: str, assumptions: Iterable[str]
) -> SimulationDocument:
    """The run as a document."""
    scenario = run.scenario
    pairs = zip(scenario.streams, run.requests, strict=True)
    machines = tuple(_machines(scenario, g, run) for g in range(len(scenario.groups)))
    energies = [m.energy_kwh for m in machines if m.energy_kwh is not None]
    return SimulationDocument(
        name=name,
        spec_sha256=spec_sha256,
        seed=run.seed,
        traffic=traffic,
        simulated_s=scenario.span_s,
        hour_s=scenario.calendar.hour_s,
        n_requests=sum(r.sent_s.size for r in run.requests),
        workloads=tuple(_workload(scenario, s, r) for s, r in pairs),
        machines=machines,
        cost_usd=sum(m.cost_usd for m in machines),
        energy_kwh=sum(energies) if len(energies) == len(machines) else None,
        assumptions=tuple(assumptions),
        timeline=_timeline(run),
    )


def in_time(slo: LatencySlo | TokenSlo, requests: Requests) -> Floats:
    """1 for each request within its promise, 0 for the others.

    Of a language model's two limits, the one that fewer requests keep: the promise
    is a percentile of each, not of both at once.
    """
    if isinstance(slo, LatencySlo):
        return (requests.latency_s <= slo.latency_s).astype(np.float64)
    first = (requests.first_token_s <= slo.ttft_s).astype(np.float64)
    further = (requests.per_token_s <= slo.tpot_s).astype(np.float64)
    return first if first.sum() <= further.sum() else further


def share_with_error(kept: Floats) -> tuple[float, float, float]:
    """A share and its 95 % interval; requests are in order of time."""
    n = kept.size
    if n == 0:
        return 1.0, 0.0, 1.0
    share = float(kept.mean())
    batch = np.minimum(np.arange(n) * BATCHES // n, BATCHES - 1)
    sizes = np.bincount(batch, minlength=BATCHES)
    sums = np.bincount(batch, weights=kept, minlength=BATCHES)
    spread = float(((sums - share * sizes) ** 2).sum()) * BATCHES / (BATCHES - 1)
    half = max(T_QUANTILE * math.sqrt(spread) / n, RULE_OF_THREE / n)
    return share, max(share - half, 0.0), min(share + half, 1.0)


def percentile_ms(values_s: Floats, percent: float) -> float | None:
    """A percentile of what is not NaN; None where there is nothing."""
    known = values_s[~np.isnan(values_s)]
    return None if known.size == 0 else float(np.percentile(known, percent)) * MS_PER_S


def _workload(
    scenario: Scenario, stream: Stream, requests: Requests
) -> SimulatedWorkload:
    kept = in_time(stream.slo, requests)
    share, low, high = share_with_error(kept)
    promised = stream.slo.percentile_frac
    percent = promised * 100
    is_language = isinstance(stream.slo, TokenSlo)
    latency_s = requests.latency_s
    answered = latency_s[~np.isnan(latency_s)]
    return SimulatedWorkload(
        name=stream.workload,
        n_requests=kept.size,
        n_given_up=kept.size - answered.size,
        rate_rps=stream.arrivals.rate_rps,
        promised_frac=promised,
        attainment_frac=share,
        low_frac=low,
        high_frac=high,
        is_kept=high >= promised,
        mean_ms=float(answered.mean()) * MS_PER_S if answered.size else None,
        p50_ms=percentile_ms(latency_s, 50),
        p95_ms=percentile_ms(latency_s, 95),
        p99_ms=percentile_ms(latency_s, 99),
        ttft_ms=percentile_ms(requests.first_token_s, percent) if is_language else None,
        tpot_ms=percentile_ms(requests.per_token_s, percent) if is_language else None,
        by_hour=tuple(_hours(scenario, requests, kept)),
    )


def _hours(scenario: Scenario, requests: Requests, kept: Floats) -> Iterable[HourSeen]:
    for number, hour in enumerate(scenario.hours):
        first, last = np.searchsorted(requests.sent_s, (hour.from_s, hour.until_s))
        mine, count = slice(first, last), int(last - first)
        yield HourSeen(
            hour=number,
            rate_rps=count / (hour.until_s - hour.from_s),
            attainment_frac=float(kept[mine].mean()) if count else None,
            p95_ms=percentile_ms(requests.latency_s[mine], 95),
        )


def _machines(scenario: Scenario, number: int, run: Run) -> SimulatedMachines:
    group, work = scenario.groups[number], run.work[number]
    reached_s, start_s, left_s = _at(number, run)
    # What is still there when sending ends is served afterwards.
    lasted_s = max(scenario.span_s, float(left_s.max(initial=0.0)))
    waiting = _in_between(reached_s, start_s)
    hours = work.paid_machine_s / S_PER_H
    replica_s = work.paid_machine_s * group.replicas_per_machine
    return SimulatedMachines(
        name=group.name,
        workloads=tuple(sorted({p.workload for p in group.placements})),
        machines=work.machines,
        most_on=work.most_on,
        utilization_frac=min(work.busy_replica_s / replica_s, 1.0)
        if replica_s
        else 0.0,
        mean_waiting=float((start_s - reached_s).sum()) / lasted_s,
        most_waiting=int(waiting.max(initial=0)),
        interruptions=work.interruptions,
        handed_on=work.handed_on,
        preemptions=work.preemptions,
        cost_usd=hours * group.usd_per_h + _calls_usd(number, run),
        energy_kwh=_energy_kwh(group, work),
    )


def _calls_usd(number: int, run: Run) -> float:
    """What the requests cost that were answered, where they are paid for one by one."""
    return sum(
        placed.usd_per_request
        * np.count_nonzero(~np.isnan(r.left_s[r.served_by(number, p)]))
        for p, placed in enumerate(run.scenario.groups[number].placements)
        for r, stream in zip(run.requests, run.scenario.streams, strict=True)
        if stream.workload == placed.workload
    )


def _energy_kwh(group: Group, work: "Work") -> float | None:
    """Watts at work while a machine's replicas work, idle watts else."""
    if group.active_w is None:
        return None
    idle_w = group.active_w if group.idle_w is None else group.idle_w
    busy_h = work.busy_replica_s / group.replicas_per_machine / S_PER_H
    busy_h = min(busy_h, work.paid_machine_s / S_PER_H)
    idle_h = work.paid_machine_s / S_PER_H - busy_h
    return (busy_h * group.active_w + idle_h * idle_w) / W_PER_KW


def _at(group: int, run: Run) -> tuple[Floats, Floats, Floats]:
    """When each request that a group answered reached it, was begun, and left."""
    columns = []
    for r in run.requests:
        mine = (r.group == group) & ~np.isnan(r.left_s)
        columns.append((r.reached_s[mine], r.start_s[mine], r.left_s[mine]))
    reached, start, left = zip(*columns, strict=True)
    return np.concatenate(reached), np.concatenate(start), np.concatenate(left)


def _in_between(from_s: Floats, until_s: Floats) -> Floats:
    """How many are between two instants, after each change."""
    at_s = np.concatenate((from_s, until_s))
    step = np.repeat((1, -1), from_s.size)
    # Who leaves at the very instant another comes is gone first.
    return np.cumsum(step[np.lexsort((step, at_s))])


def _timeline(run: Run) -> Timeline:
    scenario = run.scenario
    edges_s = np.linspace(0.0, scenario.span_s, STEPS + 1)
    step_s = scenario.span_s / STEPS
    return Timeline(
        step_s=step_s,
        workloads=tuple(
            _workload_line(stream, requests, edges_s)
            for stream, requests in zip(scenario.streams, run.requests, strict=True)
        ),
        machines=tuple(
            _machines_line(g, run, edges_s) for g in range(len(scenario.groups))
        ),
    )


def _workload_line(
    stream: Stream, requests: Requests, edges_s: Floats
) -> WorkloadTimeline:
    slo = stream.slo
    at = np.searchsorted(requests.sent_s, edges_s)
    slices = [slice(at[k], at[k + 1]) for k in range(STEPS)]
    is_language = isinstance(slo, TokenSlo)
    shown_s = requests.first_token_s if is_language else requests.latency_s
    promised_s = slo.ttft_s if isinstance(slo, TokenSlo) else slo.latency_s
    return WorkloadTimeline(
        name=stream.workload,
        rate_rps=tuple(float(r) for r in np.diff(at) / np.diff(edges_s)),
        p95_ms=tuple(percentile_ms(shown_s[s], 95) for s in slices),
        promised_ms=promised_s * MS_PER_S,
    )


def _machines_line(group: int, run: Run, edges_s: Floats) -> MachinesTimeline:
    reached_s, start_s, left_s = _at(group, run)
    waited = _spent_s(reached_s, start_s, edges_s) / np.diff(edges_s)
    return MachinesTimeline(
        name=run.scenario.groups[group].name,
        waiting=tuple(float(w) for w in waited),
        in_service=tuple(
            float(n) for n in _spent_s(start_s, left_s, edges_s) / np.diff(edges_s)
        ),
    )


def _spent_s(from_s: Floats, until_s: Floats, edges_s: Floats) -> Floats:
    """Request-seconds between two instants, in each step of time."""

    def so_far(at_s: Floats) -> Floats:
        # ∫ of the number of instants before t, at the edges.
        ordered = np.sort(at_s)
        count = np.searchsorted(ordered, edges_s)
        total = np.concatenate(([0.0], np.cumsum(ordered)))[count]
        return np.asarray(count * edges_s - total)

    return np.diff(so_far(from_s) - so_far(until_s))
