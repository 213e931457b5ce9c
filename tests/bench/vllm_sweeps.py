"""How far off language engines under load are predicted, on published vLLM sweeps.

    PLANNER_FACTS=FOLDER python tests/bench/vllm_sweeps.py

FOLDER holds sparecores_vllm_sweep_gpu.csv: GuideLLM against vLLM on GPU instances, one
request at a time, then constant rates (evenly spaced), then all at once; where
sparecores_vllm_sweep.csv.gz is there, its sweeps on processors get the first trial too.
A sweep is one instance, model and shape of request, its rows by requests in flight:

    from little load   known are the LOW lowest rows; every row above is held back and
                       predicted at its requests in flight
    in between         every row between the lowest and the highest is held back in
                       turn, all others are known; predicted at its requests in flight,
                       at its rate as plans do (`planner.perf.language`), and at its
                       rate by the simulator's engine, with evenly spaced arrivals
                       (`planner.simulate.calibration`)
    nothing held back  the simulator's engine knows the very row: what its steps cannot
                       say even so
    waves, simulated   rows all at once: as many users as are in flight begin together and
                       each asks again when answered, WAVES times; through the
                       simulator's engine with the row's own `max_num_batched_tokens`,
                       known are the LOW lowest rows, or all others. Steps go on beyond
                       the known loads by their last two, as gaps do

Errors are |predicted / published - 1| of medians. TPOT is a further token's, GuideLLM's
inter-token latency. A row is saturated where its rate is at least SATURATED of the
sweep's highest: beyond, what was sent waits in a queue that grows as long as the run
lasts, and TTFT says how long that was. Rows all at once see a burst, not a steady load.
Left out by rule: rows without a request answered, and those where Little's law fails
by more than LITTLE (as the shipped curves leave them out). Rows more than 2.5 times
beyond the known loads are refused, not predicted, and counted.
"""

import math
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import LoadCurve, LoadPoint
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import OutsideProfileError
from planner.perf.closed_language import BEYOND_RATIO, gaps_s, predict_users
from planner.perf.language import predict_load
from planner.simulate.calibration import calibrated
from planner.simulate.engine import (
    DONE_S,
    FIRST_TOKEN_S,
    NOBODY,
    Limits,
    Prompts,
    engines,
    serve_tokens,
)
from scripts.reference.tables import Facts

FACTS = "PLANNER_FACTS"
TABLE = "sparecores_vllm_sweep_gpu.csv"
WITH_PROCESSORS = "sparecores_vllm_sweep.csv.gz"
LOW = 3
SATURATED_FRAC = 0.9
LITTLE = 0.2
SIMULATED = 300
WAVES = 4
# When a wave comes depends on the one before: so often until nothing moves any more.
PASSES = 8
STRATEGIES = {
    "synchronous": "one at a time",
    "constant": "constant rate",
    "throughput": "all at once",
}
PRECISIONS = {"bfloat16": Precision.BF16, "float16": Precision.FP16}
COLUMNS = ("TTFT", "TPOT", "answer", "answers/s")


@dataclass(frozen=True)
class Sweep:
    facts: tuple[dict[str, str], ...]
    curve: LoadCurve

    def rate_frac(self, i: int) -> float:
        return self.curve.points[i].rate_rps / max(
            p.rate_rps for p in self.curve.points
        )

    def state(self, i: int) -> str:
        kind = STRATEGIES[self.facts[i]["strategy"]]
        full = kind == "constant rate" and self.rate_frac(i) >= SATURATED_FRAC
        return f"{kind}, saturated" if full else kind


@dataclass(frozen=True)
class Held:
    trial: str
    sweep: Sweep
    row: int
    ratios: tuple[float, ...] | None


def sweeps(rows) -> list[Sweep]:
    by_run = defaultdict(list)
    for fact in rows:
        run = tuple(
            fact[k]
            for k in ("vendor", "instance", "model", "workload", "tuning_version")
        )
        if float(fact["concurrency"] or 0) > 0 and _little_error(fact) <= LITTLE:
            by_run[run].append(fact)
    return [_sweep(sorted(rows, key=_in_flight)) for rows in by_run.values()]


