"""A simulated plan as tables, and its timeline as a picture."""

import html
from collections.abc import Iterable, Sequence
from typing import Final

from planner.report.charts import MISSED_COLOUR, MONEY_COLOUR, PART_COLOURS
from planner.report.sentences import (
    NOTHING,
    clean,
    counted,
    latency,
    number,
    rate,
    share,
    surely,
    usd,
)
from planner.report.tables import Table, table
from planner.specs.simulation import SimulatedWorkload, SimulationDocument

WIDTH: Final = 960
LANE: Final = 120
LABEL_WIDTH: Final = 170
HEAD: Final = 40
PAD: Final = 14
RATE_COLOUR: Final = MONEY_COLOUR
WAITING_COLOUR: Final = PART_COLOURS["wait"]
SERVICE_COLOUR: Final = PART_COLOURS["service"]

IN_TIME_NOTE: Final = (
    "In time: share of all requests answered within the promise; those given up count "
    "as late."
)
INTERVAL_NOTE: Final = (
    "The interval is the simulation's own error, from batches of time; a promise counts "
    "as broken where it lies above."
)

Values = Sequence[float | None]


def simulation_tables(seen: SimulationDocument) -> tuple[Table, ...]:
    """What users saw, and what machines did."""
    return (_workloads(seen), _machines(seen))


def verdict(seen: SimulationDocument) -> str:
    """Whether the promises held, in one sentence."""
    late = [w for w in seen.workloads if not w.is_kept]
    what = f"{counted(seen.n_requests, 'request')} over {number(seen.simulated_s)} s"
    if not late:
        return (
            f"{clean(seen.name)}: every promise is kept on {what} (seed {seen.seed})."
        )
    words = ", ".join(
        f"{clean(w.name)} keeps {surely(w.attainment_frac)} of the promised "
        f"{share(w.promised_frac)}"
        for w in late
    )
    return f"{clean(seen.name)}: not every promise is kept on {what}: {words}."


def notes(seen: SimulationDocument) -> tuple[str, ...]:
    """What was sent, under which assumptions, and what a trace comes to."""
    return tuple(clean(line) for line in _notes(seen))


def _notes(seen: SimulationDocument) -> Iterable[str]:
    yield f"Traffic: {seen.traffic}."
    yield from seen.assumptions
    for fit in seen.fitted:
        bursty = fit.traffic.burstiness
        words = (
            "Poisson within the hour"
            if bursty is None
            else f"dispersion {number(bursty.dispersion_ratio)}, bursts of about "
            f"{number(bursty.time_scale_s)} s"
        )
        yield (
            f"Trace of {fit.workload} as traffic: {fit.traffic.kind}, "
            f"{rate(fit.rate_rps)} on average, {words}."
        )


def _workloads(seen: SimulationDocument) -> Table:
    has_tokens = any(w.ttft_ms is not None for w in seen.workloads)
    return table(
        "What users saw",
        [
            *("Workload", ">Requests", ">Rate", *(([">TTFT", ">TPOT"]) * has_tokens)),
            *(
                ">p50",
                ">p95",
                ">p99",
                ">In time",
                ">95 % interval",
                ">Promised",
                "Kept",
            ),
        ],
        [_workload(w, has_tokens=has_tokens) for w in seen.workloads],
        footnotes=[IN_TIME_NOTE, INTERVAL_NOTE],
    )


def _workload(w: SimulatedWorkload, *, has_tokens: bool) -> Sequence[str]:
    given_up = f" ({w.n_given_up:,} given up)" if w.n_given_up else ""
    tokens = (latency(w.ttft_ms), latency(w.tpot_ms)) if has_tokens else ()
    return (
        w.name,
        f"{w.n_requests:,}{given_up}",
        rate(w.rate_rps),
        *tokens,
        *(latency(v) for v in (w.p50_ms, w.p95_ms, w.p99_ms)),
        surely(w.attainment_frac),
        f"{surely(w.low_frac)} to {surely(w.high_frac)}",
        share(w.promised_frac),
        "yes" if w.is_kept else "no",
    )


