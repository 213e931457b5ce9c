"""Under what conditions profiles were measured, as a table."""

from collections.abc import Sequence

from planner.domain.profiles import BatchProfile
from planner.report.sentences import NOTHING, counted, latency, listed, share
from planner.report.tables import Table, told_table
from planner.units import milliseconds

# By the heading of the column that each is about.
_CONDITIONS = {
    ">Cold start": (
        "Cold start: loading the variant and its first answer, the engine being imported. "
        "Paused: what an answer takes longer after a pause."
    ),
    ">Others": "Stolen, Others: processor time that the host, and other programs, took.",
    ">Clock": "Clock: the most by which the processor's speed moved.",
    ">Held back": "Held back: periods of its quota in which it had to wait.",
    ">Heat": "Heat: how often the processor slowed down for it.",
    ">Drift": "Drift: the last third of the timings against the first.",
}


def conditions_table(watched: Sequence[BatchProfile], where: Sequence[str]) -> Table:
    """Under what conditions it was measured, and what a start and a request took.

    `where` names the device of each. What no row says has no column.
    """
    seen = [(p, p.conditions) for p in watched if p.conditions is not None]
    columns = {
        "Variant": [str(p.variant) for p, _ in seen],
        ">Cold start": [_time(c.cold_start_s) for _, c in seen],
        ">Paused": [_time(c.rested_s, sign="+") for _, c in seen],
        ">Energy a request": [_energy(p) for p, _ in seen],
        ">Stolen": [_share(c.stolen_frac) for _, c in seen],
        ">Others": [_share(c.others_frac) for _, c in seen],
        ">Clock": [_times(c.clock_ratio) for _, c in seen],
        ">Held back": [_share(c.quota_waits_frac) for _, c in seen],
        ">Heat": [_count(c.n_heat_throttles) for _, c in seen],
        ">Drift": [_times(c.drift_ratio) for _, c in seen],
    }
    said = {h for h, cells in columns.items() if set(cells) != {NOTHING}}
    return told_table(
        "Conditions of measuring",
        columns,
        of={"Model": [p.model for p, _ in seen], "Device": where},
        footnotes=[
            *(words for heading, words in _CONDITIONS.items() if heading in said),
            *dict.fromkeys(f"Energy: {c.energy_words}." for _, c in seen),
            *_not_timed(watched),
        ],
    )


def _time(time_s: float | None, *, sign: str = "") -> str:
    return NOTHING if time_s is None else f"{sign}{latency(milliseconds(time_s))}"


def _share(part_frac: float | None) -> str:
    return NOTHING if part_frac is None else share(part_frac)


def _times(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"× {ratio:.2f}"


def _count(n: int | None) -> str:
    return NOTHING if n is None else f"{n} times"


def _energy(p: BatchProfile) -> str:
    """A request's share of its batch, from the smallest batch to the largest."""
    first, last = p.points[0], p.points[-1]
    if first.energy_j is None or last.energy_j is None:
        return NOTHING
    return f"{first.energy_j / first.batch:.3g} J to {last.energy_j / last.batch:.3g} J"


def _not_timed(profiles: Sequence[BatchProfile]) -> list[str]:
    """Which batch sizes are read off the line between others, and of what."""
    whose: dict[tuple[int, str], list[str]] = {}
    for p in profiles:
        timed = {point.batch for point in p.points}
        read_off = ", ".join(str(b) for b in p.batch_grid if b not in timed)
        if read_off:
            named = whose.setdefault((len(timed), read_off), [])
            named.append(f"{p.model} {p.variant}")
    return [
        f"{listed(list(dict.fromkeys(names)))}: {counted(n_timed, 'batch size')} timed; "
        f"{read_off} read off the line between them, which the error holds"
        for (n_timed, read_off), names in whose.items()
    ]