def _in_flight(fact) -> float:
    return float(fact["concurrency"])


def _little_error(fact) -> float:
    within = float(fact["request_throughput_rps"]) * float(fact["e2el_mean_ms"]) / 1e3
    return abs(within / _in_flight(fact) - 1)


def _sweep(rows) -> Sweep:
    first = rows[0]
    curve = LoadCurve(
        model=first["model"],
        variant=Variant(runtime=Runtime.VLLM, precision=PRECISIONS[first["dtype"]]),
        device=first["gpu_model"],
        prompt_tokens=int(first["prompt_tokens"]),
        output_tokens=int(first["output_tokens"]),
        points=tuple(_point(r) for r in rows),
        evidence=Evidence(
            provenance=Provenance.IMPORTED,
            source="SpareCores/sc-inspector-data",
            # Some processors' rows are undated; nothing here shows the date.
            as_of=date.fromisoformat(first["measured_on"] or "0001-01-01"),
            error_frac=0.0,
        ),
    )
    return Sweep(tuple(rows), curve)


def _point(fact) -> LoadPoint:
    def seconds(name: str) -> float:
        return float(fact[f"{name}_ms"]) / 1e3

    times = {
        f"{ours}_p{p}_s": seconds(f"{theirs}_p{p}")
        for ours, theirs in (("ttft", "ttft"), ("tpot", "itl"), ("e2e", "e2el"))
        for p in (50, 95, 99)
    }
    return LoadPoint(
        concurrency=_in_flight(fact),
        rate_rps=_in_flight(fact) / seconds("e2el_mean"),
        output_tokens_per_s=float(fact["output_throughput_tps"]),
        **times,
    )


def from_little_load(sweep: Sweep) -> Iterator[Held]:
    points = sweep.curve.points
    known = replace(sweep.curve, points=points[:LOW])
    for i in range(LOW, len(points)):
        yield Held("from little load", sweep, i, _by_users(known, points[i]))


def trials(sweep: Sweep) -> Iterator[Held]:
    points = sweep.curve.points
    yield from from_little_load(sweep)
    yield from at_once(sweep)
    for i in range(1, len(points) - 1):
        others = replace(sweep.curve, points=points[:i] + points[i + 1 :])
        yield Held("in between, by users", sweep, i, _by_users(others, points[i]))
        yield Held("in between, by rate", sweep, i, _by_rate(others, points[i]))
        if sweep.state(i) == "constant rate":
            yield Held("in between, simulated", sweep, i, _simulated(others, points[i]))
            whole = _simulated(sweep.curve, points[i])
            yield Held("simulated, nothing held back", sweep, i, whole)


def at_once(sweep: Sweep) -> Iterator[Held]:
    for i, point in enumerate(sweep.curve.points):
        if i >= LOW and sweep.state(i) == "all at once":
            others = sweep.curve.points[:i]
            for words, points in (("little load", others[:LOW]), ("others", others)):
                known = replace(sweep.curve, points=points)
                ratios = _waves(known, point, sweep.facts[i])
                yield Held(f"waves, simulated, from {words}", sweep, i, ratios)