def _machines(seen: SimulationDocument) -> Table:
    rows = [
        (
            m.name,
            f"{m.most_on:,}",
            share(m.utilization_frac),
            number(m.mean_waiting),
            f"{m.most_waiting:,}",
            f"{m.interruptions:,}",
            usd(m.cost_usd),
            NOTHING if m.energy_kwh is None else number(m.energy_kwh),
        )
        for m in seen.machines
    ]
    return table(
        "What machines did",
        [
            *("Machines and workloads", ">At once", ">Busy", ">Waiting", ">At most"),
            *(">Lost", ">USD", ">kWh"),
        ],
        rows,
        total=("Total", "", "", "", "", "", usd(seen.cost_usd), _energy(seen)),
        footnotes=["Costs and energy are those of the simulated time."],
    )


def _energy(seen: SimulationDocument) -> str:
    return NOTHING if seen.energy_kwh is None else number(seen.energy_kwh)


def timeline_svg(seen: SimulationDocument) -> str:
    """Rates, latencies and queues over the run, one lane each, as one picture."""
    lanes: list[str] = []

    def add(
        title: str, lines: Sequence[tuple[str, Values]], mark: float | None
    ) -> None:
        lanes.append(_lane(len(lanes), clean(title), lines, mark))

    for w in seen.timeline.workloads:
        add(f"{w.name}, requests/s", [(RATE_COLOUR, w.rate_rps)], None)
        add(f"{w.name}, p95 in ms", [(SERVICE_COLOUR, w.p95_ms)], w.promised_ms)
    for m in seen.timeline.machines:
        lines = [(SERVICE_COLOUR, m.in_service), (WAITING_COLOUR, m.waiting)]
        add(f"{m.name}: in service, waiting", lines, None)
    height = HEAD + LANE * len(lanes)
    caption = html.escape(verdict(seen))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" font-family="sans-serif" font-size="12"><title>{caption}</title>'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f'<text x="{PAD}" y="24" font-size="14">{caption}</text>'
        f"{''.join(lanes)}</svg>\n"
    )


def _lane(
    n: int, title: str, lines: Sequence[tuple[str, Values]], mark: float | None
) -> str:
    top, bottom = HEAD + n * LANE + PAD, HEAD + (n + 1) * LANE - PAD
    known = [v for _, values in lines for v in values if v is not None]
    highest = max([*known, mark or 0.0], default=0.0) or 1.0
    drawn = [
        _rule(bottom, 'stroke="#999999"'),
        _label(LABEL_WIDTH - 6, top + 10, number(highest), anchor="end"),
        _label(LABEL_WIDTH - 6, bottom, "0", anchor="end"),
        _label(LABEL_WIDTH + 4, top - 2, title, anchor="start"),
    ]
    for colour, values in lines:
        paint = f'fill="none" stroke="{colour}" stroke-width="1.5"'
        drawn += [
            f'<polyline points="{points}" {paint}/>'
            for points in _strokes(values, top, bottom, highest)
        ]
    if mark is not None:
        y = bottom - (bottom - top) * mark / highest
        drawn.append(_rule(y, f'stroke="{MISSED_COLOUR}" stroke-dasharray="4 3"'))
    return "".join(drawn)


def _rule(y: float, paint: str) -> str:
    x = f'x1="{LABEL_WIDTH}" x2="{WIDTH - PAD}"'
    return f'<line {x} y1="{y:.1f}" y2="{y:.1f}" {paint}/>'


def _label(x: float, y: float, text: str, *, anchor: str) -> str:
    words = html.escape(text)
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{words}</text>'


def _strokes(
    values: Values, top: float, bottom: float, highest: float
) -> Iterable[str]:
    """Runs of known values as points; a gap stays a gap."""
    step = (WIDTH - PAD - LABEL_WIDTH) / max(len(values), 1)
    run: list[str] = []
    for i, value in enumerate(values):
        if value is None:
            if run:
                yield " ".join(run)
            run = []
        else:
            x = LABEL_WIDTH + (i + 0.5) * step
            y = bottom - (bottom - top) * max(value, 0.0) / highest
            run.append(f"{x:.1f},{y:.1f}")
    if run:
        yield " ".join(run)
