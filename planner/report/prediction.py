"""What is expected of a model on a device, as a table and as plain data."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from planner.domain.evidence import BAND_QUANTILE_FRAC
from planner.domain.predictions import Foresight, Prediction
from planner.domain.profiles import BatchProfile, LoadCurve, Profile, TokenRates
from planner.report.sentences import PROVENANCE_WORDS, latency, number, rate, share
from planner.report.tables import Table, table
from planner.units import milliseconds

# Grounds that a terminal shows; the JSON document holds all.
SHOWN_ROWS = 1


def foresight_table(known: Foresight, *, batch: int | None = None) -> Table:
    """Every measured and predicted setting, its interval, and what each hangs on.

    With `batch` only service times of that batch size are listed.
    """
    rows = [
        *(r for p in known.measured for r in _figures(p, "", batch)),
        *(
            r
            for p in known.predictions
            for r in _figures(p.profile, _interval(p), batch)
        ),
    ]
    return table(
        f"{known.model} on {known.device}",
        [
            *("Variant", "Asked", ">Time", ">90 % interval", "How", ">Error up to"),
            "As of",
        ],
        rows,
        footnotes=_footnotes(known),
    )


def _figures(profile: Profile, interval: str, batch: int | None) -> Iterable[list[str]]:
    evidence = profile.evidence
    ending = [
        PROVENANCE_WORDS[evidence.provenance],
        share(evidence.error_frac),
        evidence.as_of.isoformat(),
    ]
    for i, (asked, time) in enumerate(_said(profile, batch)):
        # The interval is of the first figure; the same factors hold for the others.
        yield [str(profile.variant), asked, time, interval if i == 0 else "", *ending]


def _said(profile: Profile, batch: int | None) -> Iterable[tuple[str, str]]:
    if isinstance(profile, BatchProfile):
        for point in profile.points:
            if batch in (None, point.batch):
                yield f"batch {point.batch}", latency(milliseconds(point.p50_s))
    elif batch is not None:
        return
    elif isinstance(profile, LoadCurve):
        for load in profile.points:
            yield (
                (
                    f"{number(load.concurrency)} at once, {profile.prompt_tokens:,}+"
                    f"{profile.output_tokens:,} tokens, {rate(load.rate_rps)}"
                ),
                (
                    f"TPOT {latency(milliseconds(load.tpot_p50_s))}, "
                    f"TTFT {latency(milliseconds(load.ttft_p50_s))}"
                ),
            )
    elif isinstance(profile, TokenRates):
        yield (
            "one at a time",
            (
                f"reads {number(profile.prompt_tokens_per_s)} and writes "
                f"{number(profile.output_tokens_per_s)} tokens/s"
            ),
        )


def _interval(prediction: Prediction) -> str:
    low, high = milliseconds(prediction.low_s), milliseconds(prediction.high_s)
    return f"{latency(low)} to {latency(high)}"


def _footnotes(known: Foresight) -> Sequence[str]:
    notes: list[str] = []
    for p in known.predictions:
        notes += [f"{p.profile.variant}: {p.profile.evidence.note}."]
        notes += [f"from {row}" for row in p.rows[:SHOWN_ROWS]]
        more = len(p.rows) - SHOWN_ROWS
        notes += [f"and from {more} more rows; --json lists all"] if more > 0 else []
        notes += [f"What would narrow it: {p.narrower}."]
    notes += [f"Not predicted: {r}." for r in known.refusals]
    return list(dict.fromkeys(notes))


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
                "rows": list(p.rows),
                "narrower": p.narrower,
            }
            for p in known.predictions
        ],
        "refusals": list(known.refusals),
    }


def profile_data(profile: Profile) -> dict[str, object]:
    """A profile as plain data."""
    data = asdict(profile)
    data["evidence"]["as_of"] = data["evidence"]["as_of"].isoformat()
    return dict(data)