def _waves(known: LoadCurve, seen: LoadPoint, fact) -> tuple[float, ...] | None:
    users = math.ceil(seen.concurrency)
    most = max(p.concurrency for p in known.points)
    if users > BEYOND_RATIO * most:
        return None
    engine = calibrated(known)
    limits = Limits(
        step_s=_steps_beyond(engine.step_s, known, users),
        prefill_s_per_token=engine.prefill_s_per_token,
        most_sequences=users,
        step_tokens=int(fact["max_num_batched_tokens"]),
        cache_tokens=math.inf,
    )
    at_s = 1e3 * np.repeat(np.arange(WAVES, dtype=float), users)
    for _ in range(PASSES):
        order = np.argsort(at_s, kind="stable")
        requests = np.full(at_s.size, 1)
        at_work = engines(
            Prompts(
                at_s=at_s[order],
                prompt=requests * known.prompt_tokens,
                output=requests * known.output_tokens,
                replica=requests * NOBODY,
            ),
            limits,
            1,
        )
        serve_tokens(at_work)
        times = np.empty_like(at_work.times)
        times[order] = at_work.times + engine.beside_s
        first_s, done_s = times[:, FIRST_TOKEN_S] - at_s, times[:, DONE_S] - at_s
        following_s = np.concatenate((at_s[:users], times[:-users, DONE_S]))
        if np.allclose(following_s, at_s):
            break
        at_s = following_s
    answer_s = float(np.median(done_s))
    further_s = (done_s - first_s) / (known.output_tokens - 1)
    return (
        float(np.median(first_s)) / seen.ttft_p50_s,
        float(np.median(further_s)) / seen.tpot_p50_s,
        answer_s / seen.e2e_p50_s,
        math.nan,
    )


def _steps_beyond(step_s: np.ndarray, known: LoadCurve, users: int) -> np.ndarray:
    """Linear beyond the most that are known to have decoded, as from the load below."""
    rate_rps = np.array([p.rate_rps for p in known.points])
    decoding = np.sort(rate_rps * (known.output_tokens - 1) * gaps_s(known))
    below_s, last_s = np.interp(decoding[-2:], np.arange(len(step_s)), step_s)
    slope = (last_s - below_s) / (decoding[-1] - decoding[-2])
    wanted = np.arange(users + 1)
    more = np.maximum(wanted - decoding[-1], 0.0)
    return np.interp(wanted, np.arange(len(step_s)), step_s) + slope * more


def _by_users(known: LoadCurve, seen: LoadPoint) -> tuple[float, ...] | None:
    try:
        told = predict_users(known, seen.concurrency)
    except OutsideProfileError:
        return None
    return (
        told.ttft_s / seen.ttft_p50_s,
        told.gap_s / seen.tpot_p50_s,
        told.answer_s / seen.e2e_p50_s,
        told.rate_rps / seen.rate_rps,
    )


def _by_rate(known: LoadCurve, seen: LoadPoint) -> tuple[float, ...] | None:
    by_rate = replace(
        known, points=tuple(sorted(known.points, key=lambda p: p.rate_rps))
    )
    try:
        told = predict_load(
            by_rate,
            seen.rate_rps,
            0.0,
            percentile_frac=0.5,
            error_factor=1.0,
            prompt_tokens=known.prompt_tokens,
            output_tokens=known.output_tokens,
        )
    except OutsideProfileError:
        return None
    return (
        told.ttft_s / seen.ttft_p50_s,
        told.tpot_s / seen.tpot_p50_s,
        told.p50_s / seen.e2e_p50_s,
        math.nan,
    )


def _simulated(known: LoadCurve, seen: LoadPoint) -> tuple[float, ...]:
    engine = calibrated(known)
    requests = np.arange(SIMULATED)
    at_work = engines(
        Prompts(
            at_s=requests / seen.rate_rps,
            prompt=np.full(SIMULATED, known.prompt_tokens),
            output=np.full(SIMULATED, known.output_tokens),
            replica=np.full(SIMULATED, NOBODY),
        ),
        Limits(
            step_s=engine.step_s,
            prefill_s_per_token=engine.prefill_s_per_token,
            most_sequences=engine.most_sequences,
            step_tokens=engine.step_tokens,
            cache_tokens=engine.cache_tokens,
        ),
        1,
    )
    serve_tokens(at_work)
    warm = requests >= SIMULATED // 3
    at_s, times = at_work.prompts.at_s[warm], at_work.times[warm]
    answer_s = float(np.median(times[:, DONE_S] - at_s)) + engine.beside_s
    first_s = float(np.median(times[:, FIRST_TOKEN_S] - at_s)) + engine.beside_s
    further_s = (times[:, DONE_S] - times[:, FIRST_TOKEN_S]) / (known.output_tokens - 1)
    return (
        first_s / seen.ttft_p50_s,
        float(np.median(further_s)) / seen.tpot_p50_s,
        answer_s / seen.e2e_p50_s,
        math.nan,
    )


