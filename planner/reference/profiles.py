"""Published profiles, by model: what others measured, on which device, how.

One file a model and a kind of profile: `batches/` service times by batch size,
`curves/` serving engines under load, `tokens/` token rates of single requests.
Tables state milliseconds; records state seconds.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from operator import itemgetter

from planner.domain.evidence import Evidence, Provenance
from planner.domain.profiles import (
    BatchProfile,
    LoadCurve,
    LoadPoint,
    Profile,
    Quality,
    ServicePoint,
    TokenRates,
)
from planner.domain.servers import Timing
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import UnknownReferenceError
from planner.reference.records import PublishedModel
from planner.reference.tables import Row, citations, count, nearest, number, rows
from planner.units import seconds

# Columns that a profile's points share.
_BATCH_KEY = ("device", "device_count", "runtime", "precision", "source", "detail")
# NVIDIA's examples in folders of this name were asked through Triton's client: the
# server is in their times.
_TRITON = "/triton/"
_CURVE_KEY = (*_BATCH_KEY, "prompt_tokens", "output_tokens")


@cache
def models() -> Mapping[str, PublishedModel]:
    """Every model with a published profile, by name."""
    return {
        row["name"]: PublishedModel(
            name=row["name"],
            task=row["task"],
            metric=row["metric"],
            description=row["description"],
            source="; ".join(str(citations()[k]) for k in row["sources"].split()),
        )
        for row in rows("models.csv")
    }


@cache
def profiles(model: str) -> tuple[Profile, ...]:
    """Everything published about a model.

    Raises:
        UnknownReferenceError: No such model, with the nearest names.
    """
    if model not in models():
        raise UnknownReferenceError("model", model, nearest(model, models()))
    return (
        *_batch_profiles(model),
        *_load_curves(model),
        *(_token_rates(model, row) for row in rows(f"tokens/{model}.csv")),
    )


def _grouped(path: str, key: tuple[str, ...]) -> Iterable[list[Row]]:
    """Neighbouring rows that agree in the key's columns."""
    for _, group in groupby(rows(path), key=itemgetter(*key)):
        yield list(group)


def _batch_profiles(model: str) -> Iterable[BatchProfile]:
    for group in _grouped(f"batches/{model}.csv", _BATCH_KEY):
        head = group[0]
        yield BatchProfile(
            model=model,
            variant=_variant(head),
            device=head["device"],
            device_count=int(head["device_count"]),
            points=tuple(_service_point(row) for row in group),
            evidence=_evidence(head),
            quality=_quality(head),
            timing=Timing.SERVER if _TRITON in head["detail"] else Timing.MODEL,
        )


def _load_curves(model: str) -> Iterable[LoadCurve]:
    for group in _grouped(f"curves/{model}.csv", _CURVE_KEY):
        head = group[0]
        yield LoadCurve(
            model=model,
            variant=_variant(head),
            device=head["device"],
            device_count=int(head["device_count"]),
            prompt_tokens=int(head["prompt_tokens"]),
            output_tokens=int(head["output_tokens"]),
            points=tuple(_load_point(row) for row in group),
            evidence=_evidence(head),
            quality=_quality(head),
        )


def _token_rates(model: str, row: Row) -> TokenRates:
    return TokenRates(
        model=model,
        variant=_variant(row),
        device=row["device"],
        device_count=int(row["device_count"]),
        prompt_tokens_per_s=float(row["prompt_tokens_per_s"]),
        output_tokens_per_s=float(row["output_tokens_per_s"]),
        evidence=_evidence(row),
        memory_bytes=number(row["memory_bytes"]),
        quality=_quality(row),
    )


def _variant(row: Row) -> Variant:
    return Variant(
        precision=Precision(row["precision"]), runtime=Runtime(row["runtime"])
    )


def _seconds(row: Row, column: str) -> float | None:
    stated = number(row[column])
    return None if stated is None else seconds(stated)


def _service_point(row: Row) -> ServicePoint:
    return ServicePoint(
        batch=int(row["batch"]),
        p50_s=seconds(float(row["p50_ms"])),
        mean_s=_seconds(row, "mean_ms"),
        p90_s=_seconds(row, "p90_ms"),
        p95_s=_seconds(row, "p95_ms"),
        p99_s=_seconds(row, "p99_ms"),
    )


def _load_point(row: Row) -> LoadPoint:
    return LoadPoint(
        concurrency=float(row["concurrency"]),
        rate_rps=float(row["rate_rps"]),
        ttft_p50_s=seconds(float(row["ttft_p50_ms"])),
        ttft_p95_s=seconds(float(row["ttft_p95_ms"])),
        ttft_p99_s=seconds(float(row["ttft_p99_ms"])),
        tpot_p50_s=seconds(float(row["tpot_p50_ms"])),
        tpot_p95_s=seconds(float(row["tpot_p95_ms"])),
        tpot_p99_s=seconds(float(row["tpot_p99_ms"])),
        e2e_p50_s=seconds(float(row["e2e_p50_ms"])),
        e2e_p95_s=seconds(float(row["e2e_p95_ms"])),
        e2e_p99_s=seconds(float(row["e2e_p99_ms"])),
        output_tokens_per_s=float(row["output_tokens_per_s"]),
    )


def _evidence(row: Row) -> Evidence:
    cited = citations()[row["source"]]
    as_of = row["measured_on"]
    return Evidence(
        provenance=Provenance.PUBLISHED,
        source=f"{cited.citation}: {row['detail']}",
        as_of=dt.date.fromisoformat(as_of) if as_of else cited.as_of,
        error_frac=float(row["error_frac"]),
        note=_notes()[row["note"]] if row["note"] else "",
    )


def _quality(row: Row) -> Quality | None:
    value = number(row["quality_frac"])
    if value is None:
        return None
    return Quality(
        metric=row["quality_metric"],
        value_frac=value,
        source=str(citations()[row["quality_source"]]),
        low_frac=number(row["quality_low_frac"]),
        high_frac=number(row["quality_high_frac"]),
        n_samples=count(row["quality_samples"]),
    )


@cache
def _notes() -> Mapping[str, str]:
    return {row["key"]: row["note"] for row in rows("notes.csv")}
