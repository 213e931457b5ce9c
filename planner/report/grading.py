"""What profiling found of the answers of each variant, beside those of fp32."""

from collections.abc import Iterable, Sequence

from planner.domain.profiles import Profile, Quality
from planner.domain.quality import PartScore
from planner.report.quality import CALIBRATION_NOTE, drop_cells, drop_notes, interval
from planner.report.sentences import NOTHING, counted, quality, score
from planner.report.tables import Table, told_table

# A score does not depend on the device that it is mapped to: once a variant is enough.
Graded = tuple[str, str, Quality]


def grading_tables(profiles: Iterable[Profile]) -> tuple[Table, ...]:
    """What each variant loses, then its slices; none where no set was compared."""
    known = _graded(profiles)
    compared = [g for g in known if g[2].drop is not None]
    if not compared:
        return ()
    sliced = [g for g in known if g[2].slices or g[2].shifted]
    return (_losses(compared), *([_slices(sliced)] if sliced else []))


def _graded(profiles: Iterable[Profile]) -> list[Graded]:
    found = {
        (p.model, str(p.variant)): p.quality for p in profiles if p.quality is not None
    }
    return [(model, variant, q) for (model, variant), q in found.items()]


def _losses(compared: Sequence[Graded]) -> Table:
    qualities = [q for _, _, q in compared]
    flips, losses = zip(*(drop_cells(q.drop) for q in qualities), strict=True)
    calibrated = [quality(q.calibration_error_frac) for q in qualities]
    return told_table(
        "Answers beside those of fp32",
        {
            "Variant": [variant for _, variant, _ in compared],
            "Score": [score(q.metric, q.value_frac) for q in qualities],
            ">95 % interval": [interval(q.low_frac, q.high_frac) for q in qualities],
            "Flips": flips,
            ">Loses": losses,
            ">Confidence off by": calibrated,
            "Worst slice": [_worst(q.worst_slice) for q in qualities],
        },
        of={
            "Model": [model for model, _, _ in compared],
            "On": [
                counted(q.n_samples, "sample") if q.n_samples else NOTHING
                for q in qualities
            ],
        },
        footnotes=[
            *drop_notes(q.metric for q in qualities),
            *([CALIBRATION_NOTE] if set(calibrated) != {NOTHING} else []),
        ],
    )


def _worst(part: PartScore | None) -> str:
    return NOTHING if part is None else f"{part.name}: {quality(part.value_frac)}"


def _slices(sliced: Sequence[Graded]) -> Table:
    parts = [(g, name, s) for g in sliced for name, s in _parts(g[2])]
    return told_table(
        "Answers by slice",
        {
            "Variant": [variant for (_, variant, _), _, _ in parts],
            "On": [name for _, name, _ in parts],
            ">Score": [quality(s.value_frac) for _, _, s in parts],
            ">95 % interval": [interval(s.low_frac, s.high_frac) for _, _, s in parts],
            ">Samples": [f"{s.n_samples:,}" for _, _, s in parts],
        },
        of={"Model": [model for (model, _, _), _, _ in parts]},
    )


def _parts(q: Quality) -> Iterable[tuple[str, PartScore]]:
    yield from ((s.name, s) for s in sorted(q.slices, key=lambda s: s.value_frac))
    yield from ((f"shifted: {s.name}", s) for s in q.shifted)
