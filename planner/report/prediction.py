"""What is expected of a model on a device, as a table and as plain data."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from planner.domain.evidence import BAND_QUANTILE_FRAC, Evidence
from planner.domain.predictions import Foresight, Prediction
from planner.domain.profiles import BatchProfile, LoadCurve, Profile, TokenRates
from planner.report.sentences import counted, latency, listed, number, rate, share
from planner.report.tables import Table, told_table
from planner.units import milliseconds

_KNOWN = ("How", ">Error", ">As of")
_ASKED = ("Asked", ">Time", ">90 % interval")
_UNDER_LOAD = (">Tokens", ">At once", ">Answers", ">TTFT")
# Grounds that a terminal shows; the JSON document holds all.
SHOWN_ROWS = 1
_ERROR = "Error: 9 in 10 take at most so much longer, which is what a plan counts on."
_INTERVAL = "Of the interval 1 in 20 lie above and 1 in 20 below."


def foresight_table(known: Foresight) -> Table:
    """Every measured and predicted setting, its interval, and what each hangs on.

    What holds for all batches or loads of a profile stands in its first row.
    """
    told = [
        *((p, None) for p in known.measured),
        *((p.profile, p) for p in known.predictions),
    ]
    under_load = bool(told) and all(isinstance(p, LoadCurve) for p, _ in told)
    several = any(p.device_count > 1 for p, _ in told)
    rows = [
        row
        for p, predicted in told
        for row in _rows(p, predicted, several=several, under_load=under_load)
    ]
    tpot = ">TPOT (90 %)" if known.predictions else ">TPOT"
    said = (*_UNDER_LOAD, tpot) if under_load else _ASKED
    headings = ("Variant", *([">GPUs"] if several else []), *said, *_KNOWN)
    columns = {h: [row[i] for row in rows] for i, h in enumerate(headings)}
    # The first row of a profile says these for its others, too.
    of = {
        heading: cells
        for heading in ("How", ">As of")
        if len(set(cells := [cell for cell in columns[heading] if cell])) == 1
    }
    return told_table(
        f"{known.model} on {known.device}",
        {h: cells for h, cells in columns.items() if h not in of},
        of=of,
        footnotes=_footnotes(known),
    )


def _rows(
    profile: Profile,
    prediction: Prediction | None,
    *,
    several: bool,
    under_load: bool,
) -> Iterable[list[str]]:
    count = [f"{profile.device_count:,}"] if several else []
    whole, ending = [str(profile.variant), *count], _ending(profile.evidence)
    cells = _under_load if under_load else _said
    for i, words in enumerate(cells(profile, prediction)):
        if i == 0:
            yield [*whole, *words, *ending]
        else:
            said_before = [""] if under_load else words[:1]
            yield [
                *("" for _ in whole),
                *said_before,
                *words[1:],
                *("" for _ in ending),
            ]


def _ending(evidence: Evidence) -> list[str]:
    return [
        str(evidence.provenance),
        share(evidence.error_frac),
        evidence.as_of.isoformat(),
    ]


def _under_load(profile: Profile, prediction: Prediction | None) -> Iterable[list[str]]:
    """Tokens read and written, requests at once, answers a second, and their times."""
    if isinstance(profile, LoadCurve):
        for load in profile.points:
            tpot = latency(milliseconds(load.tpot_p50_s))
            if prediction is not None:
                tpot += f" ({_interval(prediction, load.tpot_p50_s)})"
            yield [
                f"{profile.prompt_tokens:,}+{profile.output_tokens:,}",
                number(load.concurrency),
                rate(load.rate_rps),
                latency(milliseconds(load.ttft_p50_s)),
                tpot,
            ]


def _said(profile: Profile, prediction: Prediction | None) -> Iterable[list[str]]:
    """What is asked, what is said, and its interval, where one time has one."""
    if isinstance(profile, BatchProfile):
        for point in profile.points:
            interval = "" if prediction is None else _interval(prediction, point.p50_s)
            yield [f"batch {point.batch}", latency(milliseconds(point.p50_s)), interval]
    elif isinstance(profile, LoadCurve):
        for tokens, at_once, _, ttft, tpot in _under_load(profile, prediction):
            yield [
                f"{at_once} at once, {tokens} tokens",
                f"TPOT {tpot}, TTFT {ttft}",
                "",
            ]
    elif isinstance(profile, TokenRates):
        step_s = 1 / profile.output_tokens_per_s
        said = (
            f"reads {number(profile.prompt_tokens_per_s)} and writes "
            f"{number(profile.output_tokens_per_s)} tokens/s"
        )
        interval = "" if prediction is None else _interval(prediction, step_s)
        yield ["one at a time", said, interval]


def _interval(prediction: Prediction, time_s: float) -> str:
    low, high = (latency(milliseconds(s)) for s in prediction.interval_s(time_s))
    figure, _, unit = low.partition(" ")
    return f"{figure if high.endswith(f' {unit}') else low} to {high}"


def _footnotes(known: Foresight) -> Sequence[str]:
    notes = [f"{_ERROR} {_INTERVAL}" if known.predictions else _ERROR]
    notes += _sources(known.measured)
    told: set[str] = set()
    for p in known.predictions:
        what, _, why = p.profile.evidence.note.partition(": ")
        reason = f": {why}" if why and why not in told else ""
        told.add(why)
        notes += [f"{p.profile.variant}: {what}{reason}."]
        more = len(p.rows) - SHOWN_ROWS
        others = (
            f"; and {counted(more, 'more row')}, --json lists all" if more > 0 else ""
        )
        notes += [f"from {row}{others}" for row in p.rows[:SHOWN_ROWS]]
    notes += [f"What would narrow it: {p.narrower}." for p in known.predictions]
    notes += [f"Not predicted: {r}." for r in known.refusals]
    return list(dict.fromkeys(notes))


def _sources(measured: Sequence[Profile]) -> Iterable[str]:
    """Where known figures are from, each source once."""
    of: dict[str, list[str]] = {}
    for p in measured:
        devices = f", {p.device_count} GPUs" if p.device_count > 1 else ""
        of.setdefault(p.evidence.source, []).append(f"{p.variant}{devices}")
    for source, variants in of.items():
        yield f"{listed(list(dict.fromkeys(variants)))}: {source}."


def foresight_data(known: Foresight) -> dict[str, object]:
    """Plain data, as `planner predict --json` prints it."""
    return {
        "kind": "prediction",
        "version": 1,
        "model": known.model,
        "device": known.device,
        "interval_frac": BAND_QUANTILE_FRAC,
        "measured": [profile_data(p) for p in known.measured],
        "predictions": [
            {
                "profile": profile_data(p.profile),
                "low_s": p.low_s,
                "high_s": p.high_s,
                "intervals": _intervals(p),
                "rows": list(p.rows),
                "narrower": p.narrower,
            }
            for p in known.predictions
        ],
        "refusals": list(known.refusals),
    }


def _intervals(prediction: Prediction) -> list[dict[str, float]]:
    """One for each batch, of its p50, or for each load, of its TPOT."""
    profile = prediction.profile
    asked: list[tuple[str, float, float]] = []
    if isinstance(profile, BatchProfile):
        asked = [("batch", p.batch, p.p50_s) for p in profile.points]
    elif isinstance(profile, LoadCurve):
        asked = [("concurrency", p.concurrency, p.tpot_p50_s) for p in profile.points]
    found = []
    for name, at, time_s in asked:
        low_s, high_s = prediction.interval_s(time_s)
        found.append({name: at, "low_s": low_s, "high_s": high_s})
    return found


def profile_data(profile: Profile) -> dict[str, object]:
    """A profile as plain data."""
    data = asdict(profile)
    data["evidence"]["as_of"] = data["evidence"]["as_of"].isoformat()
    return dict(data)
