"""Mélange's problem: which GPUs, and how many, serve requests of many sizes cheapest.

Mélange (Griggs et al., 2024) states the rate of all requests, the share of them in
each bucket of input by output sizes, and for each GPU its price and the highest
rate it sustains of each bucket's requests within the promise. It cuts every bucket
into `slice_factor` slices and gives each slice to one GPU kind, a binary choice:

    minimise  Σ_g price[g]·n[g]
    slices    Σ_g x[s,g] = 1,  x binary                          each slice s
    capacity  Σ_s rate[s]/tput[b(s),g]·x[s,g] ≤ n[g], n whole    each GPU g

Here a bucket is a workload, a GPU kind an offer whose machines all buckets share,
and shares are continuous, as traffic is: any plan of slices is one of shares, so
the answer never costs more, and `slice_factor` is read and not needed.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from planner.domain.evidence import Evidence, Provenance
from planner.domain.hardware import Offer, Purchase
from planner.domain.placement import (
    BatchPolicy,
    Candidate,
    PlacementProblem,
    Solution,
)
from planner.domain.profiles import BatchProfile
from planner.domain.variants import Precision, Runtime, Variant
from planner.errors import SpecFileError
from planner.specs.base import NonNegative, Positive, Spec
from planner.specs.load import parse_document, read_document

# Shares rounded to three digits still add up to one within this.
SHARES_TOLERANCE_FRAC: Final = 0.01

Table = Annotated[
    tuple[Annotated[tuple[NonNegative, ...], Field(min_length=1)], ...],
    Field(min_length=1),
]


class MelangeGpu(Spec):
    """Price per hour, and requests/s sustained by bucket; zero: cannot serve it."""

    cost: NonNegative
    tputs: Table


class MelangeDocument(Spec):
    """The file as Mélange's own runner reads it; its README calls the rate otherwise."""

    gpu_info: Annotated[dict[str, MelangeGpu], Field(min_length=1)]
    workload_distribution: Table
    total_request_rate: Positive
    slice_factor: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _tables_fit_and_shares_add_up(self) -> Self:
        shape = [len(row) for row in self.workload_distribution]
        if len(set(shape)) > 1:
            raise ValueError("workload_distribution has rows of different lengths")
        for name, gpu in self.gpu_info.items():
            if [len(row) for row in gpu.tputs] != shape:
                raise ValueError(
                    f"gpu_info.{name}.tputs has another shape than "
                    f"workload_distribution ({len(shape)} × {shape[0]})"
                )
        whole = sum(map(sum, self.workload_distribution))
        if abs(whole - 1) > SHARES_TOLERANCE_FRAC:
            raise ValueError(
                f"the shares in workload_distribution add up to {whole:g}, not to 1"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Melange:
    """A checked Mélange document, and where and when it was read."""

    document: MelangeDocument
    source: str
    read_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """GPUs of one kind in the answer, and how much of their time is used."""

    gpu: str
    count: int
    usd_per_h: float
    busy_frac: float


def read_melange(path: str | Path, *, today: dt.date) -> Melange:
    """The problem in Mélange's JSON configuration.

    Raises:
        SpecFileError: Missing, empty, too large, or not JSON.
        SpecMistakesError: All mistakes of the document.
    """
    data = read_document(Path(path))
    if not isinstance(data, Mapping):
        raise SpecFileError("Mélange's configuration is one JSON object", str(path))
    document = parse_document(_as_its_runner(data), MelangeDocument, document=str(path))
    return Melange(document=document, source=str(path), read_on=today)


def _as_its_runner(data: Mapping[object, object]) -> dict[object, object]:
    """The words of Mélange's README in those of its runner."""
    known = dict(data)
    if "overall_rate" in known and "total_request_rate" not in known:
        known["total_request_rate"] = known.pop("overall_rate")
    gpus = known.get("gpu_info")
    if isinstance(gpus, list) and all(isinstance(g, dict) and "name" in g for g in gpus):  # fmt: skip
        known["gpu_info"] = {
            str(g["name"]): {k: v for k, v in g.items() if k != "name"} for g in gpus
        }
    return known


def placement_problem(melange: Melange) -> PlacementProblem:
    """Buckets as workloads, GPUs as offers whose machines all of them share."""
    document = melange.document
    rates = {
        bucket(i, j): (share * document.total_request_rate,)
        for i, row in enumerate(document.workload_distribution)
        for j, share in enumerate(row)
        if share > 0
    }
    return PlacementProblem(
        rate_rps=rates,
        candidates=tuple(
            c
            for name, gpu in document.gpu_info.items()
            for c in _candidates(melange, name, gpu)
            if c.workload in rates
        ),
        stock={},
        uplink_bytes_per_s={},
    )


def bucket(i: int, j: int) -> str:
    """What a bucket is called: rows are input sizes, columns output sizes."""
    return f"input {i + 1}, output {j + 1}"


def _candidates(melange: Melange, name: str, gpu: MelangeGpu) -> list[Candidate]:
    offer = Offer(
        name=name,
        provider="melange",
        site="anywhere",
        instance_type=name,
        device=name,
        device_count=1,
        purchase=Purchase.ON_DEMAND,
        price_usd_per_h=gpu.cost,
        price_source=melange.source,
        price_as_of=melange.read_on,
    )
    profile = BatchProfile(
        model="melange",
        variant=Variant(precision=Precision.FP16, runtime=Runtime.VLLM),
        device=name,
        points=(),
        evidence=Evidence(
            provenance=Provenance.IMPORTED,
            source=melange.source,
            as_of=melange.read_on,
            error_frac=0.0,
            note="highest rates within the promise, as the file states them",
        ),
    )
    return [
        Candidate(
            name=f"{bucket(i, j)} on {name}",
            workload=bucket(i, j),
            offer=offer,
            profile=profile,
            policy=BatchPolicy(max_batch=1, max_wait_s=0.0),
            replicas_per_machine=1,
            capacity_rps=capacity,
            latency_s=0.0,
            pool=name,
        )
        for i, row in enumerate(gpu.tputs)
        for j, capacity in enumerate(row)
        if capacity > 0
    ]


def bought(solution: Solution) -> tuple[Bought, ...]:
    """The answer in Mélange's terms: each GPU kind with its count, dearest first."""
    busy: dict[str, float] = {}
    for a in solution.assignments:
        name = a.candidate.offer.name
        busy[name] = busy.get(name, 0.0) + a.rate_rps / a.candidate.capacity_rps
    counted = [
        Bought(
            gpu=p.offer.name,
            count=max(p.paid_by_hour),
            usd_per_h=p.offer.price_usd_per_h * max(p.paid_by_hour),
            busy_frac=busy[p.offer.name] / max(p.paid_by_hour),
        )
        for p in solution.purchases
    ]
    return tuple(sorted(counted, key=lambda b: -b.usd_per_h))