def line(name: str, held: list[Held]) -> str:
    ratios = [h.ratios for h in held if h.ratios is not None]
    refused = len(held) - len(ratios)
    if not ratios:
        return f"{name:48}{0:6}{refused:9}\n"
    off = np.abs(np.array(ratios) - 1)
    middle, most = np.median(off, axis=0), np.quantile(off, 0.9, axis=0)
    cells = (
        f"{'given':>14}" if math.isnan(m) else f"{m:7.1%}{p:7.1%}"
        for m, p in zip(middle, most, strict=True)
    )
    return f"{name:48}{len(ratios):6}{refused:9}{''.join(cells)}\n"


def _steady(held: list[Held]) -> list[Held]:
    return [
        h for h in held if h.sweep.state(h.row) in {"constant rate", "one at a time"}
    ]


GROUPS: dict[str, Callable[[Held], str]] = {
    "model": lambda h: h.sweep.curve.model,
    "device": lambda h: h.sweep.curve.device or "processors",
    "precision": lambda h: h.sweep.curve.variant.precision,
    "shape": lambda h: f"{h.sweep.curve.prompt_tokens} + {h.sweep.curve.output_tokens}",
    "GPUs": lambda h: h.sweep.facts[0]["tensor_parallel"],
    "rate": lambda h: (
        f"{int(h.sweep.rate_frac(h.row) * 4) / 4:.0%} of the highest and more"
    ),
}


def main() -> int:
    folder = os.environ.get(FACTS)
    if folder is None or not (Path(folder) / TABLE).is_file():
        sys.stdout.write(f"skipped: {FACTS} names no folder with {TABLE}\n")
        return 0
    facts = Facts(folder=Path(folder))
    published = sweeps(facts.rows(TABLE))
    rows = sum(len(s.facts) for s in published)
    sys.stdout.write(
        f"{len(published)} sweeps on GPUs, {rows} rows; known are the {LOW} lowest rows "
        "of a sweep, or all but one\n"
    )
    _tell([h for s in published for h in trials(s)])
    if (Path(folder) / WITH_PROCESSORS).is_file():
        on_processors = [f for f in facts.rows(WITH_PROCESSORS) if f["mode"] == "cpu"]
        published = sweeps(on_processors)
        rows = sum(len(s.facts) for s in published)
        sys.stdout.write(f"\n{len(published)} sweeps on processors, {rows} rows\n")
        _tell([h for s in published for h in from_little_load(s)])
    return 0


def _tell(held: list[Held]) -> None:
    for trial in dict.fromkeys(h.trial for h in held):
        mine = [h for h in held if h.trial == trial]
        head = f"\n{trial + ': median and p90':48}{'rows':>6}{'refused':>9}"
        sys.stdout.write(head + "".join(f"{c:>14}" for c in COLUMNS) + "\n")
        sys.stdout.write(line("all", mine))
        _by(mine, "strategy", lambda h: h.sweep.state(h.row))
        steady = _steady(mine)
        sys.stdout.write(line("steady, below saturation", steady))
        for by, group in GROUPS.items():
            _by(steady, f"  {by}", group)


def _by(held: list[Held], by: str, group: Callable[[Held], str]) -> None:
    groups: dict[str, list[Held]] = defaultdict(list)
    for h in held:
        groups[group(h)].append(h)
    for name in sorted(groups):
        sys.stdout.write(line(f"{by}: {name}", groups[name]))


if __name__ == "__main__":
    sys.exit(main())
