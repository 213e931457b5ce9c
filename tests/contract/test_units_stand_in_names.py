"""Every measured field of a record or document ends in its unit."""

import dataclasses
import importlib
import pkgutil

import pydantic
import pytest

import planner.domain
import planner.specs

UNITS = [
    "_s",
    "_months",
    "_ms",
    "_bytes",
    "_gib",
    "_kib",
    "_bytes_per_s",
    "_rps",
    "_tokens",
    "_tokens_per_s",
    "_flop_per_s",
    "_op_per_s",
    "_usd",
    "_usd_per_h",
    "_usd_per_gib",
    "_usd_per_month",
    "_usd_per_kwh",
    "_w",
    "_j",
    "_kwh",
    "_gco2e",
    "_frac",
    "_ratio",
    "_mbps",
    "_mib",
    "_cores",
    "_per_month",
    "_bytes_per_request",
    "_cores",
]
# Counts, percentiles (0-100 by the contract), and values whose unit a neighbour names.
WITHOUT_UNIT = {
    "percentile", "value", "low", "high", "concurrency", "missing", "usd_per_request",
    "objective_value", "bound_value", "accelerator_count", "from_", "to", "not_enough",
    "current", "counts", "waiting", "mean_waiting", "in_service",
    # Of a size whose field names the unit; a table's cells, and how one is read.
    "mean", "p50", "p95", "values", "read",
}  # fmt: skip


def records():
    for package in (planner.domain, planner.specs):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            for item in vars(importlib.import_module(module.name)).values():
                if isinstance(item, type) and item.__module__ == module.name:
                    yield item


def float_fields(record):
    if dataclasses.is_dataclass(record):
        return [f.name for f in dataclasses.fields(record) if "float" in str(f.type)]
    if issubclass(record, pydantic.BaseModel):
        return [
            n for n, f in record.model_fields.items() if "float" in str(f.annotation)
        ]
    return []


@pytest.mark.parametrize("record", list(records()), ids=lambda r: r.__name__)
def test_a_measured_field_names_its_unit(record):
    bare = [
        name
        for name in float_fields(record)
        if name not in WITHOUT_UNIT
        and not name.endswith(tuple(UNITS))
        and "_per_" not in name
    ]

    assert bare == []
